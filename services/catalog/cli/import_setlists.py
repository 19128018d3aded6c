"""Bring in collections of shows and what was played at them."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from libs.chassis.command_line import running_bus
from libs.chassis.secrets import SecretMissing
from libs.chassis.settings import SettingsInvalid
from libs.kernel.errors import BacklineError
from services.catalog.cli.importing import import_setlists
from services.catalog.cli.report import Report

EXIT_FAILED = 1

app = typer.Typer(name="import", no_args_is_help=True)


@app.callback()
def choose() -> None:
    """Bring in what others know."""


@app.command()
def setlists(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="Files, or folders to look through.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Report as JSON, every refusal included.")
    ] = False,
) -> None:
    """Bring in shows and what was played at them: gdshowsdb YAML, setlist.fm JSON, Pearl Jam CSV.

    May be repeated: what the catalog knows already stays as it is. What cannot be read is reported
    with its line and the reason, and left out.
    """
    try:
        report = asyncio.run(_import(paths))
    except (BacklineError, SecretMissing, SettingsInvalid) as error:
        sys.stderr.write(
            f"backline import: {error}\n"
            "What the catalog has answered so far is recorded; to go on, import again.\n"
        )
        raise typer.Exit(EXIT_FAILED) from None
    if as_json:
        sys.stdout.write(orjson.dumps(report.as_json(), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        Console().print(report.render(), soft_wrap=True)
    if not report.total.read - report.total.refused:
        raise typer.Exit(EXIT_FAILED)


async def _import(paths: list[Path]) -> Report:
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        tasks: dict[str, TaskID] = {}

        def on_progress(doing: str, done: int, of: int) -> None:
            if doing not in tasks:
                tasks[doing] = progress.add_task(doing)
            progress.update(tasks[doing], completed=done, total=of)

        async with running_bus("catalog") as bus:
            return await import_setlists(bus, paths, on_progress)
