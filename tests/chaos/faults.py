"""What is done to an installation, and how it ends."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from libs.eventlog.membership import TTL_SECONDS
from tests.chaos.stack import ChaosStack

Strike = Callable[[ChaosStack, random.Random], Awaitable["Undo"]]
Undo = Callable[[], Awaitable[None]]
"""Ends a fault that does not end by itself. Awaited once votes flow again."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault.

    name       as on the command line
    title      for people
    strike     makes it happen; returns what ends it
    is_single  one part alone: votes must flow again within the target
    has_ended  when `strike` returns it is over: how long votes then take to flow is counted from
               there
    """

    name: str
    title: str
    strike: Strike
    is_single: bool = True
    has_ended: bool = False


async def _nothing_to_undo() -> None:
    """What was killed is started again by its supervisor."""


def _kill(prefix: str) -> Strike:
    """Kill one process of a kind."""

    async def strike(stack: ChaosStack, chance: random.Random) -> Undo:
        stack.kill(chance.choice(stack.named(prefix)))
        return _nothing_to_undo

    return strike


def _kill_all(*prefixes: str) -> Strike:
    """Kill every process of some kinds at once."""

    async def strike(stack: ChaosStack, _: random.Random) -> Undo:
        for prefix in prefixes:
            for name in stack.named(prefix):
                stack.kill(name)
        return _nothing_to_undo

    return strike


async def _suspend_owner(stack: ChaosStack, chance: random.Random) -> Undo:
    """Stop an owner in its tracks, until others have its slots; then let it go on.

    It wakes in the middle of what it did, believing that no time has passed: with decisions that
    were never committed, and an append under way that was perhaps answered while it slept.
    """
    name = chance.choice(stack.named("owner"))
    extra_seconds = chance.uniform(0.5, 2.0)
    stack.suspend(name)

    async def wake() -> None:
        try:
            await asyncio.sleep(TTL_SECONDS + extra_seconds)
        finally:
            stack.resume(name)

    return wake


def _suspend(prefix: str, shortest_seconds: float, longest_seconds: float) -> Strike:
    """Stop a process of a kind for a while. What it was sent meanwhile it then finds all at once,
    and believes to be new: appends whose owners have long given up waiting, for one.
    """

    async def strike(stack: ChaosStack, chance: random.Random) -> Undo:
        name = chance.choice(stack.named(prefix))
        stack.suspend(name)
        try:
            await asyncio.sleep(chance.uniform(shortest_seconds, longest_seconds))
        finally:
            stack.resume(name)
        return _nothing_to_undo

    return strike


async def _drop_database(stack: ChaosStack, _: random.Random) -> Undo:
    await stack.drop_database()
    return _nothing_to_undo


_ALL = (
    Fault("kill-owner", "kill -9 an owner", _kill("owner")),
    Fault("kill-gateway", "kill -9 a gateway", _kill("gateway")),
    Fault("kill-nats", "kill -9 nats-server", _kill("nats-server")),
    Fault("kill-postgres", "kill -9 PostgreSQL", _kill("postgres")),
    Fault("kill-projections", "kill -9 the projections", _kill("projections")),
    Fault("kill-queries", "kill -9 the readers", _kill("queries")),
    Fault("kill-owners", "kill -9 both owners", _kill_all("owner"), is_single=False),
    Fault(
        "kill-much",
        "kill -9 nats-server, PostgreSQL, an owner and both gateways at once",
        _kill_all("nats-server", "postgres", "owner-1", "gateway"),
        is_single=False,
    ),
    Fault("suspend-owner", "suspend an owner until another took over", _suspend_owner),
    Fault(
        "blink-owner",
        "suspend an owner for about its time to live",
        _suspend("owner", 0.7 * TTL_SECONDS, 1.3 * TTL_SECONDS),
        has_ended=True,
    ),
    Fault(
        "suspend-gateway",
        "suspend a gateway for 1 to 5 s",
        _suspend("gateway", 1.0, 5.0),
        has_ended=True,
    ),
    Fault(
        "suspend-nats",
        "suspend nats-server for 1 to 5 s",
        _suspend("nats-server", 1.0, 5.0),
        has_ended=True,
    ),
    Fault(
        "suspend-postgres",
        "suspend PostgreSQL for 1 to 5 s",
        _suspend("postgres", 1.0, 5.0),
        has_ended=True,
    ),
    Fault("drop-database", "drop the database of the read models", _drop_database),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}

QUICK = ("kill-owner", "kill-nats", "suspend-owner")
"""What every run of the tests tries."""
