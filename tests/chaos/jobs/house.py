"""The scheduler, two workers of a service and their servers, each a process that can be killed."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from libs.chassis.prepare import prepare
from libs.stack.processes import Child
from libs.testkit.services import bus_of
from libs.testkit.stack import (
    TEST_SERVICES,
    RunningDatabase,
    RunningNats,
    running_database,
    running_nats,
)
from libs.testkit.waiting import eventually

_BACKLINE = (sys.executable, "-P", "-m", "libs.chassis.cli", "run")
_STAMPS = (sys.executable, "-m", "tests.chaos.jobs.stamps")
PARTS = {
    "scheduler-1": (*_BACKLINE, "scheduler.owner", "scheduler.process-managers"),
    "scheduler-2": (*_BACKLINE, "scheduler.owner", "scheduler.process-managers"),
    "read-model": (*_BACKLINE, "scheduler.projections", "scheduler.queries"),
    "owner": (*_STAMPS, "owner"),
    "worker-1": (*_STAMPS, "worker"),
    "worker-2": (*_STAMPS, "worker"),
}
LOOK_SECONDS = 0.1
RECONNECTING = {"allow_reconnect": True, "max_reconnect_attempts": -1, "reconnect_time_wait": 0.1}


class JobsHouse:
    """What runs. Whatever is killed is started again at once."""

    def __init__(self, nats: RunningNats, database: RunningDatabase, directory: Path) -> None:
        self.nats = nats
        environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("BACKLINE_")},
            "BACKLINE_NATS_URL": nats.url,
            "BACKLINE_DATABASE_URL": database.url,
            "BACKLINE_SECRETS": str(nats.secrets),
            "BACKLINE_PORT": "0",
            "BACKLINE_LOG_FORMAT": "json",
        }
        self._children = {
            name: Child(name, arguments, directory / f"{name}.log", environment)
            for name, arguments in PARTS.items()
        }

    def kill(self, name: str) -> None:
        """End a process, or `nats-server`, as a crash would."""
        self._child(name).signal(signal.SIGKILL)

    def _child(self, name: str) -> Child:
        return self.nats.server.child if name == "nats-server" else self._children[name]

    async def keep_up(self) -> None:
        """Start what is not running, again and again."""
        while True:
            if not self.nats.server.child.is_running:
                self.nats.server.launch()
            for child in self._children.values():
                child.start()
            await asyncio.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """Stop all of it but the servers."""
        for child in self._children.values():
            child.kill()


@asynccontextmanager
async def running_house(directory: Path) -> AsyncIterator[JobsHouse]:
    """All of it during the block, which is entered once a job is registered."""
    with running_nats(directory) as nats, running_database(directory) as database:
        await prepare(nats.url, nats.secrets, services=TEST_SERVICES)
        house = JobsHouse(nats, database, directory)
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(house.keep_up())
            try:
                await eventually(lambda: _is_up(nats), timeout_seconds=60)
                yield house
            finally:
                keeping.cancel()
                await asyncio.wait({keeping})
                house.stop()


async def _is_up(nats: RunningNats) -> bool:
    from libs.kernel.errors import BacklineError
    from libs.kernel.messages import service_caller

    async with bus_of("gateway", nats) as bus:
        try:
            found = await bus.ask_raw("scheduler.list-jobs", {}, caller=service_caller("gateway"))
        except BacklineError:
            return False
    return bool(found.result["jobs"])
