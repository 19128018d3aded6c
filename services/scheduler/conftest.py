"""The scheduler as it runs, and workers of another service, for the tests of this room."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts import all as contracts
from contracts.scheduler_views import RunList
from libs.bus import Bus
from libs.jobs import Job, JobContext, Policy, Worker
from libs.kernel.messages import Caller, message, service_caller
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from libs.testkit.waiting import eventually

ADMIN = Caller(user_id="usr_admin", roles=("admin",))
SERVICE = service_caller("gateway")
JOB = "toy.draw"
POLICY = Policy(first_pause_seconds=0.1, attempts_max=3, timeout_seconds=30)


@message
class Draw:
    """What the toy's job is told."""

    name: str = ""


@dataclass
class Toy:
    """A service with one job, whose doing is in the hands of the test.

    begun     the attempts that have begun: (run, attempt)
    begun_at  when, in the same order
    done      the runs whose work was done, once for each time
    hold      while it is set, the job waits for `go`
    fail      raised by the job, once for each entry
    """

    nats: RunningNats
    begun: list[tuple[str, int]] = field(default_factory=list)
    begun_at: list[datetime] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    is_holding: bool = False
    go: asyncio.Event = field(default_factory=asyncio.Event)
    fail: list[Exception] = field(default_factory=list)
    policy: Policy = POLICY

    async def draw(self, _arguments: Draw, context: JobContext) -> None:
        """Draw a ticket."""
        self.begun.append((context.run_id, context.attempt))
        self.begun_at.append(datetime.now(UTC))
        if self.fail:
            raise self.fail.pop(0)
        if self.is_holding:
            await context.report(1, 2, "half way")
            await self.go.wait()
        self.done.append(context.run_id)

    @asynccontextmanager
    async def working(self, **options: Any) -> AsyncIterator[Worker]:
        """A worker of the toy, during the block."""
        client = await self.nats.connect(
            "toy", allow_reconnect=True, max_reconnect_attempts=-1, reconnect_time_wait=0.1
        )
        job = Job(JOB, Draw, self.draw, self.policy)
        worker = Worker(service="toy", jobs=[job], client=client, **options)
        ready = asyncio.Event()
        task = asyncio.create_task(worker.run(ready.set))
        waiting = asyncio.create_task(ready.wait())
        try:
            async with asyncio.timeout(10):
                await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            yield worker
            if task.done():
                task.result()
        finally:
            for each in (task, waiting):
                each.cancel()
            await asyncio.wait({task, waiting})
            await client.close()


@dataclass
class House:
    """The scheduler, as an administrator sees it."""

    bus: Bus

    async def send(self, name: str, *, caller: Caller = ADMIN, **args: Any) -> dict[str, Any]:
        return await self.bus.send_raw(f"scheduler.{name}", args, caller=caller)

    async def ask(self, name: str, **args: Any) -> dict[str, Any]:
        return (await self.bus.ask_raw(f"scheduler.{name}", args, caller=ADMIN)).result

    async def put(self, schedule_id: str, timing: dict[str, Any], **args: Any) -> None:
        arguments = {"schedule_id": schedule_id, "job": JOB, "arguments": {}, "timing": timing}
        await self.send("put-schedule", **{"caller": SERVICE, **arguments, **args})

    async def runs(self, which: RunList, schedule_id: str) -> Sequence[dict[str, Any]]:
        found = await self.ask("list-runs", which=which.value, schedule_id=schedule_id)
        runs: list[dict[str, Any]] = found["runs"]
        return runs

    async def until(self, which: RunList, schedule_id: str, **fields: Any) -> dict[str, Any]:
        """The first run of a schedule in a list that has these values, once there is one."""
        found: list[dict[str, Any]] = []

        async def is_there() -> bool:
            found[:] = [
                run
                for run in await self.runs(which, schedule_id)
                if all(run[name] == value for name, value in fields.items())
            ]
            return bool(found)

        await eventually(is_there, timeout_seconds=20)
        return found[0]


@pytest.fixture
async def house(nats_server: RunningNats, database: RunningDatabase) -> AsyncIterator[House]:
    """The scheduler, running."""
    contracts.load()
    async with (
        running_services(["scheduler"], nats_server, database),
        bus_of("gateway", nats_server) as bus,
    ):
        yield House(bus)


@pytest.fixture
def toy(nats_server: RunningNats) -> Toy:
    """A service that has a job."""
    return Toy(nats_server)
