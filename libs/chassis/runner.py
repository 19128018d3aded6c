"""Runs the parts of one or more services in one process, and ends them in order.

A spec is a service, `voting`, or one part of it, `voting.owner`. A part that crashes with a bug is
logged whole and ends the process with a non-zero code: whoever supervises it starts it again, from
the log, which is the only truth. NATS or PostgreSQL being away is no crash.
"""

import asyncio
import faulthandler
import gc
import importlib
import importlib.util
import pkgutil
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import structlog
import uvloop

from libs.chassis.http import PortTaken
from libs.chassis.logs import configure_logs
from libs.chassis.process import Process
from libs.chassis.secrets import SecretMissing
from libs.chassis.service import App, Part, Runtime
from libs.chassis.settings import ProcessSettings, Settings, SettingsInvalid, refuse_unknown
from libs.chassis.telemetry import TelemetryInvalid, configure_telemetry
from libs.kernel.errors import Unavailable
from libs.telemetry import acting_for

EXIT_CRASHED: Final = 1
EXIT_MISCONFIGURED: Final = 78
"""As `sysexits.h` has it (EX_CONFIG): starting it again will not help."""

STDERR: Final = 2
RESTART_PAUSE_MAX_SECONDS: Final = 5.0
STEADY_SECONDS: Final = 30.0

GC_THRESHOLDS: Final = (50_000, 20, 50)
"""An owner keeps millions of objects, none of them garbage. At Python's own thresholds a third of
its time went into looking at them again and again.
"""

logger = structlog.get_logger(__name__)


class UnknownService(Exception):
    """There is no such service, or it has no such part."""


class PartEnded(Exception):
    """A part returned, though nobody had stopped it."""


MISCONFIGURED: Final = (SettingsInvalid, TelemetryInvalid, SecretMissing, PortTaken, UnknownService)


def main(specs: Sequence[str]) -> int:
    """Run the parts until SIGTERM or SIGINT. The whole of a process.

    returns  the exit code: 0 after a stop in order, EXIT_CRASHED, or EXIT_MISCONFIGURED with a
             sentence on standard error about what to change
    """
    try:
        refuse_unknown()
        settings = ProcessSettings.load()
        configure_logs(settings)
        gc.set_threshold(*GC_THRESHOLDS)
        uvloop.run(run(specs, settings))
    except Exception as error:  # noqa: BLE001  # The last there is: it becomes the exit code.
        return _exit_code(error)
    return 0


async def run(specs: Sequence[str], settings: ProcessSettings | None = None) -> None:
    """Run the parts until SIGTERM or SIGINT, then stop them in order.

    raises   one of MISCONFIGURED; an ExceptionGroup of what the parts crashed with
    """
    settings = settings or ProcessSettings.load()
    _print(settings)
    asked = _by_service(specs)
    chosen = {service: _chosen(load_app(service), names) for service, names in asked.items()}
    telemetry = configure_telemetry()
    process = Process(settings)
    tasks = [
        _Task(runtime, part)
        for service, parts in chosen.items()
        for runtime in [Runtime(process, service)]
        for part in parts
    ]
    logger.info("Starting.", parts=[task.name for task in tasks], health_port=process.health_port)
    try:
        with _signals(process.stopping):
            await _run_until_stopped(process, tasks)
    finally:
        await process.close()
        faulthandler.cancel_dump_traceback_later()
        if telemetry is not None:
            await asyncio.to_thread(telemetry.shut_down)
    logger.info("Stopped.")


def load_app(service: str) -> App:
    """Build a service from its `app.py`, with its settings from the environment.

    raises   UnknownService; SettingsInvalid
    """
    module_name = f"services.{service}.app"
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name not in {module_name, f"services.{service}"}:
            raise
        known = ", ".join(services())
        raise UnknownService(f"there is no service {service}; there are {known}") from None
    app: App = module.create_app(_load_settings(service))
    return app


def services() -> list[str]:
    """The services that can be run, by name."""
    package = importlib.import_module("services")
    return sorted(
        found.name
        for found in pkgutil.iter_modules(package.__path__)
        if found.ispkg and importlib.util.find_spec(f"services.{found.name}.app")
    )


def _load_settings(service: str) -> Settings:
    """A service without settings has no room for them."""
    if importlib.util.find_spec(f"services.{service}.settings") is None:
        return Settings.load()
    cls: type[Settings] = importlib.import_module(f"services.{service}.settings").Settings
    settings = cls.load()
    _print(settings)
    return settings


def _print(settings: Settings) -> None:
    """Log what was set, and what was not, with secrets masked."""
    values = {variable.name: variable.value for variable in settings.describe()}
    logger.info("Settings.", settings=values)


def _by_service(specs: Sequence[str]) -> dict[str, set[str]]:
    """The parts asked for by service; an empty set stands for all of them."""
    asked: dict[str, set[str]] = {}
    for spec in specs:
        service, _, part = spec.partition(".")
        names = asked.setdefault(service, set())
        if part:
            names.add(part)
    for spec in specs:
        if "." not in spec:
            asked[spec].clear()
    return asked


def _chosen(app: App, names: set[str]) -> Sequence[Part]:
    known = [part.name for part in app.parts]
    for name in sorted(names - set(known)):
        raise UnknownService(f"{app.service} has no part {name}; it has {', '.join(known)}")
    return [part for part in app.parts if not names or part.name in names]


# ---------------------------------------------------------------------------------- running


@dataclass(frozen=True, slots=True)
class _Task:
    """A part of a service, about to run."""

    runtime: Runtime
    part: Part

    @property
    def name(self) -> str:
        return f"{self.runtime.service}.{self.part.name}"

    async def run(self) -> None:
        """Run the part, and again after a pause when it lost what it depends on.

        raises   what it crashed with; PartEnded
        """
        with acting_for(self.runtime.service):
            await self._run()

    async def _run(self) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await self.part.run(self.runtime)
            except Unavailable as error:
                failures = 0 if loop.time() - started > STEADY_SECONDS else failures + 1
                logger.warning("A part starts again.", part=self.name, detail=str(error))
                await asyncio.sleep(_pause_seconds(failures))
            except MISCONFIGURED:
                raise
            except Exception:
                logger.exception("A part crashed.", part=self.name)
                raise
            else:
                raise PartEnded(self.name)


def _pause_seconds(failures: int) -> float:
    longest = min(RESTART_PAUSE_MAX_SECONDS, 0.1 * 2.0**failures)
    return random.uniform(longest / 2, longest)  # noqa: S311  # Jitter, not a secret.


async def _run_until_stopped(process: Process, tasks: Sequence[_Task]) -> None:
    """Run everything; once `process.stopping` is set, end it from the outside in."""
    for task in tasks:
        process.health.announce(task.name)
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(process.until_broken())
        health = group.create_task(process.health_server.serve())
        pages = group.create_task(process.serve_pages())
        parts = [group.create_task(task.run(), name=task.name) for task in tasks]
        group.create_task(_limit_the_end(process))
        await process.stopping.wait()

        process.stop_pages()
        await pages
        for part in parts:
            part.cancel()
        await asyncio.wait(parts)
        watch.cancel()
        process.health_server.stop()
        await health


async def _limit_the_end(process: Process) -> None:
    """From the first sign of the end, in order or not, end at the latest after the timeout.

    Should a part hang in its last words, what it hangs on is printed and the process exits.
    """
    try:
        await process.stopping.wait()
    finally:
        timeout = process.settings.stop_timeout_seconds
        faulthandler.dump_traceback_later(timeout, exit=True, file=STDERR)


@contextmanager
def _signals(stopping: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set the event during the block."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stopping.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


# ---------------------------------------------------------------------------------- the end


def _exit_code(error: Exception) -> int:
    """Say what a process ended with. A crash was logged where it happened."""
    causes = list(_leaves(error))
    if not all(isinstance(cause, MISCONFIGURED) for cause in causes):
        logger.error("The process crashed.", detail=[repr(cause) for cause in causes])
        return EXIT_CRASHED
    for cause in causes:
        for line in str(cause).splitlines():
            sys.stderr.write(f"backline: {line}\n")
    return EXIT_MISCONFIGURED


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
