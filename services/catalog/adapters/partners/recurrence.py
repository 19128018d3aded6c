"""Rules by which an event of a calendar repeats (RRULE), as the times they come to.

Feeds are written by strangers, so a rule costs no more than it may: every day that is looked at is
paid for from a budget, whether it fits or not (`FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30` never does),
and a rule without COUNT is entered near the time that is asked about. Rules that repeat more often
than daily are not read. Times are those of the clock where the event is; time zones are the
caller's business.
source    RFC 5545, 3.3.10; test_recurrence.py holds it to dateutil's reading
"""

from calendar import isleap, monthrange
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time, timedelta
from enum import StrEnum
from itertools import count, product
from typing import Any, Final

from services.catalog.adapters.findings import Unreadable

_WEEKDAYS: Final = {"MO": 0, "TU": 1, "WE": 2, "TH": 3, "FR": 4, "SA": 5, "SU": 6}
_PARTS: Final = frozenset(
    {
        *("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"),
        *("BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY"),
        *("BYHOUR", "BYMINUTE", "BYSECOND", "BYSETPOS"),
    }
)
_DAYS_OF_WEEK: Final = 7
_MIDDLE: Final = 3
"""Where in its week the day stands that decides to which year the week belongs."""


class Frequency(StrEnum):
    """How long a period is."""

    DAILY = "DAILY"
    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    YEARLY = "YEARLY"


@dataclass(slots=True)
class Budget:
    """How many days may still be looked at, of all rules together."""

    days: int

    def spend(self, days: int) -> None:
        """Raises   Unreadable when there are not so many left"""
        self.days -= days
        if self.days < 0:
            raise Unreadable("it repeats by rules that would take too long to follow")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, in the words of RFC 5545.

    until      the last moment that counts, on the clock of the event
    days       (weekday from Monday as 0, which one of its month or year; 0 for each of them)
    times      of the day, in order
    positions  which ones of each period; empty for all
    """

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    week_start: int = 0
    months: frozenset[int] = frozenset()
    weeks: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    days: frozenset[tuple[int, int]] = frozenset()
    times: tuple[time, ...] = ()
    positions: tuple[int, ...] = ()


def read_rule(parts: Mapping[str, Any], start: datetime, until: datetime | None) -> Rule:
    """A rule as `icalendar` has parsed it: lists of values by the names of RFC 5545.

    start    when the event is for the first time: what the rule leaves open is as it is then
    until    its UNTIL, on the clock of the event
    raises   Unreadable
    """
    unknown = parts.keys() - _PARTS
    if unknown:
        raise Unreadable(f"it repeats by {', '.join(sorted(unknown))}, which is not read")
    try:
        frequency = Frequency(str(parts["FREQ"][0]).upper())
    except (KeyError, IndexError, ValueError):
        raise Unreadable("it repeats neither daily, weekly, monthly nor yearly") from None
    months, weeks, year_days, month_days = (
        frozenset(_numbers(parts, name))
        for name in ("BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY")
    )
    days = frozenset(_day(each) for each in _list(parts, "BYDAY"))
    if not (year_days or month_days or days):
        if frequency is Frequency.WEEKLY or weeks:
            days = frozenset({(start.weekday(), 0)})
        elif frequency is not Frequency.DAILY:
            month_days = frozenset({start.day})
            if frequency is Frequency.YEARLY and not months:
                months = frozenset({start.month})
    return Rule(
        frequency,
        interval=_positive(parts, "INTERVAL") or 1,
        count=_positive(parts, "COUNT"),
        until=until,
        week_start=_weekday(str(_list(parts, "WKST")[0])) if _list(parts, "WKST") else 0,
        months=months,
        weeks=weeks,
        year_days=year_days,
        month_days=month_days,
        days=days,
        times=_times_of_day(parts, start),
        positions=tuple(sorted(set(_numbers(parts, "BYSETPOS")))),
    )


def times(
    rule: Rule, start: datetime, since: datetime, end: datetime, budget: Budget
) -> Iterator[datetime]:
    """The times from `since` until before `end` that a rule comes to, in order.

    start    when the event is for the first time; nothing is before
    raises   Unreadable when the budget is spent
    """
    found = 0
    for number in count(_periods_before(rule, start, since)):
        period = _period(rule, start.date(), number * rule.interval)
        if not period or period[0] > end.date():
            return
        budget.spend(len(period) * len(rule.times))
        for at in _in_period(rule, period):
            if at < start:
                continue
            found += 1
            is_over = rule.until is not None and at > rule.until
            if is_over or at >= end or (rule.count is not None and found > rule.count):
                return
            if at >= since:
                yield at


def _periods_before(rule: Rule, start: datetime, since: datetime) -> int:
    """How many periods can be passed over: none of a rule whose times must be counted."""
    if rule.count is not None or since <= start:
        return 0
    passed = {
        Frequency.DAILY: (since - start).days,
        Frequency.WEEKLY: (since - start).days // _DAYS_OF_WEEK,
        Frequency.MONTHLY: 12 * (since.year - start.year) + since.month - start.month,
        Frequency.YEARLY: since.year - start.year,
    }
    return max(0, passed[rule.frequency] // rule.interval - 1)


def _period(rule: Rule, start: date, ahead: int) -> Sequence[date]:
    """The days of the period so many ahead of the first one; none at the end of all years."""
    try:
        match rule.frequency:
            case Frequency.DAILY:
                return [start + timedelta(days=ahead)]
            case Frequency.WEEKLY:
                back = (start.weekday() - rule.week_start) % _DAYS_OF_WEEK
                first = start + timedelta(days=_DAYS_OF_WEEK * ahead - back)
                return _days_from(first, _DAYS_OF_WEEK)
            case Frequency.MONTHLY:
                years, month = divmod(start.month - 1 + ahead, 12)
                first = date(start.year + years, month + 1, 1)
                return _days_from(first, monthrange(first.year, first.month)[1])
            case Frequency.YEARLY:
                first = date(start.year + ahead, 1, 1)
                return _days_from(first, _days_of_year(first.year))
    except (ValueError, OverflowError):
        return []


def _days_from(first: date, days: int) -> Sequence[date]:
    return [first + timedelta(days=ahead) for ahead in range(days)]


def _in_period(rule: Rule, period: Sequence[date]) -> Sequence[datetime]:
    """The times within one period, in order."""
    found = [datetime.combine(day, at) for day in period if _fits(rule, day) for at in rule.times]
    if not rule.positions:
        return found
    places = {place - 1 if place > 0 else len(found) + place for place in rule.positions}
    return [at for place, at in enumerate(found) if place in places]


def _fits(rule: Rule, day: date) -> bool:
    """Whether a day is one that the rule names."""
    if rule.months and day.month not in rule.months:
        return False
    if rule.month_days:
        left = day.day - monthrange(day.year, day.month)[1] - 1
        if not rule.month_days & {day.day, left}:
            return False
    if rule.year_days:
        of_year = day.timetuple().tm_yday
        if not rule.year_days & {of_year, of_year - _days_of_year(day.year) - 1}:
            return False
    if rule.weeks and not rule.weeks & _weeks(day, rule.week_start):
        return False
    return not rule.days or _is_named(rule, day)


def _is_named(rule: Rule, day: date) -> bool:
    """Whether its weekday is named, and which one of its month or year it is, if that counts."""
    weekday = day.weekday()
    if (weekday, 0) in rule.days:
        return True
    if rule.frequency in {Frequency.DAILY, Frequency.WEEKLY}:
        return any(named == weekday for named, _ in rule.days)
    if rule.frequency is Frequency.YEARLY and not rule.months:
        place, length = day.timetuple().tm_yday, _days_of_year(day.year)
    else:
        place, length = day.day, monthrange(day.year, day.month)[1]
    which = (place - 1) // _DAYS_OF_WEEK + 1
    from_the_end = -((length - place) // _DAYS_OF_WEEK) - 1
    return (weekday, which) in rule.days or (weekday, from_the_end) in rule.days


def _weeks(day: date, week_start: int) -> frozenset[int]:
    """The number of a day's week, from the beginning and from the end of the year it belongs to."""
    middle = day - timedelta(days=(day.weekday() - week_start) % _DAYS_OF_WEEK - _MIDDLE)
    number = (middle.timetuple().tm_yday - 1) // _DAYS_OF_WEEK + 1
    left = (_days_of_year(middle.year) - middle.timetuple().tm_yday) // _DAYS_OF_WEEK
    return frozenset({number, -left - 1})


def _days_of_year(year: int) -> int:
    return 366 if isleap(year) else 365


# ---------------------------------------------------------------------------------- the parts


def _list(parts: Mapping[str, Any], name: str) -> Sequence[Any]:
    found = parts.get(name, [])
    return found if isinstance(found, list) else [found]


def _numbers(parts: Mapping[str, Any], name: str) -> list[int]:
    try:
        return [int(each) for each in _list(parts, name)]
    except (TypeError, ValueError):
        raise Unreadable(f"{name} of its rule is no number") from None


def _positive(parts: Mapping[str, Any], name: str) -> int | None:
    found = _numbers(parts, name)
    if not found:
        return None
    if not 1 <= found[0] <= 366 * MAXYEAR:
        raise Unreadable(f"{name} of its rule is out of all bounds")
    return found[0]


def _weekday(name: str) -> int:
    try:
        return _WEEKDAYS[name.upper()]
    except KeyError:
        raise Unreadable(f"its rule knows a weekday {name[:10]}") from None


def _day(written: Any) -> tuple[int, int]:
    """`MO`, `2MO` or `-1MO`."""
    text = str(written)
    try:
        return _weekday(text[-2:]), int(text[:-2] or 0)
    except ValueError:
        raise Unreadable(f"its rule knows a weekday {text[:10]}") from None


def _times_of_day(parts: Mapping[str, Any], start: datetime) -> tuple[time, ...]:
    hours, minutes, seconds = (
        sorted(set(_numbers(parts, name))) or [now]
        for name, now in (
            ("BYHOUR", start.hour),
            ("BYMINUTE", start.minute),
            ("BYSECOND", start.second),
        )
    )
    try:
        return tuple(time(*each) for each in product(hours, minutes, seconds))
    except ValueError:
        raise Unreadable("its rule knows a time of day that there is not") from None
