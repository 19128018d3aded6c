"""A show that is closed, reconciled and scored by itself, and syncs that are repeated: all services
on the real servers, the sandbox as peer.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from libs.bus import Bus
from libs.kernel.errors import RemoteProblem
from libs.kernel.ids import derive_id
from libs.kernel.messages import Caller
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from libs.testkit.waiting import eventually
from services.catalog.adapters.partners.sandbox import BAND_ATTRACTION
from services.catalog.conftest import TODAY, RunningSandbox, setlist_of_tonight

pytestmark = [pytest.mark.connected, pytest.mark.timeout(120)]

ADMIN = Caller("usr_admin", ("admin",))
FAN = Caller("usr_fan", ("member",))
TICKETS = f"ticketmaster-artist-{BAND_ATTRACTION}"
SERVICES = ["auth", "catalog", "voting", "scheduler"]
PLAYED = {"set": [{"song": [{"name": "Ebb"}, {"name": "Flood"}]}]}


@pytest.fixture
async def bus(
    sandbox: RunningSandbox,
    nats_server: RunningNats,
    database: RunningDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Bus]:
    """The gateway's bus to all services, which repeat a sync of the sandbox."""
    monkeypatch.setenv("BACKLINE_CATALOG_REPEATED_SYNCS", f"nightly:{TICKETS}")
    monkeypatch.setenv("BACKLINE_CATALOG_SETLIST_AFTER_SECONDS", "0")
    async with (
        running_services(SERVICES, nats_server, database),
        bus_of("gateway", nats_server) as bus,
    ):
        yield bus


async def ask(bus: Bus, name: str, **args: Any) -> Any:
    return (await bus.ask_raw(name, args, caller=ADMIN)).result


async def say(bus: Bus, name: str, caller: Caller = ADMIN, **args: Any) -> Any:
    return await bus.send_raw(name, args, caller=caller)


async def run_of(bus: Bus, schedule_id: str) -> dict[str, Any] | None:
    """The newest run of a schedule, wherever it is listed."""
    for which in ("history", "running", "upcoming", "parked"):
        listed = await ask(bus, "scheduler.list-runs", which=which, schedule_id=schedule_id)
        if listed["runs"]:
            found: dict[str, Any] = listed["runs"][0]
            return found
    return None


async def test_repeats_a_sync_and_runs_it_at_once_the_first_time(bus: Bus) -> None:
    async def is_synced() -> bool:
        run = await run_of(bus, derive_id("first-sync", TICKETS))
        return run is not None and run["status"] == "succeeded"

    await eventually(is_synced, timeout_seconds=60)
    schedule = await ask(bus, "scheduler.get-schedule", schedule_id=derive_id("sync", TICKETS))
    assert schedule["next_at"] is not None
    shows = await ask(bus, "catalog.list-shows", limit=200)
    assert any(show["external_ids"].get("ticketmaster") for show in shows["shows"])


async def test_scores_a_show_by_itself_once_it_has_ended(bus: Bus, sandbox: RunningSandbox) -> None:
    await say(bus, "catalog.start-sync", sync_id=TICKETS)
    show_id = await tonight(bus)
    songs = [derive_id("song", title) for title in ("Ebb", "Flood", "Breakwater")]
    show = (await ask(bus, "catalog.get-show", show_id=show_id))["show"]
    for song_id, title in zip(songs, ("Ebb", "Flood", "Breakwater"), strict=True):
        song = {"song_id": song_id, "artist_id": show["artist_id"], "title": title}
        await say(bus, "catalog.register-song", **song)
    await accepted(bus, "voting.prepare-ballot", show_id=show_id, song_ids=songs)
    await say(bus, "voting.open-ballot", show_id=show_id)
    await say(bus, "voting.cast-vote", FAN, show_id=show_id, song_id=songs[0])
    await sandbox.change("setlistfm", "feed0001", setlist_of_tonight(sets=PLAYED))

    await say(bus, "catalog.end-show", show_id=show_id)

    async def is_fetched() -> bool:
        setlist = (await ask(bus, "catalog.get-show", show_id=show_id))["setlist"]
        return setlist is not None and len(setlist["sets"][0]["songs"]) == 2

    async def is_scored() -> bool:
        ballot = await ask(bus, "voting.get-ballot", show_id=show_id)
        return bool(ballot["status"] == "finalized")

    await eventually(is_fetched, timeout_seconds=60)
    await eventually(is_scored, timeout_seconds=30)
    run = await run_of(bus, derive_id("setlist", show_id))
    assert run is not None
    await accepted(bus, "scheduler.retry-run", run_id=run["run_id"])

    async def is_done() -> bool:
        """The second look finds the same, and is the last."""
        run = await run_of(bus, derive_id("setlist", show_id))
        return run is not None and run["status"] == "succeeded"

    await eventually(is_done, timeout_seconds=60)


async def tonight(bus: Bus) -> str:
    """The band's show of this day, once it is there."""
    found: list[str] = []

    async def is_there() -> bool:
        shows = (await ask(bus, "catalog.list-shows", limit=200, when="all"))["shows"]
        found[:] = [each["show_id"] for each in shows if each["local_date"] == f"{TODAY}"]
        return bool(found)

    await eventually(is_there, timeout_seconds=60)
    return found[0]


async def accepted(bus: Bus, name: str, **args: Any) -> None:
    """Send a command until it is not refused: what it is about may still be on its way."""

    async def is_accepted() -> bool:
        try:
            await say(bus, name, **args)
        except RemoteProblem:
            return False
        return True

    await eventually(is_accepted, timeout_seconds=30)
