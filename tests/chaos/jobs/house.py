"""The scheduler, two workers of a service and their servers, each a process that can be killed."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from libs.kernel.errors import BacklineError
from libs.kernel.messages import service_caller
from libs.testkit.services import bus_of
from libs.testkit.stack import RunningNats
from libs.testkit.waiting import eventually
from tests.chaos.house import House, Part, part_of, running_house

_STAMPS = (sys.executable, "-m", "tests.chaos.jobs.stamps")
PARTS = {
    "scheduler-1": part_of("scheduler.owner", "scheduler.process-managers"),
    "scheduler-2": part_of("scheduler.owner", "scheduler.process-managers"),
    "read-model": part_of("scheduler.projections", "scheduler.queries"),
    "owner": Part((*_STAMPS, "owner"), has_health=False),
    "worker-1": Part((*_STAMPS, "worker"), has_health=False),
    "worker-2": Part((*_STAMPS, "worker"), has_health=False),
}


@asynccontextmanager
async def running_jobs(directory: Path) -> AsyncIterator[House]:
    """All of it during the block, which is entered once a job is registered."""
    async with running_house(directory, PARTS) as house:
        await eventually(lambda: _is_registered(house.nats), timeout_seconds=60)
        yield house


async def _is_registered(nats: RunningNats) -> bool:
    async with bus_of("gateway", nats) as bus:
        try:
            found = await bus.ask_raw("scheduler.list-jobs", {}, caller=service_caller("gateway"))
        except BacklineError:
            return False
    return bool(found.result["jobs"])
