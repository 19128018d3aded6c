"""A whole installation on this machine, kept up by the supervisor of `backline up`."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from nats.aio.client import Client

from libs.chassis.connections import connect_nats
from libs.chassis.secrets import Secrets
from libs.chassis.settings import ProcessSettings
from libs.stack.credentials import Credentials
from libs.stack.ports import free_ports
from libs.stack.processes import Child
from libs.stack.readiness import answers_ok
from libs.stack.supervisor import ENVIRONMENT_FILE, Plan, Supervisor
from libs.testkit.waiting import eventually

UP_SECONDS_MAX = 120.0
READY_SECONDS_MAX = 30.0

_BACKLINE = (sys.executable, "-P", "-m", "libs.chassis.cli")

WRITERS: Mapping[str, tuple[str, ...]] = {
    "owner-1": ("voting.owner",),
    "owner-2": ("voting.owner",),
}
"""What it takes to write, and no more."""

EVERYTHING: Mapping[str, tuple[str, ...]] = {
    "gateway-1": ("gateway",),
    "gateway-2": ("gateway",),
    **WRITERS,
    "projections": ("voting.projections",),
    "queries": ("voting.queries",),
    "accounts": ("auth", "catalog"),
}
"""Every part in a process of its own, and two of what a client or a vote cannot do without."""


class ChaosStack:
    """What runs, and how to reach and to hurt it.

    directory   of everything it keeps, logs included
    gateways    addresses, as http://…
    settings    with which anybody finds it
    """

    def __init__(self, directory: Path, supervisor: Supervisor, gateways: Sequence[str]) -> None:
        self.directory = directory
        self.gateways = gateways
        lines = (directory / ENVIRONMENT_FILE).read_text().splitlines()
        variables = dict(line.split("=", 1) for line in lines)
        self.settings = ProcessSettings.load(variables)
        self.credentials = Credentials(directory / "secrets")
        self._children = {kept.child.name: kept.child for kept in supervisor._kept}

    def child(self, name: str) -> Child:
        """A process by its name: `nats-server`, `postgres`, or one that was asked for."""
        return self._children[name]

    def named(self, prefix: str) -> list[str]:
        """The names of the processes of a kind: `owner` for all owners."""
        return [name for name in self._children if name.startswith(prefix)]

    def kill(self, name: str) -> None:
        """End a process as a crash would: at once, with nothing put in order."""
        self.child(name).signal(signal.SIGKILL)

    def suspend(self, name: str) -> None:
        """Stop a process and all it started where they are, until `resume`."""
        os.killpg(self.child(name).pid, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let it go on, as if no time had passed."""
        os.killpg(self.child(name).pid, signal.SIGCONT)

    async def until_ready(self) -> None:
        """Wait until every process is back and says that it serves. raises   TimeoutError"""
        for name, child in self._children.items():
            port = (child.environment or {}).get("BACKLINE_HEALTH_PORT")

            async def is_ready(child: Child = child, port: str | None = port) -> bool:
                url = f"http://127.0.0.1:{port}/health/ready"
                return child.is_running and (
                    port is None or await asyncio.to_thread(answers_ok, url)
                )

            try:
                await eventually(is_ready, timeout_seconds=READY_SECONDS_MAX)
            except TimeoutError:
                raise TimeoutError(f"{name} does not serve again: {child.tail()}") from None

    async def connect(self, user: str) -> Client:
        """A connection in the name of a service, which comes back by itself as theirs do."""
        secrets = Secrets(self.settings.secrets)
        return await connect_nats(user, self.settings, secrets, _on_broken)

    async def drop_database(self) -> None:
        """Take the database of the read models away, from under whoever uses it."""
        name = self.settings.database_url.rsplit("/", 1)[1]
        url = self.settings.database_url.replace("://", f"://postgres:{self._superuser}@", 1)
        connection = await asyncpg.connect(url.rsplit("/", 1)[0] + "/postgres")
        try:
            await connection.execute(f"drop database if exists {name} with (force)")
        finally:
            await connection.close()

    @property
    def _superuser(self) -> str:
        return self.credentials.superuser_password


@asynccontextmanager
async def running_stack(
    directory: Path,
    processes: Mapping[str, Sequence[str]] = EVERYTHING,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[ChaosStack]:
    """An installation during the block, which is entered once all of it serves.

    processes     by name, and what each runs
    environment   settings of all of them
    raises        ChildFailed when it cannot be brought up
    """
    names = [name for name in processes if name.startswith("gateway")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    screen = _Screen()
    plan = Plan(
        data=directory,
        port=0,
        has_gateway=False,
        before={"prepare": (*_BACKLINE, "prepare")},
        processes={
            name: (*_at_port(ports.get(name)), *_BACKLINE, "run", *specs)
            for name, specs in processes.items()
        },
        after={},
        environment={**_ours(), **(environment or {})},
    )
    supervisor = Supervisor(plan, screen)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(supervisor.run())
        running.add_done_callback(lambda _: screen.is_up.set())
        try:
            async with asyncio.timeout(UP_SECONDS_MAX):
                await screen.is_up.wait()
            gateways = [f"http://127.0.0.1:{port}" for port in ports.values()]
            yield ChaosStack(directory, supervisor, gateways)
        finally:
            supervisor.stop()


def _on_broken(error: Exception) -> None:
    """NATS ended one of our own connections for good: what was to be learnt will be missed."""
    raise error


def _at_port(port: int | None) -> tuple[str, ...]:
    """Each gateway needs a port of its own, and the supervisor gives all the same settings."""
    return () if port is None else ("/usr/bin/env", f"BACKLINE_PORT={port}")


def _ours() -> dict[str, str]:
    """This environment without settings that are meant for another stack."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BACKLINE_")}
    return {**kept, "BACKLINE_LOG_FORMAT": "json"}


class _Screen:
    """Nobody watches the supervisor here; its processes' logs are in its directory."""

    def __init__(self) -> None:
        self.is_up = asyncio.Event()

    def step(self, text: str) -> None:
        """Not told."""

    def ready(self) -> None:
        """All of it serves."""
        self.is_up.set()

    def trouble(self, text: str) -> None:
        """Trouble is what we make here."""

    def news(self, process: str, line: str) -> None:
        """Not told: it stands in the log."""
