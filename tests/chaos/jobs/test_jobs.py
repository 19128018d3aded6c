"""Scheduled jobs under kill -9: a few rounds each time, many when asked for."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.scheduler import Cause, OccurrenceIssued
from tests.chaos.jobs.rounds import EACH_SECOND, VICTIMS, gaps, once, run_rounds


@pytest.mark.connected
@pytest.mark.timeout(240)
async def test_loses_and_doubles_nothing_when_each_part_is_killed(tmp_path: Path) -> None:
    seed = random.randrange(1000)
    outcome = await run_rounds(tmp_path, len(VICTIMS), seed)
    assert outcome.violations == [], f"seed {seed}"
    assert outcome.runs > 20 * len(VICTIMS)


@pytest.mark.chaos
@pytest.mark.timeout(600)
async def test_loses_and_doubles_nothing_in_twenty_rounds(tmp_path: Path) -> None:
    seed = random.randrange(1000)
    outcome = await run_rounds(tmp_path, 20, seed)
    assert outcome.violations == [], f"seed {seed}"
    assert outcome.lost_attempts > 0


def test_finds_what_is_lost_doubled_or_unasked_for() -> None:
    found = once("happened", ["a", "a", "c"], {"a", "b"})
    assert found == [
        "b never happened",
        "a happened 2 times",
        "c happened, and nobody asked for it",
    ]
    assert once("happened", ["a"], {"a"}) == []


def test_finds_a_second_that_is_missing() -> None:
    def issued(second: int) -> OccurrenceIssued:
        at = datetime(2026, 11, 20, 21, 0, second, tzinfo=UTC)
        return OccurrenceIssued(
            schedule_id=EACH_SECOND,
            run_id=f"r{second}",
            job="toy.stamp-card",
            arguments={},
            occurrence=at,
            due_at=at,
            cause=Cause.SCHEDULE,
            is_tracked=False,
        )

    assert gaps([issued(1), issued(3), issued(2)]) == []
    assert len(gaps([issued(1), issued(3)])) == 1
    assert len(gaps([issued(1), issued(1)])) == 1
