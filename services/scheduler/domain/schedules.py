"""Schedules: when a job is to be done, and what becomes of each of those times.

Stream      evt.scheduler.schedule.{schedule_id}
Invariants  an occurrence becomes at most one run: the run's id is derived from the two;
            unless overlap is allowed, at most one run of a schedule has not ended.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import assert_never

from contracts.scheduler import (
    BACKFILL_OCCURRENCES_MAX,
    Backfill,
    CancelSchedule,
    Cause,
    CloseRun,
    FireSchedule,
    NeverHappens,
    NothingToBackfill,
    OccurrenceDeferred,
    OccurrenceIssued,
    OccurrencesMissed,
    Once,
    PauseSchedule,
    PutSchedule,
    ResumeSchedule,
    RunIsOpen,
    RunNow,
    RunsCalledOff,
    RunsReceipt,
    ScheduleArmed,
    ScheduleCancelled,
    ScheduleIsCancelled,
    ScheduleNotFound,
    SchedulePaused,
    SchedulePut,
    ScheduleReceipt,
    ScheduleResumed,
    ScheduleStatus,
    TooManyToBackfill,
)
from libs.kernel.decider import Decider, members
from libs.kernel.ids import derive_id
from libs.kernel.messages import Origin
from services.scheduler.domain import timing
from services.scheduler.domain.occurrences import (
    Plan,
    id_of,
    id_of_now,
    is_tracked,
    issue,
    waiting_for,
)
from services.scheduler.domain.schedule_state import (
    Happening,
    Schedule,
    ScheduleEvent,
    Standing,
    Waiting,
    evolve,
)

FIRED_AT_ONCE_MAX = 100
"""Occurrences that one firing sees to; the timer is then set for the one after them, at once."""

type ScheduleCommand = (
    PutSchedule
    | PauseSchedule
    | ResumeSchedule
    | CancelSchedule
    | RunNow
    | Backfill
    | FireSchedule
    | CloseRun
)


def decide(command: ScheduleCommand, schedule: Schedule, origin: Origin) -> Sequence[ScheduleEvent]:
    """The rules. raises the refusals of `contracts.scheduler`"""
    if isinstance(command, PutSchedule):
        return _put(command, schedule, origin)
    definition = schedule.definition
    if definition is None:
        raise ScheduleNotFound
    if isinstance(command, FireSchedule):
        return _fire(command, definition, schedule, origin)
    if isinstance(command, CloseRun):
        return _close(command, definition, schedule)
    if isinstance(command, CancelSchedule):
        return _cancel(command, schedule)
    if schedule.status is ScheduleStatus.CANCELLED:
        raise ScheduleIsCancelled
    match command:
        case PauseSchedule():
            return _pause(command, schedule)
        case ResumeSchedule():
            return _resume(definition, schedule, origin)
        case RunNow():
            return _run_now(definition, schedule, origin)
        case Backfill():
            return _backfill(command, definition, schedule, origin)
        case _:
            assert_never(command)


# ---------------------------------------------------------------------------------- defining


def _put(command: PutSchedule, schedule: Schedule, origin: Origin) -> list[ScheduleEvent]:
    timing.check(command.timing)
    before = schedule.definition
    is_standing = schedule.status is not ScheduleStatus.CANCELLED
    if before is not None and is_standing and _terms(before) == _terms(command):
        return []
    put = SchedulePut(
        schedule_id=command.schedule_id,
        job=command.job,
        arguments=command.arguments,
        timing=command.timing,
        overlap=command.overlap,
        catch_up_seconds=command.catch_up_seconds,
        jitter_seconds=command.jitter_seconds,
        anchor=timing.anchor_of(command.timing, origin.at),
    )
    events = [*_call_off_pending(command.schedule_id, schedule), put]
    if schedule.status is ScheduleStatus.PAUSED:
        return events
    return events + _begin(put, schedule.puts + 1, origin.at)


def _terms(of: SchedulePut | PutSchedule) -> tuple[object, ...]:
    return (
        of.job,
        of.arguments,
        of.timing,
        of.overlap,
        of.catch_up_seconds,
        of.jitter_seconds,
    )


def _begin(put: SchedulePut, puts: int, now: datetime) -> list[ScheduleEvent]:
    """Let it happen from now on: once, unless that is too long ago, or again and again.

    raises   NeverHappens
    """
    if isinstance(put.timing, Once):
        oldest = now - timedelta(seconds=put.catch_up_seconds)
        if put.anchor < oldest:
            return [OccurrencesMissed(schedule_id=put.schedule_id, since=put.anchor, until=oldest)]
        return [_issue_once(put, puts)]
    armed = _arm(put, now)
    if armed.next_at is None:
        raise NeverHappens
    return [armed]


def _issue_once(put: SchedulePut, puts: int) -> OccurrenceIssued:
    run_id = derive_id(put.schedule_id, "once", str(puts))
    return issue(put, waiting_for(put, run_id, put.anchor, Cause.SCHEDULE))


def _arm(put: SchedulePut, now: datetime) -> ScheduleArmed:
    next_at = timing.next_after(put.timing, put.anchor, now)
    return ScheduleArmed(schedule_id=put.schedule_id, next_at=next_at)


def _call_off_pending(schedule_id: str, schedule: Schedule) -> list[ScheduleEvent]:
    run_ids = _begun(schedule)
    if not run_ids:
        return []
    return [RunsCalledOff(schedule_id=schedule_id, run_ids=run_ids, pending_only=True)]


def _begun(schedule: Schedule) -> list[str]:
    """The runs that may not have ended, as far as we know."""
    return [schedule.once, *schedule.open] if schedule.once else list(schedule.open)


def _cancel(command: CancelSchedule, schedule: Schedule) -> list[ScheduleEvent]:
    if schedule.status is ScheduleStatus.CANCELLED:
        return []
    cancelled = ScheduleCancelled(schedule_id=command.schedule_id, note=command.note)
    return [cancelled, *_call_off_pending(command.schedule_id, schedule)]


def _pause(command: PauseSchedule, schedule: Schedule) -> list[ScheduleEvent]:
    if schedule.status is ScheduleStatus.PAUSED:
        return []
    return [
        SchedulePaused(schedule_id=command.schedule_id, note=command.note, run_ids=_begun(schedule))
    ]


def _resume(definition: SchedulePut, schedule: Schedule, origin: Origin) -> Sequence[ScheduleEvent]:
    if schedule.status is ScheduleStatus.ACTIVE:
        return []
    resumed = ScheduleResumed(schedule_id=definition.schedule_id, run_ids=schedule.held)
    if schedule.once:
        return [resumed]
    if isinstance(definition.timing, Once):
        return [resumed, _issue_once(definition, schedule.puts)]
    plan = Plan(definition, schedule)
    plan.go_on()
    return [resumed, *plan.events, _arm(definition, origin.at)]


# ---------------------------------------------------------------------------------- happening


def _fire(
    command: FireSchedule, definition: SchedulePut, schedule: Schedule, origin: Origin
) -> list[ScheduleEvent]:
    if schedule.status is not ScheduleStatus.ACTIVE or schedule.next_at != command.due_at:
        return []  # The timer of another time, or one that came twice.
    now = max(origin.at, command.due_at)
    oldest = now - timedelta(seconds=definition.catch_up_seconds)
    plan = Plan(definition, schedule)
    if command.due_at < oldest:
        plan.events.append(
            OccurrencesMissed(schedule_id=command.schedule_id, since=command.due_at, until=oldest)
        )
    said = timing.times(definition.timing, definition.anchor, max(command.due_at, oldest), now)
    due = list(islice(said, FIRED_AT_ONCE_MAX))
    for occurrence in due:
        plan.take(_of_time(definition, occurrence, Cause.SCHEDULE))
    plan.note_skipped()
    seen_to = due[-1] if len(due) == FIRED_AT_ONCE_MAX else now
    return [*plan.events, _arm(definition, seen_to)]


def _close(command: CloseRun, definition: SchedulePut, schedule: Schedule) -> list[ScheduleEvent]:
    if command.run_id not in schedule.open:
        return []
    plan = Plan(definition, schedule)
    plan.close(command.run_id)
    if schedule.status is ScheduleStatus.ACTIVE:
        plan.go_on()
    return plan.events


def _run_now(definition: SchedulePut, schedule: Schedule, origin: Origin) -> list[ScheduleEvent]:
    run_id = id_of_now(definition.schedule_id, origin)
    if run_id in schedule.asked_for:
        return []
    plan = Plan(definition, schedule)
    if not plan.take(Waiting(run_id, origin.at, origin.at, Cause.NOW)):
        raise RunIsOpen
    plan.note_skipped()
    return plan.events


def _backfill(
    command: Backfill, definition: SchedulePut, schedule: Schedule, origin: Origin
) -> list[ScheduleEvent]:
    wanted = _range(command, definition, origin)
    if len(wanted) > BACKFILL_OCCURRENCES_MAX:
        raise TooManyToBackfill
    if not wanted:
        raise NothingToBackfill
    plan = Plan(definition, schedule)
    for waiting in wanted:
        if waiting.run_id in schedule.asked_for:
            continue
        if is_tracked(definition):
            plan.defer(waiting)
        else:
            plan.take(waiting)
    if schedule.status is ScheduleStatus.ACTIVE:
        plan.go_on()
    return plan.events


def _range(command: Backfill, definition: SchedulePut, origin: Origin) -> list[Waiting]:
    """The occurrences of a past range, one more than are allowed at most."""
    if isinstance(definition.timing, Once):
        return []
    until = min(command.until, origin.at)
    said = timing.times(definition.timing, definition.anchor, command.since, until)
    return [
        Waiting(id_of(definition.schedule_id, occurrence), occurrence, occurrence, Cause.BACKFILL)
        for occurrence in islice(said, BACKFILL_OCCURRENCES_MAX + 1)
    ]


def _of_time(definition: SchedulePut, occurrence: datetime, cause: Cause) -> Waiting:
    return waiting_for(definition, id_of(definition.schedule_id, occurrence), occurrence, cause)


# ---------------------------------------------------------------------------------- answering


def answer(
    command: ScheduleCommand,
    events: Sequence[ScheduleEvent],
    _schedule: Schedule,
    origin: Origin,
) -> ScheduleReceipt | RunsReceipt:
    """What the caller is told."""
    schedule_id = command.schedule_id
    match command:
        case RunNow():
            return RunsReceipt(schedule_id=schedule_id, run_ids=[id_of_now(schedule_id, origin)])
        case Backfill():
            asked = (OccurrenceDeferred, OccurrenceIssued)
            run_ids = [event.run_id for event in events if isinstance(event, asked)]
            return RunsReceipt(schedule_id=schedule_id, run_ids=list(dict.fromkeys(run_ids)))
        case _:
            return ScheduleReceipt(schedule_id=schedule_id)


SCHEDULE = Decider(
    aggregate="schedule",
    commands=members(ScheduleCommand),
    events=members(Happening) + members(Standing),
    state=Schedule,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
