"""Ticketmaster's Discovery API: the shows of an artist that tickets are or were sold for.

    GET /discovery/v2/events.json?attractionId=K8v…&size=100&page=0&sort=date,asc
    {"_embedded": {"events": [
      {"id": …, "name": …, "url": …, "test": false,
       "dates": {"start": {"localDate": "2016-05-20", "localTime": "17:00:00",
                           "dateTBD": false, "timeTBA": false, "noSpecificTime": false},
                 "timezone": "America/New_York", "status": {"code": "onsale"}},
       "_embedded": {"venues": [{"id": …, "name": …, "timezone": …, "city": {"name": …},
                                 "location": {"longitude": "-75.1", "latitude": "44.9"}}],
                     "attractions": [{"id": …, "name": …, "externalLinks": {…}}]}}]},
     "page": {"size": 100, "totalElements": 123, "totalPages": 2, "number": 0}}

Pages end at the thousandth thing, so a long list is asked in slices: behind the tenth page from the
last day on. `_links.next` is a template, and not followed. The key travels among the parameters.
source    https://developer.ticketmaster.com/products-and-docs/apis/discovery-api/v2/
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any, Final

from contracts.catalog import Kind, id_of
from contracts.catalog_artists import RegisterArtist
from contracts.catalog_shows import ScheduleShow, ShowStatus
from contracts.catalog_syncs import PageMark, Partner
from contracts.catalog_venues import RegisterVenue
from services.catalog.adapters.findings import Fact, Finding, Part, Unreadable, Where
from services.catalog.adapters.partners.http import Http
from services.catalog.adapters.partners.page import (
    Item,
    Page,
    Reading,
    address,
    are_all_read,
    day,
    degrees,
    each,
    item,
    items_of,
    needed,
    part,
    text,
    zone,
)
from services.catalog.adapters.partners.trouble import Garbled
from services.catalog.domain.syncs import Target

SOURCE: Final = Partner.TICKETMASTER.value
PAGE_SIZE: Final = 100
THINGS_MAX: Final = 1000
"""Of one list, pages are given up to here."""

_STATUS: Final = {
    "onsale": ShowStatus.SCHEDULED,
    "offsale": ShowStatus.SCHEDULED,
    "rescheduled": ShowStatus.SCHEDULED,
    "postponed": ShowStatus.POSTPONED,
    "canceled": ShowStatus.CANCELLED,
    "cancelled": ShowStatus.CANCELLED,
}
_SPOTIFY_PAGE = re.compile(r"https?://open\.spotify\.com/artist/([0-9A-Za-z]{22})\b.*")
_MBID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Ticketmaster:
    """Ticketmaster as a source of pages. A cursor is `<page>` or `<page>@<day from which on>`."""

    lists_past = False

    def __init__(self, http: Http, api_key: str) -> None:
        self._http = http
        self._api_key = api_key

    def first(self, _target: Target) -> str:
        return "0"

    def artist_id(self, target: Target) -> str | None:
        return id_of(Kind.ARTIST, SOURCE, target.external_id)

    def after(self, cursor: str) -> str | None:
        number, slice_ = _read_cursor(cursor)
        return _cursor(number + 1, slice_)

    async def page(
        self, target: Target, cursor: str, mark: PageMark | None, _as_of: datetime
    ) -> Page:
        """See `Source.page`."""
        number, slice_ = _read_cursor(cursor)
        params: dict[str, str | int] = {
            "attractionId": target.external_id,
            "size": PAGE_SIZE,
            "page": number,
            "sort": "date,asc",
            "locale": "*",
            "apikey": self._api_key,
        }
        if slice_ is not None:
            params["startDateTime"] = f"{slice_}T00:00:00Z"
        reply = await self._http.get(
            "/discovery/v2/events.json",
            params=params,
            headers={"accept": "application/json"},
            mark=mark,
        )
        if reply.is_unchanged:
            return Page(is_unchanged=True, mark=reply.mark())
        return read_page(reply.json(), target.external_id, cursor, _as_of, reply.mark())


def read_page(
    body: Item, attraction_id: str, cursor: str, as_of: datetime, mark: PageMark | None = None
) -> Page:
    """A page of an artist's events. raises Garbled when it is none"""
    try:
        events = items_of(part(body, "_embedded").get("events"), "events")
        page = part(body, "page")
    except Unreadable as error:
        raise Garbled(error.reason) from None
    total = page.get("totalPages")
    of = total if isinstance(total, int) and not isinstance(total, bool) else None
    findings = list(read_events(events, attraction_id, f"events page={cursor}", as_of))
    is_whole = are_all_read(findings, ScheduleShow, len(events))
    following = _next(events, of, cursor)
    return Page(findings, following, of, mark or PageMark(), is_whole=is_whole)


def _next(events: list[Any], of: int | None, cursor: str) -> str | None:
    """The cursor of the next page. raises Garbled when there is no way on"""
    number, slice_ = _read_cursor(cursor)
    if not events or of is None or number + 1 >= of:
        return None
    if (number + 2) * PAGE_SIZE <= THINGS_MAX:
        return _cursor(number + 1, slice_)
    days = [found for event in events if (found := _day_of(event)) is not None]
    last = max(days, default=None)
    if last is None or last.isoformat() == slice_:
        raise Garbled(f"more than {THINGS_MAX} events on one day")
    return _cursor(0, last.isoformat())


def _day_of(event: object) -> date | None:
    try:
        return day(part(part(item(event, "event"), "dates"), "start"), "localDate")
    except Unreadable:
        return None


def _cursor(number: int, slice_: str | None) -> str:
    return str(number) if slice_ is None else f"{number}@{slice_}"


def _read_cursor(cursor: str) -> tuple[int, str | None]:
    number, _, slice_ = cursor.partition("@")
    return int(number), slice_ or None


# ---------------------------------------------------------------------------------- one event


def read_events(
    events: list[Any], attraction_id: str, page: str, as_of: datetime
) -> Iterator[Finding]:
    """What events tell: the artist, venues and shows."""
    for value, where in each(events, page):
        try:
            yield from _read_event(item(value, "event"), attraction_id, where, as_of)
        except Unreadable as error:
            yield error.refusal(Part.SHOW, where)


def _read_event(row: Item, attraction_id: str, where: Where, as_of: datetime) -> Iterator[Finding]:
    event_id = needed(row, "id")
    if row.get("test") is True:
        raise Unreadable("it is a test of theirs")
    dates = part(row, "dates")
    start = part(dates, "start")
    local_date = day(start, "localDate")
    if local_date is None or start.get("dateTBD") is True or start.get("dateTBA") is True:
        raise Unreadable("its day is not known yet")
    embedded = part(row, "_embedded")
    artist = _artist(items_of(embedded.get("attractions"), "attractions"), attraction_id)
    if artist is not None:
        yield Fact(artist, where)
    reading = Reading(where)
    place = reading.take(Part.VENUE, lambda: _first(embedded, "venues"))
    venue = None if place is None else reading.take(Part.VENUE, lambda: _venue(place, reading))
    if venue is not None:
        yield Fact(venue, where)
    time_zone = reading.take(Part.SHOW, lambda: zone(dates, "timezone"))
    if time_zone is None and place is not None:
        time_zone = reading.take(Part.SHOW, lambda: zone(place, "timezone"))
    show = ScheduleShow(
        show_id=id_of(Kind.SHOW, SOURCE, event_id),
        artist_id=id_of(Kind.ARTIST, SOURCE, attraction_id),
        local_date=local_date,
        local_time=reading.take(Part.SHOW, lambda: _time(start)),
        time_zone=time_zone,
        venue_id=None if venue is None else venue.venue_id,
        status=reading.take(Part.SHOW, lambda: _status(dates)),
        url=reading.take(Part.SHOW, lambda: address(row, "url")),
        is_listed=True,
        external_ids={SOURCE: event_id},
        source=SOURCE,
        as_of=as_of,
    )
    yield Fact(show, where)
    yield from reading.findings


def _first(holder: Item, name: str) -> Item | None:
    found = items_of(holder.get(name), name)
    return item(found[0], name) if found else None


def _time(start: Item) -> time | None:
    if start.get("timeTBA") is True or start.get("noSpecificTime") is True:
        return None
    written = text(start, "localTime")
    if written is None:
        return None
    try:
        at = time.fromisoformat(written)
    except ValueError:
        raise Unreadable(f"localTime is no time: {written}") from None
    if at.tzinfo is not None:
        raise Unreadable(f"localTime has an offset: {written}")
    return at


def _status(dates: Item) -> ShowStatus | None:
    code = text(part(dates, "status"), "code")
    if code is None:
        return None
    if code not in _STATUS:
        raise Unreadable(f"there is no status {code}")
    return _STATUS[code]


def _venue(row: Item, reading: Reading) -> RegisterVenue:
    venue_id, city, country = needed(row, "id"), part(row, "city"), part(row, "country")
    state = part(row, "state")
    place = reading.take(Part.VENUE, lambda: part(row, "location")) or {}
    return RegisterVenue(
        venue_id=id_of(Kind.VENUE, SOURCE, venue_id),
        name=text(row, "name"),
        city=text(city, "name"),
        region=text(state, "name"),
        country=text(country, "countryCode") or text(country, "name"),
        latitude=reading.take(Part.VENUE, lambda: degrees(place, "latitude", 90)),
        longitude=reading.take(Part.VENUE, lambda: degrees(place, "longitude", 180)),
        external_ids={SOURCE: venue_id},
        source=SOURCE,
    )


def _artist(attractions: list[Any], attraction_id: str) -> RegisterArtist | None:
    """The artist whose events were asked for, with the ids that others have for them."""
    for attraction in attractions:
        row = item(attraction, "attraction")
        if row.get("id") != attraction_id:
            continue
        name = text(row, "name")
        if name is None:
            return None
        links = part(row, "externalLinks")
        ids = {SOURCE: attraction_id}
        mbid = _link(links, "musicbrainz", "id")
        if mbid is not None and _MBID.fullmatch(mbid):
            ids["musicbrainz"] = mbid
        spotify = _SPOTIFY_PAGE.fullmatch(_link(links, "spotify", "url") or "")
        if spotify is not None:
            ids["spotify"] = spotify.group(1)
        return RegisterArtist(
            artist_id=id_of(Kind.ARTIST, SOURCE, attraction_id),
            name=name,
            external_ids=ids,
            source=SOURCE,
        )
    return None


def _link(links: Item, name: str, field: str) -> str | None:
    """What the first of some links says; None unless there is exactly one."""
    found = items_of(links.get(name), name)
    return text(item(found[0], name), field) if len(found) == 1 else None
