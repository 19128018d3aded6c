"""Figures of the edge: votes through HTTP and WebSocket, from a vote to a viewer, rebuilding."""

import asyncio
import itertools
import time
from collections.abc import Sequence

import asyncpg
import orjson
from websockets.asyncio.client import ClientConnection, connect

from libs.eventlog.protocol import EXPECTED_REVISION
from libs.stack.postgres import DATABASE
from libs.testkit.waiting import eventually
from tests.bench.bus import SONGS, Run, make_commit, open_ballots
from tests.bench.edge import HttpVoter, edge, tokens_of
from tests.bench.figure import Figure, Measured, side_by_side
from tests.bench.stack import BenchStack, bench_stack

CONNECTIONS = 64
WINDOW = 16
VIEWER_PAUSE_SECONDS = 0.15
SHOWN_SECONDS_MAX = 20.0
REBUILT_SECONDS_MAX = 600.0


async def _http_voters(stack: BenchStack, count: int) -> list[HttpVoter]:
    voters = [HttpVoter(stack, token) for token in tokens_of(stack, count)]
    for voter in voters:
        await voter.open()
    return voters


def _measured(name: str, run: Run) -> Measured:
    details = {"p50_ms": run.percentile_ms(0.5), "p99_ms": run.percentile_ms(0.99)}
    return Measured(name, run.rate, "votes/s", details)


async def http(*, quick: bool) -> Figure:
    """Votes through HTTP, 64 fans at once."""

    async def ours() -> Measured:
        async with edge(10 if quick else 150) as (stack, shows):
            voters = await _http_voters(stack, CONNECTIONS)
            latencies: list[float] = []

            async def vote_everywhere(voter: HttpVoter) -> None:
                for show, song in zip(shows, itertools.cycle(SONGS), strict=False):
                    latencies.append(await voter.timed(show, song))

            started = time.perf_counter()
            await asyncio.gather(*(vote_everywhere(voter) for voter in voters))
            return _measured(
                "Backline", Run(len(latencies), time.perf_counter() - started, latencies)
            )

    (measured,) = await side_by_side(1 if quick else 3, ours)
    return Figure("http", "through HTTP, one hot gateway, 64 fans", "4,000 votes/s", measured)


async def idle_vote(*, quick: bool) -> Figure:
    """One idle vote after another, HTTP, to the fsynced answer."""

    async def ours() -> Measured:
        async with edge(40 if quick else 300) as (stack, shows):
            (voter,) = await _http_voters(stack, 1)
            await voter.timed(shows[0], SONGS[0])
            latencies = [await voter.timed(show, SONGS[0]) for show in shows[1:]]
            run = Run(len(latencies), sum(latencies), latencies)
            details = {"p50_ms": run.percentile_ms(0.5), "p99_ms": run.percentile_ms(0.99)}
            return Measured("Backline", run.percentile_ms(0.5), "ms", details)

    (measured,) = await side_by_side(1 if quick else 3, ours)
    return Figure(
        "idle-vote",
        "one idle vote, HTTP, to the fsynced answer",
        "p50 ≤ 3 ms, p99 ≤ 10 ms",
        measured,
    )


async def websocket(*, quick: bool) -> Figure:
    """Votes through WebSocket, 64 fans, some votes of each under way at once."""

    async def ours() -> Measured:
        async with edge(20 if quick else 300) as (stack, shows):
            url = stack.gateway.replace("http", "ws", 1) + "/v1/live"
            sockets = [await _signed_in(url, token) for token in tokens_of(stack, CONNECTIONS)]
            latencies: list[float] = []
            started = time.perf_counter()
            await asyncio.gather(*(_vote_by_socket(each, shows, latencies) for each in sockets))
            seconds = time.perf_counter() - started
            await asyncio.gather(*(each.close() for each in sockets))
            return _measured("Backline", Run(len(latencies), seconds, latencies))

    (measured,) = await side_by_side(1 if quick else 3, ours)
    return Figure(
        "websocket", "through WebSocket, one hot gateway, 64 fans", "12,000 votes/s", measured
    )


async def _signed_in(url: str, token: str) -> ClientConnection:
    socket = await connect(url, compression=None)
    await socket.send(orjson.dumps({"op": "auth", "token": token}), text=True)
    frame = orjson.loads(await socket.recv())
    if frame["op"] != "ready":
        raise RuntimeError(frame)
    return socket


async def _vote_by_socket(
    socket: ClientConnection, shows: Sequence[str], latencies: list[float]
) -> None:
    sent_at: dict[int, float] = {}
    turns = asyncio.Semaphore(WINDOW)

    async def send() -> None:
        for number, show in enumerate(shows):
            await turns.acquire()
            args = {"show_id": show, "song_id": SONGS[number % len(SONGS)]}
            frame = {"op": "command", "id": number, "command": "voting.cast-vote", "args": args}
            sent_at[number] = time.perf_counter()
            await socket.send(orjson.dumps(frame), text=True)

    sending = asyncio.create_task(send())
    for _ in shows:
        frame = orjson.loads(await socket.recv())
        if frame["op"] != "reply":
            raise RuntimeError(frame)
        latencies.append(time.perf_counter() - sent_at.pop(frame["id"]))
        turns.release()
    await sending


async def vote_to_viewer(*, quick: bool) -> Figure:
    """From sending a vote to a viewer's frame that includes it, idle."""

    async def ours() -> Measured:
        count = 10 if quick else 100
        async with edge(1) as (stack, (show,)):
            url = stack.gateway.replace("http", "ws", 1) + "/v1/live"
            voters = await _http_voters(stack, count + 1)
            viewer = await connect(url, compression=None)
            subscribe = {
                "op": "subscribe",
                "id": 1,
                "query": "voting.get-tally",
                "args": {"show_id": show},
            }
            await viewer.send(orjson.dumps(subscribe), text=True)
            await viewer.recv()
            latencies = []
            for number, voter in enumerate(voters):
                await asyncio.sleep(VIEWER_PAUSE_SECONDS)
                async with asyncio.timeout(SHOWN_SECONDS_MAX):
                    seconds, _ = await asyncio.gather(
                        _until_shown(viewer), voter.vote(show, SONGS[number % len(SONGS)])
                    )
                latencies.append(seconds)
            await viewer.close()
            run = Run(len(latencies), sum(latencies), latencies[1:])
            details = {"p50_ms": run.percentile_ms(0.5), "p99_ms": run.percentile_ms(0.99)}
            return Measured("Backline", run.percentile_ms(0.5), "ms", details)

    (measured,) = await side_by_side(1 if quick else 3, ours)
    return Figure("vote-to-viewer", "from a vote to a viewer, idle", "p50 ≤ 15 ms", measured)


async def _until_shown(viewer: ClientConnection) -> float:
    """How many seconds it takes until the next frame."""
    started = time.perf_counter()
    await viewer.recv()
    return time.perf_counter() - started


async def rebuild(*, quick: bool) -> Figure:
    """Build the read model of voting from nothing, out of a log of a million votes.

    The time to start the process is included.
    """
    votes, per_commit = (50_000, 2000) if quick else (1_000_000, 2000)
    async with bench_stack((("voting.owner", ("voting.owner",)),), with_database=True) as stack:
        wire = await stack.wire("gateway")
        await open_ballots(wire, ["rebuilt"])
        wire.close()
        await asyncio.to_thread(stack.children["voting.owner"].stop)
        client = await stack.connect("voting")
        revision = (await client.jetstream().stream_info("EVT_VOTING")).state.last_seq
        for _ in range(votes // per_commit):
            reply = await client.request(
                "evt.voting.ballot.rebuilt",
                make_commit(per_commit, show="rebuilt"),
                headers={EXPECTED_REVISION: str(revision)},
                timeout=30,
            )
            answer = orjson.loads(reply.data)
            if "error" in answer:
                raise RuntimeError(answer["error"])
            revision = answer["seq"]
        await client.close()
        started = time.perf_counter()
        await stack.start("projections", "voting.projections")
        await _until_projected(stack, revision)
        seconds = time.perf_counter() - started
    ours = Measured("Backline", seconds, "s", {"votes_per_second": votes / seconds})
    return Figure("rebuild", f"rebuild the voting read model from {votes:,} votes", "≤ 20 s", ours)


async def _until_projected(stack: BenchStack, position: int) -> None:
    """Wait until every projection of voting has written the log up to a position."""
    assert stack.postgres is not None
    connection = await asyncpg.connect(stack.postgres.superuser_url(DATABASE))
    reached = "select count(*) > 0 and min(position) >= $1 from voting.checkpoint"
    try:
        await eventually(
            lambda: connection.fetchval(reached, position), timeout_seconds=REBUILT_SECONDS_MAX
        )
    finally:
        await connection.close()
