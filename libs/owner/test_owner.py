"""Owners among others: hand-overs under traffic, NATS away, a log that is full."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.bus import Bus
from libs.chassis.prepare import prepare
from libs.eventlog import JetStreamLog, Revision
from libs.eventlog.protocol import call, raise_error, reached
from libs.eventlog.snapshots import SnapshotStore
from libs.kernel.errors import BacklineError, RemoteProblem
from libs.kernel.ids import new_id
from libs.kernel.messages import view
from libs.kernel.slots import SLOT_COUNT
from libs.owner import HotView, Owner, OwnerLimits, lane, states
from libs.testkit.builders import MODERATOR, guest
from libs.testkit.proxy import Proxy
from libs.testkit.stack import TEST_SERVICES, RunningNats, running_nats
from libs.testkit.toy import RAFFLE, DrawTicket, OpenRaffle, Raffle, TicketDrawn, evolve
from libs.testkit.waiting import eventually

pytestmark = pytest.mark.connected

SERVICES = {"toy": TEST_SERVICES["toy"]}
READY_SECONDS_MAX = 15.0
GRACEFUL_PAUSE_SECONDS_MAX = 2.0
TAKEOVER_SECONDS_MAX = 5.0


@dataclass
class Site:
    """A nats-server of our own, and whoever is connected to it."""

    server: RunningNats
    bus: Bus
    log: JetStreamLog
    clients: list[Client] = field(default_factory=list)

    async def connect(self, user: str, url: str | None = None) -> Client:
        client = await RunningNats(
            url or self.server.url, self.server.secrets, self.server.server
        ).connect(
            user,
            allow_reconnect=True,
            reconnect_time_wait=0.05,
            max_reconnect_attempts=-1,
            error_cb=_ignore,
        )
        self.clients.append(client)
        return client

    @asynccontextmanager
    async def owner(self, url: str | None = None, **options: Any) -> AsyncIterator[Owner]:
        """An owner during the block; it stops in order."""
        client = await self.connect("toy", url)
        owner = Owner(
            service="toy",
            client=client,
            log=await JetStreamLog.open(client, "toy"),
            deciders=[RAFFLE],
            snapshots=SnapshotStore(client, "toy"),
            **options,
        )
        ready = asyncio.Event()
        running = asyncio.create_task(owner.run(ready.set))
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                await ready.wait()
            yield owner
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def open(self) -> str:
        raffle = new_id()
        await self.bus.send(OpenRaffle(raffle_id=raffle), caller=MODERATOR)
        return raffle

    async def draw(self, raffle: str, who: str, command_id: str | None = None) -> dict[str, Any]:
        return await self.bus.send(
            DrawTicket(raffle_id=raffle), caller=guest(who), command_id=command_id
        )

    async def tickets(self, raffle: str) -> list[TicketDrawn]:
        history = await self.log.load("raffle", raffle)
        events = [event.data for commit in history.commits for event in commit.events]
        return [event for event in events if isinstance(event, TicketDrawn)]


async def _ignore(_error: Exception) -> None:
    """Losing the connection is what some of these tests are about."""


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    with running_nats(tmp_path) as server:
        await prepare(server.url, server.secrets, services=SERVICES)
        site = Site.__new__(Site)
        site.server, site.clients = server, []
        site.bus = Bus(await site.connect("gateway"))
        site.log = await JetStreamLog.open(await site.connect("toy"), "toy")
        yield site
        for client in site.clients:
            await client.close()


class Traffic:
    """Guests who draw tickets, one after the other, in several places at once.

    acknowledged   what each guest was told
    pause_seconds  the longest time from one acknowledgement to the next
    """

    def __init__(self, site: Site, raffles: list[str]) -> None:
        self._site = site
        self._raffles = raffles
        self._last_at = time.monotonic()
        self.acknowledged: dict[str, tuple[str, dict[str, Any]]] = {}
        self.problems: list[BacklineError] = []
        self.pause_seconds = 0.0

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator["Traffic"]:
        places = [asyncio.create_task(self._draw(raffle)) for raffle in self._raffles]
        try:
            yield self
        finally:
            for place in places:
                place.cancel()
            await asyncio.gather(*places, return_exceptions=True)

    async def _draw(self, raffle: str) -> None:
        while True:
            who, command_id = new_id("g_"), new_id()
            try:
                receipt = await self._site.draw(raffle, who, command_id)
            except BacklineError as problem:
                self.problems.append(problem)
                continue
            now = time.monotonic()
            self.pause_seconds = max(self.pause_seconds, now - self._last_at)
            self._last_at = now
            assert receipt["ticket_id"] == command_id
            self.acknowledged[who] = raffle, receipt

    async def more(self, count: int = 50) -> None:
        """Return once so many more were acknowledged."""
        before = len(self.acknowledged)
        await eventually(lambda: len(self.acknowledged) >= before + count, timeout_seconds=20)

    async def check(self) -> None:
        """One ticket for each guest, and whatever was acknowledged is in the log."""
        found = {
            ticket.guest_id: ticket
            for raffle in self._raffles
            for ticket in await self._unique(raffle)
        }
        for who, (_, receipt) in self.acknowledged.items():
            assert found[who].ticket_id == receipt["ticket_id"]
            assert found[who].number == receipt["number"]

    async def _unique(self, raffle: str) -> list[TicketDrawn]:
        tickets = await self._site.tickets(raffle)
        assert set(Counter(ticket.guest_id for ticket in tickets).values()) <= {1}
        assert [ticket.number for ticket in tickets] == list(range(1, len(tickets) + 1))
        return tickets


@pytest.fixture
async def raffles(site: Site) -> list[str]:
    async with site.owner():
        return [await site.open() for _ in range(8)]


async def test_owns_every_slot_between_them_when_there_are_several(site: Site) -> None:
    async with site.owner() as one, site.owner() as other:
        await eventually(
            lambda: (
                one._lane.owned | other._lane.owned == frozenset(range(SLOT_COUNT))
                and not one._lane.owned & other._lane.owned
            )
        )
        assert min(len(one._lane.owned), len(other._lane.owned)) > SLOT_COUNT // 5


async def test_loses_nothing_and_hardly_pauses_when_owners_come_and_go(
    site: Site, raffles: list[str]
) -> None:
    async with Traffic(site, raffles).flowing() as traffic:
        async with site.owner():
            await traffic.more()
            async with site.owner():
                await traffic.more()
            await traffic.more()
            async with site.owner() as last:
                await traffic.more()
                await eventually(lambda: bool(last._lane.owned))
        # None is left now, and callers wait for the next one.
        async with site.owner():
            await traffic.more()
    assert traffic.problems == []
    assert traffic.pause_seconds < GRACEFUL_PAUSE_SECONDS_MAX
    await traffic.check()


async def test_is_replaced_when_it_is_cut_off_and_takes_its_place_again(
    site: Site, raffles: list[str]
) -> None:
    async with (
        Proxy(site.server.url).running() as proxy,
        site.owner() as one,
        site.owner(proxy.url) as other,
        Traffic(site, raffles).flowing() as traffic,
    ):
        await eventually(lambda: len(one._lane.owned) < SLOT_COUNT)
        await traffic.more()
        proxy.hold()
        await eventually(
            lambda: len(one._lane.owned) == SLOT_COUNT, timeout_seconds=TAKEOVER_SECONDS_MAX
        )
        await traffic.more()
        assert not other._membership.is_current
        proxy.mend()
        await eventually(lambda: bool(other._lane.owned) and len(one._lane.owned) < SLOT_COUNT)
        await traffic.more()
    assert traffic.problems == []
    await traffic.check()


@pytest.mark.parametrize("gently", [True, False])
async def test_goes_on_when_nats_was_away(site: Site, raffles: list[str], gently: bool) -> None:
    async with site.owner(), Traffic(site, raffles).flowing() as traffic:
        await traffic.more()
        if gently:
            await asyncio.to_thread(site.server.server.stop)
        else:
            site.server.server.child.kill()
        site.server.server.launch()
        async with asyncio.timeout(TAKEOVER_SECONDS_MAX):
            await traffic.more()
    assert traffic.problems == []
    await traffic.check()


async def test_says_that_it_is_unavailable_and_recovers_when_the_log_is_full(
    site: Site, raffles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "PATIENCE_SECONDS", 1.0)
    deployer = await site.connect("deployer")
    async with site.owner():
        await site.draw(raffles[0], "ann")
        await limit(deployer, messages=await site.log.last_position())
        began = time.monotonic()
        with pytest.raises(RemoteProblem) as refused:
            await site.draw(raffles[0], "bob")
        assert time.monotonic() - began < 5
        assert refused.value.document["kind"] == "unavailable"
        assert refused.value.document["retry_after"] > 0
        assert [ticket.guest_id for ticket in await site.tickets(raffles[0])] == ["ann"]
        await limit(deployer, messages=-1)
        assert (await site.draw(raffles[0], "bob"))["number"] == 2


async def limit(deployer: Client, *, messages: int) -> None:
    """Let the log hold so many messages and no more."""
    found = await call(deployer, "STREAM.INFO.EVT_TOY", b"", timeout_seconds=5)
    config = {**found["config"], "max_msgs": messages}
    raise_error(await call(deployer, "STREAM.UPDATE.EVT_TOY", config, timeout_seconds=5))


async def test_gives_one_ticket_when_one_guest_draws_200_times_at_once(site: Site) -> None:
    async with site.owner(), site.owner():
        raffle = await site.open()
        receipts = await asyncio.gather(*(site.draw(raffle, "ann") for _ in range(200)))
    assert len({receipt["ticket_id"] for receipt in receipts}) == 1
    assert [receipt["repeated"] for receipt in receipts].count(False) == 1
    assert len(await site.tickets(raffle)) == 1


async def test_saves_snapshots_that_are_true_when_it_is_busy(
    site: Site, raffles: list[str]
) -> None:
    limits = OwnerLimits(snapshot_events_min=20)
    async with site.owner(limits=limits) as owner, Traffic(site, raffles).flowing() as traffic:
        await traffic.more(800)
        schema = owner._aggregates._schema(RAFFLE)
    store = SnapshotStore(await site.connect("toy"), "toy")
    for raffle in raffles:
        snapshot = await store.load("raffle", raffle, schema)
        assert snapshot is not None
        saved = states.decode(Raffle, snapshot.state.partition(b"\n")[2])
        assert saved == await state_at(site, raffle, snapshot.revision)
    async with site.owner():
        for raffle in raffles:
            count = len(await site.tickets(raffle))
            assert (await site.draw(raffle, "zoe"))["number"] == count + 1


async def state_at(site: Site, raffle: str, revision: Revision) -> Raffle:
    state = Raffle()
    history = await site.log.load("raffle", raffle)
    for commit in history.commits:
        if commit.position <= revision:
            for event in commit.events:
                state = evolve(state, event.data)  # type: ignore[arg-type]
    return state


@view
class Drawn:
    count: int
    position: int


def count_of(_raffle_id: str, raffle: Raffle, position: int) -> Drawn:
    return Drawn(count=len(raffle.tickets), position=position)


async def test_tells_what_is_in_the_log_when_it_pushes_results(
    site: Site, raffles: list[str]
) -> None:
    told: list[dict[str, Any]] = []

    async def on_told(message: Msg) -> None:
        told.append(orjson.loads(message.data))

    listener = await site.connect("gateway")
    raffle = raffles[0]
    await listener.subscribe(f"hot.toy.get-drawn.{raffle}", cb=on_told)
    await reached(listener, timeout_seconds=5)
    hot = [HotView("toy.get-drawn", "raffle", count_of)]
    async with site.owner(hot=hot), Traffic(site, [raffle]).flowing() as traffic:
        await traffic.more(100)
        site.server.server.child.kill()
        site.server.server.launch()
        await traffic.more(100)
    await eventually(lambda: bool(told))
    history = await site.log.load("raffle", raffle)
    for body in told:
        drawn = [
            event
            for commit in history.commits
            if commit.position <= body["position"]
            for event in commit.events
            if isinstance(event.data, TicketDrawn)
        ]
        assert body["result"]["count"] == len(drawn)
