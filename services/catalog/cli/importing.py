"""Imports collections of setlists: reads them, tells the catalog, and reports what became of it."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import stamina

from contracts.catalog import Outcome
from libs.bus import Bus
from services.catalog.adapters.collection import find_sources, read
from services.catalog.adapters.findings import KIND_OF, Fact, Part, Refusal
from services.catalog.adapters.identifying import Identities, own_id
from services.catalog.adapters.telling import PATIENCE_SECONDS, is_busy, tell
from services.catalog.cli.plan import Plan, performances_of
from services.catalog.cli.report import Report

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is; from any thread."""


def _unseen(_doing: str, _done: int, _of: int) -> None: ...


async def import_setlists(
    bus: Bus, paths: Sequence[Path], on_progress: OnProgress = _unseen, *, is_matched: bool = True
) -> Report:
    """Import files and folders. What is known already stays as it is, so it may be repeated.

    is_matched   what other sources have told of the same things is looked for, as a sync does;
                 else each thing is the record that its own id makes

    raises   Unavailable when the catalog does not answer; what it has answered by then is recorded,
             and importing again goes on from there
    """
    began_at = time.monotonic()
    report = Report()
    # In a thread: it takes seconds, in which the connection must go on answering.
    plan = await asyncio.to_thread(_read, paths, report, on_progress)
    facts = list(plan.facts())
    if is_matched:
        on_progress("Matching", 0, len(facts))
        facts = await _matched(bus, facts, report)
        on_progress("Matching", len(facts), len(facts))
    await _tell(bus, facts, report, on_progress)
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


async def _matched(bus: Bus, facts: Sequence[Fact], report: Report) -> list[Fact]:
    """The facts, about the records that others have told of before. A thing whose record the same
    source speaks of by another id, since somebody has merged the two, is left as it is.
    """
    identities = Identities(bus, {})
    resolved: list[Fact] = []
    async for attempt in stamina.retry_context(
        on=is_busy, attempts=None, timeout=PATIENCE_SECONDS, wait_initial=0.1, wait_max=2.0
    ):
        with attempt:
            resolved = await identities.resolve(facts, 0)
    for fact in facts:
        if own_id(fact.telling) in identities.spoken:
            report.counts[Part(KIND_OF[type(fact.telling)].value)].add(Outcome.UNCHANGED)
    return resolved


async def _tell(bus: Bus, facts: Sequence[Fact], report: Report, on_progress: OnProgress) -> None:
    """Tell the catalog every fact, kind by kind, many at once."""
    done = 0

    def on_told(fact: Fact, outcome: dict[str, Any] | Refusal) -> None:
        nonlocal done
        done += 1
        if isinstance(outcome, Refusal):
            report.refuse(outcome)
        else:
            _count(report, fact, outcome)
        on_progress("Telling the catalog", done, len(facts))

    await tell(bus, iter(facts), on_told)


def _count(report: Report, fact: Fact, answer: dict[str, Any]) -> None:
    outcome = Outcome(answer["outcome"])
    report.counts[Part(KIND_OF[type(fact.telling)].value)].add(outcome)
    report.counts[Part.PERFORMANCE].add(outcome, performances_of(fact.telling))
    if outcome is not Outcome.UNCHANGED:
        report.position = max(report.position, int(answer["position"]))
