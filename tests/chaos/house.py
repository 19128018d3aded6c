"""Parts of services and their servers, each a process that can be killed and is started again."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from libs.bus import Bus
from libs.chassis.prepare import prepare
from libs.eventlog import JetStreamLog
from libs.eventlog.model import RecordedCommit
from libs.kernel.errors import BacklineError
from libs.kernel.ids import new_id
from libs.kernel.messages import Caller
from libs.stack.ports import free_ports
from libs.stack.processes import Child
from libs.stack.readiness import answers_ok
from libs.testkit.stack import (
    TEST_SERVICES,
    RunningDatabase,
    RunningNats,
    running_database,
    running_nats,
)
from libs.testkit.waiting import eventually

NATS = "nats-server"
POSTGRES = "postgres"
LOOK_SECONDS = 0.1
AGAIN_SECONDS = 0.2
READY_SECONDS_MAX = 240.0
STEADY_SECONDS = 1.0
ANSWER_SECONDS_MAX = 180.0
RECONNECTING = {"allow_reconnect": True, "max_reconnect_attempts": -1, "reconnect_time_wait": 0.1}
_RUN = (sys.executable, "-P", "-m", "libs.chassis.cli", "run")


@dataclass(frozen=True, slots=True)
class Part:
    """What one process runs, and settings of its own.

    has_health   it says at a port of its own when it serves
    """

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    has_health: bool = True


def part_of(*specs: str, **environment: str) -> Part:
    """A process that runs parts of services."""
    return Part((*_RUN, *specs), environment)


class House:
    """What runs. Whatever is killed is started again at once."""

    def __init__(
        self,
        nats: RunningNats,
        database: RunningDatabase,
        directory: Path,
        parts: Mapping[str, Part],
        environment: Mapping[str, str],
    ) -> None:
        self.nats = nats
        self.database = database
        self._health: dict[str, int] = {}
        self._children: dict[str, Child] = {}
        self._started_at: dict[str, float] = {}
        kept = {name: text for name, text in os.environ.items() if "BACKLINE_" not in name}
        common = {
            **kept,
            "BACKLINE_NATS_URL": nats.url,
            "BACKLINE_DATABASE_URL": database.url,
            "BACKLINE_SECRETS": str(nats.secrets),
            "BACKLINE_PORT": "0",
            "BACKLINE_LOG_FORMAT": "json",
            **environment,
        }
        for name, part in parts.items():
            mine = {**common, **part.environment}
            if part.has_health:
                (self._health[name],) = free_ports(1)
                mine["BACKLINE_HEALTH_PORT"] = str(self._health[name])
            self._children[name] = Child(name, part.arguments, directory / f"{name}.log", mine)

    # ------------------------------------------------------------------ up and down

    def kill(self, *names: str) -> None:
        """End processes, or `nats-server`, or `postgres`, as a crash would."""
        for name in names:
            self._child(name).signal(signal.SIGKILL)

    async def cut_connections(self) -> None:
        """End every connection to PostgreSQL, from its side."""
        connection = await asyncpg.connect(self.database.superuser_url)
        try:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where pid <> pg_backend_pid() and backend_type = 'client backend'"
            )
        finally:
            await connection.close()

    async def keep_up(self) -> None:
        """Start what is not running, again and again."""
        while True:
            if not self.nats.server.child.is_running:
                self.nats.server.launch()
            if not self.database.server.child.is_running and self._is_time(POSTGRES):
                self.database.server.launch()
            for child in self._children.values():
                child.start()
            await asyncio.sleep(LOOK_SECONDS)

    async def until_ready(self) -> None:
        """Wait until every part says that it serves. raises   TimeoutError"""
        for name, port in self._health.items():
            url = f"http://127.0.0.1:{port}/health/ready"

            async def is_ready(url: str = url) -> bool:
                return await asyncio.to_thread(answers_ok, url)

            try:
                await eventually(is_ready, timeout_seconds=READY_SECONDS_MAX)
            except TimeoutError:
                raise TimeoutError(f"{name} does not serve: {self._child(name).tail()}") from None

    def stop(self) -> None:
        """Stop all of it but the servers."""
        for child in self._children.values():
            child.kill()

    def _child(self, name: str) -> Child:
        servers = {NATS: self.nats.server.child, POSTGRES: self.database.server.child}
        return servers.get(name) or self._children[name]

    def _is_time(self, name: str) -> bool:
        """Whether to try again: PostgreSQL starts once the last of its old processes is gone."""
        now = time.monotonic()
        if now - self._started_at.get(name, 0.0) < STEADY_SECONDS:
            return False
        self._started_at[name] = now
        return True

    # ------------------------------------------------------------------ what it says

    async def recorded(
        self, service: str, events: tuple[type, ...] | None = None
    ) -> list[RecordedCommit]:
        """The whole log of a service, as far as it goes now."""
        client = await self.nats.connect(service)
        try:
            log = await JetStreamLog.open(client, service)
            end = await log.last_position()
            found: list[RecordedCommit] = []
            async for commits in log.follow(after=0, events=events):
                found += commits
                if not commits or commits[-1].position >= end:
                    return found
            raise AssertionError("a log is followed for ever")
        finally:
            await client.close()


@asynccontextmanager
async def running_house(
    directory: Path, parts: Mapping[str, Part], environment: Mapping[str, str] | None = None
) -> AsyncIterator[House]:
    """All of it during the block, which is entered once every part serves."""
    with running_nats(directory) as nats, running_database(directory) as database:
        await prepare(nats.url, nats.secrets, services=TEST_SERVICES)
        house = House(nats, database, directory, parts, environment or {})
        async with asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(house.keep_up())
            try:
                await house.until_ready()
                yield house
            finally:
                keeping.cancel()
                await asyncio.wait({keeping})
                house.stop()


# ---------------------------------------------------------------------------------- insisting


async def insist(bus: Bus, command: str, args: dict[str, Any], caller: Caller) -> dict[str, Any]:
    """Send a command until it is answered: whoever was killed is back in a moment.

    raises   what it is refused with; TimeoutError
    """
    command_id = new_id()
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        while True:
            try:
                return await bus.send_raw(command, args, caller=caller, command_id=command_id)
            except BacklineError as error:
                await _bear(error)


async def insist_on_asking(
    bus: Bus, query: str, args: dict[str, Any], caller: Caller, after: int = 0
) -> dict[str, Any]:
    """Ask until there is an answer. raises   what it is refused with; TimeoutError"""
    async with asyncio.timeout(ANSWER_SECONDS_MAX):
        while True:
            try:
                answer = await bus.ask_raw(query, args, caller=caller, after=after)
            except BacklineError as error:
                await _bear(error)
            else:
                return answer.result


async def _bear(error: BacklineError) -> None:
    """Wait a moment, if it is one that passes."""
    if error.problem()["kind"] not in {"unavailable", "rate-limited", "conflict"}:
        raise error
    await asyncio.sleep(AGAIN_SECONDS)
