"""Grateful Dead shows in the shape of gdshowsdb: one YAML file a year, and one with all songs.

    1972/05/26:                         the day; /0 and /1 after it tell an early from a late show
      :uuid: 4bd8…
      :venue: Lyceum
      :city: London
      :state:
      :country: England
      :sets:
      - :uuid: …
        :songs:
        - :uuid: …
          :name: Dark Star
          :segued: true

    - Dark Star: 7b21…                  song_refs.yaml

Shows are known by their uuid, songs by their name (which is how shows refer to them), and venues,
having no id, by name and place.
source    https://github.com/jefmsmit/gdshowsdb
"""

import re
from collections.abc import Iterator
from datetime import date
from uuid import UUID

import yaml

from contracts.catalog import Kind, id_of
from contracts.catalog_artists import RegisterArtist
from contracts.catalog_setlists import PlayedSet, PlayedSong, RecordSetlist
from contracts.catalog_shows import ScheduleShow
from contracts.catalog_songs import RegisterSong
from contracts.catalog_venues import RegisterVenue
from services.catalog.adapters.findings import (
    Fact,
    Finding,
    Part,
    Unreadable,
    Where,
    clean,
    key_of,
    label_of,
)

SOURCE = "gdshowsdb"
SONG_SOURCE = "gdshowsdb-song"
ARTIST = RegisterArtist(
    artist_id=id_of(Kind.ARTIST, SOURCE, "grateful-dead"),
    name="Grateful Dead",
    external_ids={SOURCE: "grateful-dead"},
    source=SOURCE,
)

_DAY = re.compile(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?:/(\d{1,2}))?")
_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off", ""})
_NULL = "tag:yaml.org,2002:null"

Fields = dict[str, yaml.Node]


def read(text: str, file: str) -> Iterator[Finding]:
    """Read a year of shows, or the list of songs.

    A file that is no YAML as a whole is read show by show: one that is damaged costs no other.
    """
    reader = _Reader(file)
    try:
        roots = list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, RecursionError):
        for first_line, piece in _pieces(text):
            yield from reader.read_piece(piece, first_line)
        return
    for root in roots:
        yield from reader.read_root(root, 0)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Cut a file before every line that is not indented: (lines before the piece, piece)."""
    start, piece = 0, ""
    for number, line in enumerate(text.split("\n")):
        if line.startswith("---"):
            continue
        if line[:1].strip() and not line.startswith("#") and piece.strip():
            yield start, piece
            piece = ""
        if not piece:
            start = number
        piece += f"{line}\n"
    if piece.strip():
        yield start, piece


class _Reader:
    """Reads one file; knows the days it has met."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._lines_before = 0
        self._days: dict[str, tuple[str, int]] = {}

    def read_piece(self, piece: str, lines_before: int) -> Iterator[Finding]:
        try:
            root = yaml.compose(piece, Loader=yaml.CSafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            reason, line = _problem(error)
            where = self._where(lines_before + line)
            yield Unreadable(f"not YAML: {reason}").refusal(Part.SHOW, where)
        else:
            yield from self.read_root(root, lines_before)

    def read_root(self, root: yaml.Node | None, lines_before: int) -> Iterator[Finding]:
        self._lines_before = lines_before
        if isinstance(root, yaml.MappingNode):
            for key, value in root.value:
                yield from self._read_show(key, value)
        elif isinstance(root, yaml.SequenceNode):
            for item in root.value:
                yield from self._read_song_references(item)
        elif root is not None and root.value:
            error = Unreadable("neither shows by day nor a list of songs")
            yield error.refusal(Part.FILE, self._at(root))

    def _where(self, line: int) -> Where:
        return Where(self._file, line)

    def _at(self, node: yaml.Node) -> Where:
        return self._where(self._line(node))

    def _line(self, node: yaml.Node) -> int:
        return int(node.start_mark.line) + 1 + self._lines_before

    # ------------------------------------------------------------------------------ songs

    def _read_song_references(self, item: yaml.Node) -> Iterator[Finding]:
        if not isinstance(item, yaml.MappingNode):
            yield Unreadable("not a song and its uuid").refusal(Part.SONG, self._at(item))
            return
        for key, value in item.value:
            try:
                title = self._text(key, "the song's name")
                song_uuid = self._uuid(value)
                if title is None:
                    raise Unreadable("the song has no name")
            except Unreadable as error:
                yield error.refusal(Part.SONG, self._at(key))
            else:
                yield Fact(ARTIST, self._at(key))
                yield Fact(_song(title, {SONG_SOURCE: song_uuid}), self._at(key))

    # ------------------------------------------------------------------------------ shows

    def _read_show(self, key: yaml.Node, value: yaml.Node) -> Iterator[Finding]:
        where = self._at(key)
        try:
            day, number = _day(key)
            fields = self._fields(value)
            uuid = self._uuid(fields.get("uuid"))
            self._claim_day(key, uuid)
        except Unreadable as error:
            yield error.refusal(Part.SHOW, where)
            return
        venue, refused = self._venue(fields, where)
        yield from refused
        yield Fact(ARTIST, where)
        if venue is not None:
            yield Fact(venue, where)
        show_id = id_of(Kind.SHOW, SOURCE, uuid)
        show = ScheduleShow(
            show_id=show_id,
            artist_id=ARTIST.artist_id,
            local_date=day,
            number_that_day=number,
            venue_id=None if venue is None else venue.venue_id,
            external_ids={SOURCE: uuid},
            source=SOURCE,
        )
        yield Fact(show, where)
        yield from self._read_setlist(fields.get("sets"), show)

    def _claim_day(self, key: yaml.Node, uuid: str) -> None:
        """A day is a key of the file, and so may be there for one show only."""
        before, line = self._days.setdefault(key.value, (uuid, self._line(key)))
        if before != uuid:
            raise Unreadable(f"{key.value} is a show already, in line {line}")

    def _venue(self, fields: Fields, where: Where) -> tuple[RegisterVenue | None, list[Finding]]:
        """The venue, without those of its fields that are damaged, and the refusals of these."""
        found: dict[str, str | None] = {}
        refused: list[Finding] = []
        for field in ("venue", "city", "state", "country"):
            try:
                found[field] = self._text(fields.get(field), f"the {field}")
            except Unreadable as error:
                refused.append(error.refusal(Part.VENUE, where))
                found[field] = None
        name, *place = found.values()
        if name is not None and name.casefold() == "unknown":
            name = None
        if name is None and not any(place):
            return None, refused
        venue = RegisterVenue(
            venue_id=id_of(Kind.VENUE, SOURCE, key_of(name, *place)),
            name=name,
            city=found["city"],
            region=found["state"],
            country=found["country"],
            external_ids={SOURCE: label_of(name or "(unknown)", *place)},
            source=SOURCE,
        )
        return venue, refused

    def _read_setlist(self, node: yaml.Node | None, show: ScheduleShow) -> Iterator[Finding]:
        if node is None or node.tag == _NULL:
            return
        if not isinstance(node, yaml.SequenceNode):
            yield Unreadable("the sets are not a list").refusal(Part.SETLIST, self._at(node))
            return
        sets = []
        for item in node.value:
            songs: list[PlayedSong] = []
            for song in self._songs_of(item):
                if isinstance(song, PlayedSong):
                    songs.append(song)
                else:
                    yield song
            if songs:
                sets.append(PlayedSet(songs=songs))
        if sets:
            setlist = RecordSetlist(
                show_id=show.show_id, sets=sets, external_ids=show.external_ids, source=SOURCE
            )
            yield Fact(setlist, self._at(node))

    def _songs_of(self, node: yaml.Node) -> Iterator[PlayedSong | Finding]:
        """The songs of a set as they were played, and what was found on the way."""
        try:
            songs = self._fields(node).get("songs")
            if songs is None or songs.tag == _NULL:
                return
            if not isinstance(songs, yaml.SequenceNode):
                raise Unreadable("the songs are not a list", self._line(songs))
        except Unreadable as error:
            yield error.refusal(Part.SETLIST, self._at(node))
            return
        for item in songs.value:
            where = self._at(item)
            try:
                song, segue = self._performance(item)
            except Unreadable as error:
                yield error.refusal(Part.PERFORMANCE, where)
            else:
                yield Fact(song, where)
                yield PlayedSong(song_id=song.song_id, segue=segue)

    def _performance(self, node: yaml.Node) -> tuple[RegisterSong, bool]:
        fields = self._fields(node)
        title = self._text(fields.get("name"), "the song's name")
        if title is None:
            raise Unreadable("the song has no name")
        segued = self._text(fields.get("segued"), "segued") or ""
        if segued.casefold() not in _TRUE | _FALSE:
            raise Unreadable("segued is neither true nor false", self._line(fields["segued"]))
        return _song(title), segued.casefold() in _TRUE

    # ------------------------------------------------------------------------------ nodes

    def _fields(self, node: yaml.Node) -> Fields:
        """A mapping by its keys, without the colon that makes them symbols in Ruby."""
        if not isinstance(node, yaml.MappingNode):
            raise Unreadable("not a mapping", self._line(node))
        fields: Fields = {}
        for key, value in node.value:
            name = str(key.value).removeprefix(":")
            if name in fields:
                raise Unreadable(f"{name} is there twice", self._line(key))
            fields[name] = value
        return fields

    def _text(self, node: yaml.Node | None, what: str) -> str | None:
        if node is None or node.tag == _NULL:
            return None
        if not isinstance(node, yaml.ScalarNode):
            raise Unreadable(f"{what} is not text", self._line(node))
        try:
            return clean(node.value, what) or None
        except Unreadable as error:
            raise Unreadable(error.reason, self._line(node)) from None

    def _uuid(self, node: yaml.Node | None) -> str:
        text = self._text(node, "the uuid")
        if node is None or text is None:
            raise Unreadable("no uuid")
        try:
            return str(UUID(text))
        except ValueError:
            raise Unreadable("the uuid is not one", self._line(node)) from None


def _problem(error: yaml.YAMLError | RecursionError) -> tuple[str, int]:
    """What is wrong with a text, and in which of its lines."""
    if isinstance(error, RecursionError):
        return "nested too deeply", 1
    if not isinstance(error, yaml.MarkedYAMLError):
        return "characters that YAML does not allow", 1
    mark = error.problem_mark
    if isinstance(error, yaml.scanner.ScannerError) and error.context_mark is not None:
        mark = error.context_mark  # Where a text begins that has no end.
    return error.problem or "", 1 if mark is None else mark.line + 1


def _day(key: yaml.Node) -> tuple[date, int | None]:
    """The day of a show, and which of that day's it was, from 1, when it was not the only one."""
    found = _DAY.fullmatch(str(key.value).strip())
    if found is None:
        raise Unreadable("the key is not a day (year/month/day, then perhaps /0 or /1)")
    year, month, day, number = found.groups()
    try:
        return date(int(year), int(month), int(day)), None if number is None else int(number) + 1
    except ValueError:
        raise Unreadable(f"there is no day {year}/{month}/{day}") from None


def _song(title: str, more_ids: dict[str, str] | None = None) -> RegisterSong:
    return RegisterSong(
        song_id=id_of(Kind.SONG, SOURCE, key_of(title)),
        artist_id=ARTIST.artist_id,
        title=title,
        external_ids={SOURCE: title, **(more_ids or {})},
        source=SOURCE,
    )
