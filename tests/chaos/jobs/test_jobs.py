"""Scheduled jobs under kill -9: a few rounds each time, many when asked for."""

import random
from pathlib import Path

import pytest

from tests.chaos.jobs.rounds import VICTIMS, run_rounds


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
