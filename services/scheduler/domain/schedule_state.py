"""A schedule as it stands, and what each fact does to it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from contracts.scheduler import (
    Cause,
    OccurrenceDeferred,
    OccurrenceIssued,
    OccurrencesMissed,
    OccurrencesSkipped,
    Once,
    RunClosed,
    RunsCalledOff,
    ScheduleArmed,
    ScheduleCancelled,
    SchedulePaused,
    SchedulePut,
    ScheduleResumed,
    ScheduleStatus,
)

REMEMBERED_RUNS_MAX = 1000

type Happening = (
    ScheduleArmed
    | OccurrenceIssued
    | OccurrenceDeferred
    | OccurrencesSkipped
    | OccurrencesMissed
    | RunsCalledOff
    | RunClosed
)
type Standing = SchedulePut | SchedulePaused | ScheduleResumed | ScheduleCancelled
type ScheduleEvent = Happening | Standing


@dataclass(slots=True)
class Waiting:
    """An occurrence that is to become a run."""

    run_id: str
    occurrence: datetime
    due_at: datetime
    cause: Cause


@dataclass(slots=True)
class Schedule:
    """The state. `status` is None until it is put.

    definition  as it was put last
    puts        how often it was put
    next_at     what its timer is set for
    once        the run of a schedule that happens once
    open        tracked runs that have not ended, oldest first
    called_off  those of them that were told to end
    held        runs that are held back while it rests
    backlog     occurrences that wait for the end of those runs
    asked_for   runs that somebody asked for, lately
    """

    status: ScheduleStatus | None = None
    definition: SchedulePut | None = None
    puts: int = 0
    next_at: datetime | None = None
    once: str = ""
    open: list[str] = field(default_factory=list)
    called_off: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    backlog: list[Waiting] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)


def evolve(schedule: Schedule, event: ScheduleEvent) -> Schedule:
    """What a fact does to a schedule."""
    match event:
        case SchedulePut():
            if schedule.status is not ScheduleStatus.PAUSED:
                schedule.status = ScheduleStatus.ACTIVE
            schedule.definition = event
            schedule.puts += 1
            schedule.next_at, schedule.once = None, ""
            schedule.backlog, schedule.held = [], []
        case SchedulePaused(run_ids=run_ids):
            schedule.status = ScheduleStatus.PAUSED
            schedule.next_at = None
            schedule.held = list(run_ids)
        case ScheduleResumed():
            schedule.status = ScheduleStatus.ACTIVE
            schedule.held = []
        case ScheduleCancelled():
            schedule.status = ScheduleStatus.CANCELLED
            schedule.next_at, schedule.once = None, ""
            schedule.backlog, schedule.held = [], []
        case _:
            _happen(schedule, event)
    return schedule


def _happen(schedule: Schedule, event: Happening) -> None:
    """What becomes of its occurrences."""
    match event:
        case ScheduleArmed(next_at=next_at):
            schedule.next_at = next_at
        case OccurrenceIssued() | OccurrenceDeferred():
            _expect(schedule, event)
        case OccurrencesSkipped(occurrences=occurrences):
            kept = [each for each in schedule.backlog if each.occurrence not in occurrences]
            schedule.backlog = kept
        case OccurrencesMissed():
            pass
        case RunsCalledOff(run_ids=run_ids, pending_only=pending_only):
            if not pending_only:
                schedule.called_off += run_ids
        case RunClosed(run_id=run_id):
            schedule.open = [each for each in schedule.open if each != run_id]
            schedule.called_off = [each for each in schedule.called_off if each != run_id]
        case _:
            assert_never(event)


def _expect(schedule: Schedule, event: OccurrenceIssued | OccurrenceDeferred) -> None:
    run_id = event.run_id
    schedule.backlog = [each for each in schedule.backlog if each.run_id != run_id]
    if isinstance(event, OccurrenceDeferred):
        waiting = Waiting(run_id, event.occurrence, event.due_at, event.cause)
        schedule.backlog.append(waiting)
    elif event.is_tracked:
        schedule.open.append(run_id)
    elif event.cause is Cause.SCHEDULE and _is_once(schedule):
        schedule.once = run_id
    if event.cause is not Cause.SCHEDULE and run_id not in schedule.asked_for:
        schedule.asked_for.append(run_id)
        del schedule.asked_for[:-REMEMBERED_RUNS_MAX]


def _is_once(schedule: Schedule) -> bool:
    return schedule.definition is not None and isinstance(schedule.definition.timing, Once)
