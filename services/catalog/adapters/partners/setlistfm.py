"""setlist.fm: what was played at the shows of an artist, page by page, and single setlists.

    GET /1.0/artist/{mbid}/setlists?p=1
    {"type": "setlists", "itemsPerPage": 20, "page": 1, "total": 214, "setlist": [
      {"id": "53e25fed", "versionId": "5b433b24", "eventDate": "27-09-2017",     day-month-year
       "lastUpdated": "2017-09-27T11:25:45.000+0000", "url": "https://www.setlist.fm/setlist/…",
       "artist": {"mbid": …, "name": …, "url": …},
       "venue": {"id": …, "name": …, "city": {"name": …, "coords": {"lat": …, "long": …}, …}},
       "tour": {"name": …},
       "sets": {"set": [{"name": "Set 1:", "encore": 1, "song": [
         {"name": …, "info": ">", "tape": true, "cover": {"name": …}}]}]}}]}

A day has no time and no zone; `coords` are those of the city; a song may have an empty name; a show
without songs is one nobody has written down yet. There is a 404 where a list is empty. The ids are
those that an import of an export has (`adapters.setlistfm`), so both arrive at the same records.
source    https://api.setlist.fm/docs/1.0/
"""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, Final

from contracts.catalog import Kind, id_of
from contracts.catalog_artists import RegisterArtist
from contracts.catalog_setlists import PlayedSet, PlayedSong, RecordSetlist
from contracts.catalog_shows import ScheduleShow
from contracts.catalog_songs import RegisterSong
from contracts.catalog_syncs import PageMark, Partner, Scope
from contracts.catalog_venues import RegisterVenue
from services.catalog.adapters.findings import (
    Fact,
    Finding,
    Part,
    Unreadable,
    Where,
    key_of,
    label_of,
)
from services.catalog.adapters.partners.http import Http
from services.catalog.adapters.partners.page import (
    Item,
    Page,
    Reading,
    address,
    are_all_read,
    degrees,
    each,
    item,
    items_of,
    needed,
    part,
    stamp,
    text,
)
from services.catalog.adapters.partners.trouble import Absent, Garbled
from services.catalog.domain.syncs import Target

SOURCE: Final = Partner.SETLISTFM.value
MUSICBRAINZ: Final = "musicbrainz"
PAGE_SIZE: Final = 20
ONE: Final = "one"
"""The cursor of the only page of a single setlist."""

_ID = re.compile(r"[0-9a-f]{6,8}")
_MBID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DAY = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4})")
_PAGE = re.compile(r"https?://www\.setlist\.fm/setlist/([^/\s]+)/\d{4}/[^/\s]+\.html")
_ARTIST_PAGE = re.compile(r"https?://www\.setlist\.fm/setlists/([^/\s]+)-[0-9a-f]+\.html")
_SEGUE = ">"


class SetlistFm:
    """setlist.fm as a source of pages."""

    lists_past = True

    def __init__(self, http: Http, api_key: str) -> None:
        self._http = http
        # Without `accept` it answers in XML; names of places follow `accept-language`.
        self._headers = {
            "accept": "application/json",
            "accept-language": "en",
            "x-api-key": api_key,
        }

    def first(self, target: Target) -> str:
        return ONE if target.scope is Scope.SETLIST else "1"

    def artist_id(self, target: Target) -> str | None:
        if target.scope is Scope.SETLIST:
            return None
        return id_of(Kind.ARTIST, MUSICBRAINZ, target.external_id)

    def after(self, cursor: str) -> str | None:
        return None if cursor == ONE else str(int(cursor) + 1)

    async def page(
        self, target: Target, cursor: str, mark: PageMark | None, as_of: datetime
    ) -> Page:
        """See `Source.page`."""
        if target.scope is Scope.SETLIST:
            path = f"/rest/1.0/setlist/{target.external_id}"
            reply = await self._http.get(path, headers=self._headers, mark=mark)
            if reply.is_unchanged:
                return Page(is_unchanged=True, mark=reply.mark())
            findings = list(read_setlists([reply.json()], "setlist", as_of))
            return Page(findings, mark=reply.mark())
        path = f"/rest/1.0/artist/{target.external_id}/setlists"
        try:
            reply = await self._http.get(
                path, params={"p": cursor}, headers=self._headers, mark=mark
            )
        except Absent:
            if cursor == self.first(target):
                raise
            return Page()  # The list has become shorter while we were reading it.
        if reply.is_unchanged:
            return Page(is_unchanged=True, mark=reply.mark())
        return read_page(reply.json(), cursor, as_of, reply.mark())


def read_page(body: Item, cursor: str, as_of: datetime, mark: PageMark | None = None) -> Page:
    """A page of the setlists of an artist. raises Garbled when it is none"""
    try:
        setlists = items_of(body.get("setlist"), "setlist")
    except Unreadable as error:
        raise Garbled(error.reason) from None
    total, size = _count(body, "total"), _count(body, "itemsPerPage") or PAGE_SIZE
    of = None if total is None else -(-total // size)
    is_last = not setlists or (of is not None and int(cursor) >= of)
    findings = list(read_setlists(setlists, f"setlists p={cursor}", as_of))
    following = None if is_last else str(int(cursor) + 1)
    is_whole = are_all_read(findings, ScheduleShow, len(setlists))
    return Page(findings, following, of, mark or PageMark(), is_whole=is_whole)


def _count(body: Item, name: str) -> int | None:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def read_setlists(setlists: list[Any], page: str, now: datetime) -> Iterator[Finding]:
    """What setlists tell: artists, venues, songs, shows and what was played at them."""
    for value, where in each(setlists, page):
        try:
            yield from _read_show(item(value, "setlist"), where, now)
        except Unreadable as error:
            yield error.refusal(Part.SHOW, where)


def _read_show(row: Item, where: Where, now: datetime) -> Iterator[Finding]:
    setlist_id = needed(row, "id")
    if _ID.fullmatch(setlist_id) is None:
        raise Unreadable("the id is not one of setlist.fm (6 to 8 hexadecimal digits)")
    local_date = _day(row)
    url = address(row, "url")
    slug, artist = _artist(row, url)
    reading = Reading(where)
    as_of = reading.take(Part.SHOW, lambda: stamp(row, "lastUpdated", now))
    venue = reading.take(Part.VENUE, lambda: _venue(row, reading))
    tour = reading.take(Part.SHOW, lambda: text(part(row, "tour"), "name"))
    show = ScheduleShow(
        show_id=id_of(Kind.SHOW, SOURCE, setlist_id),
        artist_id=artist.artist_id,
        local_date=local_date,
        venue_id=None if venue is None else venue.venue_id,
        tour=tour,
        url=url,
        is_listed=True,
        external_ids={SOURCE: setlist_id},
        source=SOURCE,
        as_of=as_of,
    )
    yield Fact(artist, where)
    if venue is not None:
        yield Fact(venue, where)
    yield Fact(show, where)
    yield from _read_sets(row, show, slug, reading)
    yield from reading.findings


def _day(row: Item) -> date:
    written = needed(row, "eventDate")
    found = _DAY.fullmatch(written)
    if found is None:
        raise Unreadable("the date is not day-month-year")
    day, month, year = (int(number) for number in found.groups())
    try:
        return date(year, month, day)
    except ValueError:
        raise Unreadable(f"there is no day {written} (day-month-year)") from None


def _artist(row: Item, url: str | None) -> tuple[str, RegisterArtist]:
    """The artist, and what setlist.fm's addresses call it, which ids of songs are made of."""
    artist = part(row, "artist")
    name, mbid = needed(artist, "name"), needed(artist, "mbid").lower()
    if _MBID.fullmatch(mbid) is None:
        raise Unreadable("the mbid of the artist is not one of MusicBrainz")
    page = _PAGE.fullmatch(url or "") or _ARTIST_PAGE.fullmatch(text(artist, "url") or "")
    slug = page.group(1) if page is not None else key_of(name)
    return slug, RegisterArtist(
        artist_id=id_of(Kind.ARTIST, MUSICBRAINZ, mbid),
        name=name,
        external_ids={SOURCE: slug, MUSICBRAINZ: mbid},
        source=SOURCE,
    )


def _venue(row: Item, reading: Reading) -> RegisterVenue | None:
    venue = part(row, "venue")
    city = part(venue, "city")
    country = part(city, "country")
    name, venue_id = text(venue, "name"), text(venue, "id")
    names = (name, text(city, "name"), text(city, "state"), text(country, "code"))
    if venue_id is None and name is None and names[1] is None:
        return None
    coordinates = reading.take(Part.VENUE, lambda: part(city, "coords")) or {}
    return RegisterVenue(
        venue_id=id_of(Kind.VENUE, SOURCE, venue_id or key_of(*names)),
        name=name,
        city=names[1],
        region=names[2],
        country=names[3],
        latitude=reading.take(Part.VENUE, lambda: degrees(coordinates, "lat", 90)),
        longitude=reading.take(Part.VENUE, lambda: degrees(coordinates, "long", 180)),
        external_ids={SOURCE: venue_id or label_of(name or "(unknown)", *names[1:])},
        source=SOURCE,
    )


# ---------------------------------------------------------------------------------- what was played


def _read_sets(row: Item, show: ScheduleShow, slug: str, reading: Reading) -> Iterator[Finding]:
    found = reading.take(Part.SETLIST, lambda: items_of(part(row, "sets").get("set"), "set"))
    sets: list[PlayedSet] = []
    for number, value in enumerate(found or [], 1):
        played = reading.take(Part.SETLIST, lambda value=value: item(value, "set"))  # type: ignore[misc]
        if played is None:
            continue
        name = reading.take(Part.SETLIST, lambda played=played: _set_name(played))  # type: ignore[misc]
        songs: list[PlayedSong] = []
        for song, performance in _songs(played, number, show.artist_id, slug, reading):
            yield Fact(song, reading.where)
            songs.append(performance)
        if songs:
            sets.append(PlayedSet(name=name, songs=songs))
    if sets:
        setlist = RecordSetlist(
            show_id=show.show_id,
            sets=sets,
            external_ids=show.external_ids,
            source=SOURCE,
            as_of=show.as_of,
        )
        yield Fact(setlist, reading.where)


def _set_name(played: Item) -> str | None:
    name, encore = text(played, "name"), played.get("encore")
    if name is not None:
        return name.removesuffix(":").rstrip() or None
    if isinstance(encore, int) and not isinstance(encore, bool):
        return "Encore" if encore == 1 else f"Encore {encore}"
    return None


def _songs(
    played: Item, set_number: int, artist_id: str, slug: str, reading: Reading
) -> Iterator[tuple[RegisterSong, PlayedSong]]:
    values = reading.take(Part.SETLIST, lambda: items_of(played.get("song"), "song")) or []
    for number, value in enumerate(values, 1):
        try:
            yield _song(item(value, "song"), artist_id, slug)
        except Unreadable as error:
            reason = f"set {set_number}, song {number}: {error.reason}"
            reading.findings.append(Unreadable(reason).refusal(Part.PERFORMANCE, reading.where))


def _song(row: Item, artist_id: str, slug: str) -> tuple[RegisterSong, PlayedSong]:
    title = needed(row, "name")
    note, cover = text(row, "info", 1000), text(part(row, "cover"), "name")
    is_tape = row.get("tape", False)
    if not isinstance(is_tape, bool | None):
        raise Unreadable("tape is neither true nor false")
    key = key_of(slug, title, cover)
    song = RegisterSong(
        song_id=id_of(Kind.SONG, SOURCE, key),
        artist_id=artist_id,
        title=title,
        original_artist=cover,
        external_ids={SOURCE: key},
        source=SOURCE,
    )
    return song, PlayedSong(
        song_id=song.song_id,
        segue=note == _SEGUE,
        tape=bool(is_tape),
        note=None if note == _SEGUE else note,
    )
