"""Rules of repetition: against dateutil, which reads them another way, and against hostile ones."""

import warnings
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from icalendar.prop import vRecur

from services.catalog.adapters.findings import Unreadable
from services.catalog.adapters.partners.recurrence import Budget, read_rule, times

START = datetime(1997, 9, 2, 9, 0)  # noqa: DTZ001  # On the clock of wherever it is.
END = datetime(2030, 1, 1)  # noqa: DTZ001
BY = {
    "BYMONTH": st.integers(1, 12),
    "BYMONTHDAY": st.integers(1, 31) | st.integers(-31, -1),
    "BYHOUR": st.integers(0, 23),
    "BYMINUTE": st.integers(0, 59),
}
WEEKDAYS = st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
PLACES = st.integers(1, 5) | st.integers(-5, -1)


def ours(
    rule: str, start: datetime = START, since: datetime = START, most: int = 40, days: int = 100_000
) -> Sequence[datetime]:
    parts = vRecur.from_ical(rule)
    until = None
    for value in parts.get("UNTIL", []):
        until = value if isinstance(value, datetime) else datetime.combine(value, time.max)
    read = read_rule(parts, start, until)
    return list(islice(times(read, start, since, END, Budget(days)), most))


def theirs(rule: str, since: datetime = START, most: int = 40) -> Sequence[datetime]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = rrulestr(f"RRULE:{rule}", dtstart=START).xafter(since, inc=True)
        return [each for each in islice(found, most) if each < END]


@st.composite
def rules(draw: Any) -> str:
    """Rules that both read alike, and that come to something."""
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = {"FREQ": frequency, "INTERVAL": draw(st.integers(1, 4))}
    names = draw(st.sets(st.sampled_from(sorted(BY)), max_size=2))
    if frequency == "WEEKLY":
        names.discard("BYMONTHDAY")
    for name in names:
        parts[name] = ",".join(map(str, sorted(draw(st.sets(BY[name], min_size=1, max_size=3)))))
    if draw(st.booleans()):
        days = draw(st.sets(WEEKDAYS, min_size=1, max_size=3))
        is_counted = frequency in {"MONTHLY", "YEARLY"} and draw(st.booleans())
        named = [f"{draw(PLACES)}{day}" if is_counted else day for day in sorted(days)]
        parts["BYDAY"] = ",".join(named)
    if frequency in {"MONTHLY", "YEARLY"} and len(parts) > 2 and draw(st.booleans()):
        # dateutil counts positions in the first week from its start on, and not in the whole week.
        parts["BYSETPOS"] = draw(PLACES)
    parts["WKST"] = draw(WEEKDAYS)
    if draw(st.booleans()):
        parts["COUNT"] = draw(st.integers(1, 50))
    return ";".join(f"{name}={value}" for name, value in parts.items())


@given(rules(), st.integers(0, 4000))
def test_comes_to_the_times_that_dateutil_comes_to(rule: str, days_later: int) -> None:
    since = START + timedelta(days=days_later)
    assert ours(rule, since=since, days=10_000_000) == theirs(rule, since)


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        # The examples of RFC 5545, 3.8.5.3, with what they come to there.
        ("FREQ=DAILY;INTERVAL=10;COUNT=5", ["9-2", "9-12", "9-22", "10-2", "10-12"]),
        ("FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", ["9-2", "9-4", "9-9", "9-11", "9-16"]),
        ("FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU", ["9-7", "9-28", "11-2", "11-30"]),
        ("FREQ=MONTHLY;BYMONTHDAY=-3", ["9-28", "10-29", "11-28", "12-29"]),
        ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", ["1998-5-11", "1999-5-17", "2000-5-15"]),
        ("FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200", ["2000-1-1", "2000-4-9"]),
        ("FREQ=YEARLY;BYDAY=20MO", ["1998-5-18", "1999-5-17", "2000-5-15"]),
        ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", ["9-4", "10-7", "11-6"]),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", ["1998-2-13", "1998-3-13", "1998-11-13"]),
        ("FREQ=WEEKLY;UNTIL=19970916", ["9-2", "9-9", "9-16"]),
    ],
)
def test_comes_to_what_the_standard_says(rule: str, days: list[str]) -> None:
    whole = [f"1997-{each}" if each.count("-") == 1 else each for each in days]
    expected = [date(*map(int, each.split("-"))) for each in whole]
    assert [each.date() for each in ours(rule)[: len(days)]] == expected
    assert {each.time() for each in ours(rule)} == {START.time()}


def test_is_entered_near_the_time_that_is_asked_about() -> None:
    assert ours("FREQ=DAILY", since=datetime(2029, 12, 30), days=10) == [  # noqa: DTZ001
        datetime(2029, 12, 30, 9),  # noqa: DTZ001
        datetime(2029, 12, 31, 9),  # noqa: DTZ001
    ]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";COUNT=1000000",
        "FREQ=WEEKLY;BYMONTH=2;BYMONTHDAY=30;COUNT=1",
    ],
)
def test_costs_no_more_than_it_may(rule: str) -> None:
    with pytest.raises(Unreadable, match="take too long"):
        ours(rule, most=10**9, days=5_000)


def test_ends_with_the_years() -> None:
    rule = read_rule(vRecur.from_ical("FREQ=YEARLY;INTERVAL=5000"), START, None)
    last = datetime(9999, 12, 31)  # noqa: DTZ001
    found = list(times(rule, START, START, last, Budget(10_000)))
    assert found == [START, START.replace(year=6997)]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=HOURLY;INTERVAL=2",
        "COUNT=3",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;INTERVAL=2147483647",
        "RSCALE=CHINESE;FREQ=YEARLY",
    ],
)
def test_does_not_guess_what_it_cannot_read(rule: str) -> None:
    with pytest.raises(Unreadable):
        ours(rule)
