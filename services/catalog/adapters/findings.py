"""What reading a collection yields: facts, and refusals of what could not be taken as one."""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from contracts.catalog import Kind
from contracts.catalog_artists import RegisterArtist
from contracts.catalog_gatherings import RegisterGathering
from contracts.catalog_setlists import RecordSetlist
from contracts.catalog_shows import ScheduleShow
from contracts.catalog_songs import RegisterSong
from contracts.catalog_venues import RegisterVenue

Telling = (
    RegisterArtist | RegisterVenue | RegisterSong | ScheduleShow | RecordSetlist | RegisterGathering
)
"""A command that tells the catalog a fact."""

KIND_OF: dict[type[Telling], Kind] = {
    RegisterArtist: Kind.ARTIST,
    RegisterVenue: Kind.VENUE,
    RegisterSong: Kind.SONG,
    ScheduleShow: Kind.SHOW,
    RecordSetlist: Kind.SETLIST,
    RegisterGathering: Kind.GATHERING,
}


class Part(StrEnum):
    """What a finding is about: a record of some kind, a song as it was played, or a whole file."""

    ARTIST = Kind.ARTIST.value
    VENUE = Kind.VENUE.value
    SONG = Kind.SONG.value
    SHOW = Kind.SHOW.value
    SETLIST = Kind.SETLIST.value
    GATHERING = Kind.GATHERING.value
    PERFORMANCE = "performance"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Where:
    """A line of a file, counted from 1; 0 for the file as such."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a source says, and where it says it."""

    telling: Telling
    where: Where


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that could not be taken, and why."""

    part: Part
    where: Where
    reason: str


Finding = Fact | Refusal


class Unreadable(Exception):
    """Raised while reading one thing; whoever reads the next larger thing makes it a Refusal."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line

    def refusal(self, part: Part, where: Where) -> Refusal:
        """As a finding; at its own line when it knows better than `where`."""
        line = where.line if self.line is None else self.line
        return Refusal(part, Where(where.file, line), self.reason)


_DAMAGE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")


def clean(text: str, what: str) -> str:
    """The text with its spaces in order; "" when there is none.

    raises   Unreadable when characters were lost or garbled before it came to us
    """
    damage = _DAMAGE.search(text)
    if damage is not None:
        raise Unreadable(f"{what} holds a damaged character (U+{ord(damage.group()):04X})")
    return " ".join(text.split())


_PLAIN = str.maketrans("\u2018\u2019\u02bc\u201c\u201d\u2010\u2011\u2013", "'''\"\"---")


def key_of(*parts: str | None) -> str:
    """A name as a key: one for all ways to write it in capitals, accents, quotes and dashes."""
    text = " | ".join(part or "" for part in parts)
    return unicodedata.normalize("NFC", text).translate(_PLAIN).casefold()


def label_of(*parts: str | None) -> str:
    """A name made of parts, for people: those that are known, separated by commas."""
    return ", ".join(part for part in parts if part)
