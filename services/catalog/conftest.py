"""A catalog that runs: its real parts in this process, on the real servers, with an empty log. And
the partners in the sandbox, which it asks.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
import stamina
import uvicorn

from contracts.catalog_artists import ListArtists
from libs.bus import Bus
from libs.eventlog import JetStreamLog
from libs.eventlog.protocol import call, log_name
from libs.kernel.errors import RemoteProblem
from libs.kernel.messages import NOBODY
from libs.stack.permissions import DEPLOYER
from libs.stack.ports import free_ports
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from services.catalog.adapters.partners.sandbox import BAND_MBID
from services.catalog.cli.sandboxes import world
from services.catalog.cli.sandboxes.server import Sandbox

READY_SECONDS = 20

TODAY = datetime.now(UTC).date() + timedelta(days=1)
"""The day it is in the sandbox, on which the band plays: tomorrow, so that nothing of it begins by
itself while a test looks, whenever that is.
"""

TONIGHT = datetime.combine(TODAY, time(19, 30), ZoneInfo("Europe/Copenhagen")).astimezone(UTC)
"""When the band begins."""


@dataclass(frozen=True, slots=True)
class RunningCatalog:
    """bus, log: as the service itself sees them."""

    bus: Bus
    log: JetStreamLog


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """The partners, at an address; `world` is what serves there."""

    url: str
    world: Sandbox

    async def order(self, partner: str, fault: str, **more: Any) -> None:
        """Have the next requests to a partner meet a fault."""
        await self._put("faults", {"partner": partner, "fault": fault, **more})

    async def change(self, partner: str, item_id: str, change: dict[str, Any] | None) -> None:
        """Have a partner tell something else."""
        await self._put("changes", {"partner": partner, "id": item_id, "change": change})

    async def _put(self, what: str, body: dict[str, Any]) -> None:
        async with httpx2.AsyncClient(trust_env=False) as client:
            response = await client.put(f"{self.url}/_sandbox/{what}", json=body)
            assert response.status_code == 204, response.text


@pytest.fixture
async def catalog(
    nats_server: RunningNats, database: RunningDatabase
) -> AsyncIterator[RunningCatalog]:
    """The catalog with an empty log, for one test."""
    await delete_log(nats_server)
    async with (
        running_services(["catalog"], nats_server, database),
        bus_of("catalog", nats_server) as bus,
    ):
        log = await JetStreamLog.open(bus.connection, "catalog")
        await _until_it_answers(bus, log)
        yield RunningCatalog(bus, log)


@pytest.fixture
async def sandbox(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningSandbox]:
    """The partners, for one test; a catalog that is started after them asks them."""
    monkeypatch.setattr(world, "EPOCH", TODAY)
    served = Sandbox(lambda: datetime.combine(TODAY, time(12), UTC))
    (port,) = free_ports(1)
    config = uvicorn.Config(served, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn tells nobody.
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("BACKLINE_CATALOG_SANDBOX_URL", url)
    monkeypatch.setenv("BACKLINE_CATALOG_PARTNER_RETRY_SECONDS", "0.02")
    monkeypatch.setenv("BACKLINE_CATALOG_PARTNER_TIMEOUT_SECONDS", "0.5")
    try:
        yield RunningSandbox(url, served)
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def synced(sandbox: RunningSandbox, catalog: RunningCatalog) -> RunningCatalog:
    """The catalog with an empty log, which asks the sandbox."""
    return catalog


def setlist_of_tonight(**more: Any) -> dict[str, Any]:
    """What setlist.fm says of the band's show, written this minute unless `more` says otherwise."""
    venue = {"id": world.hex_of("Vega", "Copenhagen"), "name": "Vega"}
    return {
        "id": "feed0001",
        "eventDate": f"{TODAY:%d-%m-%Y}",
        "lastUpdated": written(),
        "artist": {"mbid": BAND_MBID, "name": world.BAND},
        "venue": {**venue, "city": {"name": "Copenhagen"}},
        "url": f"https://www.setlist.fm/setlist/the-harbour-lights/{TODAY.year}/vega-feed0001.html",
        **more,
    }


def written(*, minutes: int = 0) -> str:
    """A time of setlist.fm, so many minutes from now."""
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    return f"{at:%Y-%m-%dT%H:%M:%S}.000+0000"


async def delete_log(nats_server: RunningNats) -> None:
    """Have the next catalog begin with an empty log."""
    client = await nats_server.connect(DEPLOYER)
    try:
        await call(client, f"STREAM.DELETE.{log_name('catalog')}", b"", timeout_seconds=5)
    finally:
        await client.close()


class _Before(Exception):
    """The tables are still those of the log before."""


async def _until_it_answers(bus: Bus, log: JetStreamLog) -> None:
    """Wait until the tables are built from this log."""
    async for attempt in stamina.retry_context(
        on=(RemoteProblem, _Before),
        attempts=None,
        timeout=READY_SECONDS,
        wait_initial=0.05,
        wait_max=0.2,
    ):
        with attempt:
            answer = await bus.ask(ListArtists(), caller=NOBODY)
            if answer.epoch != log.epoch:
                raise _Before
