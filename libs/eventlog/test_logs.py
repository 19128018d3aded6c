"""One suite for every log: what holds in memory holds on JetStream, and the other way round."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing, asynccontextmanager
from typing import Any

import orjson
import pytest

from libs.eventlog import Commit, EventLog, RecordedCommit, UnknownEvent
from libs.eventlog.model import APPEND_STREAMS_MAX, COMMIT_BYTES_MAX, NEW_STREAM
from libs.kernel.errors import Conflict, TooLarge
from libs.kernel.ids import new_id
from libs.kernel.upcasting import upcasters
from libs.testkit.builders import NOW, commit_of
from libs.testkit.toy import RaffleClosed, RaffleOpened, TicketDrawn

FOLLOW_SECONDS_MAX = 10.0


def opened(raffle: str) -> RaffleOpened:
    return RaffleOpened(raffle_id=raffle)


def drawn(raffle: str, number: int) -> TicketDrawn:
    return TicketDrawn(
        raffle_id=raffle, guest_id=f"guest_{number}", ticket_id=f"ticket_{number}", number=number
    )


def numbers(commits: list[RecordedCommit]) -> list[int]:
    return [
        recorded.data.number
        for commit in commits
        for recorded in commit.events
        if isinstance(recorded.data, TicketDrawn)
    ]


class Reader:
    """Follows a log, and keeps what it reads."""

    def __init__(self, batches: AsyncIterator[list[RecordedCommit]]) -> None:
        self._batches = batches
        self.commits: list[RecordedCommit] = []
        self.batches: list[int] = []

    async def until(self, position: int) -> None:
        async with asyncio.timeout(FOLLOW_SECONDS_MAX):
            while not self.commits or self.commits[-1].position < position:
                await self._read()

    async def until_nothing_more(self) -> None:
        async with asyncio.timeout(FOLLOW_SECONDS_MAX):
            while await self._read():
                pass

    async def _read(self) -> int:
        batch = await anext(self._batches)
        self.commits += batch
        self.batches.append(sum(len(commit.events) for commit in batch))
        return len(batch)


@asynccontextmanager
async def following(
    log: EventLog,
    after: int,
    *,
    aggregate: str | None = None,
    events: Collection[type] | None = None,
    batch_events_max: int = 5000,
) -> AsyncIterator[Reader]:
    batches: Any = log.follow(
        after=after, aggregate=aggregate, events=events, batch_events_max=batch_events_max
    )
    async with aclosing(batches):
        yield Reader(batches)


# ---------------------------------------------------------------------------------- append, load


async def test_finds_nothing_when_nothing_was_appended(log: EventLog) -> None:
    history = await log.load("raffle", new_id("r"))
    assert (history.commits, history.revision) == ([], NEW_STREAM)


async def test_finds_the_events_as_they_were_when_they_were_appended(log: EventLog) -> None:
    raffle = new_id("r")
    commit = commit_of(
        raffle,
        opened(raffle),
        drawn(raffle, 1),
        headers={"traceparent": "00-1-2-01"},
        actor="usr_7",
        command_id="cmd_7",
    )
    [revision] = await log.append([commit])
    history = await log.load("raffle", raffle)
    [found] = history.commits
    first, second = found.events
    assert history.revision == revision == found.position == await log.last_position()
    assert (found.aggregate, found.aggregate_id) == ("raffle", raffle)
    assert found.headers["traceparent"] == "00-1-2-01"
    assert [first.data, second.data] == [opened(raffle), drawn(raffle, 1)]
    assert (first.id, first.type, first.at) == ("cmd_7", "toy.raffle_opened.v1", NOW)
    assert (first.actor, first.causation_id, first.correlation_id) == ("usr_7", "cmd_7", "cmd_7")
    assert (first.aggregate, first.aggregate_id, first.position) == ("raffle", raffle, revision)


async def test_goes_on_when_the_expected_revision_is_the_last_one(log: EventLog) -> None:
    raffle = new_id("r")
    [first] = await log.append([commit_of(raffle, opened(raffle))])
    [second] = await log.append([commit_of(raffle, drawn(raffle, 1), expected=first)])
    history = await log.load("raffle", raffle)
    assert second > first
    assert [commit.position for commit in history.commits] == [first, second]
    assert history.revision == second


async def test_finds_only_what_is_newer_when_asked_after_a_revision(log: EventLog) -> None:
    raffle = new_id("r")
    [first] = await log.append([commit_of(raffle, opened(raffle))])
    [second] = await log.append([commit_of(raffle, drawn(raffle, 1), expected=first)])
    newer = await log.load("raffle", raffle, first)
    nothing = await log.load("raffle", raffle, second)
    assert (numbers(newer.commits), newer.revision) == ([1], second)
    assert (nothing.commits, nothing.revision) == ([], second)


@pytest.mark.parametrize("missed", [0, 1])
async def test_refuses_and_writes_nothing_when_someone_wrote_first(
    log: EventLog, missed: int
) -> None:
    raffle = new_id("r")
    [first] = await log.append([commit_of(raffle, opened(raffle))])
    [second] = await log.append([commit_of(raffle, drawn(raffle, 1), expected=first)])
    stale = (NEW_STREAM, first)[missed]
    with pytest.raises(Conflict):
        await log.append([commit_of(raffle, drawn(raffle, 2), expected=stale)])
    history = await log.load("raffle", raffle)
    assert (numbers(history.commits), history.revision) == ([1], second)


async def test_refuses_when_a_stream_is_expected_that_does_not_exist(log: EventLog) -> None:
    raffle = new_id("r")
    with pytest.raises(Conflict):
        await log.append([commit_of(raffle, opened(raffle), expected=1)])


async def test_lets_one_win_when_many_append_at_once(log: EventLog) -> None:
    raffle = new_id("r")
    attempts = [log.append([commit_of(raffle, drawn(raffle, n))]) for n in range(20)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    history = await log.load("raffle", raffle)
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 19
    assert len(history.commits) == 1


@pytest.mark.parametrize("commits", [[], [commit_of("r1")]])
async def test_refuses_an_append_without_events_whoever_asks(
    log: EventLog, commits: list[Commit]
) -> None:
    with pytest.raises(ValueError, match="commit"):
        await log.append(commits)


# ---------------------------------------------------------------------------------- several


async def test_writes_all_when_several_streams_are_appended(log: EventLog) -> None:
    raffles = [new_id("r") for _ in range(3)]
    [first] = await log.append([commit_of(raffles[1], opened(raffles[1]))])
    commits = [commit_of(raffle, drawn(raffle, n)) for n, raffle in enumerate(raffles)]
    commits[1].expected = first
    revisions = await log.append(commits)
    for raffle, revision, number in zip(raffles, revisions, range(3), strict=True):
        history = await log.load("raffle", raffle)
        assert history.revision == revision == history.commits[-1].position
        assert numbers(history.commits) == [number]


@pytest.mark.parametrize("stale", [0, 1, 2])
async def test_writes_nothing_when_one_of_several_streams_has_moved_on(
    log: EventLog, stale: int
) -> None:
    raffles = [new_id("r") for _ in range(3)]
    [moved] = await log.append([commit_of(raffles[stale], opened(raffles[stale]))])
    before = await log.last_position()
    with pytest.raises(Conflict):
        await log.append([commit_of(raffle, drawn(raffle, 1)) for raffle in raffles])
    assert await log.last_position() == before
    for number, raffle in enumerate(raffles):
        history = await log.load("raffle", raffle)
        assert history.revision == (moved if number == stale else NEW_STREAM)
        assert numbers(history.commits) == []


async def test_refuses_an_append_when_it_names_a_stream_twice(log: EventLog) -> None:
    raffle = new_id("r")
    with pytest.raises(ValueError, match="one commit"):
        await log.append([commit_of(raffle, opened(raffle)), commit_of(raffle, drawn(raffle, 1))])
    assert (await log.load("raffle", raffle)).revision == NEW_STREAM


async def test_writes_all_when_as_many_streams_are_appended_as_may_be(log: EventLog) -> None:
    raffles = [new_id("r") for _ in range(APPEND_STREAMS_MAX)]
    before = await log.last_position()
    revisions = await log.append(
        [commit_of(raffle, drawn(raffle, n)) for n, raffle in enumerate(raffles)]
    )
    assert revisions == list(range(before + 1, before + 1 + APPEND_STREAMS_MAX))
    for number in (0, 1, 500, 999):
        history = await log.load("raffle", raffles[number])
        assert (numbers(history.commits), history.revision) == ([number], revisions[number])


# ---------------------------------------------------------------------------------- much


async def test_finds_all_of_it_when_a_commit_is_large(log: EventLog) -> None:
    raffle = new_id("r")
    events = [drawn(raffle, n) for n in range(12_000)]
    [revision] = await log.append([commit_of(raffle, *events)])
    history = await log.load("raffle", raffle)
    assert numbers(history.commits) == list(range(12_000))
    async with following(log, revision - 1) as reader:
        await reader.until(revision)
    assert numbers(reader.commits) == list(range(12_000))


async def test_finds_all_of_it_when_a_stream_is_long(log: EventLog) -> None:
    raffle = new_id("r")
    revision = NEW_STREAM
    for page in range(3):  # More in bytes than is read at a time, and in messages.
        for start in range(0, 4000, 2000):
            number = page * 4000 + start
            events = [drawn(raffle, number + n) for n in range(2000)]
            [revision] = await log.append([commit_of(raffle, *events, expected=revision)])
    for number in range(12_000, 13_100):
        [revision] = await log.append([commit_of(raffle, drawn(raffle, number), expected=revision)])
    history = await log.load("raffle", raffle)
    assert numbers(history.commits) == list(range(13_100))
    assert history.revision == revision


# ---------------------------------------------------------------------------------- types


async def test_refuses_to_load_when_an_event_is_unknown(log: EventLog) -> None:
    raffle = new_id("r")
    commit = commit_of(raffle, opened(raffle), drawn(raffle, 1))
    commit.events[1]["type"] = "toy.from_the_future.v1"
    [revision] = await log.append([commit])
    with pytest.raises(UnknownEvent, match=r"toy\.from_the_future\.v1"):
        await log.load("raffle", raffle)
    async with following(log, revision - 1) as reader:
        await reader.until(revision)
    assert [event.data for event in reader.commits[-1].events] == [opened(raffle)]


async def test_reads_the_newest_shape_when_an_old_one_was_recorded(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first(data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "toy.ticket_taken.v2", {**data, "number": int(data["number"])}

    def second(data: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "toy.ticket_drawn.v1", {**data, "guest_id": data["who"]}

    monkeypatch.setitem(upcasters, "toy.ticket_taken.v1", first)
    monkeypatch.setitem(upcasters, "toy.ticket_taken.v2", second)
    raffle = new_id("r")
    commit = commit_of(raffle, opened(raffle))
    commit.events[0]["type"] = "toy.ticket_taken.v1"
    commit.events[0]["data"] = {
        "raffle_id": raffle,
        "who": "guest_3",
        "ticket_id": "ticket_3",
        "number": "3",
        "since_then_forgotten": True,
    }
    [revision] = await log.append([commit])
    history = await log.load("raffle", raffle)
    assert [event.data for event in history.commits[0].events] == [drawn(raffle, 3)]
    assert history.commits[0].events[0].type == "toy.ticket_drawn.v1"
    async with following(log, revision - 1, events=[TicketDrawn]) as reader:
        await reader.until(revision)
    assert numbers(reader.commits) == [3]


async def test_keeps_the_bytes_as_they_were_when_it_stores_a_commit(log: EventLog) -> None:
    raffle = new_id("r")
    commit = commit_of(raffle, opened(raffle))
    commit.events[0]["data"] = orjson.Fragment(b'{"raffle_id":"%s"}' % raffle.encode())
    await log.append([commit])
    history = await log.load("raffle", raffle)
    assert history.commits[0].events[0].data == opened(raffle)


# ---------------------------------------------------------------------------------- follow


async def test_says_at_once_that_there_is_nothing_when_it_follows_from_the_end(
    log: EventLog,
) -> None:
    async with following(log, await log.last_position()) as reader, asyncio.timeout(0.9):
        await reader.until_nothing_more()
    assert reader.commits == []


async def test_says_again_that_there_is_nothing_when_nothing_comes(log: EventLog) -> None:
    async with following(log, await log.last_position()) as reader, asyncio.timeout(3.5):
        for _ in range(3):
            await reader.until_nothing_more()
    assert reader.batches == [0, 0, 0]


async def test_reads_everything_in_order_when_it_follows(log: EventLog) -> None:
    raffle = new_id("r")
    start = await log.last_position()
    revision = NEW_STREAM
    for number in range(300):
        [revision] = await log.append([commit_of(raffle, drawn(raffle, number), expected=revision)])
    async with following(log, start) as reader:
        await reader.until(revision)
        for number in range(300, 310):
            [revision] = await log.append(
                [commit_of(raffle, drawn(raffle, number), expected=revision)]
            )
            await reader.until(revision)
        await reader.until_nothing_more()
    positions = [commit.position for commit in reader.commits]
    assert numbers(reader.commits) == list(range(310))
    assert positions == sorted(set(positions))


async def test_reads_all_streams_when_it_follows(log: EventLog) -> None:
    raffles = [new_id("r") for _ in range(4)]
    start = await log.last_position()
    revisions = await log.append(
        [commit_of(raffle, drawn(raffle, n)) for n, raffle in enumerate(raffles)]
    )
    async with following(log, start) as reader:
        await reader.until(revisions[-1])
    found = [(commit.aggregate_id, commit.position) for commit in reader.commits]
    assert found == list(zip(raffles, revisions, strict=True))


async def test_says_that_there_is_nothing_more_when_all_that_was_there_is_read(
    log: EventLog,
) -> None:
    raffle = new_id("r")
    start = await log.last_position()
    await log.append([commit_of(raffle, opened(raffle))])
    async with following(log, start) as reader, asyncio.timeout(0.9):
        await reader.until_nothing_more()
    assert reader.batches == [1, 0]


async def test_reads_streams_of_one_kind_when_it_follows_an_aggregate(log: EventLog) -> None:
    raffle, other = new_id("r"), new_id("o")
    start = await log.last_position()
    [first] = await log.append([commit_of(raffle, opened(raffle))])
    await log.append([commit_of(other, opened(other), aggregate="tombola")])
    async with following(log, start, aggregate="raffle") as reader:
        await reader.until_nothing_more()
        await log.append([commit_of(new_id("o"), opened(other), aggregate="tombola")])
        [second] = await log.append([commit_of(raffle, drawn(raffle, 1), expected=first)])
        await reader.until(second)
    assert [commit.aggregate_id for commit in reader.commits] == [raffle, raffle]


async def test_leaves_out_events_but_moves_on_when_they_are_not_wanted(log: EventLog) -> None:
    raffle = new_id("r")
    start = await log.last_position()
    [first] = await log.append([commit_of(raffle, opened(raffle), drawn(raffle, 1))])
    [second] = await log.append([commit_of(raffle, RaffleClosed(raffle_id=raffle), expected=first)])
    async with following(log, start, events=[TicketDrawn]) as reader:
        await reader.until(second)
    assert [(commit.position, len(commit.events)) for commit in reader.commits] == [
        (first, 1),
        (second, 0),
    ]


async def test_gives_no_more_at_a_time_when_a_bound_is_set(log: EventLog) -> None:
    raffle = new_id("r")
    start = await log.last_position()
    revision = NEW_STREAM
    for number in range(0, 100, 4):
        events = [drawn(raffle, number + n) for n in range(4)]
        [revision] = await log.append([commit_of(raffle, *events, expected=revision)])
    async with following(log, start, batch_events_max=10) as reader:
        await reader.until(revision)
    assert numbers(reader.commits) == list(range(100))
    assert max(reader.batches) == 12


async def test_refuses_a_commit_when_it_is_more_than_a_log_takes(log: EventLog) -> None:
    raffle = new_id("r")
    commit = commit_of(raffle, opened(raffle))
    commit.events[0]["data"] = {"raffle_id": raffle, "padding": "x" * COMMIT_BYTES_MAX}
    with pytest.raises(TooLarge):
        await log.append([commit])
    with pytest.raises(TooLarge):
        await log.append([commit_of(new_id("r"), opened("r")), commit])
    assert (await log.load("raffle", raffle)).revision == NEW_STREAM
    commit.events[0]["data"]["padding"] = "x" * (COMMIT_BYTES_MAX - 1000)
    [revision] = await log.append([commit])
    assert (await log.load("raffle", raffle)).revision == revision
