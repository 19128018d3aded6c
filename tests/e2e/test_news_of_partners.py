"""What partners tell us by webhook, from their request to the record that it changes."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from contracts.catalog_gatherings import ListGatherings
from contracts.catalog_sync_views import GetSync
from contracts.catalog_syncs import (
    Partner,
    Scope,
    StartSync,
    SyncBegan,
    SyncFinished,
    SyncHastened,
    sync_id_of,
)
from contracts.ingress import PartnerObjectChanged
from libs.bus import Bus
from libs.eventlog import JetStreamLog
from libs.kernel.messages import service_caller
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from libs.testkit.waiting import eventually
from services.catalog.adapters.partners.sandbox import CALENDAR
from services.catalog.conftest import RunningSandbox, delete_log, sandbox
from services.ingress.conftest import ENDPOINTS, signed, signed_by_luma

__all__ = ["sandbox"]

pytestmark = [pytest.mark.connected, pytest.mark.timeout(180)]

CALLER = service_caller("catalog")
CALENDAR_SYNC = sync_id_of(Partner.LUMA, Scope.CALENDAR, CALENDAR)
FEED_SYNC = sync_id_of(Partner.ICS, Scope.CALENDAR, "harbour")
EVERY_SECONDS = 5
MOVED = "evt-Sandbox0020"
LUMA = Path(__file__).parents[2].parent / "shared/data/luma/open"
needs_data = pytest.mark.skipif(
    not LUMA.exists() and not os.environ.get("CI"),
    reason="what partners have published is not beside this checkout",
)


class House:
    """Ingress and the catalog, as partners and administrators reach them."""

    def __init__(self, client: httpx2.AsyncClient, bus: Bus, log: JetStreamLog) -> None:
        self._client = client
        self.bus = bus
        self.log = log

    async def deliver(self, body: dict[str, Any], path: str = "luma/main") -> None:
        content = json.dumps(body).encode()
        headers = signed_by_luma(content) if path.startswith("luma") else signed(content)
        answer = await self._client.post(f"/hooks/{path}", content=content, headers=headers)
        assert answer.status_code == 202, answer.text

    async def synced(self, sync_id: str) -> None:
        """Sync once, as an administrator would."""
        started = await self.bus.send(StartSync(sync_id=sync_id), caller=CALLER)

        async def is_over() -> bool:
            answer = await self.bus.ask(
                GetSync(sync_id=sync_id), caller=CALLER, after=started["position"]
            )
            return bool(answer.result["status"] == "finished")

        await eventually(is_over, timeout_seconds=60)

    async def gatherings(self) -> dict[str, str]:
        """The names of gatherings, by what their source calls them."""
        answer = await self.bus.ask(ListGatherings(limit=200), caller=CALLER)
        return {
            external_id: each["name"]
            for each in answer.result["gatherings"]
            for external_id in each["external_ids"].values()
        }

    async def events(self, log: JetStreamLog, *wanted: type) -> list[Any]:
        """What a log holds of some events."""
        end = await log.last_position()
        found: list[Any] = []
        async for commits in log.follow(after=0, events=wanted):
            found += [event for commit in commits for event in commit.events]
            if not commits or commits[-1].position >= end:
                break
        return found


@pytest.fixture
async def house(
    sandbox: RunningSandbox,
    nats_server: RunningNats,
    database: RunningDatabase,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:
    endpoints = {**ENDPOINTS, "ics/harbour": ENDPOINTS["partner/main"]}
    monkeypatch.setenv("BACKLINE_INGRESS_ENDPOINTS", json.dumps(endpoints))
    monkeypatch.setenv("BACKLINE_CATALOG_HASTENED_EVERY_SECONDS", str(EVERY_SECONDS))
    monkeypatch.setenv("BACKLINE_CATALOG_REPEATED_SYNCS", f"hourly:{CALENDAR_SYNC}")
    await delete_log(nats_server)
    parts = ["owner", "projections", "queries", "process-managers", "syncs"]  # Without its jobs.
    specs = ["ingress", *(f"catalog.{part}" for part in parts)]
    async with (
        running_services(specs, nats_server, database) as settings,
        bus_of("catalog", nats_server) as bus,
        httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{settings.port}", trust_env=False, timeout=20
        ) as client,
    ):
        yield House(client, bus, await JetStreamLog.open(bus.connection, "catalog"))


def published(name: str) -> dict[str, Any]:
    """A webhook of Luma's as its schema has it, about the calendar of the sandbox."""
    text = (LUMA / f"webhook_{name}.synth.json").read_text()
    body: dict[str, Any] = json.loads(text.replace("cal-dGAz0ocxi1mvFdP", CALENDAR))
    return body


@needs_data
@pytest.mark.parametrize(
    "name", ["event.created", "event.updated", "calendar.event.added", "guest.registered"]
)
async def test_asks_luma_soon_when_luma_tells_of_news(
    house: House, sandbox: RunningSandbox, name: str
) -> None:
    await house.synced(CALENDAR_SYNC)
    assert (await house.gatherings())[MOVED] == "Listening session 21"
    await sandbox.change("luma", MOVED, {"name": "Listening on the pier"})
    await house.deliver(published(name))

    async def is_known() -> bool:
        return (await house.gatherings())[MOVED] == "Listening on the pier"

    await eventually(is_known, timeout_seconds=60)


async def test_asks_once_however_many_webhooks_come(
    house: House, nats_server: RunningNats, sandbox: RunningSandbox
) -> None:
    await house.synced(CALENDAR_SYNC)
    deliveries = 40
    bodies: list[dict[str, Any]] = [
        {"type": "event.updated", "data": {"id": f"evt-{each}", "calendar_id": CALENDAR}}
        for each in range(deliveries)
    ]
    before = await house.log.last_position()
    await asyncio.gather(*(house.deliver(each) for each in bodies))
    await sandbox.change("luma", MOVED, {"name": "Listening on the pier"})
    await house.deliver({"type": "event.updated", "data": {"id": MOVED, "calendar_id": CALENDAR}})

    async with bus_of("ingress", nats_server) as ingress:
        objects = await JetStreamLog.open(ingress.connection, "ingress")

        async def are_processed() -> bool:
            told = await house.events(objects, PartnerObjectChanged)
            ours = [each for each in told if each.data.change.facts.get("calendar_id") == CALENDAR]
            return {body["data"]["id"] for body in bodies} <= {
                each.data.change.partner_id for each in ours
            }

        await eventually(are_processed, timeout_seconds=60)

    async def is_known() -> bool:
        is_changed = (await house.gatherings())[MOVED] == "Listening on the pier"
        known = await house.events(house.log, SyncHastened, SyncBegan, SyncFinished)
        return is_changed and isinstance(known[-1].data, SyncFinished)

    await eventually(is_known, timeout_seconds=60)
    news = [
        each
        for each in await house.events(house.log, SyncHastened, SyncBegan)
        if each.position > before
    ]
    hastened = [each for each in news if isinstance(each.data, SyncHastened)]
    began = [each for each in news if isinstance(each.data, SyncBegan)]
    assert 1 <= len(began) <= len(hastened)
    lasted = (news[-1].at - news[0].at).total_seconds()
    assert len(hastened) <= 2 + lasted / EVERY_SECONDS < deliveries / 2


async def test_asks_for_a_feed_whose_publisher_says_that_it_changed(
    house: House, sandbox: RunningSandbox
) -> None:
    await house.synced(FEED_SYNC)
    await sandbox.change("ics", MOVED, {"SUMMARY": "Listening on the pier"})
    await house.deliver({"type": "feed.changed", "data": {"id": "harbour"}}, "ics/harbour")

    async def is_known() -> bool:
        return "Listening on the pier" in (await house.gatherings()).values()

    await eventually(is_known, timeout_seconds=60)
