"""Viewers are counted over two gateways of the pretend world."""

import asyncio

from libs.bus import Answer
from libs.kernel.messages import NOBODY
from libs.live.hub import LiveHub
from libs.live.test_world import World, run
from libs.live.viewers import FORGET_SECONDS, ViewerCounts


def counts_of(world: World, gateway: str, hub: LiveHub) -> ViewerCounts:
    async def publish(subject: str, payload: bytes) -> None:
        for on_message in list(world.service.listeners.get(subject, ())):
            on_message(subject, payload, None)

    return ViewerCounts(
        gateway=gateway,
        service="gateway",
        hub=hub,
        questions=world.questions,
        publish=publish,
        listen=world.service.listen,
    )


async def ask(counts: ViewerCounts, thing: str) -> Answer:
    args = {"query": "demo.get-cold", "args": {"thing": thing}}
    return await counts.ask_raw("gateway.get-viewers", args, caller=NOBODY)


def test_counts_viewers_of_all_gateways_when_there_are_two() -> None:
    async def scenario() -> None:
        async with World() as world, asyncio.TaskGroup() as tasks:
            first, second = (
                counts_of(world, name, hub)
                for name, hub in zip(["g1", "g2"], world.hubs, strict=True)
            )
            running = [tasks.create_task(each.run()) for each in (first, second)]
            clients = [world.client("demo.get-cold", thing="b") for _ in range(5)]
            for number, client in enumerate(clients):
                client.connect(world.hubs[number % 2])
            await asyncio.sleep(2.5)
            for counts in (first, second):
                assert (await ask(counts, "b")).result == {"viewers": 5}
                assert (await ask(counts, "alice")).result == {"viewers": 0}
            before = (await ask(first, "b")).position
            clients[1].disconnect()
            await asyncio.sleep(2.5)
            assert (await ask(first, "b")).result == {"viewers": 4}
            assert (await ask(first, "b")).position > before
            running[1].cancel()
            await asyncio.sleep(FORGET_SECONDS + 2)
            assert (await ask(first, "b")).result == {"viewers": 3}
            running[0].cancel()

    run(scenario())
