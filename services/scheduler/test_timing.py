"""When: every kind of timing, and clocks that are put forward and back."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.scheduler import Cron, Interval, Once, TimingInvalid
from services.scheduler.domain import timing

NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
START = datetime(2026, 1, 1, tzinfo=UTC)


def first_times(expression: str, zone: str, after: datetime, count: int) -> list[str]:
    """The next times, as the clock of the zone shows them, with their offset."""
    cron = Cron(expression=expression, zone=zone)
    found = []
    for _ in range(count):
        time = timing.next_after(cron, NOW, after)
        assert time is not None
        assert time > after
        found.append(time.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M%z"))
        after = time
    return found


def test_happens_once_when_it_is_once() -> None:
    once = Once(run_after_seconds=90)
    anchor = timing.anchor_of(once, NOW)
    assert timing.next_after(once, anchor, NOW) == NOW + timedelta(seconds=90)
    assert timing.next_after(once, anchor, anchor) is None


def test_counts_from_its_start_when_it_is_an_interval() -> None:
    start = NOW - timedelta(seconds=25)
    interval = Interval(every_seconds=10, start_at=start)
    assert timing.next_after(interval, start, NOW) == NOW + timedelta(seconds=5)
    assert timing.next_after(interval, start, start - timedelta(days=1)) == start


def test_follows_the_clock_of_its_zone_when_that_changes() -> None:
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert first_times("0 9 * * *", "Europe/Madrid", before, 3) == [
        "10-25 09:00+0100",
        "10-26 09:00+0100",
        "10-27 09:00+0100",
    ]
    spring = datetime(2026, 3, 27, 12, tzinfo=UTC)
    assert first_times("0 9 * * *", "Europe/Madrid", spring, 2) == [
        "03-28 09:00+0100",
        "03-29 09:00+0200",
    ]


def test_happens_at_the_end_of_an_hour_that_is_skipped() -> None:
    before = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert first_times("30 2 * * *", "Europe/Madrid", before, 2) == [
        "03-29 03:00+0200",
        "03-30 02:30+0200",
    ]


def test_happens_once_when_the_hour_comes_twice() -> None:
    before = datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert first_times("30 2 * * *", "Europe/Madrid", before, 2) == [
        "10-25 02:30+0200",
        "10-26 02:30+0100",
    ]


def test_happens_once_also_when_asked_between_the_two() -> None:
    between = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)  # 02:15 for the second time
    assert first_times("30 2 * * *", "Europe/Madrid", between, 1) == ["10-26 02:30+0100"]


def test_happens_each_hour_when_the_hour_is_a_star() -> None:
    before = datetime(2026, 10, 25, 0, tzinfo=UTC)  # 02:00 for the first time
    assert first_times("0 * * * *", "Europe/Madrid", before, 2) == [
        "10-25 02:00+0100",
        "10-25 03:00+0100",
    ]


def test_knows_zones_that_are_half_an_hour_off() -> None:
    before = datetime(2026, 11, 20, tzinfo=UTC)
    assert first_times("15 0 * * MON", "Asia/Kolkata", before, 1) == ["11-23 00:15+0530"]


@pytest.mark.parametrize(
    "wrong",
    [
        Once(),
        Once(run_at=NOW, run_after_seconds=1),
        Cron(expression="0 9 * *"),
        Cron(expression="61 9 * * *"),
        Cron(expression="0 9 31 2 *"),
        Cron(expression="0 9 * * *", zone="Europe/Atlantis"),
        Cron(expression="0 9 * * *", zone="../../etc/passwd"),
        Cron(expression="0 9 * * *", zone="Europe"),
        Cron(expression="@daily and more"),
    ],
)
def test_is_refused_when_it_does_not_say_when(wrong: Once | Cron) -> None:
    with pytest.raises(TimingInvalid):
        timing.check(wrong)


zones = st.sampled_from(["UTC", "Europe/Madrid", "America/New_York", "Australia/Lord_Howe"])
minutes = st.sampled_from(["0", "30", "*/20", "5,35"])
hours = st.sampled_from(["*", "2", "1-3", "*/6", "0"])
moments = st.integers(0, 2 * 366 * 24 * 60).map(lambda minute: START + timedelta(minutes=minute))


@given(minutes, hours, zones, moments)
def test_never_stands_still_or_says_a_time_twice(
    minute: str, hour: str, zone: str, after: datetime
) -> None:
    cron = Cron(expression=f"{minute} {hour} * * *", zone=zone)
    said = list(timing.times(cron, after, after, after + timedelta(days=3)))
    assert all(earlier < later for earlier, later in pairwise(said))
    assert all(
        timing.next_after(cron, after, earlier) == later for earlier, later in pairwise(said)
    )


@given(st.text(alphabet="abc-_1", min_size=1), st.integers(0, 3600))
def test_is_always_as_much_later_when_there_is_jitter(run_id: str, seconds: int) -> None:
    drawn = timing.jitter(run_id, seconds)
    assert timedelta(0) <= drawn <= timedelta(seconds=seconds)
    assert timing.jitter(run_id, seconds) == drawn
