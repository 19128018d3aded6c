"""No acknowledged vote is missing when the power was cut while it was being written."""

import random
from pathlib import Path

import pytest
from nats.js.errors import NotFoundError

from tests.chaos.disk import NoDisks, check_for_disks
from tests.chaos.powerloss import Forgetful, running_rig

ROUNDS = 20

pytestmark = [pytest.mark.powerloss, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def disks(tmp_path: Path) -> None:
    try:
        check_for_disks(tmp_path)
    except NoDisks as reason:
        pytest.skip(str(reason))


async def test_keeps_every_acknowledged_vote_when_the_power_is_cut(tmp_path: Path) -> None:
    chance = random.Random(tmp_path.name)
    async with running_rig(tmp_path, chance) as rig:
        for number in range(ROUNDS):
            await rig.flow(chance)
            rig.cut_power()
            await rig.rest()
            log = await rig.audit()
            violations = [*rig.ledger.violations, *log.violations(rig.ledger.votes.values())]
            assert not violations, f"in round {number}"


async def test_can_fail_when_the_server_syncs_as_it_does_by_default(tmp_path: Path) -> None:
    chance = random.Random(tmp_path.name)
    async with running_rig(tmp_path, chance, Forgetful) as rig:
        await rig.flow(chance)
        await rig.rest()
        rig.cut_power()
        try:
            lost = (await rig.audit()).violations(rig.ledger.votes.values())
        except NotFoundError:
            return  # The whole log is gone.
        assert lost
