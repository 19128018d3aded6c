"""Owners of the toy service on the real nats-server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError

from libs.bus.wire import command_item, command_subject
from libs.chassis.prepare import prepare
from libs.eventlog import EventLog, JetStreamLog
from libs.eventlog.snapshots import SnapshotStore
from libs.kernel.ids import new_id
from libs.kernel.slots import slot_of
from libs.owner import Owner
from libs.testkit.stack import TEST_SERVICES, RunningNats
from libs.testkit.toy import RAFFLE

REPLY_SECONDS = 15.0
RETRY_SECONDS = 0.05


class House:
    """Runs owners, and asks them as a bus does that nobody else uses.

    client   the connection of the owners
    log      as the owners see it, unless a test gives them another
    """

    def __init__(
        self, nats_server: RunningNats, client: Client, asking: Client, log: EventLog
    ) -> None:
        self.nats_server = nats_server
        self.client = client
        self.log = log
        self._asking = asking

    @asynccontextmanager
    async def owner(self, **options: Any) -> AsyncIterator[Owner]:
        """An owner during the block, which is entered once it has its slots."""
        options.setdefault("log", self.log)
        options.setdefault("client", self.client)
        options.setdefault("snapshots", SnapshotStore(self.client, "toy"))
        owner = Owner(service="toy", deciders=[RAFFLE], **options)
        ready = asyncio.Event()
        running = asyncio.create_task(owner.run(ready.set))
        try:
            async with asyncio.timeout(REPLY_SECONDS):
                await ready.wait()
            yield owner
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def ask(self, raffle_id: str, *items: dict[str, Any]) -> list[dict[str, Any]]:
        """Send commands in one message, again while nobody owns their slot; their answers."""
        subject, payload = command_subject("toy", slot_of(raffle_id)), orjson.dumps(items)
        async with asyncio.timeout(REPLY_SECONDS):
            while True:
                try:
                    reply = await self._asking.request(subject, payload, timeout=REPLY_SECONDS)
                except NoRespondersError:
                    await asyncio.sleep(RETRY_SECONDS)
                else:
                    answers: list[dict[str, Any]] = orjson.loads(reply.data)
                    return answers


def item(
    name: str, raffle_id: str, *, actor: str = "ann", command_id: str = "", **args: Any
) -> dict[str, Any]:
    """A command as it comes over the bus; a moderator sends it."""
    return command_item(
        f"toy.{name}",
        {"raffle_id": raffle_id, **args},
        command_id=command_id or new_id(),
        actor=actor,
        roles=("moderator",),
        trace=None,
        correlation=None,
    )


@pytest.fixture
async def house(nats_server: RunningNats) -> AsyncIterator[House]:
    """A house without an owner yet; its log is shared: name raffles afresh."""
    services = {"toy": TEST_SERVICES["toy"]}
    await prepare(nats_server.url, nats_server.secrets, services=services)
    client = await nats_server.connect("toy")
    asking = await nats_server.connect("gateway")
    log = await JetStreamLog.open(client, "toy")
    yield House(nats_server, client, asking, log)
    await asking.close()
    await client.close()
