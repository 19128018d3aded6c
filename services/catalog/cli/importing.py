"""Imports collections of setlists: reads them, tells the catalog, and reports what became of it."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import stamina

from contracts.catalog import Kind, Outcome
from libs.bus import Bus
from libs.kernel.errors import RemoteProblem, Unavailable
from libs.kernel.ids import new_id
from libs.kernel.messages import service_caller
from services.catalog.adapters.collection import find_sources, read
from services.catalog.adapters.findings import KIND_OF, Fact, Part, Refusal
from services.catalog.cli.plan import Plan, performances_of
from services.catalog.cli.report import Report

COMMANDS_IN_FLIGHT_MAX = 256
"""A few for each slot: enough to keep all busy, and little to wait for when they are slow."""

PATIENCE_SECONDS = 60.0
"""How long a catalog that is away or too busy is asked again."""

CALLER = service_caller("catalog")

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is; from any thread."""


def _unseen(_doing: str, _done: int, _of: int) -> None: ...


async def import_setlists(
    bus: Bus, paths: Sequence[Path], on_progress: OnProgress = _unseen
) -> Report:
    """Import files and folders. What is known already stays as it is, so it may be repeated.

    raises   Unavailable when the catalog does not answer; what it has answered by then is recorded,
             and importing again goes on from there
    """
    began_at = time.monotonic()
    report = Report()
    # In a thread: it takes seconds, in which the connection must go on answering.
    plan = await asyncio.to_thread(_read, paths, report, on_progress)
    await _tell(bus, plan, report, on_progress)
    report.seconds = time.monotonic() - began_at
    return report


def _read(paths: Sequence[Path], report: Report, on_progress: OnProgress) -> Plan:
    found = find_sources(paths)
    plan = Plan()
    plan.add(found.refusals)
    for number, source in enumerate(found.sources):
        on_progress("Reading", number, len(found.sources))
        plan.add(read(source))
    on_progress("Reading", len(found.sources), len(found.sources))
    report.passed_over = [str(path) for path in found.passed_over]
    for refusal in plan.refusals:
        report.refuse(refusal)
    for kind, count in plan.repeated.items():
        report.counts[Part(kind.value)].add(Outcome.UNCHANGED, count)
    return plan


async def _tell(bus: Bus, plan: Plan, report: Report, on_progress: OnProgress) -> None:
    """Tell the catalog every fact, kind by kind, many at once."""
    done = 0

    def on_told() -> None:
        nonlocal done
        done += 1
        on_progress("Telling the catalog", done, len(plan))

    facts = plan.facts()
    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(COMMANDS_IN_FLIGHT_MAX):
                tasks.create_task(_tell_some(bus, facts, report, on_told))
    except ExceptionGroup as group:
        raise group.exceptions[0] from None  # The others fail for the same reason.


async def _tell_some(
    bus: Bus, facts: Iterator[Fact], report: Report, on_told: Callable[[], None]
) -> None:
    """Tell facts, one after the other, until there are no more; others take from the same ones."""
    for fact in facts:
        kind = KIND_OF[type(fact.telling)]
        try:
            answer = await _send(bus, fact)
        except RemoteProblem as problem:
            if problem.document.get("kind") not in {"invalid", "rejected"}:
                raise
            report.refuse(Refusal(Part(kind.value), fact.where, problem.detail))
        else:
            _count(report, kind, fact, answer)
        on_told()


async def _send(bus: Bus, fact: Fact) -> dict[str, Any]:
    """Send one command, again while the catalog is away or too busy to take it."""
    command_id = new_id()
    async for attempt in stamina.retry_context(
        on=_is_busy, attempts=None, timeout=PATIENCE_SECONDS, wait_initial=0.1, wait_max=2.0
    ):
        with attempt:
            return await bus.send(fact.telling, caller=CALLER, command_id=command_id)
    raise AssertionError("stamina raises when its time is up")


def _is_busy(error: Exception) -> bool:
    kinds = {"unavailable", "rate-limited", "conflict"}
    if isinstance(error, RemoteProblem):
        return error.document.get("kind") in kinds
    return isinstance(error, Unavailable)


def _count(report: Report, kind: Kind, fact: Fact, answer: dict[str, Any]) -> None:
    outcome = Outcome(answer["outcome"])
    report.counts[Part(kind.value)].add(outcome)
    report.counts[Part.PERFORMANCE].add(outcome, performances_of(fact.telling))
    if outcome is not Outcome.UNCHANGED:
        report.position = max(report.position, int(answer["position"]))
