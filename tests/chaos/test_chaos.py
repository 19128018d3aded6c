"""Faults under load: a few of them each time, many of them when asked for."""

import random

import pytest

from tests.chaos.faults import FAULTS, QUICK
from tests.chaos.rounds import plan_of, run
from tests.chaos.stack import WRITERS

QUICK_RATE = 100.0


@pytest.mark.connected
@pytest.mark.timeout(240)  # A dozen processes start, and may do so on a machine that is busy.
async def test_keeps_every_acknowledged_vote_when_an_owner_or_the_log_is_taken_away() -> None:
    plan = plan_of(len(QUICK), random.randrange(1000), QUICK, WRITERS, QUICK_RATE)
    outcome = await run(plan)
    assert outcome.violations == [], f"seed {plan.seed}"
    assert outcome.acknowledged > len(QUICK)


@pytest.mark.chaos
@pytest.mark.timeout(1200)
async def test_keeps_every_promise_when_anything_is_taken_away() -> None:
    plan = plan_of(2 * len(FAULTS), random.randrange(1000))
    outcome = await run(plan)
    assert outcome.violations == [], f"seed {plan.seed}"
    assert outcome.rebuilds_compared
