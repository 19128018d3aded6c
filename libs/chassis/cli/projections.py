"""See how the read models stand, and build them anew from the log.

A rebuild is asked for in the database, and done by whoever runs the projection. In case nobody
does, this command runs it too: it stands by like any second runner, and takes its turn if it is
free. The tables that are there serve until the new ones take their place.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final

import asyncpg
import orjson
import typer
from nats.aio.client import Client
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from libs.chassis.command_line import running_bus
from libs.chassis.database import database_url
from libs.chassis.secrets import SecretMissing, Secrets
from libs.chassis.settings import ProcessSettings, SettingsInvalid
from libs.eventlog import EventLog, JetStreamLog
from libs.kernel.clock import system_clock
from libs.kernel.errors import BacklineError
from libs.readmodel import Database, Projection, ProjectionRunner
from libs.readmodel.checkpoints import request_rebuild
from libs.readmodel.database import OUTAGES
from libs.readmodel.declared import declared_projections
from libs.readmodel.standing import Condition, Distance, Standing, distance, look

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
LOOK_SECONDS: Final = 0.2

app = typer.Typer(no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


class UnknownProjection(Exception):
    """There is no such projection, or the name does not say which."""


_SAID: Final = (BacklineError, SecretMissing, SettingsInvalid, *OUTAGES)
"""What a command ends with in one sentence rather than in a traceback."""


@app.callback()
def choose() -> None:
    """See how the read models stand, and build them anew from the log."""


@app.command("list")
def list_projections(as_json: AsJson = False) -> None:
    """How far every projection has come, and what it is doing."""
    reports = _run(_list())
    if as_json:
        _print_json(reports)
    else:
        Console().print(_render(reports))


@app.command()
def rebuild(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME…", help="For example: voting.tally, or voting for both."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every projection there is.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build the tables of projections anew from the log, beside those that serve, and switch.

    An event that cannot be projected ends its rebuild; what served before still does.
    """
    if bool(names) == everything:
        sys.stderr.write("backline projections rebuild: say which, or --all\n")
        raise typer.Exit(EXIT_USAGE)
    try:
        chosen = _choose(names or None)
    except UnknownProjection as error:
        sys.stderr.write(f"backline projections rebuild: {error}\n")
        raise typer.Exit(EXIT_USAGE) from None
    rebuilt = _run(_rebuild(chosen))
    if as_json:
        _print_json(rebuilt)
    failed = [report for report in rebuilt if report["rebuild_error"] is not None]
    for report in failed:
        sys.stderr.write(f"backline projections rebuild: {report['rebuild_error']}\n")
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _run[R](work: Awaitable[R]) -> R:
    async def running() -> R:
        return await work

    try:
        return asyncio.run(running())
    except _SAID as error:
        sys.stderr.write(f"backline projections: {str(error) or type(error).__name__}\n")
        raise typer.Exit(EXIT_FAILED) from None


# ---------------------------------------------------------------------------------- which


@dataclass(frozen=True, slots=True)
class _Chosen:
    service: str
    projection: Projection

    @property
    def name(self) -> str:
        return f"{self.service}.{self.projection.name}"


def _choose(names: Sequence[str] | None) -> list[_Chosen]:
    """The projections with these names, or of these services; all of them for None."""
    known = [
        _Chosen(service, projection)
        for service, projections in declared_projections().items()
        for projection in projections
    ]
    if names is None:
        return known
    chosen: dict[str, _Chosen] = {}
    for name in names:
        found = [each for each in known if name in {each.name, each.service}]
        if not found:
            all_names = ", ".join(each.name for each in known)
            raise UnknownProjection(f"there is no projection {name}; there are {all_names}")
        chosen |= {each.name: each for each in found}
    return list(chosen.values())


class _Installation:
    """Where everything is: databases as each service's role, logs as each service reads them."""

    def __init__(self, clients: dict[str, Client]) -> None:
        self._settings = ProcessSettings.load()
        self._secrets = Secrets(self._settings.secrets)
        self._clients = clients

    def database(self, service: str) -> Database:
        return Database(database_url(service, self._settings, self._secrets), service)

    def client(self, service: str) -> Client:
        return self._clients[service]

    async def log(self, chosen: _Chosen) -> EventLog:
        return await JetStreamLog.open(self._clients[chosen.service], chosen.projection.log)


@asynccontextmanager
async def _connected(chosen: Sequence[_Chosen]) -> AsyncIterator[_Installation]:
    async with AsyncExitStack() as stack:
        clients = {
            service: (await stack.enter_async_context(running_bus(service))).connection
            for service in sorted({each.service for each in chosen})
        }
        yield _Installation(clients)


# ---------------------------------------------------------------------------------- list

_STYLES: Final = {
    Condition.FOLLOWING: "green",
    Condition.REBUILDING: "cyan",
    Condition.FAILED: "bold red",
    Condition.STOPPED: "yellow",
    Condition.ABSENT: "yellow",
}


async def _list() -> list[dict[str, Any]]:
    chosen = _choose(None)
    async with _connected(chosen) as installation:
        return [await _report(each, installation) for each in chosen]


async def _report(chosen: _Chosen, installation: _Installation) -> dict[str, Any]:
    standing = await look(installation.database(chosen.service), chosen.projection)
    log = await installation.log(chosen)
    behind = await distance(standing, log, system_clock)
    return _as_json(chosen, standing, behind)


def _as_json(chosen: _Chosen, standing: Standing, behind: Distance) -> dict[str, Any]:
    return {
        "name": chosen.name,
        "log": standing.log,
        "position": standing.position,
        "gap": behind.gap,
        "lag_seconds": behind.lag_seconds,
        "state": standing.condition,
        "error": standing.error,
        "rebuild_position": None if standing.shadow is None else standing.shadow.position,
        "rebuild_error": None if standing.shadow is None else standing.shadow.error,
        "generation": standing.generation,
    }


def _render(reports: Sequence[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("projection", "log"):
        table.add_column(title)
    for title in ("position", "gap", "lag"):
        table.add_column(title, justify="right")
    table.add_column("state")
    for report in reports:
        lag = report["lag_seconds"]
        style = _STYLES[report["state"]]
        state = f"[{style}]{report['state']}[/]"
        table.add_row(
            report["name"],
            report["log"],
            f"{report['position']:,}",
            f"{report['gap']:,}",
            "?" if lag is None else f"{lag:.1f} s",
            state if report["error"] is None else f"{state} {report['error']}",
        )
    return table


# ---------------------------------------------------------------------------------- rebuild


async def _rebuild(chosen: Sequence[_Chosen]) -> list[dict[str, Any]]:
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn())
    async with _connected(chosen) as installation:
        with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
            return await asyncio.gather(
                *(_rebuild_one(each, installation, progress) for each in chosen)
            )


async def _rebuild_one(
    chosen: _Chosen, installation: _Installation, progress: Progress
) -> dict[str, Any]:
    """Have a projection rebuilt, and show how far it is. Returns how it stands then."""
    database, projection = installation.database(chosen.service), chosen.projection
    before = await look(database, projection)
    async with database.connect(chosen.service, "rebuild requested") as connection:
        await request_rebuild(connection, chosen.service, projection.name)

    async def open_log(_service: str) -> EventLog:
        return await installation.log(chosen)

    runner = ProjectionRunner(
        projection,
        database=database,
        open_log=open_log,
        publish=installation.client(chosen.service).publish,
    )
    log = await installation.log(chosen)
    task = progress.add_task(chosen.name, total=max(1, await log.last_position()))
    running = asyncio.create_task(runner.run(), name=chosen.name)
    try:
        standing = before
        while not _has_ended(standing, before):
            await asyncio.sleep(LOOK_SECONDS)
            standing = await _look_again(database, projection, standing)
            if standing.shadow is not None:
                progress.update(task, completed=standing.shadow.position)
        if standing.generation > before.generation:
            progress.update(task, completed=standing.position, total=max(1, standing.position))
        return _as_json(chosen, standing, await distance(standing, log, system_clock))
    finally:
        running.cancel()
        await asyncio.wait({running})


async def _look_again(database: Database, projection: Projection, last: Standing) -> Standing:
    """How a projection stands now; as last seen, while nobody can tell: a rebuild outlives that."""
    try:
        return await look(database, projection)
    except (*OUTAGES, asyncpg.PostgresError):
        return last


def _has_ended(now: Standing, before: Standing) -> bool:
    """Whether the new tables serve, or whoever built them has given up."""
    if now.generation > before.generation:
        return True
    is_asked = now.checkpoint is not None and now.checkpoint.rebuild_requested
    return (
        now is not before
        and not is_asked
        and now.shadow is not None
        and now.shadow.error is not None
    )


def _print_json(value: object) -> None:
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")
