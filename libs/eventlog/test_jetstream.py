"""What only a log on a server can do: be asked over a network that loses, and go away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from libs.chassis.prepare import prepare
from libs.eventlog import JetStreamLog, jetstream, protocol, reading
from libs.eventlog.model import NEW_STREAM, LogRecreated, Revision
from libs.eventlog.protocol import call
from libs.eventlog.test_logs import drawn, following, numbers, opened
from libs.kernel.errors import Conflict, Unavailable
from libs.kernel.ids import new_id
from libs.testkit.builders import commit_of
from libs.testkit.proxy import Proxy
from libs.testkit.stack import TEST_SERVICES, RunningNats, running_nats

pytestmark = pytest.mark.connected

SERVICES = {"toy": TEST_SERVICES["toy"]}
RECOVERY_SECONDS_MAX = 5.0


@pytest.fixture
async def direct(client: Client) -> JetStreamLog:
    """The log over a network that can be trusted."""
    return await JetStreamLog.open(client, "toy")


@pytest.fixture
async def proxy(nats_server: RunningNats, client: Client) -> AsyncIterator[Proxy]:
    async with Proxy(nats_server.url).running() as proxy:
        yield proxy


@pytest.fixture
async def log(
    nats_server: RunningNats, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[JetStreamLog]:
    """The log over a network that cannot, asked by someone with little patience."""
    monkeypatch.setattr(jetstream, "APPEND_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(jetstream, "ADOPT_DEADLINE_SECONDS", 1.0)
    async with reconnecting(nats_server, proxy.url) as client:
        yield await JetStreamLog.open(client, "toy")


class reconnecting:  # noqa: N801  # Used as a word of the language.
    """A client of `toy` that comes back by itself, during the block."""

    def __init__(self, nats_server: RunningNats, url: str | None = None) -> None:
        self._server = RunningNats(url or nats_server.url, nats_server.secrets, nats_server.server)

    async def __aenter__(self) -> Client:
        self._client = await self._server.connect(
            "toy",
            allow_reconnect=True,
            reconnect_time_wait=0.05,
            max_reconnect_attempts=-1,
            error_cb=_ignore,
        )
        return self._client

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()


async def _ignore(_error: Exception) -> None:
    """Losing the connection is what these tests are about."""


# ---------------------------------------------------------------------------------- lost answers


async def test_adopts_its_commit_when_the_acknowledgement_was_lost(
    log: JetStreamLog, direct: JetStreamLog, proxy: Proxy
) -> None:
    raffle = new_id("r")
    proxy.hold_replies()
    appending = asyncio.create_task(log.append([commit_of(raffle, opened(raffle))]))
    await arrived(direct, raffle)
    await asyncio.sleep(jetstream.APPEND_TIMEOUT_SECONDS)  # Until it has given up waiting.
    proxy.mend()
    [revision] = await appending
    history = await direct.load("raffle", raffle)
    assert ([commit.position for commit in history.commits], history.revision) == (
        [revision],
        revision,
    )


async def test_adopts_all_of_a_batch_when_the_acknowledgement_was_lost(
    log: JetStreamLog, direct: JetStreamLog, proxy: Proxy
) -> None:
    raffles = [new_id("r") for _ in range(5)]
    proxy.hold_replies()
    commits = [commit_of(raffle, opened(raffle)) for raffle in raffles]
    appending = asyncio.create_task(log.append(commits))
    await arrived(direct, raffles[-1])
    # Somebody else goes on with one of the streams: the others tell that the batch is there.
    first = (await direct.load("raffle", raffles[0])).revision
    await direct.append([commit_of(raffles[0], drawn(raffles[0], 1), expected=first)])
    await asyncio.sleep(jetstream.APPEND_TIMEOUT_SECONDS)
    proxy.mend()
    revisions = await appending
    found = [await direct.load("raffle", raffle) for raffle in raffles]
    assert revisions == [history.commits[0].position for history in found]


async def test_says_conflict_when_others_wrote_and_the_acknowledgement_was_lost(
    log: JetStreamLog, direct: JetStreamLog, proxy: Proxy
) -> None:
    raffle = new_id("r")
    proxy.hold_replies()
    appending = asyncio.create_task(log.append([commit_of(raffle, opened(raffle))]))
    await arrived(direct, raffle)
    first = (await direct.load("raffle", raffle)).revision
    await direct.append([commit_of(raffle, drawn(raffle, 1), expected=first)])
    await asyncio.sleep(jetstream.APPEND_TIMEOUT_SECONDS)
    proxy.mend()
    with pytest.raises(Conflict):  # Whoever loads again finds what became of it.
        await appending


async def test_is_unavailable_and_wrote_nothing_when_the_request_was_lost(
    log: JetStreamLog, direct: JetStreamLog, proxy: Proxy
) -> None:
    raffle = new_id("r")
    proxy.hold()
    appending = asyncio.create_task(log.append([commit_of(raffle, opened(raffle))]))
    await asyncio.sleep(jetstream.APPEND_TIMEOUT_SECONDS / 2)  # Long enough to be under way.
    proxy.cut()
    proxy.mend()
    with pytest.raises(Unavailable):
        await appending
    assert (await direct.load("raffle", raffle)).revision == NEW_STREAM
    [revision] = await log.append([commit_of(raffle, opened(raffle))])
    assert (await direct.load("raffle", raffle)).revision == revision


async def test_lands_once_when_it_was_given_up_and_lands_late(
    log: JetStreamLog, direct: JetStreamLog, proxy: Proxy
) -> None:
    raffle = new_id("r")
    proxy.hold()
    with pytest.raises(Unavailable):
        await log.append([commit_of(raffle, opened(raffle))])
    assert (await direct.load("raffle", raffle)).revision == NEW_STREAM
    proxy.mend()
    await arrived(direct, raffle)
    with pytest.raises(Conflict):
        await log.append([commit_of(raffle, opened(raffle))])
    assert len((await direct.load("raffle", raffle)).commits) == 1


async def test_does_not_take_a_stream_for_whole_when_replies_were_lost_on_the_way(
    direct: JetStreamLog, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    raffle = new_id("r")
    revisions = [NEW_STREAM]
    for number in range(5):
        commit = commit_of(raffle, drawn(raffle, number), expected=revisions[-1])
        revisions += await direct.append([commit])
    for lost in revisions[1:]:
        with monkeypatch.context() as patch:
            patch.setattr(client, "subscribe", losing(client, lost))
            with pytest.raises(Unavailable):
                await direct.load("raffle", raffle)
    assert numbers((await direct.load("raffle", raffle)).commits) == [0, 1, 2, 3, 4]


def losing(client: Client, position: Revision) -> Any:
    """`subscribe`, for replies that go down with a connection while others come over the next."""
    subscribe = client.subscribe

    async def lossy(subject: str, *, cb: Any, **options: Any) -> Any:
        async def pass_on(message: Any) -> None:
            if (message.headers or {}).get("Nats-Sequence") != str(position):
                await cb(message)

        return await subscribe(subject, cb=pass_on, **options)

    return lossy


async def arrived(log: JetStreamLog, raffle: str) -> None:
    async with asyncio.timeout(5):
        while not (await log.load("raffle", raffle)).commits:
            pass


async def test_is_unavailable_when_there_is_no_log(nats_server: RunningNats) -> None:
    client = await nats_server.connect("toyreader")
    with pytest.raises(Unavailable):
        await JetStreamLog.open(client, "toyreader")
    lost = JetStreamLog(client, "toyreader", "epoch")
    with pytest.raises(Unavailable):
        await lost.append([commit_of("r1", opened("r1"))])
    with pytest.raises(Unavailable):
        await lost.load("raffle", "r1")
    await client.close()


@pytest.mark.parametrize("code", [10059, 10176, 10210])
def test_is_unavailable_when_the_trouble_passes(code: int) -> None:
    with pytest.raises(Unavailable):
        protocol.raise_error({"error": {"code": 400, "err_code": code, "description": ""}})


def test_is_a_bug_when_jetstream_refuses_for_good() -> None:
    with pytest.raises(protocol.JetStreamRefused):
        protocol.raise_error({"error": {"code": 400, "err_code": 10174, "description": ""}})


# ---------------------------------------------------------------------------------- following


async def test_misses_nothing_and_repeats_nothing_when_its_connection_breaks(
    log: JetStreamLog, direct: JetStreamLog, proxy: Proxy
) -> None:
    raffle = new_id("r")
    start = await direct.last_position()
    revision = NEW_STREAM
    async with following(log, start) as reader:
        for number in range(400):
            if number % 100 == 50:
                proxy.cut()
                proxy.mend()
            [revision] = await direct.append(
                [commit_of(raffle, drawn(raffle, number), expected=revision)]
            )
            if number % 10 == 0:
                await reader.until(revision)
        await reader.until(revision)
    assert numbers(reader.commits) == list(range(400))


async def test_makes_its_consumer_anew_when_messages_were_lost_on_the_way(
    direct: JetStreamLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    raffle = new_id("r")
    start = await direct.last_position()
    deliver = reading._Reader._on_delivered
    lost: set[int] = set()

    def lose_some(self: Any, message: Any) -> None:
        position = reading._numbers(message).position
        if position % 7 == 3 and position not in lost:
            lost.add(position)
        else:
            deliver(self, message)

    monkeypatch.setattr(reading._Reader, "_on_delivered", lose_some)
    revision = NEW_STREAM
    for number in range(20):
        [revision] = await direct.append(
            [commit_of(raffle, drawn(raffle, number), expected=revision)]
        )
    async with following(direct, start) as reader:
        await reader.until(revision)
    assert lost
    assert numbers(reader.commits) == list(range(20))


async def test_is_not_flooded_when_it_reads_slowly(
    direct: JetStreamLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    raffle = new_id("r")
    start = await direct.last_position()
    revision = NEW_STREAM
    for number in range(400):
        [revision] = await direct.append(
            [commit_of(raffle, drawn(raffle, number), expected=revision)]
        )
    waiting = 0
    deliver = reading._Reader._on_delivered

    def count(self: Any, message: Any) -> None:
        nonlocal waiting
        deliver(self, message)
        waiting = max(waiting, len(self._arrived))

    monkeypatch.setattr(reading._Reader, "_on_delivered", count)
    async with following(direct, start) as reader:
        while not reader.commits or reader.commits[-1].position < revision:
            await reader.until(reader.commits[-1].position + 1 if reader.commits else start + 1)
            await asyncio.sleep(0.01)  # The slow reader.
    assert numbers(reader.commits) == list(range(400))
    assert waiting <= reading.CREDIT_MESSAGES_MAX


async def test_asks_for_less_at_a_time_when_commits_are_large(direct: JetStreamLog) -> None:
    raffle = new_id("r")
    start = await direct.last_position()
    revision = NEW_STREAM
    for number in range(20):
        commit = commit_of(raffle, drawn(raffle, number), expected=revision)
        commit.events[0]["data"] = {**vars_of(drawn(raffle, number)), "padding": "x" * 2_000_000}
        [revision] = await direct.append([commit])
    async with following(direct, start) as reader:
        await reader.until(revision)
    assert numbers(reader.commits) == list(range(20))


def vars_of(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in ("raffle_id", "guest_id", "ticket_id", "number")}


async def test_says_that_the_log_is_another_when_it_was_recreated(
    nats_server: RunningNats, direct: JetStreamLog, client: Client
) -> None:
    deployer = await nats_server.connect("deployer")
    raffle = new_id("r")
    start = await direct.last_position()
    async with following(direct, start) as reader:
        [revision] = await direct.append([commit_of(raffle, opened(raffle))])
        await reader.until(revision)
        await call(deployer, "STREAM.DELETE.EVT_TOY", b"", timeout_seconds=5)
        await prepare(nats_server.url, nats_server.secrets, services=SERVICES)
        with pytest.raises(LogRecreated):
            await reader.until(revision + 1)
    again = await JetStreamLog.open(client, "toy")
    assert (again.epoch != direct.epoch, await again.last_position()) == (True, 0)
    await deployer.close()


@pytest.mark.parametrize("step", ["open", "confirm"])
async def test_reads_nothing_of_another_log_when_it_was_recreated_while_reading_began(
    nats_server: RunningNats, client: Client, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    async def recreate() -> JetStreamLog:
        deployer = await nats_server.connect("deployer")
        await call(deployer, "STREAM.DELETE.EVT_TOY", b"", timeout_seconds=5)
        await deployer.close()
        await prepare(nats_server.url, nats_server.secrets, services=SERVICES)
        return await JetStreamLog.open(client, "toy")

    async def replace() -> None:
        monkeypatch.undo()
        other = await recreate()
        await other.append([commit_of(raffle, opened(raffle)) for raffle in ("r1", "r2")])

    log = await recreate()
    opening, confirm = reading._Reader.open, log.confirm_epoch

    async def replace_then_open(reader: Any) -> None:
        await replace()
        await opening(reader)

    async def confirm_then_replace() -> None:
        await confirm()
        await replace()

    if step == "open":
        monkeypatch.setattr(reading._Reader, "open", replace_then_open)
    else:
        monkeypatch.setattr(log, "confirm_epoch", confirm_then_replace)
    async with following(log, 1) as reader:
        with pytest.raises(LogRecreated):
            await reader.until(2)
    assert reader.commits == []


@pytest.mark.parametrize("gently", [True, False])
async def test_goes_on_where_it_was_when_the_server_was_away(tmp_path: Path, gently: bool) -> None:
    raffle = new_id("r")
    with running_nats(tmp_path) as server:
        await prepare(server.url, server.secrets, services=SERVICES)
        async with reconnecting(server) as client:
            log = await JetStreamLog.open(client, "toy")
            [revision] = await log.append([commit_of(raffle, drawn(raffle, 0))])
            async with following(log, 0) as reader:
                await reader.until(revision)
                for number in (1, 2):
                    await restart(server, gently=gently)
                    async with asyncio.timeout(RECOVERY_SECONDS_MAX):
                        revision = await append_again(log, raffle, number)
                        await reader.until(revision)
            history = await log.load("raffle", raffle)
    assert numbers(reader.commits) == [0, 1, 2]
    assert numbers(history.commits) == [0, 1, 2]


async def restart(server: RunningNats, *, gently: bool) -> None:
    """End the server and begin it again; it may not serve yet."""
    if gently:
        await asyncio.to_thread(server.server.stop)
    else:
        server.server.child.kill()
    server.server.launch()


async def append_again(log: JetStreamLog, raffle: str, number: int) -> Revision:
    """Append as an owner does: after a failure load, look whether it is there, and try again."""
    while True:
        try:
            history = await log.load("raffle", raffle)
            if numbers(history.commits)[-1:] == [number]:
                return history.revision
            commit = commit_of(raffle, drawn(raffle, number), expected=history.revision)
            [revision] = await log.append([commit])
        except (Unavailable, Conflict):
            await asyncio.sleep(0.05)
        else:
            return revision
