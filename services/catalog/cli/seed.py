"""Bring in a few real shows, and open the ballot of one."""

import asyncio
import sys

import typer

from contracts.voting import BallotAlreadyOpened, OpenBallot, PrepareBallot
from libs.bus import Bus
from libs.chassis.command_line import running_bus
from libs.chassis.secrets import SecretMissing
from libs.chassis.settings import SettingsInvalid
from libs.kernel.errors import BacklineError, RemoteProblem
from libs.kernel.messages import service_caller
from services.catalog.cli.seeding import FIRST_SHOW
from services.catalog.cli.seeding import seed as seed_catalog

EXIT_FAILED = 1

app = typer.Typer()


@app.command()
def seed() -> None:
    """Bring in a few real shows (the Grateful Dead's Europe '72), and open the ballot of the last.

    May be repeated: what is there stays as it is, a ballot that was opened before included.
    """
    try:
        asyncio.run(_seed())
    except (BacklineError, SecretMissing, SettingsInvalid) as error:
        sys.stderr.write(f"backline seed: {error}\n")
        raise typer.Exit(EXIT_FAILED) from None


async def _seed() -> None:
    async with running_bus("gateway") as bus:  # Who may send commands to every service.
        await seed_catalog(bus)
        await _open_first_ballot(bus)


async def _open_first_ballot(bus: Bus) -> None:
    caller = service_caller("catalog")
    try:
        await bus.send(PrepareBallot(show_id=FIRST_SHOW), caller=caller)
    except RemoteProblem as problem:
        if problem.document.get("code") != BallotAlreadyOpened.code:
            raise
    else:
        await bus.send(OpenBallot(show_id=FIRST_SHOW), caller=caller)
