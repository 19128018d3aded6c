"""Bring in a few real shows, and open the ballot of one."""

import asyncio
import sys

import stamina
import typer

from contracts.catalog_setlists import GetSetlist, SetlistNotFound
from contracts.catalog_shows import ShowNotFound
from contracts.catalog_songs import GetCandidates
from contracts.voting import (
    BallotAlreadyOpened,
    OpenBallot,
    PrepareBallot,
    ShowUnknown,
    SongUnknown,
)
from libs.bus import Bus
from libs.chassis.command_line import running_bus
from libs.chassis.secrets import SecretMissing
from libs.chassis.settings import SettingsInvalid
from libs.kernel.errors import BacklineError, RemoteProblem
from libs.kernel.messages import service_caller
from services.catalog.cli.seeding import FIRST_SHOW
from services.catalog.cli.seeding import seed as seed_catalog

EXIT_FAILED = 1

SHOWN_SECONDS_MAX = 20.0
CANDIDATES = 24

_CALLER = service_caller("catalog")

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
    """Prepare and open a ballot of the songs that were played that night and around it."""
    async for attempt in stamina.retry_context(on=_is_not_shown_yet, timeout=SHOWN_SECONDS_MAX):
        with attempt:
            if await _prepare(bus):
                await bus.send(OpenBallot(show_id=FIRST_SHOW), caller=_CALLER)


async def _prepare(bus: Bus) -> bool:
    """Whether there is a new ballot now; False when it was opened before."""
    setlist = await bus.ask(GetSetlist(show_id=FIRST_SHOW), caller=_CALLER)
    candidates = await bus.ask(GetCandidates(show_id=FIRST_SHOW, limit=20), caller=_CALLER)
    played = [song["song_id"] for part in setlist.result["sets"] for song in part["songs"]]
    likely = [song["song_id"] for song in candidates.result["candidates"]]
    songs = list(dict.fromkeys(likely + played))[:CANDIDATES]
    try:
        await bus.send(PrepareBallot(show_id=FIRST_SHOW, song_ids=songs), caller=_CALLER)
    except RemoteProblem as problem:
        if problem.document.get("code") == BallotAlreadyOpened.code:
            return False
        raise
    return True


def _is_not_shown_yet(error: Exception) -> bool:
    """The records are there; the read model that is asked about them follows in a moment."""
    return isinstance(error, RemoteProblem) and error.document.get("code") in {
        SetlistNotFound.code,
        ShowNotFound.code,
        ShowUnknown.code,
        SongUnknown.code,
    }
