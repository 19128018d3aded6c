"""Ask partners now for what they know, and watch."""

import asyncio
import sys
from typing import Annotated, Any

import orjson
import stamina
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from contracts.catalog_sync_views import GetSync, ListSyncs
from contracts.catalog_syncs import StartSync, StopSync, SyncStatus
from libs.bus import Bus
from libs.chassis.command_line import running_bus
from libs.chassis.secrets import SecretMissing
from libs.chassis.settings import SettingsInvalid
from libs.kernel.errors import BacklineError, RemoteProblem, Unavailable
from libs.kernel.messages import service_caller

EXIT_FAILED = 1
LOOK_SECONDS = 0.25
AWAY_SECONDS_MAX = 120.0

_CALLER = service_caller("catalog")
_OVER = frozenset({"finished", "failed", "waiting", "stopped"})

app = typer.Typer()


@app.command()
def sync(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PARTNER-WHAT-ID…",
            help="For example setlistfm-artist-<mbid>, ticketmaster-artist-<attraction>,"
            " spotify-artist-<id>, luma-calendar-<id>, ics-calendar-<name>. Without, all that"
            " there are.",
        ),
    ] = None,
    artist: Annotated[
        str | None, typer.Option(help="The catalog's artist it is about, when that is known.")
    ] = None,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="From the first page, whatever was read before.")
    ] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop these instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Ask partners now for what they know, and watch until they have answered.

    May be repeated: what is known adds no event. Ctrl-C ends the watching, not the sync.
    """
    try:
        results = asyncio.run(_sync(names or [], artist, afresh=afresh, stop=stop))
    except (BacklineError, SecretMissing, SettingsInvalid) as error:
        sys.stderr.write(f"backline sync: {error}\n")
        raise typer.Exit(EXIT_FAILED) from None
    if as_json:
        sys.stdout.write(orjson.dumps(results, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        for result in results:
            _print(result)
    if any(result["status"] == SyncStatus.FAILED for result in results):
        raise typer.Exit(EXIT_FAILED)


async def _sync(
    names: list[str], artist: str | None, *, afresh: bool, stop: bool
) -> list[dict[str, Any]]:
    async with running_bus("catalog") as bus:
        if not names:
            found = await bus.ask(ListSyncs(limit=200), caller=_CALLER)
            syncs: list[dict[str, Any]] = found.result["syncs"]
            return syncs
        if stop:
            return [await _stopped(bus, name) for name in names]
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        console = Console(stderr=True)
        with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
            return await asyncio.gather(
                *(_watched(bus, name, artist, progress, afresh=afresh) for name in names)
            )


async def _watched(
    bus: Bus, name: str, artist: str | None, progress: Progress, *, afresh: bool
) -> dict[str, Any]:
    """Start a sync, and watch it to its end."""
    command = StartSync(sync_id=name, artist_id=artist, afresh=afresh)
    position = (await bus.send(command, caller=_CALLER))["position"]
    task = progress.add_task(name, total=None)
    while True:
        stands = await _stands(bus, name, position)
        progress.update(task, completed=stands["pages"], total=stands["of"])
        if stands["status"] in _OVER:
            return stands
        await asyncio.sleep(LOOK_SECONDS)


async def _stands(bus: Bus, name: str, position: int) -> dict[str, Any]:
    """How a sync stands. A catalog that is started again meanwhile is waited for."""
    async for attempt in stamina.retry_context(
        on=_is_away, attempts=None, timeout=AWAY_SECONDS_MAX, wait_initial=0.2, wait_max=2.0
    ):
        with attempt:
            answer = await bus.ask(GetSync(sync_id=name), caller=_CALLER, after=position)
            return answer.result
    raise AssertionError("stamina raises when its time is up")


def _is_away(error: Exception) -> bool:
    if isinstance(error, RemoteProblem):
        return error.document.get("kind") == Unavailable.kind
    return isinstance(error, Unavailable)


async def _stopped(bus: Bus, name: str) -> dict[str, Any]:
    position = (await bus.send(StopSync(sync_id=name), caller=_CALLER))["position"]
    return (await bus.ask(GetSync(sync_id=name), caller=_CALLER, after=position)).result


def _print(result: dict[str, Any]) -> None:
    counts = ", ".join(
        f"{result[name]:,} {name}"
        for name in ("new", "changed", "unchanged", "refused", "missing")
        if result[name]
    )
    typer.echo(f"{result['sync_id']}  {result['status']}  {counts or 'nothing new'}")
    if result["reason"]:
        typer.echo(f"  {result['reason']}")
    if result["retry_at"]:
        typer.echo(f"  goes on at {result['retry_at']}")
    for refusal in result["refusals"]:
        typer.echo(f"  refused {refusal['what']}  {refusal['where']}  {refusal['reason']}")
