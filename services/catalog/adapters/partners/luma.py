"""Luma's public API: the gatherings of the calendar that our key is for.

    GET /v1/calendars/events/list?pagination_limit=50&pagination_cursor=…
    {"entries": [
      {"id": "evt-…", "calendar_id": "cal-…", "name": …, "url": …, "cover_url": …,
       "start_at": "2026-08-08T23:00:00.000Z", "end_at": …, "timezone": "America/Monterrey",
       "location_type": "offline", "location_visibility": "public", "coordinate": {…},
       "geo_address_json": {"city": …, "full_address": …},
       "visibility": "public", "waitlist_status": "disabled"}],
     "has_more": true, "next_cursor": "…"}

Older answers wrap each event in an entry (`event`), call ids `api_id`, places `geo_address_info`.
The address of a gathering whose place is for its guests is not taken, nor anybody's e-mail;
what is not public is kept unpublished.
source    https://docs.luma.com/reference
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from contracts.catalog import Kind, id_of
from contracts.catalog_gatherings import (
    HOSTS_MAX,
    GatheringStatus,
    RegisterGathering,
    Registration,
)
from contracts.catalog_syncs import PageMark, Partner
from services.catalog.adapters.findings import Fact, Finding, Part, Unreadable, Where
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
    moment,
    needed,
    part,
    text,
    zone,
)
from services.catalog.adapters.partners.trouble import Garbled
from services.catalog.domain.syncs import Target

SOURCE: Final = Partner.LUMA.value
PAGE_SIZE: Final = 50
FIRST: Final = "first"
DESCRIPTION_LENGTH_MAX: Final = 20_000

_ONLINE = frozenset({"discord", "meet", "twitch", "twitter", "youtube", "zoom", "online"})


class Luma:
    """Luma as a source of pages."""

    lists_past = True

    def __init__(self, http: Http, api_key: str) -> None:
        self._http = http
        self._headers = {"x-luma-api-key": api_key, "accept": "application/json"}

    def first(self, _target: Target) -> str:
        return FIRST

    def artist_id(self, _target: Target) -> str | None:
        return None

    def after(self, _cursor: str) -> str | None:
        return None

    async def page(
        self, target: Target, cursor: str, mark: PageMark | None, as_of: datetime
    ) -> Page:
        """See `Source.page`."""
        params: dict[str, str | int] = {"pagination_limit": PAGE_SIZE, "sort_column": "start_at"}
        if cursor != FIRST:
            params["pagination_cursor"] = cursor
        reply = await self._http.get(
            "/v1/calendars/events/list", params=params, headers=self._headers, mark=mark
        )
        if reply.is_unchanged:
            return Page(is_unchanged=True, mark=reply.mark())
        return read_page(reply.json(), target.external_id, cursor, as_of, reply.mark())


def read_page(
    body: Item, calendar: str, cursor: str, as_of: datetime, mark: PageMark | None = None
) -> Page:
    """A page of a calendar. raises Garbled when it is none"""
    try:
        entries = items_of(body.get("entries"), "entries")
        following = text(body, "next_cursor", 2000) if body.get("has_more") is True else None
    except Unreadable as error:
        raise Garbled(error.reason) from None
    findings = list(read_entries(entries, calendar, f"events {cursor[:40]}", as_of))
    is_whole = are_all_read(findings, RegisterGathering, len(entries))
    return Page(findings, following, None, mark or PageMark(), is_whole=is_whole)


def read_entries(
    entries: list[Any], calendar: str, page: str, as_of: datetime
) -> Iterator[Finding]:
    """What the entries of a calendar tell."""
    for value, where in each(entries, page):
        try:
            entry = item(value, "entry")
            row = item(entry["event"], "event") if "event" in entry else entry
            yield from read_event(row, entry, calendar, where, as_of)
        except Unreadable as error:
            yield error.refusal(Part.GATHERING, where)


def read_event(
    row: Item, entry: Item, calendar: str, where: Where, as_of: datetime
) -> Iterator[Finding]:
    """What Luma tells of one gathering. raises Unreadable

    entry      what stands around it, for what is said there
    calendar   the calendar it was found in, if it does not say
    """
    event_id = text(row, "id") or needed(row, "api_id")
    reading = Reading(where)
    is_for_guests = row.get("location_visibility") == "guests-only"
    place = reading.take(Part.GATHERING, lambda: _place(row)) or {}
    coordinate = {} if is_for_guests else reading.take(Part.GATHERING, lambda: _point(row)) or {}

    def take[T](read: Any, *arguments: Any) -> T | None:
        found: T | None = reading.take(Part.GATHERING, lambda: read(*arguments))
        return found

    told = RegisterGathering(
        gathering_id=id_of(Kind.GATHERING, SOURCE, event_id),
        name=needed(row, "name"),
        calendar=text(row, "calendar_id") or text(row, "calendar_api_id") or calendar,
        starts_at=take(moment, row, "start_at"),
        ends_at=take(moment, row, "end_at"),
        time_zone=take(zone, row, "timezone"),
        hosts=take(_hosts, row, entry),
        location=None if is_for_guests else take(_location, place),
        city=take(text, place, "city"),
        country=take(text, place, "country"),
        latitude=take(degrees, coordinate, "latitude", 90),
        longitude=take(degrees, coordinate, "longitude", 180),
        is_online=take(_is_online, row),
        cover=take(address, row, "cover_url"),
        url=take(_url, row),
        description=take(text, row, "description", DESCRIPTION_LENGTH_MAX),
        registration=take(_registration, row),
        capacity=take(_count, row, "max_capacity"),
        is_published=take(text, row, "visibility") == "public",
        is_featured=True if entry.get("is_featured") is True else None,
        status=_status(row, entry),
        is_listed=True,
        external_ids={SOURCE: event_id},
        source=SOURCE,
        as_of=as_of,
    )
    yield Fact(told, where)
    yield from reading.findings


def _place(row: Item) -> Item:
    return part(row, "geo_address_json") or part(row, "geo_address_info")


def _point(row: Item) -> Item:
    return part(row, "coordinate") or {
        "latitude": row.get("geo_latitude"),
        "longitude": row.get("geo_longitude"),
    }


def _location(place: Item) -> str | None:
    return text(place, "full_address") or text(place, "address")


def _hosts(row: Item, entry: Item) -> list[str] | None:
    """The names of the hosts, as far as they have given one."""
    found = row.get("hosts", entry.get("hosts"))
    if found is None:
        return None
    names = [text(item(host, "host"), "name") for host in items_of(found, "hosts")]
    return [name for name in names if name is not None][:HOSTS_MAX]


def _is_online(row: Item) -> bool | None:
    kind = text(row, "location_type")
    if kind in _ONLINE:
        return True
    return False if kind == "offline" else None


def _url(row: Item) -> str | None:
    """The page of a gathering; older answers have the last part of its address alone."""
    found = text(row, "url")
    if found is None or found.startswith(("http://", "https://")):
        return address(row, "url")
    return f"https://luma.com/{found}" if "/" not in found and " " not in found else None


def _registration(row: Item) -> Registration | None:
    waitlist = text(row, "waitlist_status")
    if waitlist is None:
        return None
    return Registration.WAITLIST if waitlist == "enabled" else Registration.OPEN


def _count(row: Item, name: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise Unreadable(f"{name} is not a count")
    return value


def _status(row: Item, entry: Item) -> GatheringStatus:
    if row.get("canceled_at") is not None or row.get("status") in {"canceled", "cancelled"}:
        return GatheringStatus.CANCELLED
    if entry.get("status") == "pending":
        return GatheringStatus.TENTATIVE
    return GatheringStatus.SCHEDULED
