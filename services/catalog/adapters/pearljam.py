"""Pearl Jam shows as tables read from the band's own pages: shows, songs, and what was played.

    shows     show_id, show_link, show_name, year, date, location, venues, …
    songs     song_id, link, name, type, release
    setlists  show_id, rank, song_id, songs, song_links

Tables are told apart by their columns. Dates are month-day-year. `location` was damaged when the
table was made (it is `show_name` with one character too few cut off: "Toronto, ON 0"), so the place
is taken from `show_name`, which ends with the date. A venue is known only by the last part of the
page's address; a number at its end may be that of a night or belong to the name, which the table
does not tell, so it stays.
source    https://pearljam.com/setlists
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from contracts.catalog import Kind, id_of
from contracts.catalog_artists import RegisterArtist
from contracts.catalog_setlists import PlayedSet, PlayedSong, RecordSetlist
from contracts.catalog_shows import ScheduleShow
from contracts.catalog_songs import RegisterSong
from contracts.catalog_venues import RegisterVenue
from services.catalog.adapters.csv_table import Damaged, Row, Table
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

SOURCE = "pearljam.com"
TABLE_SOURCE = "pearljam-tables"
ARTIST = RegisterArtist(
    artist_id=id_of(Kind.ARTIST, SOURCE, "pearljam"),
    name="Pearl Jam",
    external_ids={SOURCE: "pearljam"},
    source=SOURCE,
)

SHOW_COLUMNS = frozenset({"show_id", "show_link", "show_name", "date"})
SONG_COLUMNS = frozenset({"song_id", "link", "name"})
SETLIST_COLUMNS = frozenset({"show_id", "rank", "song_id", "songs"})

_DAY = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4})")
_SHOW_LINK = re.compile(r"https?://[^/\s]+/setlists/\d+/(\d{4})/(\d+)(?:/([^/\s]*))?/?")
_SONG_LINK = re.compile(r"(?:\S*/)?(\d+)/[^/\s]+/?")
_RANK = re.compile(r"[0-9]{1,4}")
_CUT_DATE = re.compile(r" [\d-]+$")


@dataclass(slots=True)
class _Known:
    """A show or a song of the tables: its number on pearljam.com, and where it was read."""

    number: str
    where: Where
    title: str = ""


@dataclass(slots=True)
class _Setlist:
    """What was played at a show, by rank."""

    show_id: str
    number: str
    where: Where
    songs: dict[int, PlayedSong] = field(default_factory=dict)


def read(tables: Iterable[Table]) -> Iterator[Finding]:
    """Read the tables of one folder: all songs, then all shows, then what was played."""
    tables = list(tables)
    reader = _Reader()
    for table in tables:
        if not any(table.has(columns) for columns in (SHOW_COLUMNS, SONG_COLUMNS, SETLIST_COLUMNS)):
            error = Unreadable("its columns are those of no table of shows, songs or setlists")
            yield error.refusal(Part.FILE, Where(table.file, 1))
    for table in tables:
        if table.has(SONG_COLUMNS):
            yield from reader.read_songs(table)
    for table in tables:
        if table.has(SHOW_COLUMNS):
            yield from reader.read_shows(table)
    for table in tables:
        if table.has(SETLIST_COLUMNS):
            yield from reader.read_setlists(table)


class _Reader:
    """Reads the tables of one folder, which refer to each other by show_id and song_id."""

    def __init__(self) -> None:
        self._songs: dict[str, _Known] = {}
        self._shows: dict[str, _Known] = {}
        self._refused_shows: dict[str, Where] = {}

    # ------------------------------------------------------------------------------ songs

    def read_songs(self, table: Table) -> Iterator[Finding]:
        for row in table.rows():
            if isinstance(row, Damaged):
                yield row.error.refusal(Part.SONG, row.where)
                continue
            try:
                table_id, title = _required(row, "song_id"), _required(row, "name")
                number = _number_of_song(row.text("link"))
                song = _song(number, title, table_id, row.text("release") or None)
                self._claim(self._songs, table_id, _Known(number, row.where, title))
            except Unreadable as error:
                yield error.refusal(Part.SONG, row.where)
            else:
                yield Fact(ARTIST, row.where)
                yield Fact(song, row.where)

    def _claim(self, known: dict[str, _Known], table_id: str, new: _Known) -> None:
        """An id of the tables is that of one thing only."""
        before = known.setdefault(table_id, new)
        if before.number != new.number:
            raise Unreadable(f"its id is that of another one already, in {before.where}")

    # ------------------------------------------------------------------------------ shows

    def read_shows(self, table: Table) -> Iterator[Finding]:
        for row in table.rows():
            if isinstance(row, Damaged):
                yield row.error.refusal(Part.SHOW, row.where)
                continue
            try:
                yield from self._read_show(row)
            except Unreadable as error:
                self._refused_shows.setdefault(row.cells["show_id"].strip(), row.where)
                yield error.refusal(Part.SHOW, row.where)

    def _read_show(self, row: Row) -> Iterator[Finding]:
        table_id = _required(row, "show_id")
        url = row.text("show_link")
        link = _SHOW_LINK.fullmatch(url)
        if link is None:
            raise Unreadable("show_link is not that of a show on pearljam.com")
        year_of_page, number, slug = link.groups()
        day = _day(row)
        for year in (year_of_page, row.text("year")):
            if year and year != str(day.year):
                raise Unreadable(f"the date is of {day.year}, and the row says {year}")
        name = row.text("show_name")
        if (named := _DAY.search(name)) is not None and _date(named) != day:
            raise Unreadable(f"the date is {row.text('date')}, and show_name says {named.group()}")
        self._claim(self._shows, table_id, _Known(number, row.where))
        venue, refused = _venue(row, slug or "")
        yield Fact(ARTIST, row.where)
        yield from refused
        if venue is not None:
            yield Fact(venue, row.where)
        show = ScheduleShow(
            show_id=id_of(Kind.SHOW, SOURCE, number),
            artist_id=ARTIST.artist_id,
            local_date=day,
            venue_id=None if venue is None else venue.venue_id,
            url=url,
            external_ids={SOURCE: number, TABLE_SOURCE: table_id},
            source=SOURCE,
        )
        yield Fact(show, row.where)

    # ------------------------------------------------------------------------------ setlists

    def read_setlists(self, table: Table) -> Iterator[Finding]:
        setlists: dict[str, _Setlist] = {}
        for row in table.rows():
            if isinstance(row, Damaged):
                yield row.error.refusal(Part.PERFORMANCE, row.where)
                continue
            try:
                yield from self._read_performance(row, setlists)
            except Unreadable as error:
                yield error.refusal(Part.PERFORMANCE, row.where)
        for setlist in setlists.values():
            yield Fact(_recorded(setlist), setlist.where)

    def _read_performance(self, row: Row, setlists: dict[str, _Setlist]) -> Iterator[Finding]:
        table_id = _required(row, "show_id")
        number = self._number_of_show(table_id)
        rank = row.text("rank")
        if _RANK.fullmatch(rank) is None:
            raise Unreadable("the rank is not a number")
        song = self._song_of(row)
        setlist = setlists.setdefault(
            table_id, _Setlist(id_of(Kind.SHOW, SOURCE, number), number, row.where)
        )
        if int(rank) in setlist.songs:
            raise Unreadable(f"the show has a song of rank {int(rank)} already")
        setlist.songs[int(rank)] = PlayedSong(song_id=song.song_id)
        yield Fact(song, row.where)

    def _number_of_show(self, table_id: str) -> str:
        if table_id in self._shows:
            return self._shows[table_id].number
        if table_id in self._refused_shows:
            raise Unreadable(f"its show was refused, in {self._refused_shows[table_id]}")
        raise Unreadable("its show is in no table of shows beside this one")

    def _song_of(self, row: Row) -> RegisterSong:
        """The song of a row, which must be the one that the table of songs has under its id."""
        table_id, title = _required(row, "song_id"), _required(row, "songs")
        known, link = self._songs.get(table_id), row.text("song_links")
        number = known.number if known is not None and not link else _number_of_song(link)
        if known is not None and (number, key_of(title)) != (known.number, key_of(known.title)):
            raise Unreadable(f"its song_id is that of {known.title!r}, in {known.where}")
        return _song(number, title, table_id)


def _recorded(setlist: _Setlist) -> RecordSetlist:
    songs = [setlist.songs[rank] for rank in sorted(setlist.songs)]
    return RecordSetlist(
        show_id=setlist.show_id,
        sets=[PlayedSet(songs=songs)],
        external_ids={SOURCE: setlist.number},
        source=SOURCE,
    )


def _song(number: str, title: str, table_id: str, release: str | None = None) -> RegisterSong:
    return RegisterSong(
        song_id=id_of(Kind.SONG, SOURCE, number),
        artist_id=ARTIST.artist_id,
        title=title,
        release=release,
        external_ids={SOURCE: number, TABLE_SOURCE: table_id},
        source=SOURCE,
    )


def _number_of_song(link: str) -> str:
    found = _SONG_LINK.fullmatch(link)
    if found is None:
        raise Unreadable("its link is not that of a song on pearljam.com")
    return found.group(1)


def _required(row: Row, column: str) -> str:
    text = row.text(column)
    if not text:
        raise Unreadable(f"no {column}")
    return text


def _day(row: Row) -> date:
    found = _DAY.fullmatch(row.text("date"))
    if found is None:
        raise Unreadable("the date is not month-day-year")
    return _date(found)


def _date(found: re.Match[str]) -> date:
    month, day, year = (int(part) for part in found.groups())
    try:
        return date(year, month, day)
    except ValueError:
        raise Unreadable(f"there is no day {found.group()} (month-day-year)") from None


def _venue(row: Row, slug: str) -> tuple[RegisterVenue | None, list[Finding]]:
    """The venue, without its name or place when that cannot be read, and the refusals of these."""
    refused: list[Finding] = []
    name, place, city, region = "", "", None, None
    try:
        name = _name_of_venue(row, slug)
    except Unreadable as error:
        refused.append(error.refusal(Part.VENUE, row.where))
    try:
        place = _place(row)
        city, region = _city_and_region(place)
    except Unreadable as error:
        refused.append(error.refusal(Part.VENUE, row.where))
    if not (name or city):
        return None, refused
    venue = RegisterVenue(
        venue_id=id_of(Kind.VENUE, SOURCE, key_of(name, place)),
        name=name.replace("_", " ") or None,
        city=city,
        region=region,
        external_ids={SOURCE: label_of(name or "(unknown)", place)},
        source=SOURCE,
    )
    return venue, refused


def _name_of_venue(row: Row, slug: str) -> str:
    """The last part of the page's address, which the column `venues` repeats."""
    name = row.text("venues")
    if name and slug and name != slug:
        raise Unreadable(f"venues says {name!r}, and show_link {slug!r}")
    return name or clean(slug, "show_link")


def _place(row: Row) -> str:
    """What `show_name` says before the date, when `location` does not contradict it."""
    name, day = row.text("show_name"), row.text("date")
    if not name.endswith(f" {day}"):
        raise Unreadable("show_name does not end with the date, so the place is not known")
    place = name.removesuffix(day).strip()
    location = _CUT_DATE.sub("", row.text("location"))
    if location and location != place:
        raise Unreadable(f"show_name says {place!r}, and location {location!r}")
    return place


def _city_and_region(place: str) -> tuple[str, str]:
    city, comma, region = place.partition(",")
    if not (comma and city.strip() and region.strip()):
        raise Unreadable(f"the place {place!r} is not a city and its region")
    return city.strip(), region.strip()
