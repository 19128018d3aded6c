"""Figures of the write path: hot show, single votes, many shows, disk."""

import asyncio

from libs.stack.postgres import Postgres
from tests.bench import peers
from tests.bench.bus import OWNER, Load, Run, ceiling, make_load, send
from tests.bench.figure import Figure, Measured, side_by_side
from tests.bench.stack import bench_stack


def _measured(name: str, run: Run) -> Measured:
    return Measured(name, run.rate, "votes/s", run.details())


async def _ours(name: str, load: Load, in_flight: int) -> Measured:
    async with bench_stack(OWNER) as stack:
        return _measured(name, await send(stack, load, in_flight=in_flight))


async def _ceiling(votes: int, per_commit: int) -> Measured:
    async with bench_stack() as stack:
        run = await ceiling(stack, votes=votes, per_commit=per_commit)
    return _measured(f"ceiling: JetStream alone, {per_commit} votes a commit", run)


async def _postgres(isolation: str, clients: int, seconds: float) -> Measured:
    async with bench_stack(with_database=True) as stack:
        server: Postgres | None = stack.postgres
        assert server is not None
        run = await peers.postgres(server, isolation=isolation, clients=clients, seconds=seconds)
    return _measured(f"PostgreSQL {isolation.replace('_', ' ')}, {clients} clients", run)


async def _redis(seconds: float) -> Measured | None:
    async with peers.redis_server() as address:
        if address is None:
            return None
        run = await peers.redis(address, pipeline=500, clients=4, seconds=seconds)
    return _measured("Redis appendfsync always, Lua, pipelined", run)


async def hot_show(*, quick: bool) -> Figure:
    """One hot show, one owner, batched commands on the bus."""
    votes, seconds = (60_000, 1.0) if quick else (300_000, 3.0)
    load = await asyncio.to_thread(make_load, votes=votes, shows=1, per_message=1000)
    redis_found = await _redis(0.2) is not None

    async def redis() -> Measured:
        found = await _redis(seconds)
        assert found is not None
        return found

    ours, *others = await side_by_side(
        1 if quick else 3,
        lambda: _ours("Backline", load, in_flight=8),
        lambda: _ceiling(votes, 3000),
        lambda: _postgres("read_committed", 8, seconds),
        lambda: _postgres("read_committed", 32, seconds),
        lambda: _postgres("serializable", 8, seconds),
        lambda: _postgres("serializable", 32, seconds),
        *([redis] if redis_found else []),
    )
    notes = [] if redis_found else ["redis-server is not installed here: left out"]
    return Figure(
        "hot-show",
        "one hot show, one owner, batched commands on the bus",
        "150,000 votes/s; 30 x PostgreSQL READ COMMITTED; 2 x Redis; 60 % of the ceiling",
        ours,
        others,
        notes,
    )


async def single_votes(*, quick: bool) -> Figure:
    """The same show, one vote per request, 64 in flight."""
    votes, seconds = (6_000, 1.0) if quick else (40_000, 3.0)
    load = await asyncio.to_thread(make_load, votes=votes, shows=1, per_message=1)
    ours, *others = await side_by_side(
        1 if quick else 3,
        lambda: _ours("Backline", load, in_flight=64),
        lambda: _postgres("read_committed", 32, seconds),
    )
    return Figure(
        "single-votes",
        "one hot show, one vote per request, 64 in flight",
        "20,000 votes/s, p99 ≤ 10 ms",
        ours,
        others,
    )


async def many_shows(*, quick: bool) -> Figure:
    """A thousand shows at once, batched."""
    votes = 40_000 if quick else 400_000
    load = await asyncio.to_thread(make_load, votes=votes, shows=1000, per_message=16_000)
    (ours,) = await side_by_side(1 if quick else 3, lambda: _ours("Backline", load, in_flight=256))
    return Figure("many-shows", "1,000 shows at once, batched", "50,000 votes/s", ours)


async def disk(*, quick: bool) -> Figure:
    """Bytes of log on disk for each vote, compressed and as written."""
    votes = 60_000 if quick else 300_000
    load = await asyncio.to_thread(make_load, votes=votes, shows=1, per_message=1000)
    async with bench_stack(OWNER) as stack:
        await send(stack, load, in_flight=8)
        client = await stack.connect("deployer")
        state = (await client.jetstream().stream_info("EVT_VOTING")).state
        await client.close()
        await asyncio.to_thread(stack.nats.stop)
        compressed = stack.log_bytes("voting") / votes
    ours = Measured("s2, as configured", compressed, "bytes/vote")
    plain = Measured("uncompressed", state.bytes / votes, "bytes/vote")
    return Figure("disk", "disk used by the log", "≤ 120 bytes a vote", ours, [plain])
