"""Telling the catalog facts: many at once, each until it is answered."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import stamina

from libs.bus import Bus
from libs.kernel.errors import RemoteProblem, Unavailable
from libs.kernel.ids import new_id
from libs.kernel.messages import Command, service_caller
from services.catalog.adapters.findings import KIND_OF, Fact, Part, Refusal

COMMANDS_IN_FLIGHT_MAX = 256
"""A few for each slot: enough to keep all busy, and little to wait for when they are slow."""

PATIENCE_SECONDS = 60.0
"""How long a catalog that is away or too busy is asked again."""

CALLER = service_caller("catalog")

OnTold = Callable[[Fact, dict[str, Any] | Refusal], None]
"""Told each fact, and what it was answered with or why it was refused."""


async def tell(bus: Bus, facts: Iterator[Fact], on_told: OnTold) -> None:
    """Tell the catalog every fact. Facts that refer to others come after them in no special order.

    raises   Unavailable when the catalog does not answer
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(COMMANDS_IN_FLIGHT_MAX):
                tasks.create_task(_tell_some(bus, facts, on_told))
    except ExceptionGroup as group:
        raise group.exceptions[0] from None  # The others fail for the same reason.


async def send(bus: Bus, command: Command[Any]) -> dict[str, Any]:
    """Send one command, again while the catalog is away or too busy to take it."""
    command_id = new_id()
    async for attempt in stamina.retry_context(
        on=is_busy, attempts=None, timeout=PATIENCE_SECONDS, wait_initial=0.1, wait_max=2.0
    ):
        with attempt:
            return await bus.send(command, caller=CALLER, command_id=command_id)
    raise AssertionError("stamina raises when its time is up")


async def _tell_some(bus: Bus, facts: Iterator[Fact], on_told: OnTold) -> None:
    """Tell facts, one after the other, until there are no more; others take from the same ones."""
    for fact in facts:
        try:
            answer = await send(bus, fact.telling)
        except RemoteProblem as problem:
            if problem.document.get("kind") not in {"invalid", "rejected"}:
                raise
            part = Part(KIND_OF[type(fact.telling)].value)
            on_told(fact, Refusal(part, fact.where, problem.detail))
        else:
            on_told(fact, answer)


def is_busy(error: Exception) -> bool:
    """Whether the catalog is away or too busy, and not for long."""
    kinds = {"unavailable", "rate-limited", "conflict"}
    if isinstance(error, RemoteProblem):
        return error.document.get("kind") in kinds and not _is_for_long(error)
    return isinstance(error, Unavailable)


def _is_for_long(error: RemoteProblem) -> bool:
    """Whether it says itself that to ask again soon is of no use."""
    return float(error.document.get("retry_after") or 0) > PATIENCE_SECONDS
