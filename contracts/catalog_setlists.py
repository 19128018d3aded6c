"""What is said to and by `catalog` about setlists: what was played at a show.

A setlist has the id of its show. How records are told: `contracts.catalog`.
"""

from dataclasses import field
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from contracts.catalog import (
    PEOPLE,
    EditorSuspended,
    ExternalIds,
    Note,
    RecordReceipt,
    ShowId,
    SongId,
    Source,
    SpeaksForAnother,
    Text,
    Withdrawn,
)
from libs.kernel.errors import NotFound
from libs.kernel.messages import (
    Access,
    Command,
    Event,
    Query,
    View,
    command,
    event,
    message,
    query,
    view,
)

SETS_MAX = 50
SONGS_OF_A_SET_MAX = 500


@message
class PlayedSong:
    """One song of a set.

    segue  it ran into the next song without a break
    tape   it came from a tape: heard, but not played by the artist
    note   what the source remarks about it
    """

    song_id: SongId
    segue: bool = False
    tape: bool = False
    note: Note | None = None


@message
class PlayedSet:
    """The songs between two breaks, in order. `name` as the source has it: "Set 2", "Encore"."""

    name: Text | None = None
    songs: Annotated[list[PlayedSong], Field(min_length=1, max_length=SONGS_OF_A_SET_MAX)]


Sets = Annotated[list[PlayedSet], Field(min_length=1, max_length=SETS_MAX)]


# ---------------------------------------------------------------------------------- rejections


class SetlistNotFound(NotFound):
    code = "catalog.setlist-not-found"
    title = "Nobody has recorded yet what was played at this show."


# ---------------------------------------------------------------------------------- commands


@command(
    "catalog.record-setlist",
    key="show_id",
    access=Access.ADMIN,
    rejections=(EditorSuspended, SpeaksForAnother),
)
class RecordSetlist(Command[RecordReceipt]):
    """Say what was played at a show. A different setlist replaces the one recorded before."""

    show_id: ShowId
    sets: Sets
    external_ids: ExternalIds = field(default_factory=dict)
    source: Source = PEOPLE
    as_of: AwareDatetime | None = None


# ---------------------------------------------------------------------------------- events


@event("catalog.setlist_recorded")
class SetlistRecorded(Event):
    """It became known what was played at a show."""

    show_id: ShowId
    sets: list[PlayedSet]
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None


@message
class SetlistNews(Event):
    """What is news of a setlist."""

    show_id: ShowId
    sets: list[PlayedSet] | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None
    withdrawn: Withdrawn = field(default_factory=list)


@event("catalog.setlist_changed")
class SetlistChanged(SetlistNews):
    """What was played at a show turned out to be different. `sets` replaces all sets."""


@event("catalog.setlist_noted")
class SetlistNoted(SetlistNews):
    """A source says something about a setlist that another one knows better, or has said before."""


# ---------------------------------------------------------------------------------- views, queries


@view
class SetlistSong(View):
    """A song as it was played. `title` is None while the catalog does not know the song."""

    song_id: SongId
    title: str | None
    original_artist: str | None
    segue: bool
    tape: bool
    note: str | None


@view
class SetlistSet(View):
    """One set of a setlist, in order."""

    name: str | None
    songs: list[SetlistSong]


@view
class Setlist(View):
    """What was played at a show."""

    show_id: ShowId
    sets: list[SetlistSet]
    external_ids: dict[str, str]


@query("catalog.get-setlist", access=Access.PUBLIC, watches=("show.{show_id}", "songs"))
class GetSetlist(Query[Setlist]):
    """What was played at a show, set by set."""

    show_id: ShowId
