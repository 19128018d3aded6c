"""Shows exported from setlist.fm: one JSON object a show, one a line or all in one array.

    {"id": "63de4613", "date": "25-02-1988",                      day-month-year
     "url": "https://www.setlist.fm/setlist/the-tragically-hip/1988/…-63de4613.html",
     "tour": null, "venue": "The Hideaway", "venueId": "23d700e7",
     "city": "St. Catharines", "state": "ON", "country": "CA", "lat": 43.16, "lng": -79.24,
     "songs": [{"name": "Courage", "set": "Encore 1", "info": ">", "cover": null, "tape": false}]}

The export does not name the artist; the address of the page does. A venue without a name is one
that setlist.fm knows the place of and nothing more. A cover is another song than the artist's own
of that title.
source    https://api.setlist.fm/docs/1.0/
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

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

SOURCE = "setlistfm"

_ID = re.compile(r"[0-9a-f]{6,8}")
_DAY = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4})")
_PAGE = re.compile(r"https?://www\.setlist\.fm/setlist/([^/\s]+)/(\d{4})/([^/\s]+)\.html")
_SEGUE = ">"
_BETWEEN = re.compile(r"[\s,\[\]]*")

Row = dict[str, Any]


def read(text: str, file: str) -> Iterator[Finding]:
    """Read an export: objects one after the other, or in one array."""
    for value, where in _values(text, file):
        try:
            if isinstance(value, Unreadable):
                raise value
            row = _row(value)
        except Unreadable as error:
            yield error.refusal(Part.SHOW, where)
        else:
            yield from _read_show(row, where)
    if text.lstrip().startswith("[") and not text.rstrip().endswith("]"):
        end = Where(file, text.rstrip().count("\n") + 1)
        yield Unreadable("the array has no end, so shows may be missing").refusal(Part.FILE, end)


def _values(text: str, file: str) -> Iterator[tuple[object, Where]]:
    """The JSON values of a text, whatever is between them. One that is damaged is Unreadable, and
    the next one begins at a line that begins as its own did.
    """
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    at, counted, line = 0, 0, 1
    while (at := _BETWEEN.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        counted, line = at, line + text.count("\n", counted, at)
        where = Where(file, line)
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            reason = f"{error.msg.removesuffix(' at')} at column {error.colno}"
            yield Unreadable(f"not JSON: {reason}", error.lineno), where
            at = _next_row(text, at)
        except (ValueError, RecursionError) as error:
            yield Unreadable(f"not JSON: {error}"), where
            at = _next_row(text, at)
        else:
            yield value, where


def _next_row(text: str, at: int) -> int:
    """Where the next value begins that stands in its line as the one at `at` does in its own."""
    indent = text[text.rfind("\n", 0, at) + 1 : at]
    if indent.strip():
        indent = ""
    found = re.compile(rf"\n{indent}(?=[^\s}}\],])").search(text, at)
    return len(text) if found is None else found.end()


def _row(value: object) -> Row:
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity, which are Python's and not JSON's.


# ---------------------------------------------------------------------------------- one show


@dataclass(frozen=True, slots=True)
class _Page:
    """What the address of a show's page tells: who plays, and in which year."""

    url: str
    artist: str
    year: int


def _read_show(row: Row, where: Where) -> Iterator[Finding]:
    try:
        setlist_id = _setlist_id(row)
        day = _day(row)
        page = _page(row, setlist_id)
        if page.year != day.year:
            raise Unreadable(f"the date is of {day.year}, and its page of {page.year}")
        tour = _text(row, "tour")
    except Unreadable as error:
        yield error.refusal(Part.SHOW, where)
        return
    artist = _artist(page)
    yield Fact(artist, where)
    venue, refused = _venue(row, where)
    yield from refused
    if venue is not None:
        yield Fact(venue, where)
    show = ScheduleShow(
        show_id=id_of(Kind.SHOW, SOURCE, setlist_id),
        artist_id=artist.artist_id,
        local_date=day,
        venue_id=None if venue is None else venue.venue_id,
        tour=tour,
        url=page.url,
        external_ids={SOURCE: setlist_id},
        source=SOURCE,
    )
    yield Fact(show, where)
    yield from _read_setlist(row, show, page, where)


def _setlist_id(row: Row) -> str:
    setlist_id = _text(row, "id")
    if setlist_id is None or _ID.fullmatch(setlist_id) is None:
        raise Unreadable("the id is not one of setlist.fm (6 to 8 hexadecimal digits)")
    return setlist_id


def _day(row: Row) -> date:
    text = _text(row, "date") or ""
    found = _DAY.fullmatch(text)
    if found is None:
        raise Unreadable("the date is not day-month-year")
    day, month, year = (int(part) for part in found.groups())
    try:
        return date(year, month, day)
    except ValueError:
        raise Unreadable(f"there is no day {text} (day-month-year)") from None


def _page(row: Row, setlist_id: str) -> _Page:
    url = _text(row, "url")
    found = None if url is None else _PAGE.fullmatch(url)
    if url is None or found is None:
        raise Unreadable("the url is not that of a setlist, so the artist is not known")
    artist, year, page = found.groups()
    if not page.endswith(f"-{setlist_id}"):
        raise Unreadable(f"the id is {setlist_id}, and the url is that of another setlist")
    return _Page(url, artist, int(year))


def _artist(page: _Page) -> RegisterArtist:
    return RegisterArtist(
        artist_id=id_of(Kind.ARTIST, SOURCE, page.artist),
        name=" ".join(word.capitalize() for word in page.artist.split("-")),
        external_ids={SOURCE: page.artist},
        source=SOURCE,
    )


def _venue(row: Row, where: Where) -> tuple[RegisterVenue | None, list[Finding]]:
    """The venue, without those of its fields that are damaged, and the refusals of these."""
    refused: list[Finding] = []

    def text(field: str) -> str | None:
        try:
            return _text(row, field)
        except Unreadable as error:
            refused.append(error.refusal(Part.VENUE, where))
            return None

    def degrees(field: str, limit: int) -> float | None:
        value = row.get(field)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= limit:
            return float(value)
        error = Unreadable(f"{field} is not a number from -{limit} to {limit}")
        refused.append(error.refusal(Part.VENUE, where))
        return None

    name, city, state, country = text("venue"), text("city"), text("state"), text("country")
    venue_id = text("venueId")
    if venue_id is None and name is None and city is None:
        return None, refused
    venue = RegisterVenue(
        venue_id=id_of(Kind.VENUE, SOURCE, venue_id or key_of(name, city, state, country)),
        name=name,
        city=city,
        region=state,
        country=country,
        latitude=degrees("lat", 90),
        longitude=degrees("lng", 180),
        external_ids={SOURCE: venue_id or label_of(name or "(unknown)", city, state, country)},
        source=SOURCE,
    )
    return venue, refused


def _text(row: Row, field: str) -> str | None:
    """A field's text; None when there is none."""
    value = row.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Unreadable(f"{field} is not text")
    return clean(value, field) or None


# ---------------------------------------------------------------------------------- what was played


def _read_setlist(row: Row, show: ScheduleShow, page: _Page, where: Where) -> Iterator[Finding]:
    songs = row.get("songs")
    if songs is None:
        return
    if not isinstance(songs, list):
        yield Unreadable("songs is not a list").refusal(Part.SETLIST, where)
        return
    sets: list[PlayedSet] = []
    for number, item in enumerate(songs, 1):
        try:
            song, played, set_name = _performance(item, page, show.artist_id)
        except Unreadable as error:
            yield Unreadable(f"song {number}: {error.reason}").refusal(Part.PERFORMANCE, where)
            continue
        yield Fact(song, where)
        if not sets or sets[-1].name != set_name:
            sets.append(PlayedSet(name=set_name, songs=[]))
        sets[-1].songs.append(played)
    if sets:
        setlist = RecordSetlist(
            show_id=show.show_id, sets=sets, external_ids=show.external_ids, source=SOURCE
        )
        yield Fact(setlist, where)


def _performance(
    item: object, page: _Page, artist_id: str
) -> tuple[RegisterSong, PlayedSong, str | None]:
    row = _row(item)
    title = _text(row, "name")
    if title is None:
        raise Unreadable("it has no name")
    tape = row.get("tape", False)
    if not isinstance(tape, bool | None):
        raise Unreadable("tape is neither true nor false")
    note, cover = _text(row, "info"), _text(row, "cover")
    key = key_of(page.artist, title, cover)
    song = RegisterSong(
        song_id=id_of(Kind.SONG, SOURCE, key),
        artist_id=artist_id,
        title=title,
        original_artist=cover,
        external_ids={SOURCE: key},
        source=SOURCE,
    )
    played = PlayedSong(
        song_id=song.song_id,
        segue=note == _SEGUE,
        tape=bool(tape),
        note=None if note == _SEGUE else note,
    )
    set_name = _text(row, "set")
    return song, played, set_name.removesuffix(":") if set_name else None
