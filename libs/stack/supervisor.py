"""Everything on one machine: nats-server, PostgreSQL and the processes of the services.

What dies is started again, more slowly each time; what is told to stop stops in order: services,
PostgreSQL, nats-server. The supervisor holds the lock on the data all the while, and its death
takes everything along (`libs.stack.processes`).
"""

import asyncio
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from libs.stack.credentials import Credentials
from libs.stack.data_lock import DataLock
from libs.stack.log_tail import LogTail
from libs.stack.nats_server import NatsServer
from libs.stack.permissions import SERVICES, databases, users
from libs.stack.ports import free_ports, is_free
from libs.stack.postgres import Postgres
from libs.stack.processes import Child, ChildFailed
from libs.stack.readiness import answers_ok, until_ready

ENVIRONMENT_FILE = "environment"
"""In the data directory while a stack runs: the settings with which others find it."""

EXIT_MISCONFIGURED = 78
"""A process that ends with this (EX_CONFIG in `sysexits.h`) is not started again."""

_TICK_SECONDS = 0.1
_RESTART_SECONDS_MIN = 0.1
_RESTART_SECONDS_MAX = 5.0
_STEADY_SECONDS = 10.0
_BROKER_READY_SECONDS = 60.0
_SERVICES_READY_SECONDS = 60.0
_JOB_SECONDS = 120.0
_SERVICE_STOP_SECONDS = 12.0
_NEWS_PER_TICK_MAX = 8
_IMPATIENT_AFTER_SECONDS = 1.0


class PortTaken(Exception):
    """Something else listens where the pages and the API should be."""


class Screen(Protocol):
    """Where a person follows what happens."""

    def step(self, text: str) -> None:
        """Something is being done."""

    def ready(self) -> None:
        """All of it serves."""

    def trouble(self, text: str) -> None:
        """Something went wrong; it is coped with, unless the supervisor ends."""

    def news(self, process: str, line: str) -> None:
        """A process had something to say that a person should see."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run, beside nats-server and PostgreSQL.

    data         directory of everything that is kept
    port         where the pages and the API will be
    has_gateway  whether one of the processes answers there, so that it is waited for
    before       jobs to finish before any service starts, which need nats-server alone: what they
                 do, and program and arguments
    processes    the processes of the services, by name; each answers GET /health/ready on the port
                 that BACKLINE_HEALTH_PORT names
    after        jobs to finish once everything is ready; when one fails, the rest goes on
    environment  what all of them get; the settings of the stack are added
    """

    data: Path
    port: int
    has_gateway: bool
    before: Mapping[str, Sequence[str]]
    processes: Mapping[str, Sequence[str]]
    after: Mapping[str, Sequence[str]]
    environment: Mapping[str, str]


@dataclass(slots=True)
class _Kept:
    """A program that is started again when it dies."""

    child: Child
    launch: Callable[[], None]
    tail: LogTail | None = None
    launched_at: float = 0.0
    delay_seconds: float = _RESTART_SECONDS_MIN
    due_at: float | None = None


class Supervisor:
    """Runs a plan until it is told to stop."""

    def __init__(self, plan: Plan, screen: Screen) -> None:
        self._plan = plan
        self._screen = screen
        self._logs = plan.data / "logs"
        self._kept: list[_Kept] = []
        self._brokers: list[Child] = []
        self._others: list[Child] = []
        self._stop_requested = asyncio.Event()
        self._stop_requested_at = 0.0

    async def run(self) -> None:
        """Bring everything up and keep it up until SIGINT or SIGTERM, then stop it in order.

        raises   DataInUse when another stack works on the data; PortTaken; ChildFailed when the
                 stack cannot be brought up
        """
        loop = asyncio.get_running_loop()
        with DataLock(self._plan.data) as lock:
            if self._plan.has_gateway and not is_free(self._plan.port):
                raise PortTaken(f"port {self._plan.port} is taken")
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self.stop)
            try:
                async with asyncio.TaskGroup() as tasks:
                    working = [
                        tasks.create_task(self._keep()),
                        tasks.create_task(self._bring_up(lock.file_descriptor)),
                    ]
                    await self._stop_requested.wait()
                    for task in working:
                        task.cancel()
            except ExceptionGroup as failures:
                raise _first(failures) from None
            finally:
                await self._stop_all()
                for number in (signal.SIGINT, signal.SIGTERM):
                    loop.remove_signal_handler(number)

    def stop(self) -> None:
        """Stop in order; when asked again, a second or more later, at once."""
        now = time.monotonic()
        if not self._stop_requested.is_set():
            self._stop_requested.set()
            self._stop_requested_at = now
        elif now - self._stop_requested_at >= _IMPATIENT_AFTER_SECONDS:
            for child in (*self._others, *self._brokers):
                child.signal(signal.SIGKILL)

    # --- up ---------------------------------------------------------------------------------------

    async def _bring_up(self, lock: int) -> None:
        data = self._plan.data
        credentials = Credentials(data / "secrets")
        credentials.ensure(users(SERVICES), databases(SERVICES))
        nats_server = NatsServer(
            data / "nats",
            credentials,
            log_path=self._logs / "nats-server.log",
            inherited=(lock,),
        )
        postgres = Postgres(
            data / "postgres",
            credentials,
            log_path=self._logs / "postgres.log",
            inherited=(lock,),
        )
        settings = {
            "BACKLINE_NATS_URL": nats_server.url,
            "BACKLINE_DATABASE_URL": postgres.url,
            "BACKLINE_SECRETS": str(credentials.directory),
            "BACKLINE_PORT": str(self._plan.port),
        }
        environment = {**self._plan.environment, **settings}
        self._screen.step("starting nats-server and PostgreSQL")
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._start_nats(nats_server, environment))
            tasks.create_task(self._start_postgres(postgres))
        self._write_environment(settings)
        self._screen.step("starting the services")
        await self._start_processes(environment)
        for name, arguments in self._plan.after.items():
            self._screen.step(name)
            try:
                await self._finish_job(name, arguments, environment)
            except ChildFailed as failure:
                self._screen.trouble(str(failure))
        self._screen.ready()

    async def _start_nats(self, nats_server: NatsServer, environment: Mapping[str, str]) -> None:
        self._brokers.insert(0, nats_server.child)
        nats_server.launch()
        await self._until_ready(nats_server)
        for name, arguments in self._plan.before.items():
            self._screen.step(name)
            await self._finish_job(name, arguments, environment)

    async def _start_postgres(self, postgres: Postgres) -> None:
        self._brokers.append(postgres.child)
        making = postgres.begin_cluster()
        if making is not None:
            self._others.append(making)
            await asyncio.to_thread(postgres.finish_cluster, making)
            self._others.remove(making)
        postgres.launch()
        await self._until_ready(postgres)
        await postgres.prepare(databases(SERVICES))

    async def _until_ready(self, broker: NatsServer | Postgres) -> None:
        """Wait until a broker serves; from then on it is kept up."""
        await until_ready(broker.child, broker.is_ready, timeout_seconds=_BROKER_READY_SECONDS)
        self._kept.append(_Kept(broker.child, broker.launch, launched_at=time.monotonic()))

    def _write_environment(self, settings: Mapping[str, str]) -> None:
        """Leave the settings where another command on this machine finds them."""
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        (self._plan.data / ENVIRONMENT_FILE).write_text(text)

    async def _finish_job(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """Run a program to its end. raises   ChildFailed"""
        job = Child(name, arguments, self._logs / f"{arguments[-1]}.log", environment)
        job.start()
        self._others.append(job)
        if await asyncio.to_thread(job.wait, _JOB_SECONDS) != 0:
            raise job.failure("failed")
        self._others.remove(job)

    async def _start_processes(self, environment: Mapping[str, str]) -> None:
        """Start the processes of the services and wait until each says that it is ready."""
        ports = free_ports(len(self._plan.processes))
        for port, (name, arguments) in zip(ports, self._plan.processes.items(), strict=True):
            child = Child(
                name,
                arguments,
                self._logs / f"{name.replace(' ', '+')}.log",
                {**environment, "BACKLINE_HEALTH_PORT": str(port)},
                stop_signals=((signal.SIGTERM, _SERVICE_STOP_SECONDS),),
            )
            tail = LogTail(child.log_path)
            child.start()
            self._others.append(child)
            self._kept.append(_Kept(child, child.start, tail, launched_at=time.monotonic()))
        addresses = dict(zip(self._plan.processes, ports, strict=True))
        if self._plan.has_gateway:
            addresses["the gateway"] = self._plan.port
        for name, port in addresses.items():
            await _until_it_serves(name, f"http://127.0.0.1:{port}/health/ready")

    # --- kept up ----------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while True:
            for kept in self._kept:
                self._pass_on_news(kept)
                self._look_after(kept)
            await asyncio.sleep(_TICK_SECONDS)

    def _pass_on_news(self, kept: _Kept) -> None:
        news = kept.tail.news() if kept.tail else []
        for line in news[:_NEWS_PER_TICK_MAX]:
            self._screen.news(kept.child.name, line)
        if len(news) > _NEWS_PER_TICK_MAX:
            more = f"and {len(news) - _NEWS_PER_TICK_MAX} lines more, in {kept.child.log_path}"
            self._screen.news(kept.child.name, more)

    def _look_after(self, kept: _Kept) -> None:
        """Start a program again that has died, each time after a longer pause."""
        now = time.monotonic()
        if kept.child.is_running:
            if now - kept.launched_at >= _STEADY_SECONDS:
                kept.delay_seconds = _RESTART_SECONDS_MIN
        elif kept.child.exit_code == EXIT_MISCONFIGURED:
            raise kept.child.failure("cannot run with these settings")
        elif kept.due_at is None:
            self._screen.trouble(
                f"{kept.child.name} {kept.child.ending}; "
                f"starting it again in {kept.delay_seconds:g} s"
            )
            kept.due_at = now + kept.delay_seconds
        elif now >= kept.due_at:
            kept.due_at = None
            kept.launched_at = now
            kept.delay_seconds = min(kept.delay_seconds * 2, _RESTART_SECONDS_MAX)
            try:
                kept.launch()
            except (ChildFailed, OSError) as failure:
                self._screen.trouble(f"{kept.child.name} cannot be started: {failure}")

    # --- down -------------------------------------------------------------------------------------

    async def _stop_all(self) -> None:
        """The services together, then what they stand on."""
        self._screen.step("stopping")
        (self._plan.data / ENVIRONMENT_FILE).unlink(missing_ok=True)
        for child in self._others:
            child.request_stop()
        for child in self._others:
            await asyncio.to_thread(child.finish_stop)
        for child in reversed(self._brokers):
            child.request_stop()
            await asyncio.to_thread(child.finish_stop)


def _first(failures: ExceptionGroup[Exception]) -> Exception:
    """What made everything end: the others, if any, went along."""
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first


async def _until_it_serves(name: str, url: str) -> None:
    """Wait until an address answers 200. raises   ChildFailed"""
    deadline = time.monotonic() + _SERVICES_READY_SECONDS
    while not await asyncio.to_thread(answers_ok, url):
        if time.monotonic() > deadline:
            raise ChildFailed(f"{name} is not ready after {_SERVICES_READY_SECONDS:g} s: {url}")
        await asyncio.sleep(_TICK_SECONDS / 2)
