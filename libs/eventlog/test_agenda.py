"""The agenda on the real server: what is entered is handed out ahead of its time, in few pages."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from nats.aio.client import Client

from libs.chassis.prepare import prepare
from libs.eventlog.agenda import AHEAD_SECONDS, PAGE_PIECES_MAX, Agenda
from libs.eventlog.protocol import call, read_direct
from libs.kernel.clock import system_clock
from libs.testkit.stack import TEST_SERVICES, RunningNats, running_nats
from libs.testkit.waiting import eventually

pytestmark = pytest.mark.connected

HOUR = timedelta(hours=1)


@pytest.fixture
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    with running_nats(tmp_path_factory.mktemp("nats")) as server:
        await _prepare(server)
        client = await server.connect("scheduler")
        yield client
        await client.close()


async def _prepare(server: RunningNats) -> None:
    await prepare(server.url, server.secrets, services=TEST_SERVICES)


async def pages(client: Client, subjects: str) -> list[list[str]]:
    """What stands on the pages below some subjects."""
    body = {"batch": 1000, "seq": 1, "next_by_subj": subjects}
    found = await read_direct(client, "SCHED_SCHEDULER", body, timeout_seconds=5)
    return [[note["key"] for note in orjson.loads(each.payload)] for each in found]


async def enter(agenda: Agenda, at: datetime, *keys: str) -> None:
    await asyncio.gather(*(agenda.enter("toy", at, {"key": key}) for key in keys))


async def test_hands_out_at_once_what_may_begin_soon(client: Client) -> None:
    agenda = Agenda(client, "scheduler", system_clock)
    await enter(agenda, datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS - 1), "a", "b")
    await enter(agenda, datetime.now(UTC) - HOUR, "c")
    found = await pages(client, "job.scheduler.toy.>")
    assert sorted(key for page in found for key in page) == ["a", "b", "c"]


async def test_writes_what_may_begin_in_the_same_second_on_few_pages(client: Client) -> None:
    agenda = Agenda(client, "scheduler", system_clock)
    keys = [f"k{number:02}" for number in range(2 * PAGE_PIECES_MAX + 1)]
    at = (datetime.now(UTC) + HOUR).replace(microsecond=0)
    for number, key in enumerate(keys):
        await enter(agenda, at + timedelta(milliseconds=20 * number), key)
    await enter(agenda, at + timedelta(seconds=1), "later")
    found = await pages(client, "sched.scheduler.work.toy.>")
    assert sorted(map(len, found)) == [1, 1, PAGE_PIECES_MAX, PAGE_PIECES_MAX]
    assert sorted(key for page in found for key in page) == [*keys, "later"]


async def test_writes_together_what_is_entered_together(client: Client) -> None:
    agenda = Agenda(client, "scheduler", system_clock)
    before = await _last_position(client)
    keys = [f"k{number:02}" for number in range(PAGE_PIECES_MAX)]
    await enter(agenda, datetime.now(UTC) + HOUR, *keys)
    assert await pages(client, "sched.scheduler.work.toy.>") == [keys]
    assert await _last_position(client) - before == 1


async def test_stands_there_once_when_it_is_entered_again(client: Client) -> None:
    agenda = Agenda(client, "scheduler", system_clock)
    at = datetime.now(UTC) + HOUR
    for _ in range(3):
        await enter(agenda, at, "a")
    assert await pages(client, "sched.scheduler.work.toy.>") == [["a"]]


async def test_leaves_the_pages_of_others_alone(client: Client) -> None:
    at = datetime.now(UTC) + HOUR
    for key in ("a", "b"):
        await enter(Agenda(client, "scheduler", system_clock), at, key)
    found = await pages(client, "sched.scheduler.work.toy.>")
    assert sorted(found) == [["a"], ["b"]]


async def test_is_handed_out_ahead_of_its_time(client: Client) -> None:
    agenda = Agenda(client, "scheduler", system_clock)
    at = datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS + 2)
    await enter(agenda, at, "a", "b")

    async def is_handed_out() -> bool:
        return await pages(client, "job.scheduler.toy.>") == [["a", "b"]]

    await eventually(is_handed_out)
    assert await pages(client, "sched.scheduler.work.toy.>") == []


async def _last_position(client: Client) -> int:
    answer = await call(client, "STREAM.INFO.SCHED_SCHEDULER", b"", timeout_seconds=5)
    position: int = answer["state"]["last_seq"]
    return position
