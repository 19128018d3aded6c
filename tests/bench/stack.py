"""The parts a benchmark runs: a nats-server, a PostgreSQL, services; fresh for every round."""

import asyncio
import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import nats
from nats.aio.client import Client

from libs.chassis.prepare import prepare
from libs.stack.credentials import Credentials
from libs.stack.nats_server import NatsServer
from libs.stack.permissions import SERVICES, databases, users
from libs.stack.ports import free_ports
from libs.stack.postgres import Postgres
from libs.stack.processes import Child
from tests.bench.machine import CpuMeter, children_of
from tests.bench.wire import Wire

READY_SECONDS_MAX = 30.0
_RUN = (sys.executable, "-m", "libs.chassis.cli", "run")


@dataclass
class BenchStack:
    """What runs, and how to reach it."""

    directory: Path
    nats: NatsServer
    credentials: Credentials
    postgres: Postgres | None
    port: int
    children: dict[str, Child]
    settings: Mapping[str, str]

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def connect(self, user: str) -> Client:
        """A connection in the name of a service."""
        return await nats.connect(
            self.nats.url,
            nkeys_seed_str=self.credentials.nats_seed(user),
            inbox_prefix=f"_INBOX_{user}".encode(),
            pending_size=64 * 1024 * 1024,
        )

    async def wire(self, user: str) -> Wire:
        """A load generator's connection in the name of a service."""
        return await Wire.connect(self.nats.url, seed=self.credentials.nats_seed(user), user=user)

    def cpu_meter(self) -> CpuMeter:
        """Measures from now on what each process uses; ours is called the generator."""
        pids = {name: [child.pid] for name, child in self.children.items()}
        if self.postgres is not None:
            postmaster = self.postgres.child.pid
            pids["postgres"] = [postmaster, *children_of(postmaster)]
        return CpuMeter({**pids, "nats": [self.nats.child.pid], "generator": [os.getpid()]})

    async def start(
        self, name: str, *specs: str, ready_seconds_max: float = READY_SECONDS_MAX
    ) -> Child:
        """Run parts of services in a process of its own, and wait until it is ready."""
        health_port = free_ports(1)[0]
        child = self.launch(name, *_RUN, *specs, health_port=health_port)
        url = f"http://127.0.0.1:{health_port}/health/ready"
        await _until_ready(url, child, ready_seconds_max)
        return child

    def launch(self, name: str, *arguments: str, health_port: int = 0) -> Child:
        """Start a process that has what a service has."""
        environment = {
            **os.environ,
            "BACKLINE_NATS_URL": self.nats.url,
            "BACKLINE_SECRETS": str(self.directory / "secrets"),
            "BACKLINE_PORT": str(self.port),
            "BACKLINE_HEALTH_PORT": str(health_port),
            "BACKLINE_LOG_LEVEL": "warning",
            "BACKLINE_AUTH_DEVELOPMENT_USERS": "member",
            **self.settings,
        }
        if self.postgres is not None:
            environment["BACKLINE_DATABASE_URL"] = self.postgres.url
        log = self.directory / f"{name}.log"
        child = Child(name, arguments, log, environment)
        child.start()
        self.children[name] = child
        return child

    def log_bytes(self, service: str) -> int:
        """Bytes on disk of a service's log, all its blocks."""
        store = self.nats_store(service)
        return sum(path.stat().st_size for path in store.rglob("*.blk"))

    def nats_store(self, service: str) -> Path:
        """The directory in which nats-server keeps a log."""
        return next((self.directory / "nats").rglob(f"EVT_{service.upper()}"))


@asynccontextmanager
async def bench_stack(
    services: Sequence[tuple[str, tuple[str, ...]]] = (),
    *,
    with_database: bool = False,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[BenchStack]:
    """A stack with these processes (name, what each runs), gone when the block ends.

    settings   of all of them, as in the environment
    """
    with tempfile.TemporaryDirectory(prefix="backline-bench-") as name:
        directory = Path(name)
        credentials = Credentials(directory / "secrets")
        credentials.ensure(users(SERVICES), databases(SERVICES))
        server = NatsServer(directory / "nats", credentials)
        server.start()
        postgres = None
        if with_database:
            postgres = Postgres(directory / "postgres", credentials)
            postgres.start()
            await postgres.prepare(databases(SERVICES))
        stack = BenchStack(directory, server, credentials, postgres, free_ports(1)[0], {}, settings)
        try:
            await prepare(server.url, directory / "secrets")
            for process, specs in services:
                await stack.start(process, *specs)
            yield stack
        finally:
            for child in reversed(stack.children.values()):
                await asyncio.to_thread(child.stop)
            if postgres is not None:
                postgres.stop()
            server.stop()


async def _until_ready(url: str, child: Child, seconds_max: float) -> None:
    deadline = time.monotonic() + seconds_max
    while not await asyncio.to_thread(_answers, url):
        if not child.is_running:
            raise child.failure("did not start")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{child.name} is not ready: {child.tail()}")
        await asyncio.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # Our own address.
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
