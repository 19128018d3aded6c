"""The law of live queries: a result and the changes since are what a fresh result would be.

Whatever happens on the way: messages that are lost, doubled, late or out of order, readers too
slow, connections lost and taken up again at another gateway, services that are down, logs begun
anew.
"""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.kernel.messages import Caller
from libs.live.test_world import THINGS, Client, World, run

delays = st.lists(st.sampled_from([0.0, 0.001, 0.02, 0.15, 0.4, 1.2]), max_size=2).map(tuple)

writes = st.fixed_dictionaries(
    {
        "thing": st.sampled_from([*THINGS, "alice"]),
        "part": st.sampled_from(["x", "y"]),
        "amount": st.integers(0, 3),
        "push_delays": delays,
        "project_after": st.sampled_from([0.0, 0.01, 0.09, 0.3]),
        "notice_delays": delays,
    }
)
clients = st.integers(0, 4)
write = st.tuples(st.just("write"), writes)
wait = st.tuples(st.just("wait"), st.sampled_from([0.001, 0.05, 0.1, 0.5, 1.5, 12.0]))
connect = st.tuples(
    st.just("connect"), st.tuples(clients, st.integers(0, 1), st.sampled_from([True, True, False]))
)
steps = st.one_of(
    *[write] * 6,
    *[wait] * 4,
    *[connect] * 3,
    st.tuples(st.just("disconnect"), clients),
    st.tuples(st.just("pause"), clients),
    st.tuples(st.just("resume"), clients),
    st.tuples(st.just("down"), st.booleans()),
    st.tuples(st.just("recreate"), st.none()),
)


async def live(plan: list[tuple[str, Any]]) -> None:
    async with World() as world:
        alice = Caller("alice", ("member",))
        watching = [
            world.client("demo.get-hot", thing="alice"),
            world.client("demo.get-hot", thing="alice"),
            world.client("demo.get-cold", thing="alice"),
            world.client("demo.get-cold", thing="b", limit=1),
            world.client("demo.get-mine", alice),
        ]
        for client in watching:
            client.connect(world.hubs[0])
        for step, what in plan:
            await act(world, watching, step, what)
        await settle(world, watching)
        for client in watching:
            assert client.problem is None
            assert client.result == world.service.result(client.thing)


async def act(world: World, watching: list[Client], step: str, what: Any) -> None:
    match step:
        case "write":
            world.service.write(**what)
        case "wait":
            await asyncio.sleep(what)
        case "connect":
            client, hub, keep_cursor = what
            watching[client].connect(world.hubs[hub], keep_cursor=keep_cursor)
        case "disconnect":
            watching[what].disconnect()
        case "pause":
            watching[what].pause()
        case "resume":
            watching[what].resume()
        case "down":
            world.service.is_down = what
        case "recreate":
            world.service.recreate()


async def settle(world: World, watching: list[Client]) -> None:
    """Let faults end and all that is under way arrive."""
    world.service.is_down = False
    await asyncio.sleep(2)
    world.service.project()
    for _ in range(2):  # Who was refused with what may pass asks again, as clients do.
        for client in watching:
            client.resume()
            if client.watcher is None:
                client.connect(world.hubs[0])
        await asyncio.sleep(20)


@settings(max_examples=100, deadline=None)
@given(st.lists(steps, min_size=10, max_size=60))
def test_result_and_changes_are_a_fresh_result_when_anything_happens(
    plan: list[tuple[str, Any]],
) -> None:
    run(live(plan))
