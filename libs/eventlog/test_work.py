"""Work that is handed out: to one of the workers, again when it is lost, and to nobody else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from nats.aio.client import Client

from libs.chassis.prepare import prepare
from libs.eventlog import work
from libs.eventlog.agenda import Agenda
from libs.eventlog.work import Piece, WorkQueue
from libs.kernel.clock import system_clock
from libs.testkit.stack import TEST_SERVICES, RunningNats, running_nats
from libs.testkit.waiting import eventually

pytestmark = pytest.mark.connected


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningNats]:
    with running_nats(tmp_path) as server:
        await prepare(server.url, server.secrets, services=TEST_SERVICES)
        yield server


@dataclass
class Taker:
    """Somebody who takes work, as much as there is room for."""

    queue: WorkQueue
    room_max: int = 5
    taken: list[Piece] = field(default_factory=list)
    done: int = 0

    @property
    def keys(self) -> list[str]:
        return [note["key"] for piece in self.taken for note in orjson.loads(piece.body)]

    @asynccontextmanager
    async def taking(self) -> AsyncIterator[None]:
        ready = asyncio.Event()
        task = asyncio.create_task(self.queue.read(ready.set, self._room, self.taken.append))
        try:
            await asyncio.wait_for(ready.wait(), 5)
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    def _room(self) -> int:
        return self.room_max - len(self.taken) + self.done

    async def finish(self) -> None:
        for piece in self.taken[self.done :]:
            await piece.acknowledge()
        self.done = len(self.taken)
        self.queue.wake()


async def hand_out(server: RunningNats, *keys: str) -> None:
    client = await server.connect("scheduler")
    agenda = Agenda(client, "scheduler", system_clock)
    for key in keys:
        await agenda.enter("toy", datetime.now(UTC), {"key": key})
    await client.close()


@asynccontextmanager
async def queue(server: RunningNats, user: str = "toy") -> AsyncIterator[WorkQueue]:
    client: Client = await server.connect(user)
    yield WorkQueue(client, "toy", giver="scheduler")
    await client.close()


async def test_gives_each_piece_to_one_of_the_workers(server: RunningNats) -> None:
    async with queue(server) as one, queue(server) as other:
        takers = [Taker(one), Taker(other)]
        async with takers[0].taking(), takers[1].taking():
            await hand_out(server, *(f"k{number}" for number in range(8)))

            async def have_all() -> bool:
                for taker in takers:
                    await taker.finish()
                return sum(len(taker.taken) for taker in takers) >= 8

            await eventually(have_all)
    keys = [key for taker in takers for key in taker.keys]
    assert sorted(keys) == [f"k{number}" for number in range(8)]


async def test_takes_no_more_than_there_is_room_for(server: RunningNats) -> None:
    async with queue(server) as ours:
        taker = Taker(ours, room_max=2)
        async with taker.taking():
            await hand_out(server, "a", "b", "c")
            await eventually(lambda: len(taker.taken) == 2)
            await asyncio.sleep(0.5)
            assert len(taker.taken) == 2
            await taker.finish()
            await eventually(lambda: len(taker.taken) == 3)


async def test_comes_again_when_nobody_has_acknowledged_it(
    server: RunningNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "REDELIVERED_AFTER_SECONDS", 1)
    async with queue(server) as lost:
        taker = Taker(lost)
        async with taker.taking():
            await hand_out(server, "a")
            await eventually(lambda: taker.keys == ["a"])
    async with queue(server) as other:
        taker = Taker(other)
        async with taker.taking():
            await eventually(lambda: taker.keys == ["a"])


async def test_does_not_come_again_while_it_is_kept(
    server: RunningNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "REDELIVERED_AFTER_SECONDS", 5)
    async with queue(server) as one, queue(server) as other:
        first, second = Taker(one), Taker(other)
        async with first.taking():
            await hand_out(server, "a")
            await eventually(lambda: first.keys == ["a"])
        async with second.taking():
            for _ in range(15):
                await first.taken[0].keep()
                await asyncio.sleep(0.4)
            assert second.keys == []
            await eventually(lambda: second.keys == ["a"], timeout_seconds=20)


async def test_comes_again_at_once_when_it_is_handed_back(server: RunningNats) -> None:
    async with queue(server) as one, queue(server) as other:
        first, second = Taker(one), Taker(other)
        async with first.taking():
            await hand_out(server, "a")
            await eventually(lambda: first.keys == ["a"])
        async with second.taking():
            await asyncio.sleep(0.5)
            assert second.keys == []
            await first.taken[0].hand_back()
            await eventually(lambda: second.keys == ["a"])


async def test_is_refused_to_services_it_is_not_for(server: RunningNats) -> None:
    refusals: list[str] = []

    async def on_error(error: Exception) -> None:
        refusals.append(str(error))

    client = await server.connect("voting", error_cb=on_error)
    theirs = WorkQueue(client, "toy", giver="scheduler")
    task = asyncio.create_task(Taker(theirs).queue.read(lambda: None, lambda: 1, lambda _: None))
    await eventually(lambda: any("permissions violation" in refusal for refusal in refusals))
    task.cancel()
    await asyncio.wait({task})
    await client.close()
