"""Figures of jobs: how late a job begins that was scheduled for a moment."""

import asyncio
import statistics
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from contracts import all as contracts
from contracts.scheduler import Once, Overlap, PutSchedule
from libs.bus import Bus
from libs.eventlog.protocol import call, raise_error
from libs.kernel.ids import new_id
from libs.kernel.messages import service_caller
from tests.bench.figure import Figure, Measured
from tests.bench.probe import JOB
from tests.bench.stack import BenchStack, bench_stack

PENDING = 10_000
PENDING_QUICK = 1_000
WINDOW_SECONDS = 20.0
PUTS_PER_SECOND = 80
"""What is counted on to have all of them pending in time: checked before the first is due."""
PUT_SECONDS_MIN = 10
PUTS_AT_ONCE = 256
LATE_SECONDS_MAX = 120.0
STRAGGLERS_SECONDS = 2.0
"""After the last one has begun: so long is looked for any that begin twice."""
LOOK_SECONDS = 0.25
ASKER = service_caller("gateway")
TARGET = "p99 ≤ 1 s; none lost, none begun twice"
NOTE = (
    "All of it on one machine, the load generator, nats-server and PostgreSQL too. A worker begins "
    "after the scheduler has recorded that it does, fsynced. The processor time is that of each "
    "process from the first job due to the last one begun, divided by the runs."
)
PARTS = (
    ("scheduler", ("scheduler.owner", "scheduler.process-managers")),
    ("read model", ("scheduler.projections", "scheduler.queries")),
)
PROBE = (sys.executable, "-m", "tests.bench.probe")

Begun = list[tuple[str, int, float]]
"""Each beginning: the schedule's id, the attempt, and how many seconds late it was."""


def title_of(count: int, seconds: float) -> str:
    """What is measured, in words."""
    return f"{count:,} pending jobs that fall due within {seconds:g} s, from due to begun"


async def lateness(*, quick: bool) -> Figure:
    """One-shots, all pending, that fall due evenly within some seconds."""
    count = PENDING_QUICK if quick else PENDING
    seconds = WINDOW_SECONDS * count / PENDING
    contracts.load()
    async with bench_stack(PARTS, with_database=True) as stack:
        notes = stack.directory / "begun"
        stack.launch("worker", *PROBE, str(notes))
        wanted, put_seconds, first = await _put(stack, count, seconds)
        await asyncio.sleep((first - datetime.now(UTC)).total_seconds())
        meter = stack.cpu_meter()
        async with asyncio.timeout(seconds + LATE_SECONDS_MAX):
            while len({schedule_id for schedule_id, _, _ in _begun(notes)}) < count:  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)
        used = meter.seconds()
        await asyncio.sleep(STRAGGLERS_SECONDS)
        begun = _begun(notes)
    return _figure(wanted, begun, used, seconds, put_seconds)


def _figure(
    wanted: set[str], begun: Begun, used: dict[str, float], seconds: float, put_seconds: float
) -> Figure:
    times = Counter(schedule_id for schedule_id, _, _ in begun)
    late = sorted(late for _, attempt, late in begun if attempt == 1)
    p99 = late[int(len(late) * 0.99)]
    count = len(wanted)
    details = {
        "p50_ms": statistics.median(late) * 1000,
        "p99_ms": p99 * 1000,
        "max_ms": late[-1] * 1000,
        "lost": len(wanted - times.keys()),
        "doubled": sum(each > 1 for each in times.values()),
        "further_attempts": sum(attempt > 1 for _, attempt, _ in begun),
        "put_per_second": count / put_seconds,
        "cpu_ms_per_run": sum(used.values()) * 1000 / count,
        **{f"{name} cpu_ms_per_run": each * 1000 / count for name, each in used.items()},
    }
    return Figure(
        "job-lateness",
        title_of(count, seconds),
        TARGET,
        Measured("late by, p99", p99 * 1000, "ms", details),
        notes=[NOTE],
    )


def _begun(notes: Path) -> Begun:
    lines = notes.read_text().splitlines(keepends=True) if notes.exists() else []
    words = [line.split() for line in lines if line.endswith("\n")]
    return [(each, int(attempt), float(at) - float(due)) for each, attempt, due, at in words]


async def _put(stack: BenchStack, count: int, seconds: float) -> tuple[set[str], float, datetime]:
    """Put the schedules, and wait until all of them are pending.

    returns   their ids, how many seconds the putting took, and when the first of them is due
    """
    began_at = datetime.now(UTC)
    first = began_at + timedelta(seconds=PUT_SECONDS_MIN + count / PUTS_PER_SECOND)
    client = await stack.connect("gateway")
    bus = Bus(client)
    places = asyncio.Semaphore(PUTS_AT_ONCE)
    wanted = {new_id("s_") for _ in range(count)}

    async def put(schedule_id: str, number: int) -> None:
        at = first + timedelta(seconds=seconds * number / count)
        schedule = PutSchedule(
            schedule_id=schedule_id,
            job=JOB,
            arguments={},
            timing=Once(run_at=at),
            overlap=Overlap.ALLOW_ALL,
        )
        async with places:
            await bus.send(schedule, caller=ASKER)

    await asyncio.gather(*(put(each, number) for number, each in enumerate(wanted)))
    put_seconds = (datetime.now(UTC) - began_at).total_seconds()
    scheduler = await stack.connect("scheduler")
    while (missing := count - await _planned(bus) + await _in_reaction(scheduler)) > 0:
        assert datetime.now(UTC) < first, f"{missing} of them are not pending in time"
        await asyncio.sleep(LOOK_SECONDS)
    await scheduler.close()
    await client.close()
    return wanted, put_seconds, first


async def _planned(bus: Bus) -> int:
    """How many runs are planned, as far as the read model knows."""
    found = await bus.ask_raw("scheduler.count-runs", {}, caller=ASKER)
    return int(found.result["counts"].get("scheduled", 0))


async def _in_reaction(client: Any) -> int:
    """How many commits the process managers have still to see to."""
    waiting = 0
    for name in ("times", "runs"):
        subject = f"CONSUMER.INFO.EVT_SCHEDULER.scheduler--{name}"
        answer = await call(client, subject, b"", timeout_seconds=5)
        raise_error(answer)
        waiting += answer["num_pending"] + answer["num_ack_pending"]
    return waiting
