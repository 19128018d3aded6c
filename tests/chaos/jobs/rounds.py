"""Rounds of kill -9 while jobs fall due, and what must be true afterwards.

Every run ends well, its effect happens once, and of a schedule that happens every second no second
is missing: not one lost, not one doubled.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from contracts import all as contracts
from contracts.scheduler import OccurrenceIssued
from contracts.scheduler_runs import RunFailed, RunParked, RunStarted, RunSucceeded
from libs.bus import Bus
from libs.kernel.errors import BacklineError
from libs.kernel.ids import new_id
from libs.kernel.messages import Caller, Event
from libs.testkit.services import bus_of
from libs.testkit.waiting import eventually
from tests.chaos.house import RECONNECTING, House, insist
from tests.chaos.jobs.house import running_jobs
from tests.chaos.jobs.stamps import JOB, CardStamped

ADMIN = Caller("usr_admin", ("admin",))
VICTIMS = ("nats-server", "scheduler-1", "worker-1", "scheduler-2", "worker-2")
ONE_SHOTS_PER_ROUND = 20
EACH_SECOND = "each_second"
JOB_SECONDS = 1.0
ROUND_SECONDS = (1.5, 3.5)
SETTLE_SECONDS_MAX = 90.0


@dataclass
class JobsOutcome:
    """What rounds came to. `violations` are broken promises, in words."""

    rounds: int = 0
    runs: int = 0
    attempts: int = 0
    lost_attempts: int = 0
    lateness_seconds: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """All of it; lateness in seconds, restarts included."""
        late = sorted(self.lateness_seconds)
        return {
            "rounds": self.rounds,
            "runs": self.runs,
            "attempts": self.attempts,
            "lost_attempts": self.lost_attempts,
            "late_seconds": {"p50": late[len(late) // 2], "max": late[-1]} if late else {},
            "violations": self.violations,
        }


async def run_rounds(directory: Path, rounds: int, seed: int) -> JobsOutcome:
    """Kill something in each round, then wait until everything has happened, and count."""
    contracts.load()
    chance = random.Random(seed)
    outcome = JobsOutcome(rounds)
    async with running_jobs(directory) as house:
        client = await house.nats.connect("gateway", **RECONNECTING)
        bus = Bus(client)
        one_shots: list[str] = []
        await _put(bus, EACH_SECOND, {"kind": "interval", "every_seconds": 1})
        for number in range(rounds):
            one_shots += await _put_some(bus, chance)
            await asyncio.sleep(chance.uniform(*ROUND_SECONDS))
            house.kill(VICTIMS[number % len(VICTIMS)])
        await _send(bus, "pause-schedule", schedule_id=EACH_SECOND, note="counting")
        await client.close()
        await _count(house, one_shots, outcome)
    return outcome


async def _put_some(bus: Bus, chance: random.Random) -> list[str]:
    """Schedules that happen once, within the next seconds."""
    now = datetime.now(UTC)
    schedule_ids = [new_id("s_") for _ in range(ONE_SHOTS_PER_ROUND)]
    times = [now + timedelta(seconds=chance.uniform(0, ROUND_SECONDS[1])) for _ in schedule_ids]
    puts = [
        _put(bus, schedule_id, {"kind": "once", "run_at": at.isoformat()})
        for schedule_id, at in zip(schedule_ids, times, strict=True)
    ]
    await asyncio.gather(*puts)
    return schedule_ids


async def _put(bus: Bus, schedule_id: str, timing: dict[str, Any]) -> None:
    await _send(
        bus,
        "put-schedule",
        schedule_id=schedule_id,
        job=JOB,
        arguments={"seconds": JOB_SECONDS},
        timing=timing,
        overlap="allow-all",
    )


async def _send(bus: Bus, name: str, **args: Any) -> None:
    await insist(bus, f"scheduler.{name}", args, ADMIN)


# ---------------------------------------------------------------------------------- counting


async def _count(house: House, one_shots: Sequence[str], outcome: JobsOutcome) -> None:
    async with bus_of("gateway", house.nats) as bus:

        async def has_settled() -> bool:
            try:
                found = await bus.ask_raw("scheduler.count-runs", {}, caller=ADMIN)
            except BacklineError:
                return False
            waiting: dict[str, int] = found.result["counts"]
            return not (waiting.keys() - {"parked"})

        try:
            await eventually(has_settled, timeout_seconds=SETTLE_SECONDS_MAX)
        except TimeoutError:
            outcome.violations.append("runs have not ended")
    events = await _events(house, "scheduler", (OccurrenceIssued, RunStarted, RunSucceeded))
    failures = await _events(house, "scheduler", (RunFailed, RunParked))
    stamps = await _events(house, "toy", (CardStamped,))
    issued = [event for _, event in events if isinstance(event, OccurrenceIssued)]
    outcome.runs = len({each.run_id for each in issued})
    outcome.attempts = sum(isinstance(event, RunStarted) for _, event in events)
    outcome.lost_attempts = sum(
        isinstance(event, RunFailed) and event.is_lost for _, event in failures
    )
    outcome.lateness_seconds = _lateness(events)
    outcome.violations += [
        *once("issued", [each.run_id for each in issued], {each.run_id for each in issued}),
        *_each_schedule(issued, one_shots),
        *gaps(issued),
        *once(
            "succeeded",
            [event.run_id for _, event in events if isinstance(event, RunSucceeded)],
            {each.run_id for each in issued},
        ),
        *once(
            "had its effect",
            [event.card_id for _, event in stamps if isinstance(event, CardStamped)],
            {each.run_id for each in issued},
        ),
        *(f"{event.run_id} is parked" for _, event in failures if isinstance(event, RunParked)),
    ]


def once(what: str, seen: Sequence[str], wanted: set[str]) -> list[str]:
    counts = Counter(seen)
    lost = [f"{each} never {what}" for each in sorted(wanted - counts.keys())]
    doubled = [f"{each} {what} {n} times" for each, n in sorted(counts.items()) if n > 1]
    unknown = [f"{each} {what}, and nobody asked for it" for each in sorted(counts.keys() - wanted)]
    return lost + doubled + unknown


def _each_schedule(issued: Sequence[OccurrenceIssued], one_shots: Sequence[str]) -> list[str]:
    happened = Counter(each.schedule_id for each in issued if each.schedule_id != EACH_SECOND)
    return once("happened", list(happened.elements()), set(one_shots))


def gaps(issued: Sequence[OccurrenceIssued]) -> list[str]:
    seconds = sorted(each.occurrence for each in issued if each.schedule_id == EACH_SECOND)
    return [
        f"between {before.isoformat()} and {after.isoformat()} something is missing"
        for before, after in pairwise(seconds)
        if after - before != timedelta(seconds=1)
    ]


def _lateness(events: Sequence[tuple[datetime, Event]]) -> list[float]:
    due = {event.run_id: event.due_at for _, event in events if isinstance(event, OccurrenceIssued)}
    return [
        (at - due[event.run_id]).total_seconds()
        for at, event in events
        if isinstance(event, RunStarted) and event.attempt == 1
    ]


async def _events(
    house: House, service: str, classes: tuple[type, ...]
) -> list[tuple[datetime, Event]]:
    """All events of some classes in a log, with their time."""
    commits = await house.recorded(service, classes)
    return [(each.at, each.data) for commit in commits for each in commit.events]
