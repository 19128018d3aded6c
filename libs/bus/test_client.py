"""The asking side of the bus, against a server that really loses messages."""

import asyncio
import time
from collections.abc import AsyncIterator

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.bus.client import ATTEMPT_SECONDS, Bus
from libs.bus.wire import command_subject
from libs.kernel.messages import Caller
from libs.kernel.slots import slot_of
from libs.testkit.stack import RunningNats
from libs.testkit.toy import OpenRaffle
from libs.testkit.waiting import eventually

pytestmark = pytest.mark.connected

CALLER = Caller(user_id="usr_1", roles=())
SUBJECT = command_subject("toy", slot_of("rfl_1"))


@pytest.fixture
async def owner(nats_server: RunningNats) -> AsyncIterator[Client]:
    client = await nats_server.connect("toy")
    yield client
    await client.close()


@pytest.fixture
async def bus(nats_server: RunningNats) -> AsyncIterator[Bus]:
    client = await nats_server.connect("gateway")
    yield Bus(client)
    await client.close()


async def test_asks_again_soon_with_the_same_id_when_an_owner_says_nothing(
    bus: Bus, owner: Client
) -> None:
    seen: list[str] = []

    async def on_message(message: Msg) -> None:
        seen.extend(item["id"] for item in orjson.loads(message.data))
        if len(seen) > 1:
            await message.respond(orjson.dumps([{"answer": {"position": 7}}]))

    await owner.subscribe(SUBJECT, cb=on_message)
    await owner.flush()
    began = time.monotonic()
    answer = await bus.send(OpenRaffle(raffle_id="rfl_1"), caller=CALLER, command_id="cmd_1")
    assert answer == {"position": 7}
    assert seen == ["cmd_1", "cmd_1"]
    assert time.monotonic() - began < 2 * ATTEMPT_SECONDS[0]


async def test_sends_no_more_of_a_command_when_its_caller_has_gone(bus: Bus, owner: Client) -> None:
    seen: list[str] = []

    async def on_message(message: Msg) -> None:
        seen.extend(item["id"] for item in orjson.loads(message.data))

    await owner.subscribe(SUBJECT, cb=on_message)
    await owner.flush()
    impatient = asyncio.create_task(
        bus.send(OpenRaffle(raffle_id="rfl_1"), caller=CALLER, command_id="cmd_1")
    )
    patient = asyncio.create_task(
        bus.send(OpenRaffle(raffle_id="rfl_1"), caller=CALLER, command_id="cmd_2")
    )
    await eventually(lambda: len(seen) == 2)
    impatient.cancel()
    await eventually(lambda: len(seen) > 2)
    patient.cancel()
    await asyncio.wait({impatient, patient})
    assert seen == ["cmd_1", "cmd_2", "cmd_2"]
