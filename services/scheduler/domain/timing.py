"""When: the times that a schedule says, as a function of its timing and of nothing else.

Cron expressions are read by cronsim, which does as Debian's cron: fields are joined by AND or OR in
its way, and what falls into an hour that the clock skips happens at the end of it.
source    crontab(5), cron(8) of Debian; https://github.com/cuu508/cronsim
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from itertools import takewhile
from typing import assert_never
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from contracts.scheduler import Cron, Interval, Once, Timing, TimingInvalid

TICK = timedelta(microseconds=1)


def check(timing: Timing) -> None:
    """Whether it says when at all. raises TimingInvalid"""
    match timing:
        case Once(run_at=run_at, run_after_seconds=seconds):
            if (run_at is None) == (seconds is None):
                raise TimingInvalid("timing: one of run_at and run_after_seconds")
        case Interval():
            pass
        case Cron(expression=expression, zone=zone):
            try:
                CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
            except CronSimError as error:
                raise TimingInvalid(f"timing.expression: {error}") from None
            _zone(zone)
        case _:
            assert_never(timing)


def anchor_of(timing: Timing, now: datetime) -> datetime:
    """What the times are counted from when the timing begins to hold; of a single time the time
    itself.
    """
    match timing:
        case Once(run_at=None, run_after_seconds=float() | int() as seconds):
            return now + timedelta(seconds=seconds)
        case Once(run_at=datetime() as run_at):
            return run_at.astimezone(UTC)
        case Interval(start_at=datetime() as start_at):
            return start_at.astimezone(UTC)
        case _:
            return now


def next_after(timing: Timing, anchor: datetime, after: datetime) -> datetime | None:
    """The first time after a moment, in UTC; None when there is none."""
    match timing:
        case Once():
            return anchor if anchor > after else None
        case Interval(every_seconds=seconds):
            every = timedelta(seconds=seconds)
            return anchor if anchor > after else anchor + ((after - anchor) // every + 1) * every
        case Cron(expression=expression, zone=zone):
            # In an hour that comes twice the clock does not tell us which one it is, so the first
            # times that are found may have been before.
            for local in CronSim(expression, after.astimezone(_zone(zone))):
                found = local.astimezone(UTC)
                if found > after:
                    return found
            return None
        case _:
            assert_never(timing)


def times(timing: Timing, anchor: datetime, since: datetime, until: datetime) -> Iterator[datetime]:
    """All times from a moment to another, both included, in order."""

    def from_first() -> Iterator[datetime]:
        found = next_after(timing, anchor, since - TICK)
        while found is not None:
            yield found
            found = next_after(timing, anchor, found)

    return takewhile(lambda time: time <= until, from_first())


def jitter(run_id: str, seconds_max: int) -> timedelta:
    """How much later a run begins: drawn from its id, so that it is always the same."""
    drawn = int.from_bytes(blake2b(run_id.encode(), digest_size=8).digest())
    return timedelta(milliseconds=drawn % (seconds_max * 1000 + 1))


@lru_cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise TimingInvalid(f"timing.zone: there is no time zone {name}") from None
