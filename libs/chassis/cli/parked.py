"""See what process managers have put aside because it keeps failing, and have it tried again.

A message that fails is parked with its error, and what comes after it for the same key waits behind
it, so that order is kept; other keys go on. Mend what the error tells of, then replay.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console
from rich.markup import escape

from libs.chassis.command_line import running_bus
from libs.chassis.secrets import SecretMissing
from libs.chassis.settings import SettingsInvalid
from libs.kernel.errors import BacklineError
from libs.reactions.parking import Parking
from libs.stack.permissions import SERVICES

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
LOOK_SECONDS: Final = 0.2

_PARKING_SERVICES: Final = [name for name, access in SERVICES.items() if access.owns_log]
_SAID: Final = (BacklineError, SecretMissing, SettingsInvalid)
"""What a command ends with in one sentence rather than in a traceback."""

app = typer.Typer(no_args_is_help=True)

Services = Annotated[
    list[str] | None, typer.Argument(metavar="SERVICE…", help="All there are by default.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON.")]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is parked for one key: the error of the first message, and how many wait in all."""

    service: str
    process_manager: str
    key: str
    messages: int
    parked_at: datetime
    position: int
    code: str
    detail: str


@app.callback()
def choose() -> None:
    """See what keeps failing, and have it tried again."""


@app.command("list")
def list_parked(services: Services = None, as_json: AsJson = False) -> None:
    """What is parked, the oldest of each key with its error."""
    waiting = _run(_list(_known(services)))
    if as_json:
        _print_json(waiting)
    else:
        _print(waiting)


@app.command()
def replay(
    services: Services = None,
    process_manager: Annotated[
        str | None, typer.Option(help="Only what this one has parked.")
    ] = None,
    key: Annotated[str | None, typer.Option(help="Only what is parked for this key.")] = None,
    timeout_seconds: Annotated[
        float, typer.Option("--timeout", help="How long to wait for the outcome, in seconds.")
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Have it tried again, in order, by whoever runs the process managers.

    Ends with an error when something is still parked afterwards.
    """
    left = _run(_replay(_known(services), process_manager, key, timeout_seconds))
    if as_json:
        _print_json(left)
    else:
        _print(left)
    if left:
        sys.stderr.write("backline parked replay: this is still parked\n")
        raise typer.Exit(EXIT_FAILED)


def _known(services: Sequence[str] | None) -> list[str]:
    for name in services or ():
        if name not in _PARKING_SERVICES:
            known = ", ".join(_PARKING_SERVICES)
            sys.stderr.write(f"backline parked: no service {name} parks; those are {known}\n")
            raise typer.Exit(EXIT_USAGE)
    return list(services or _PARKING_SERVICES)


def _run[R](work: Awaitable[R]) -> R:
    async def running() -> R:
        return await work

    try:
        return asyncio.run(running())
    except _SAID as error:
        sys.stderr.write(f"backline parked: {error}\n")
        raise typer.Exit(EXIT_FAILED) from None


# ---------------------------------------------------------------------------------- doing it


@asynccontextmanager
async def _parkings(services: Sequence[str]) -> AsyncIterator[dict[str, Parking]]:
    """What each service has parked, read in its own name."""
    async with AsyncExitStack() as stack:
        yield {
            service: Parking(
                (await stack.enter_async_context(running_bus(service))).connection, service
            )
            for service in services
        }


async def _list(services: Sequence[str]) -> list[Waiting]:
    async with _parkings(services) as parkings:
        return [
            waiting
            for service, parking in parkings.items()
            for waiting in await _waiting(service, parking)
        ]


async def _waiting(service: str, parking: Parking) -> list[Waiting]:
    found = []
    for (process_manager, key), count in sorted((await parking.counts()).items()):
        first = await parking.first(process_manager, key)
        if first is None:
            continue  # Dealt with in this very moment.
        problem = first.problem or {}
        found.append(
            Waiting(
                service=service,
                process_manager=process_manager,
                key=key,
                messages=count,
                parked_at=first.parked_at,
                position=first.message.position,
                code=problem.get("code", ""),
                detail=problem.get("detail", ""),
            )
        )
    return found


async def _replay(
    services: Sequence[str],
    process_manager: str | None,
    key: str | None,
    timeout_seconds: float,
) -> list[Waiting]:
    """Have what is chosen tried again. Returns what is still parked of it."""
    async with _parkings(services) as parkings:
        chosen = {
            (service, *parked)
            for service, parking in parkings.items()
            for parked in await parking.counts()
            if process_manager in {None, parked[0]} and key in {None, parked[1]}
        }
        for service, *parked in chosen:
            await parkings[service].ask_replay(*parked)
        try:
            async with asyncio.timeout(timeout_seconds):
                await _until_replayed(parkings, chosen)
        except TimeoutError:
            sys.stderr.write(
                "backline parked replay: nobody has done it yet; it is not forgotten\n"
            )
        return [
            waiting
            for service, parking in parkings.items()
            for waiting in await _waiting(service, parking)
            if (service, waiting.process_manager, waiting.key) in chosen
        ]


async def _until_replayed(parkings: dict[str, Parking], chosen: set[tuple[str, str, str]]) -> None:
    pending = set(chosen)
    while pending:
        await asyncio.sleep(LOOK_SECONDS)
        managers = {(service, manager) for service, manager, _ in pending}
        wanted = {
            (service, manager, key)
            for service, manager in managers
            for key in await parkings[service].replays(manager)
        }
        pending &= wanted


# ---------------------------------------------------------------------------------- saying it


def _print(waiting: Sequence[Waiting]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    if not waiting:
        console.print("Nothing is parked.")
    for each in waiting:
        who = f"{each.service}.{each.process_manager}"
        since = f"{each.parked_at:%Y-%m-%d %H:%M:%S}"
        console.print(f"[bold]{who}[/] {each.key}: {each.messages} since {since} UTC")
        console.print(f"  [red]{each.code}[/] ", escape(each.detail), sep="")


def _print_json(waiting: Sequence[Waiting]) -> None:
    document = orjson.dumps([asdict(each) for each in waiting], option=orjson.OPT_INDENT_2)
    sys.stdout.write(document.decode() + "\n")
