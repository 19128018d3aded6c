"""Calendars as iCalendar feeds (RFC 5545), Luma's among them.

Each event is read by itself, with the feed's own time zones, so that a broken one costs nothing but
itself. A feed says little about when it changed: Luma's gives every event the same SEQUENCE and
the hour of asking as its DTSTAMP, so neither counts; calls every event TENTATIVE; writes times in
UTC; and where people meet is often only the address of the event's page. Its UIDs name Luma's own
ids, by which the same gathering is found in its API. A day without a time begins at its midnight
where the calendar says it is (X-WR-TIMEZONE), and else at no known time.
source    RFC 5545; RFC 7986; a feed of Luma as it was in January 2026
"""

import re
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from icalendar.error import BrokenCalendarProperty

from contracts.catalog import Kind, id_of
from contracts.catalog_gatherings import GatheringStatus, RegisterGathering
from contracts.catalog_syncs import PageMark, Partner
from services.catalog.adapters.findings import (
    Fact,
    Finding,
    Part,
    Refusal,
    Unreadable,
    Where,
    clean,
)
from services.catalog.adapters.partners.http import Http
from services.catalog.adapters.partners.page import Page, Reading
from services.catalog.adapters.partners.trouble import Absent, Garbled
from services.catalog.domain.syncs import Target

SOURCE: Final = Partner.ICS.value
FEED: Final = "feed"
EVENTS_MAX: Final = 5000
UID_LENGTH_MAX: Final = 400
DESCRIPTION_LENGTH_MAX: Final = 20_000

_FLAGS = re.MULTILINE | re.DOTALL | re.IGNORECASE
_EVENT = re.compile(r"^BEGIN:VEVENT[ \t]*$.*?^END:VEVENT[ \t]*$", _FLAGS)
_ZONE = re.compile(r"^BEGIN:VTIMEZONE[ \t]*$.*?^END:VTIMEZONE[ \t]*$", _FLAGS)
_PROPERTY = r"^{}(?:;[^:\n]*)?:(.*)$"
_LUMA_UID = re.compile(r"(evt-[A-Za-z0-9]+)(@events\.lu\.ma)?")
_EVENT_: Final = "event "
"""Begins the refusal of a whole event."""

_ADDRESS = re.compile(r"https?://\S+")
_STATUS: Final = {
    "CONFIRMED": GatheringStatus.SCHEDULED,
    "TENTATIVE": GatheringStatus.TENTATIVE,
    "CANCELLED": GatheringStatus.CANCELLED,
}


class Ics:
    """Feeds as a source of one page each."""

    lists_past = True

    def __init__(self, feeds: dict[str, tuple[Http, str]]) -> None:
        """`feeds`: by name, how each is asked, and at which path."""
        self._feeds = feeds

    def first(self, _target: Target) -> str:
        return FEED

    def artist_id(self, _target: Target) -> str | None:
        return None

    def after(self, _cursor: str) -> str | None:
        return None

    async def page(
        self, target: Target, _cursor: str, mark: PageMark | None, as_of: datetime
    ) -> Page:
        """See `Source.page`."""
        feed = self._feeds.get(target.external_id)
        if feed is None:
            raise Absent(f"no feed is called {target.external_id} in the settings")
        http, path = feed
        reply = await http.get(
            path,
            headers={"accept": "text/calendar"},
            mark=mark,
            check=lambda reply: _written(reply.body),
        )
        if reply.is_unchanged:
            return Page(is_unchanged=True, mark=reply.mark())
        findings = list(read_feed(reply.body, target.external_id, as_of))
        is_whole = not any(
            isinstance(each, Refusal)
            and (each.part is Part.FILE or each.reason.startswith(_EVENT_))
            for each in findings
        )
        return Page(findings, of=1, mark=reply.mark(), is_whole=is_whole)


def read_feed(body: bytes, calendar: str, as_of: datetime) -> Iterator[Finding]:
    """What the events of a feed tell. raises Garbled when it is no calendar

    body   UTF-8, lines as anybody ends them
    """
    written = _written(body)
    head = _EVENT.sub("", written)
    zones = "\n".join(_ZONE.findall(head))
    feed = _Feed(
        calendar=calendar,
        is_of_luma="luma" in _property(head, "PRODID").lower(),
        zones=zones,
        place=_zone_of(head),
        as_of=as_of,
    )
    events = list(_EVENT.finditer(written))
    for number, found in enumerate(events[:EVENTS_MAX], 1):
        where = Where(f"{calendar}.ics", written.count("\n", 0, found.start()) + 1)
        yield from feed.read(found.group(), number, where)
    if len(events) > EVENTS_MAX:
        reason = f"more than {EVENTS_MAX} events: the others are left out"
        yield Unreadable(reason).refusal(Part.FILE, Where(f"{calendar}.ics", 0))
    if "END:VCALENDAR" not in written.upper():
        reason = "the calendar has no end, so events may be missing"
        end = Where(f"{calendar}.ics", written.count("\n") + 1)
        yield Unreadable(reason).refusal(Part.FILE, end)


def _written(body: bytes) -> str:
    """The text of a calendar, with plain line ends. raises Garbled when it is none"""
    written = body.decode("utf-8-sig", errors="replace")
    written = written.replace("\r\n", "\n").replace("\r", "\n")
    if not written.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        raise Garbled("not a calendar: it does not begin with BEGIN:VCALENDAR")
    return written


def _property(written: str, name: str) -> str:
    found = re.search(_PROPERTY.format(name), written, re.MULTILINE | re.IGNORECASE)
    return "" if found is None else found.group(1).strip()


def _zone_of(head: str) -> ZoneInfo | None:
    """The time zone of the calendar, if it says so and there is such a one."""
    try:
        return ZoneInfo(_property(head, "X-WR-TIMEZONE"))
    except (KeyError, ValueError, OSError):
        return None


class _Feed:
    """What holds for every event of a feed."""

    def __init__(
        self,
        *,
        calendar: str,
        is_of_luma: bool,
        zones: str,
        place: ZoneInfo | None,
        as_of: datetime,
    ) -> None:
        self._calendar = calendar
        self._is_of_luma = is_of_luma
        self._zones = zones
        self._place = place
        self._as_of = as_of

    def read(self, block: str, number: int, where: Where) -> Iterator[Finding]:
        """What one event tells, or why it cannot be taken."""
        try:
            event = self._parsed(block)
            yield from self._read(event, where)
        except Unreadable as error:
            reason = f"{_EVENT_}{number}: {error.reason}"
            yield Unreadable(reason).refusal(Part.GATHERING, where)

    def _parsed(self, block: str) -> Event:
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-", self._zones, block, "END:VCALENDAR"]
        try:
            with warnings.catch_warnings():
                # It guesses the IANA zone that a vendor's name of a zone means: so would we.
                warnings.simplefilter("ignore")
                whole = Calendar.from_ical("\n".join(line for line in lines if line))
            found = [each for each in whole.walk("VEVENT") if isinstance(each, Event)]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise Unreadable(f"not an event of iCalendar: {error}") from None
        if len(found) != 1:
            raise Unreadable("not one event")
        return found[0]

    def _read(self, event: Event, where: Where) -> Iterator[Finding]:
        uid = _text(event, "UID", UID_LENGTH_MAX)
        if uid is None:
            raise Unreadable("it has no UID")
        name = _text(event, "SUMMARY")
        if name is None:
            raise Unreadable("it has no SUMMARY")
        again = event.get("RECURRENCE-ID")
        own = uid if again is None else f"{uid}/{again.to_ical().decode()}"[:UID_LENGTH_MAX]
        ids = {SOURCE: own}
        luma = _LUMA_UID.fullmatch(uid)
        if luma is not None and again is None:
            ids[Partner.LUMA.value] = luma.group(1)
        reading = Reading(where)
        starts = reading.take(Part.GATHERING, lambda: self._moment(event, "DTSTART"))
        location = reading.take(Part.GATHERING, lambda: _text(event, "LOCATION"))
        is_address = location is not None and _ADDRESS.fullmatch(location) is not None
        place = reading.take(Part.GATHERING, lambda: _point(event)) or (None, None)
        if event.get("RRULE") is not None or event.get("RDATE") is not None:
            reason = "it repeats: its first time alone is taken"
            reading.findings.append(Unreadable(reason).refusal(Part.GATHERING, where))
        told = RegisterGathering(
            gathering_id=id_of(Kind.GATHERING, SOURCE, own),
            name=name,
            calendar=self._calendar,
            starts_at=starts,
            ends_at=reading.take(Part.GATHERING, lambda: self._end(event, starts)),
            time_zone=reading.take(Part.GATHERING, lambda: _zone(event)),
            hosts=reading.take(Part.GATHERING, lambda: _hosts(event)),
            location=None if is_address else location,
            latitude=place[0],
            longitude=place[1],
            url=reading.take(Part.GATHERING, lambda: _url(event, location if is_address else None)),
            description=reading.take(
                Part.GATHERING, lambda: _text(event, "DESCRIPTION", DESCRIPTION_LENGTH_MAX)
            ),
            is_published=_text(event, "CLASS") in {None, "PUBLIC"},
            status=reading.take(Part.GATHERING, lambda: self._status(event)),
            is_listed=True,
            external_ids=ids,
            source=SOURCE,
            as_of=self._as_of,
        )
        yield Fact(told, where)
        yield from reading.findings

    def _moment(self, event: Event, name: str) -> datetime | None:
        """A time, UTC; of a day its beginning. raises Unreadable when it has no zone"""
        value = _first(event, name)
        if value is None:
            return None
        at = _date_in(value)
        if isinstance(at, datetime) and at.tzinfo is None:
            raise Unreadable(f"{name} has no time zone")
        if isinstance(at, date) and not isinstance(at, datetime):
            if self._place is None:
                raise Unreadable(f"{name} is a day, and the calendar does not say where")
            at = datetime(at.year, at.month, at.day, tzinfo=self._place)
        if not isinstance(at, datetime):
            raise Unreadable(f"{name} is no time")
        try:
            return at.astimezone(UTC)
        except (ValueError, OverflowError):
            raise Unreadable(f"{name} is no time: {at}") from None

    def _end(self, event: Event, starts_at: datetime | None) -> datetime | None:
        """When it ends: at DTEND, or its DURATION after it began."""
        if event.get("DTEND") is None:
            length = getattr(_first(event, "DURATION"), "td", None)
            return None if length is None or starts_at is None else starts_at + length
        ends_at = self._moment(event, "DTEND")
        if ends_at is not None and starts_at is not None and ends_at < starts_at:
            raise Unreadable("it ends before it begins")
        return ends_at

    def _status(self, event: Event) -> GatheringStatus | None:
        written = _text(event, "STATUS")
        if written is None:
            return None
        if written.upper() not in _STATUS:
            raise Unreadable(f"there is no STATUS {written}")
        status = _STATUS[written.upper()]
        if self._is_of_luma and status is GatheringStatus.TENTATIVE:
            return None  # Luma says so of every event.
        return status


def _first(event: Event, name: str) -> Any:
    """A property; the first one of several."""
    value = event.get(name)
    return value[0] if isinstance(value, list) and value else value


def _text(event: Event, name: str, length_max: int = 300) -> str | None:
    value = _first(event, name)
    if value is None:
        return None
    return clean(str(value), name)[:length_max].strip() or None


def _date_in(value: Any) -> Any:
    """The date or time in a property; None when it is broken."""
    try:
        return getattr(value, "dt", None)
    except BrokenCalendarProperty:
        return None


def _zone(event: Event) -> str | None:
    """The IANA zone that it begins in; None when its time is in UTC or in a zone of its own."""
    at = _date_in(_first(event, "DTSTART"))
    key = getattr(getattr(at, "tzinfo", None), "key", None)
    return key if isinstance(key, str) and "/" in key else None


def _hosts(event: Event) -> list[str] | None:
    """Who invites, by name: the address behind it is nobody's business."""
    value = _first(event, "ORGANIZER")
    name = None if value is None else getattr(value, "params", {}).get("CN")
    if name is None:
        return None
    shown = clean(str(name), "ORGANIZER")[:300].strip()
    return [shown] if shown and "@" not in shown else None


def _point(event: Event) -> tuple[float, float] | None:
    value = _first(event, "GEO")
    if value is None:
        return None
    try:
        latitude, longitude = float(value.latitude), float(value.longitude)
    except (AttributeError, TypeError, ValueError):
        raise Unreadable("GEO is no place") from None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise Unreadable("GEO is no place on earth")
    return latitude, longitude


def _url(event: Event, location: str | None) -> str | None:
    found = _text(event, "URL", 1000) or location
    if found is None:
        return None
    if _ADDRESS.fullmatch(found) is None:
        raise Unreadable("URL is no address of a page")
    return found
