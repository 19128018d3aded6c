"""An event of a feed that repeats, as its occurrences (RRULE, RDATE, EXDATE, RECURRENCE-ID).

What repeats without an end is told as far as somebody may want to know: from the beginning of last
month for a year and a month, so that the occurrences are the same all month long. An occurrence is
known by the UID of its event and by when it was first meant to be, as a RECURRENCE-ID writes it: so
it stays the same when it is moved, or cancelled.
source    RFC 5545, 3.8.4.4 and 3.8.5
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import islice
from typing import Any, Final

from icalendar import Event
from icalendar.error import BrokenCalendarProperty

from services.catalog.adapters.findings import Unreadable
from services.catalog.adapters.partners.recurrence import Budget, read_rule, times

MONTHS_BACK: Final = 1
MONTHS_AHEAD: Final = 13
OCCURRENCES_MAX: Final = 500
"""Of one event: daily, and a few more."""

DAYS_LOOKED_AT_MAX: Final = 1_000_000
"""In one feed: a few seconds' work."""

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """From when until before when occurrences are told, UTC; it is the same until `moves_at`."""

    since: datetime
    end: datetime
    moves_at: datetime

    @classmethod
    def of(cls, now: datetime) -> "Window":
        return cls(_month(now, -MONTHS_BACK), _month(now, MONTHS_AHEAD), _month(now, 1))


def _month(now: datetime, ahead: int) -> datetime:
    years, month = divmod(now.month - 1 + ahead, 12)
    return datetime(now.year + years, month + 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Clock:
    """How an event writes its times: on the clock of a zone, or as days."""

    zone: tzinfo
    is_of_days: bool

    def local(self, value: Any) -> datetime:
        """A date, or a time of any zone, on this clock. raises Unreadable"""
        try:
            if isinstance(value, datetime):
                return value if value.tzinfo is None else self._shown(value)
        except (ValueError, OverflowError):
            raise Unreadable(f"no time: {value}") from None
        if isinstance(value, date):
            return datetime.combine(value, time())
        raise Unreadable(f"no time: {value}")

    def at(self, local: datetime) -> datetime:
        """What a time on this clock is in UTC. raises Unreadable"""
        try:
            return local.replace(tzinfo=self.zone).astimezone(UTC)
        except (ValueError, OverflowError):
            raise Unreadable(f"no time: {local}") from None

    def named(self, local: datetime) -> str:
        """A time as RECURRENCE-ID writes it."""
        if self.is_of_days:
            return f"{local:%Y%m%d}"
        return f"{local:%Y%m%dT%H%M%S}{'Z' if _is_utc(self.zone) else ''}"

    def _shown(self, value: datetime) -> datetime:
        return value.astimezone(self.zone).replace(tzinfo=None)


def clock_of(start: Any, place: tzinfo | None) -> Clock | None:
    """The clock of an event that starts so; None when nobody knows what time that is.

    place   the zone of the calendar, for days
    """
    if isinstance(start, datetime):
        return None if start.tzinfo is None else Clock(start.tzinfo, is_of_days=False)
    is_day = isinstance(start, date) and place is not None
    return Clock(place, is_of_days=True) if is_day and place is not None else None


def _is_utc(zone: tzinfo) -> bool:
    return str(zone) in {"UTC", "Etc/UTC"} or zone is UTC


def repeats(event: Event) -> bool:
    """Whether an event says that it repeats."""
    return bool(_all(event, "RRULE") or _all(event, "RDATE"))


@dataclass(slots=True)
class Occurrences:
    """When an event is, on its own clock and in order, and what of it could not be followed."""

    starts: list[datetime] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def occurrences(
    event: Event, start: Any, clock: Clock, window: Window, budget: Budget
) -> Occurrences:
    """The occurrences within a window; when there are none, the first one alone. Those that other
    events of the feed stand in for are among them.

    start    when it is for the first time, as it is written
    """
    found = Occurrences()
    first = clock.local(start)
    since, end = clock.local(window.since), clock.local(window.end)
    starts = {first}
    for rule in _all(event, "RRULE"):
        try:
            each = _of_rule(rule, clock, first, since, end, budget)
            starts |= set(islice(each, OCCURRENCES_MAX + 1))
        except Unreadable as trouble:
            found.troubles.append(trouble.reason)
    starts |= {_like(first, each, clock) for each in _dates(event, "RDATE", found.troubles)}
    excluded = {
        clock.local(each) if isinstance(each, datetime) else each
        for each in _dates(event, "EXDATE", found.troubles)
    }
    kept = sorted(each for each in starts if each not in excluded and each.date() not in excluded)
    within = [each for each in kept if since <= each < end]
    if len(within) > OCCURRENCES_MAX:
        found.troubles.append(f"it repeats more than {OCCURRENCES_MAX} times: the others later")
    found.starts = within[:OCCURRENCES_MAX] or kept[:1]
    return found


def _of_rule(
    rule: Any, clock: Clock, first: datetime, since: datetime, end: datetime, budget: Budget
) -> Iterator[datetime]:
    if not isinstance(rule, dict):  # icalendar has vRecur, or vBroken.
        raise Unreadable("its rule is none of iCalendar's")
    until = None
    for value in rule.get("UNTIL", [])[:1]:
        until = clock.local(value)
        if not isinstance(value, datetime):
            until += _DAY - timedelta(seconds=1)
    return times(read_rule(rule, first, until), first, since, end, budget)


def _like(first: datetime, value: Any, clock: Clock) -> datetime:
    """A date of RDATE: of a day alone, at the hour of the first time."""
    at = clock.local(value)
    is_day = not isinstance(value, datetime)
    return datetime.combine(at.date(), first.time()) if is_day else at


def _all(event: Event, name: str) -> Sequence[Any]:
    value = event.get(name)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _dates(event: Event, name: str, troubles: list[str]) -> Sequence[Any]:
    """The dates and times of a property that lists some; of a period, when it begins."""
    found = []
    for each in _all(event, name):
        try:
            values = [value.dt for value in each.dts]
        except (AttributeError, BrokenCalendarProperty):
            troubles.append(f"{name} is no list of dates")
            continue
        found += [value[0] if isinstance(value, tuple) else value for value in values]
    return found
