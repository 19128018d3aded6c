"""Schedules on the real server: they fire, are replaced and taken back, and outlive a restart."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.chassis.prepare import prepare
from libs.eventlog.protocol import call
from libs.eventlog.schedules import SCHEDULER, Asked, Schedules
from libs.kernel.clock import system_clock
from libs.kernel.ids import new_id
from libs.testkit.stack import TEST_SERVICES, RunningNats, running_nats

pytestmark = pytest.mark.connected

FIRES_WITHIN_SECONDS = 5
TOMORROW = timedelta(days=1)
SOON = timedelta(milliseconds=300)


class Watcher:
    """Sees what becomes due under one key of its own."""

    def __init__(self, client: Client, schedules: Schedules) -> None:
        self.schedules = schedules
        self.key = new_id()
        self._client = client

    async def fired(self) -> Msg:
        """The oldest message that became due."""
        body = b'{"last_by_subj": "due.toy.%s"}' % self.key.encode()
        async with asyncio.timeout(FIRES_WITHIN_SECONDS):
            while True:
                answer = await call(
                    self._client, "STREAM.INFO.SCHED_TOY", self._filter(), timeout_seconds=2
                )
                if answer["state"].get("subjects"):
                    subject = "$JS.API.DIRECT.GET.SCHED_TOY"
                    return await self._client.request(subject, body, timeout=2)
                await asyncio.sleep(0.02)

    async def count(self) -> int:
        answer = await call(
            self._client, "STREAM.INFO.SCHED_TOY", self._filter(), timeout_seconds=2
        )
        return sum((answer["state"].get("subjects") or {}).values())

    def _filter(self) -> dict[str, str]:
        return {"subjects_filter": f"due.toy.{self.key}"}


def now() -> datetime:
    return system_clock()


@pytest.fixture
async def toy(nats_server: RunningNats) -> AsyncIterator[Watcher]:
    await prepare(nats_server.url, nats_server.secrets, services=TEST_SERVICES)
    client = await nats_server.connect("toy")
    yield Watcher(client, Schedules(client, "toy"))
    await client.close()


async def test_sends_the_message_when_its_time_comes(toy: Watcher) -> None:
    when = now() + SOON
    await toy.schedules.at(toy.key, when, b"hello", headers={"traceparent": "00-x"})
    message = await toy.fired()
    headers = message.headers or {}
    assert now() >= when
    assert message.data == b"hello"
    assert headers["traceparent"] == "00-x"
    assert headers[SCHEDULER] == f"sched.toy.{toy.key}"
    assert await toy.schedules.list(toy.key) == []


async def test_sends_the_message_at_once_when_its_time_has_passed(toy: Watcher) -> None:
    await toy.schedules.at(toy.key, now() - TOMORROW, b"late")
    assert (await toy.fired()).data == b"late"


async def test_keeps_only_the_newest_when_replaced(toy: Watcher) -> None:
    await toy.schedules.at(toy.key, now() + TOMORROW, b"first")
    await toy.schedules.at(toy.key, now() + SOON, b"second")
    assert (await toy.fired()).data == b"second"
    assert await toy.count() == 1


async def test_keeps_what_was_asked_for_last_when_what_was_asked_before_comes_late(
    toy: Watcher,
) -> None:
    key = f"{toy.key}.open"
    earlier, later = Asked(7, now()), Asked(8, now())
    await toy.schedules.at(key, now() + TOMORROW, b"later", asked=later)
    await toy.schedules.at(key, now() + SOON, b"earlier", asked=earlier)
    assert not await toy.schedules.cancel(key, asked=earlier)
    assert [each.body for each in await toy.schedules.list(toy.key)] == [b"later"]
    again = Asked(1, now())  # In a log that was made anew.
    await toy.schedules.at(key, now() + TOMORROW, b"again", asked=again)
    assert [(each.body, each.headers) for each in await toy.schedules.list(toy.key)] == [
        (b"again", {})
    ]
    assert await toy.schedules.cancel(key, asked=again)


async def test_sends_nothing_when_cancelled(toy: Watcher) -> None:
    await toy.schedules.at(toy.key, now() + SOON, b"never")
    assert await toy.schedules.cancel(toy.key)
    # A later one has come, and it has not.
    later = Watcher(toy._client, toy.schedules)
    await later.schedules.at(later.key, now() + 2 * SOON, b"later")
    await later.fired()
    assert await toy.count() == 0


async def test_says_so_when_what_is_cancelled_has_fired(toy: Watcher) -> None:
    await toy.schedules.at(toy.key, now(), b"fired")
    await toy.fired()
    assert not await toy.schedules.cancel(toy.key)
    assert not await toy.schedules.cancel(new_id())


async def test_lists_what_is_to_come_when_there_is_more_than_a_page(
    toy: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.eventlog.schedules.PAGE_MESSAGES", 2)
    when = (now() + TOMORROW).replace(microsecond=123456)
    for number in range(5):
        body = str(number).encode()
        await toy.schedules.at(f"{toy.key}.n{number}", when, body, headers={"correlation": "c"})
    found = await toy.schedules.list(toy.key)
    assert [(each.key, each.body) for each in found] == [
        (f"{toy.key}.n{number}", str(number).encode()) for number in range(5)
    ]
    assert {each.when for each in found} == {when.astimezone(UTC)}
    assert found[0].headers == {"correlation": "c"}


@pytest.mark.parametrize("key", ["", "a b", "a.*", ">", "a..b", ".a"])
async def test_refuses_a_key_when_it_is_no_subject(toy: Watcher, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        await toy.schedules.at(key, now(), b"")
    with pytest.raises(ValueError, match="not a key"):
        await toy.schedules.cancel(key)


async def test_refuses_a_time_when_it_has_no_offset(toy: Watcher) -> None:
    with pytest.raises(ValueError, match="offset"):
        await toy.schedules.at(toy.key, datetime(2026, 1, 1), b"")  # noqa: DTZ001


def stop_in_order(server: RunningNats) -> None:
    server.server.stop()


def kill(server: RunningNats) -> None:
    server.server.child.signal(signal.SIGKILL)
    server.server.child.wait(10)


@pytest.mark.parametrize("end", [stop_in_order, kill])
async def test_sends_what_it_missed_when_the_server_was_away(
    tmp_path: Path, end: Callable[[RunningNats], None]
) -> None:
    with running_nats(tmp_path) as server:
        await prepare(server.url, server.secrets, services=TEST_SERVICES)
        client = await server.connect("toy")
        when = now() + SOON
        before = Watcher(client, Schedules(client, "toy"))
        await before.schedules.at(before.key, when, b"missed")
        end(server)
        await asyncio.sleep((when - now()).total_seconds())  # The very thing that is missed.
        server.server.start()
        client = await server.connect("toy")
        after = Watcher(client, Schedules(client, "toy"))
        after.key = before.key
        assert (await after.fired()).data == b"missed"
        await client.close()
