"""Figures of growth: what a vote costs as there are more shows, and as a show has more voters."""

import asyncio
from itertools import pairwise

from tests.bench.bus import OWNER, make_load, send
from tests.bench.figure import Chart, Figure, Measured
from tests.bench.stack import bench_stack

SHOWS = (1, 10, 100, 1_000, 10_000)
VOTERS = (0, 1_000, 10_000, 100_000, 1_000_000)
SHOWS_QUICK, VOTERS_QUICK = SHOWS[:3], VOTERS[:4]
VOTES_BY_SHOWS = 20_000
IN_FLIGHT = 64
COST = "microseconds of a core in the owner"


async def by_shows(*, quick: bool) -> Figure:
    """One vote per request, dealt to more and more shows."""
    costs: list[Measured] = []
    for shows in SHOWS_QUICK if quick else SHOWS:
        load = await asyncio.to_thread(make_load, votes=VOTES_BY_SHOWS, shows=shows, per_message=1)
        async with bench_stack(OWNER) as stack:
            run = await send(stack, load, in_flight=IN_FLIGHT)
        costs.append(_cost(f"{shows:,} shows", run.details()))
    return _figure("growth-shows", "a vote by itself, 64 in flight, dealt to so many shows", costs)


async def by_voters(*, quick: bool) -> Figure:
    """Votes for one show, batched, while its voters become more and more."""
    costs: list[Measured] = []
    async with bench_stack(OWNER) as stack:
        for before, after in pairwise(VOTERS_QUICK if quick else VOTERS):
            load = await asyncio.to_thread(
                make_load, votes=after - before, shows=1, per_message=1000
            )
            run = await send(stack, load, in_flight=8, are_open=before > 0)
            costs.append(_cost(f"up to {after:,} voters", run.details()))
    return _figure("growth-voters", "votes for one show, batched, up to so many voters", costs)


def _cost(name: str, details: dict[str, float]) -> Measured:
    cost = details.pop("voting_us")
    return Measured(name, cost, "µs/vote", details)


def _figure(key: str, title: str, costs: list[Measured]) -> Figure:
    chart = Chart(COST, [each.name for each in costs], [each.value for each in costs])
    return Figure(key, title, "flat", costs[0], costs[1:], chart=chart)
