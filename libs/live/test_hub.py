"""What live queries do and how often, in pretend time."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import wraps
from typing import Any

import orjson
import pytest

from libs.kernel.errors import NotFound
from libs.live.asking import PUSH_GRACE_SECONDS
from libs.live.cursor import CursorSigner
from libs.live.errors import Full
from libs.live.frames import Frame
from libs.live.hub import LiveHub
from libs.live.limits import Limits
from libs.live.query import WRITES_PER_TURN
from libs.live.test_world import Client, World, run
from libs.live.watcher import Watcher


def in_world(
    test: Callable[[World], Coroutine[Any, Any, None]],
) -> Callable[[], None]:
    @wraps(test)
    def in_pretend_time() -> None:
        async def scenario() -> None:
            async with World() as world:
                await test(world)

        run(scenario())

    del in_pretend_time.__wrapped__  # pytest would see arguments.
    return in_pretend_time


def hot(world: World, thing: str = "b") -> Client:
    return world.client("demo.get-hot", thing=thing)


def cold(world: World, thing: str = "b") -> Client:
    return world.client("demo.get-cold", thing=thing)


async def watching(world: World, client: Client, hub: int = 0) -> Client:
    client.connect(world.hubs[hub])
    await asyncio.sleep(0.2)
    assert client.frames[-1]["op"] in {"result", "resumed"}
    return client


class Collector:
    """A watcher that keeps the very bytes it is given."""

    def __init__(self, encode: Callable[[Frame, bytes], bytes]) -> None:
        self.seen: list[bytes] = []
        self.watcher = Watcher(encode, b"1", self.seen.append, lambda _: None)


# ---------------------------------------------------------------------------------- how often


@in_world
async def test_sends_the_first_change_at_once_and_then_ten_a_second(world: World) -> None:
    client = await watching(world, hot(world))
    await asyncio.sleep(1)
    before = len(client.frames)
    world.service.write("b", "x", 1, notice_delays=())
    await asyncio.sleep(0.001)
    assert len(client.frames) == before + 1
    for number in range(200):
        world.service.write("b", "x", number + 2, notice_delays=())
        await asyncio.sleep(0.005)
    assert 9 <= len(client.frames) - before <= 12
    await asyncio.sleep(Limits().spacing_seconds)
    assert client.result["parts"] == {"x": 201}


@in_world
async def test_sends_nothing_when_nothing_changed(world: World) -> None:
    client = await watching(world, cold(world))
    before = len(client.frames)
    for _ in range(5):
        world.service.notify({"thing.b": world.service.position + 1}, (0.0,))
        await asyncio.sleep(1)
    assert len(client.frames) == before


@in_world
async def test_does_not_ask_when_a_push_comes_in_time(world: World) -> None:
    client = await watching(world, hot(world))
    questions = world.service.questions
    for number in range(20):
        world.service.write("b", "x", number + 1, push_delays=(PUSH_GRACE_SECONDS / 2,))
        await asyncio.sleep(0.5)
    assert world.service.questions == questions
    assert client.result == world.service.result("b")


@in_world
async def test_asks_when_a_push_got_lost(world: World) -> None:
    client = await watching(world, hot(world))
    world.service.write("b", "x", 1, push_delays=())
    await asyncio.sleep(PUSH_GRACE_SECONDS + 0.1)
    assert client.result == world.service.result("b")


@in_world
async def test_asks_once_when_many_watch(world: World) -> None:
    clients = [cold(world) for _ in range(50)]
    for client in clients:
        client.connect(world.hubs[0])
    await asyncio.sleep(0.1)
    world.service.write("b", "x", 1)
    await asyncio.sleep(0.5)
    assert {tuple(client.result["order"]) for client in clients} == {("x",)}
    assert world.service.questions == 2


# ---------------------------------------------------------------------------------- to many


@in_world
async def test_writes_the_same_bytes_to_everyone_when_there_are_many(world: World) -> None:
    encoded: list[bytes] = []

    def encode(frame: Frame, subscription_id: bytes) -> bytes:
        encoded.append(frame.json(subscription_id))
        return encoded[-1]

    count = 3 * WRITES_PER_TURN + 7
    question = world.questions.of("demo.get-hot", {"thing": "b"}, hot(world).question.caller)
    viewers = [Collector(encode) for _ in range(count)]
    for viewer in viewers:
        world.hubs[0].watch(question, viewer.watcher, None)
    await asyncio.sleep(0.5)
    encoded.clear()
    world.service.write("b", "x", 1, notice_delays=())
    await asyncio.sleep(0.05)
    assert len(encoded) == 1
    assert all(viewer.seen[-1] is encoded[0] for viewer in viewers)


@in_world
async def test_writes_nothing_to_those_who_leave_while_many_are_written_to(world: World) -> None:
    question = hot(world).question
    viewers = [Collector(lambda frame, id_: frame.json(id_)) for _ in range(2000)]
    watched = [world.hubs[0].watch(question, viewer.watcher, None) for viewer in viewers]
    await asyncio.sleep(0.5)
    world.service.write("b", "x", 1, notice_delays=())
    while len(viewers[0].seen) < 2:  # noqa: ASYNC110  # Turn by turn: that is the point.
        await asyncio.sleep(0)
    assert len(viewers[-1].seen) == 1
    watched[-1].query.detach(viewers[-1].watcher)
    await asyncio.sleep(0.05)
    assert len(viewers[-1].seen) == 1
    assert all(len(viewer.seen) == 2 for viewer in viewers[:-1])


@in_world
async def test_gives_a_slow_reader_one_result_for_all_it_missed(world: World) -> None:
    slow, quick = await watching(world, hot(world)), await watching(world, hot(world))
    slow.pause()
    for number in range(5):
        world.service.write("b", "x", number + 1, notice_delays=())
        await asyncio.sleep(0.2)
    assert len(slow.frames) == 1
    assert len(quick.frames) == 6
    slow.resume()
    assert [frame["op"] for frame in slow.frames] == ["result", "result"]
    world.service.write("b", "x", 9, notice_delays=())
    await asyncio.sleep(0.2)
    assert slow.frames[-1]["op"] == "change"
    assert slow.result == quick.result


# ---------------------------------------------------------------------------------- its life


@in_world
async def test_keeps_a_query_a_while_when_its_last_watcher_left(world: World) -> None:
    client = await watching(world, hot(world))
    assert len(world.service.listeners["hot.demo.get-hot.b"]) == 1
    client.disconnect()
    await asyncio.sleep(1)
    questions = world.service.questions
    await watching(world, client)
    assert world.service.questions == questions
    client.disconnect()
    await asyncio.sleep(Limits().linger_seconds + 1)
    assert world.service.listeners["hot.demo.get-hot.b"] == []
    await watching(world, client)
    assert world.service.questions == questions + 1
    assert client.frames[0]["op"] == "resumed"


@in_world
async def test_asks_before_it_shows_when_it_may_have_missed_something_meanwhile(
    world: World,
) -> None:
    client = await watching(world, cold(world))
    client.disconnect()
    questions = world.service.questions
    world.service.write("b", "x", 1)
    await asyncio.sleep(1)
    assert world.service.questions == questions  # Nobody watches: nobody need know.
    client.connect(world.hubs[0], keep_cursor=False)
    await asyncio.sleep(0.1)
    assert [frame["op"] for frame in client.frames] == ["result"]
    assert client.result == world.service.result("b")


@in_world
async def test_refuses_when_too_many_different_questions_are_watched(world: World) -> None:
    service = world.service
    limits = replace(Limits(), queries_max=1)
    hub = LiveHub(service, service.listen, CursorSigner(b"s"), limits)
    running = asyncio.create_task(hub.run())
    await asyncio.sleep(0)
    hot(world).connect(hub)
    hot(world).connect(hub)
    with pytest.raises(Full):
        cold(world).connect(hub)
    running.cancel()


# ---------------------------------------------------------------------------------- trouble


@in_world
async def test_tells_who_waits_and_keeps_what_others_have_when_nobody_answers(
    world: World,
) -> None:
    client = await watching(world, cold(world))
    world.service.is_down = True
    world.service.write("b", "x", 1)
    await asyncio.sleep(0.5)
    late = cold(world, "alice")
    late.connect(world.hubs[0])
    await asyncio.sleep(30)
    assert late.problem["kind"] == "unavailable"
    assert client.problem is None
    asked = world.service.questions
    await asyncio.sleep(30)
    assert 4 <= world.service.questions - asked <= 12  # Ever more slowly.
    world.service.is_down = False
    await asyncio.sleep(8)
    assert client.result == world.service.result("b")


@in_world
async def test_ends_for_everyone_when_there_is_nothing_to_answer_with(world: World) -> None:
    client = await watching(world, cold(world))
    ask = world.service.ask_raw

    async def gone(*_: Any, **__: Any) -> Any:
        raise NotFound("gone")

    world.service.ask_raw = gone  # type: ignore[method-assign]
    world.service.write("b", "x", 1)
    await asyncio.sleep(0.5)
    assert client.problem["code"] == "not-found"
    assert client.watcher is None
    world.service.ask_raw = ask  # type: ignore[method-assign]
    await watching(world, client)
    assert client.result == world.service.result("b")


@in_world
async def test_tells_who_waits_when_asking_breaks(world: World) -> None:
    async def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("a bug")

    world.service.ask_raw = broken  # type: ignore[method-assign]
    client = cold(world)
    client.connect(world.hubs[0])
    await asyncio.sleep(0.5)
    assert client.problem["code"] == "internal"
    assert "bug" not in client.problem["detail"]


@in_world
async def test_goes_on_when_messages_cannot_be_read(world: World) -> None:
    client = await watching(world, hot(world))
    for subject in ("hot.demo.get-hot.b", "chg.demo.things"):
        for payload in (b"", b"{", b"[]", b"null", b'{"position":1}', b'{"n":"x"}', b"\xff"):
            world.service._deliver("chg.*.*" if "chg" in subject else subject, subject, payload)
    world.service.write("b", "x", 1)
    await asyncio.sleep(0.5)
    assert client.result == world.service.result("b")
    assert orjson.dumps(client.frames[-1]["patch"])


@in_world
async def test_asks_all_of_a_service_again_when_notices_got_lost(world: World) -> None:
    client = await watching(world, cold(world))
    world.service.write("b", "x", 1, notice_delays=())
    await asyncio.sleep(0.1)
    assert client.result["parts"] == {}
    await asyncio.sleep(1.2)  # Until the next heartbeat shows the gap.
    assert client.result == world.service.result("b")


@in_world
async def test_resets_when_the_log_was_begun_anew(world: World) -> None:
    for make in (hot, cold):
        client = await watching(world, make(world))
        for number in range(3):
            world.service.write("b", "x", number + 1)
            await asyncio.sleep(0.3)
        before = len(client.frames)
        world.service.recreate()
        world.service.write("b", "y", 1)
        await asyncio.sleep(3)
        assert client.frames[before]["op"] == "result"
        assert client.position == 1
        assert client.result == world.service.result("b")
        client.disconnect()
