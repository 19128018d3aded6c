"""Figures of live queries: frames to thousands of viewers, and how late a vote is on screen."""

import asyncio
import itertools
import time
from bisect import bisect_left
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson

from libs.testkit.waiting import eventually
from tests.bench import peers
from tests.bench.bus import SONGS, Run
from tests.bench.edge import HttpVoter, edge, tokens_of
from tests.bench.figure import Figure, Measured, side_by_side
from tests.bench.screens import Audience, Screen
from tests.bench.stack import BenchStack

VIEWERS = 4_000
FRAMES = 100
CROWD_VIEWERS = 5_000
CROWD_VOTES_PER_SECOND = 1_000
CROWD_CONNECTIONS = 64
CROWD_SAMPLED = 20
SETTLE_SECONDS = 1.0

Send = Callable[[int], Awaitable[None]]


def _subscribe(show: str) -> bytes:
    return orjson.dumps(
        {"op": "subscribe", "id": 1, "query": "voting.get-tally", "args": {"show_id": show}}
    )


# ---------------------------------------------------------------------------------- fan-out


async def fan_out(*, quick: bool) -> Figure:
    """Frames a second to thousands of viewers of one query, beside nchan."""
    viewers, frames = (500, 20) if quick else (VIEWERS, FRAMES)
    content: list[bytes] = []

    async def ours() -> Measured:
        measured, frame = await _ours_to(viewers, frames)
        content[:] = [frame]
        return measured

    async def nchan() -> Measured:
        return await _nchan_to(viewers, frames, content[0])

    has_nchan = peers.has_nchan()
    mine, *others = await side_by_side(1 if quick else 3, ours, *([nchan] if has_nchan else []))
    return Figure(
        "fan-out",
        f"frames to {viewers:,} WebSocket viewers of one query, each once all have the last",
        "≥ nchan",
        mine,
        others,
        [] if has_nchan else ["nginx with nchan is not installed here: left out"],
    )


async def _ours_to(viewers: int, frames: int) -> tuple[Measured, bytes]:
    """Results pushed as an owner pushes them, faster than it would; and a frame as it was sent."""
    async with edge(1, BACKLINE_GATEWAY_SPACING_SECONDS="0") as (stack, (show,)):
        client = await stack.connect("voting")
        about = await client.jetstream().stream_info("EVT_VOTING")
        epoch = (about.config.metadata or {})["backline_epoch"]
        counts = dict.fromkeys(SONGS, 0)

        async def push(number: int) -> None:
            counts[SONGS[number % len(SONGS)]] += 1
            position = 1_000_000 + number
            tally = {"show_id": show, "status": "open", "total": number, "counts": counts}
            body = {"position": position, "epoch": epoch, "result": {**tally, "position": position}}
            await client.publish(f"hot.voting.get-tally.{show}", orjson.dumps(body))

        audience = Audience()
        try:
            await audience.gather(viewers, stack.port, "/v1/live", _subscribe(show))
            await audience.until(viewers)
            run = await _one_after_the_other(audience, viewers, frames, push)
        finally:
            audience.close()
            await client.close()
        return _frames("Backline, one gateway", run), audience.newest


async def _nchan_to(viewers: int, frames: int, content: bytes) -> Measured:
    """The same bytes, published to one nginx worker."""
    async with peers.nchan_server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def publish(_: int) -> None:
            writer.write(
                b"POST /publish HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%s"
                % (len(content), content)
            )

        audience = Audience()
        try:
            await audience.gather(viewers, port, "/watch", None)
            await asyncio.sleep(SETTLE_SECONDS)
            run = await _one_after_the_other(audience, viewers, frames, publish)
        finally:
            audience.close()
            writer.close()
            reader.feed_eof()
        return _frames("nchan, one worker", run)


async def _one_after_the_other(audience: Audience, viewers: int, frames: int, send: Send) -> Run:
    """Send each frame once every viewer has the one before."""
    latencies = []
    started = time.perf_counter()
    seen = audience.frames
    for number in range(1, frames + 1):
        sent_at = time.perf_counter()
        await send(number)
        await audience.until(seen + number * viewers)
        latencies.append(time.perf_counter() - sent_at)
    return Run(frames * viewers, time.perf_counter() - started, latencies)


def _frames(name: str, run: Run) -> Measured:
    """The percentiles are of the time until the last viewer has a frame."""
    details = {"p50_ms": run.percentile_ms(0.5), "p99_ms": run.percentile_ms(0.99)}
    return Measured(name, run.rate, "frames/s", details)


# ---------------------------------------------------------------------------------- a crowd


@dataclass(slots=True)
class _Watcher:
    """A viewer who notes when each position was on screen."""

    positions: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def take(self, content: bytes) -> None:
        self.positions.append(orjson.loads(content)["position"])
        self.times.append(time.perf_counter())

    def seen_at(self, position: int) -> float | None:
        """When a position, or one after it, was first shown."""
        index = bisect_left(self.positions, position)
        return self.times[index] if index < len(self.times) else None


async def crowd_to_viewers(*, quick: bool) -> Figure:
    """From a vote to the screens of thousands, while a thousand vote each second."""
    viewers, seconds = (500, 2.0) if quick else (CROWD_VIEWERS, 10.0)

    async def ours() -> Measured:
        async with edge(1) as (stack, (show,)):
            audience = Audience()
            watchers = [_Watcher() for _ in range(CROWD_SAMPLED)]
            screens: list[Screen] = []
            try:
                await audience.gather(viewers, stack.port, "/v1/live", _subscribe(show))
                await audience.until(viewers)
                screens += [await _sample(stack, show, watcher) for watcher in watchers]
                votes = await _vote_steadily(stack, show, seconds)
                last = max(position for _, position in votes)
                await eventually(lambda: all(each.seen_at(last) for each in watchers))
            finally:
                audience.close()
                for screen in screens:
                    screen.close()
        latencies = [
            seen_at - sent_at
            for watcher in watchers
            for sent_at, position in votes
            if (seen_at := watcher.seen_at(position)) is not None
        ]
        run = Run(len(votes), seconds, latencies)
        details = {
            "p50_ms": run.percentile_ms(0.5),
            "p99_ms": run.percentile_ms(0.99),
            "votes_per_second": run.rate,
            "frames_per_second": audience.frames / seconds,
        }
        return Measured("Backline", run.percentile_ms(0.99), "ms", details)

    (measured,) = await side_by_side(1 if quick else 3, ours)
    return Figure(
        "crowd-to-viewers",
        f"from a vote to a viewer: {viewers:,} viewers and {CROWD_VOTES_PER_SECOND:,} votes/s",
        "p99 ≤ 200 ms",
        measured,
    )


async def _sample(stack: BenchStack, show: str, watcher: _Watcher) -> Screen:
    loop = asyncio.get_running_loop()
    _, screen = await loop.create_connection(
        lambda: Screen("/v1/live", _subscribe(show), watcher.take), "127.0.0.1", stack.port
    )
    await eventually(lambda: bool(watcher.positions))
    return screen


async def _vote_steadily(stack: BenchStack, show: str, seconds: float) -> list[tuple[float, int]]:
    """Votes of as many people at a steady rate; when each was sent, and its position."""
    count = int(CROWD_VOTES_PER_SECOND * seconds)
    tokens = iter(await asyncio.to_thread(tokens_of, stack, count))
    songs = itertools.cycle(SONGS)
    voters = [HttpVoter(stack, "") for _ in range(CROWD_CONNECTIONS)]
    for voter in voters:
        await voter.open()
    free: asyncio.Queue[HttpVoter] = asyncio.Queue()
    for voter in voters:
        free.put_nowait(voter)
    votes: list[tuple[float, int]] = []

    async def vote(due: float, token: str) -> None:
        voter = await free.get()
        voter.token = token
        receipt = await voter.vote(show, next(songs))
        votes.append((due, receipt["position"]))
        free.put_nowait(voter)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number, token in enumerate(tokens):
            due = started + number / CROWD_VOTES_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(vote(due, token))
    for voter in voters:
        voter.close()
    return votes
