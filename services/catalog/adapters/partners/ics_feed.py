"""The events of a feed, told one by one: those that repeat as often as they do.

An event says by RECURRENCE-ID that it stands in for one occurrence of another with its UID.
"""

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from contracts.catalog import Kind, id_of
from contracts.catalog_gatherings import GatheringStatus, RegisterGathering
from contracts.catalog_syncs import Partner
from libs.kernel.ids import derive_id
from services.catalog.adapters.findings import Fact, Finding, Part, Unreadable, Where
from services.catalog.adapters.partners import ics_fields as fields
from services.catalog.adapters.partners.page import Reading
from services.catalog.adapters.partners.recurrence import Budget
from services.catalog.adapters.partners.repeating import (
    DAYS_LOOKED_AT_MAX,
    Clock,
    Window,
    clock_of,
    occurrences,
    repeats,
)

SOURCE: Final = Partner.ICS.value
OF_AN_EVENT: Final = "event "
"""Begins the refusal of a whole event."""

UID_LENGTH_MAX: Final = 400
DESCRIPTION_LENGTH_MAX: Final = 20_000

_LUMA_UID = re.compile(r"(evt-[A-Za-z0-9]+)(@events\.lu\.ma)?")
_STATUS: Final = {
    "CONFIRMED": GatheringStatus.SCHEDULED,
    "TENTATIVE": GatheringStatus.TENTATIVE,
    "CANCELLED": GatheringStatus.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Block:
    """An event as it is written: which one of the feed, and where it stands."""

    number: int
    where: Where
    written: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """An event that could be read.

    clock     of one that repeats; None of all others
    own       what its source calls it: for a stand-in, the occurrence it stands in for
    sequence  which revision it is, as far as it says
    """

    block: Block
    event: Event
    uid: str
    name: str
    clock: Clock | None
    own: str
    sequence: tuple[int, int]


class Feed:
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
        """`zones`: the time zones it describes, as written; `place`: where it says it is."""
        self._calendar = calendar
        self._is_of_luma = is_of_luma
        self._zones = zones
        self._place = place
        self._as_of = as_of
        self._window = Window.of(as_of)
        self._budget = Budget(DAYS_LOOKED_AT_MAX)

    def read(self, blocks: Sequence[Block]) -> Iterator[Finding]:
        """What the events tell, or why they cannot be taken."""
        events: list[tuple[Block, Event]] = []
        for block in blocks:
            try:
                events.append((block, self._parsed(block.written)))
            except Unreadable as error:
                yield _refused(block, error)
        clocks = dict(self._clocks(event for _, event in events))
        entries: list[_Entry] = []
        for block, event in events:
            try:
                entries.append(self._entry(block, event, clocks))
            except Unreadable as error:
                yield _refused(block, error)
        newest: dict[str, _Entry] = {}
        for entry in entries:
            known = newest.get(entry.own)
            if known is None or entry.sequence > known.sequence:
                newest[entry.own] = entry
        for entry in entries:
            if newest[entry.own] is not entry:
                older = Unreadable("another event of its UID is newer")
                yield older.refusal(Part.GATHERING, entry.block.where)
                continue
            try:
                yield from self._told(entry, newest.keys())
            except Unreadable as error:
                yield _refused(entry.block, error)

    def _clocks(self, events: Iterable[Event]) -> Iterator[tuple[str, Clock]]:
        """On which clock those repeat that do, by UID."""
        for event in events:
            uid = fields.text(event, "UID", UID_LENGTH_MAX)
            clock = clock_of(fields.date_in(fields.first(event, "DTSTART")), self._place)
            is_original = uid is not None and event.get("RECURRENCE-ID") is None
            if uid is not None and is_original and clock is not None and repeats(event):
                yield uid, clock

    def _entry(self, block: Block, event: Event, clocks: dict[str, Clock]) -> _Entry:
        """Raises Unreadable when it lacks what every event has"""
        uid = fields.text(event, "UID", UID_LENGTH_MAX)
        if uid is None:
            raise Unreadable("it has no UID")
        name = fields.text(event, "SUMMARY")
        if name is None:
            raise Unreadable("it has no SUMMARY")
        again = fields.first(event, "RECURRENCE-ID")
        clock = clocks.get(uid)
        own = uid
        if again is not None:
            at = fields.date_in(again)
            if clock is None or at is None:
                own = _own(uid, _ical(again))
            else:
                own = _own(uid, clock.named(clock.local(at)))
            clock = None
        return _Entry(block, event, uid, name, clock, own, (_revision(event), block.number))

    def _told(self, entry: _Entry, known: Iterable[str]) -> Iterator[Finding]:
        """One event; or its occurrences, without those that others stand in for."""
        reading = Reading(entry.block.where)
        told = self._read(entry, reading)
        yield from reading.findings
        starts_at = told.starts_at
        if _is_of_all_after(entry.event):
            alone = Unreadable("RANGE=THISANDFUTURE: it is taken for this occurrence alone")
            yield alone.refusal(Part.GATHERING, entry.block.where)
        if entry.clock is None or starts_at is None:
            if repeats(entry.event) and starts_at is None:
                unknown = Unreadable("it repeats, and nobody knows when: it is taken once")
                yield unknown.refusal(Part.GATHERING, entry.block.where)
            yield Fact(told, entry.block.where)
            return
        lasts = None if told.ends_at is None else told.ends_at - starts_at
        first = fields.date_in(fields.first(entry.event, "DTSTART"))
        found = occurrences(entry.event, first, entry.clock, self._window, self._budget)
        for trouble in found.troubles:
            yield Unreadable(trouble).refusal(Part.GATHERING, entry.block.where)
        for local in found.starts:
            own = _own(entry.uid, entry.clock.named(local))
            if own in known:
                continue
            starts_at = entry.clock.at(local)
            once = replace(
                told,
                gathering_id=id_of(Kind.GATHERING, SOURCE, own),
                starts_at=starts_at,
                ends_at=None if lasts is None else _end(entry.clock, local, starts_at, lasts),
                external_ids={SOURCE: own},
            )
            yield Fact(once, entry.block.where)

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

    def _read(self, entry: _Entry, reading: Reading) -> RegisterGathering:
        """What an event says of itself; of one that repeats, the first time."""
        event = entry.event
        ids = {SOURCE: entry.own}
        luma = _LUMA_UID.fullmatch(entry.own)
        if luma is not None:
            ids[Partner.LUMA.value] = luma.group(1)
        starts = reading.take(Part.GATHERING, lambda: self._moment(event, "DTSTART"))
        location = reading.take(Part.GATHERING, lambda: fields.text(event, "LOCATION"))
        is_address = location is not None and fields.ADDRESS.fullmatch(location) is not None
        place = reading.take(Part.GATHERING, lambda: fields.point(event)) or (None, None)
        return RegisterGathering(
            gathering_id=id_of(Kind.GATHERING, SOURCE, entry.own),
            name=entry.name,
            calendar=self._calendar,
            starts_at=starts,
            ends_at=reading.take(Part.GATHERING, lambda: self._end(event, starts)),
            time_zone=reading.take(Part.GATHERING, lambda: fields.zone(event)),
            hosts=reading.take(Part.GATHERING, lambda: fields.hosts(event)),
            location=None if is_address else location,
            latitude=place[0],
            longitude=place[1],
            url=reading.take(
                Part.GATHERING, lambda: fields.url(event, location if is_address else None)
            ),
            description=reading.take(
                Part.GATHERING, lambda: fields.text(event, "DESCRIPTION", DESCRIPTION_LENGTH_MAX)
            ),
            is_published=fields.text(event, "CLASS") in {None, "PUBLIC"},
            status=reading.take(Part.GATHERING, lambda: self._status(event)),
            is_listed=True,
            external_ids=ids,
            source=SOURCE,
            as_of=self._as_of,
        )

    def _moment(self, event: Event, name: str) -> datetime | None:
        """A time, UTC; of a day its beginning. raises Unreadable when it has no zone"""
        value = fields.first(event, name)
        if value is None:
            return None
        at = fields.date_in(value)
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
            length = getattr(fields.first(event, "DURATION"), "td", None)
            return None if length is None or starts_at is None else starts_at + length
        ends_at = self._moment(event, "DTEND")
        if ends_at is not None and starts_at is not None and ends_at < starts_at:
            raise Unreadable("it ends before it begins")
        return ends_at

    def _status(self, event: Event) -> GatheringStatus | None:
        written = fields.text(event, "STATUS")
        if written is None:
            return None
        if written.upper() not in _STATUS:
            raise Unreadable(f"there is no STATUS {written}")
        status = _STATUS[written.upper()]
        if self._is_of_luma and status is GatheringStatus.TENTATIVE:
            return None  # Luma says so of every event.
        return status


def _refused(block: Block, error: Unreadable) -> Finding:
    reason = f"{OF_AN_EVENT}{block.number}: {error.reason}"
    return Unreadable(reason).refusal(Part.GATHERING, block.where)


def _is_of_all_after(event: Event) -> bool:
    """Whether it stands in for an occurrence and for all that come after it."""
    again = fields.first(event, "RECURRENCE-ID")
    return str(getattr(again, "params", {}).get("RANGE", "")).upper() == "THISANDFUTURE"


def _own(uid: str, occurrence: str) -> str:
    """What an occurrence is called: after its event, and when it was first meant to be."""
    own = f"{uid}/{occurrence}"
    return own if len(own) <= UID_LENGTH_MAX else f"{derive_id(uid)}/{occurrence}"[:UID_LENGTH_MAX]


def _ical(value: object) -> str:
    """A property as it is written. raises Unreadable"""
    try:
        return str(value.to_ical().decode())  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        raise Unreadable("it stands in for something at no time") from None


def _revision(event: Event) -> int:
    try:
        return int(fields.first(event, "SEQUENCE") or 0)
    except (TypeError, ValueError):
        return 0


def _end(clock: Clock, local: datetime, starts_at: datetime, lasts: timedelta) -> datetime:
    """When an occurrence ends: days end at midnight, however long the last of them was."""
    if not clock.is_of_days:
        return starts_at + lasts
    return clock.at(local + timedelta(days=round(lasts / timedelta(days=1))))
