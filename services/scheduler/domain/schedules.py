"""Schedules: when a job is to be done, and what becomes of each of those times.

Stream      evt.scheduler.schedule.{schedule_id}
Invariants  an occurrence becomes at most one run: the run's id is derived from the two;
            unless overlap is allowed, at most one run of a schedule has not ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    OccurrencesSkipped,
    Once,
    Overlap,
    PauseSchedule,
    PutSchedule,
    ResumeSchedule,
    RunClosed,
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

FIRED_AT_ONCE_MAX = 100
"""Occurrences that one firing sees to; the timer is then set for the one after them, at once."""
REMEMBERED_RUNS_MAX = 1000

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
    """Let it happen from now on: once, or again and again. raises NeverHappens"""
    if isinstance(put.timing, Once):
        run_id = derive_id(put.schedule_id, "once", str(puts))
        return [_issued(put, _waiting(put, run_id, put.anchor, Cause.SCHEDULE))]
    next_at = timing.next_after(put.timing, put.anchor, now)
    if next_at is None:
        raise NeverHappens
    return [ScheduleArmed(schedule_id=put.schedule_id, next_at=next_at)]


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
    plan = _Plan(definition, schedule)
    plan.go_on()
    return [resumed, *plan.events, *_begin(definition, schedule.puts, origin.at)]


# ---------------------------------------------------------------------------------- happening


class _Plan:
    """What becomes of occurrences, one after the other, in one decision."""

    def __init__(self, definition: SchedulePut, schedule: Schedule) -> None:
        self.events: list[ScheduleEvent] = []
        self._definition = definition
        self._open = list(schedule.open)
        self._called_off = list(schedule.called_off)
        self._backlog = list(schedule.backlog)
        self._skipped: list[datetime] = []

    def take(self, waiting: Waiting) -> bool:
        """Have an occurrence happen, or wait, as the policy says. False when it is skipped."""
        overlap = self._definition.overlap
        if not self._is_busy:
            self._issue(waiting)
            return True
        if overlap is Overlap.BUFFER_ONE and not self._backlog:
            self.defer(waiting)
            return True
        if overlap is Overlap.CANCEL_OTHER:
            self._call_off()
            self._skipped += [other.occurrence for other in self._backlog]
            self._backlog.clear()
            self.defer(waiting)
            return True
        self._skipped.append(waiting.occurrence)
        return False

    def defer(self, waiting: Waiting) -> None:
        """Have an occurrence wait for those before it."""
        self._backlog.append(waiting)
        self.events.append(
            OccurrenceDeferred(
                schedule_id=self._definition.schedule_id,
                run_id=waiting.run_id,
                occurrence=waiting.occurrence,
                due_at=waiting.due_at,
                cause=waiting.cause,
            )
        )

    def close(self, run_id: str) -> None:
        """A run has ended."""
        self._open.remove(run_id)
        self.events.append(RunClosed(schedule_id=self._definition.schedule_id, run_id=run_id))

    def go_on(self) -> None:
        """Have happen what has waited, if nothing is in its way."""
        if self._backlog and not self._open:
            self._issue(self._backlog.pop(0))

    def note_skipped(self) -> None:
        """Record what was skipped, all at once."""
        if self._skipped:
            self.events.append(
                OccurrencesSkipped(
                    schedule_id=self._definition.schedule_id, occurrences=list(self._skipped)
                )
            )

    @property
    def _is_busy(self) -> bool:
        return _is_tracked(self._definition) and bool(self._open or self._backlog)

    def _issue(self, waiting: Waiting) -> None:
        issued = _issued(self._definition, waiting)
        self.events.append(issued)
        if issued.is_tracked:
            self._open.append(waiting.run_id)

    def _call_off(self) -> None:
        run_ids = [run_id for run_id in self._open if run_id not in self._called_off]
        if run_ids:
            self._called_off += run_ids
            self.events.append(
                RunsCalledOff(
                    schedule_id=self._definition.schedule_id, run_ids=run_ids, pending_only=False
                )
            )


def _fire(
    command: FireSchedule, definition: SchedulePut, schedule: Schedule, origin: Origin
) -> list[ScheduleEvent]:
    if schedule.status is not ScheduleStatus.ACTIVE or schedule.next_at != command.due_at:
        return []  # The timer of another time, or one that came twice.
    now = max(origin.at, command.due_at)
    oldest = now - timedelta(seconds=definition.catch_up_seconds)
    plan = _Plan(definition, schedule)
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
    next_at = timing.next_after(definition.timing, definition.anchor, seen_to)
    return [*plan.events, ScheduleArmed(schedule_id=command.schedule_id, next_at=next_at)]


def _close(command: CloseRun, definition: SchedulePut, schedule: Schedule) -> list[ScheduleEvent]:
    if command.run_id not in schedule.open:
        return []
    plan = _Plan(definition, schedule)
    plan.close(command.run_id)
    if schedule.status is ScheduleStatus.ACTIVE:
        plan.go_on()
    return plan.events


def _run_now(definition: SchedulePut, schedule: Schedule, origin: Origin) -> list[ScheduleEvent]:
    run_id = _id_of_now(definition.schedule_id, origin)
    if run_id in schedule.asked_for:
        return []
    plan = _Plan(definition, schedule)
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
    plan = _Plan(definition, schedule)
    for waiting in wanted:
        if waiting.run_id in schedule.asked_for:
            continue
        if _is_tracked(definition):
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
        Waiting(_id_of(definition.schedule_id, occurrence), occurrence, occurrence, Cause.BACKFILL)
        for occurrence in islice(said, BACKFILL_OCCURRENCES_MAX + 1)
    ]


def _of_time(definition: SchedulePut, occurrence: datetime, cause: Cause) -> Waiting:
    return _waiting(definition, _id_of(definition.schedule_id, occurrence), occurrence, cause)


def _waiting(definition: SchedulePut, run_id: str, occurrence: datetime, cause: Cause) -> Waiting:
    due_at = occurrence + timing.jitter(run_id, definition.jitter_seconds)
    return Waiting(run_id, occurrence, due_at, cause)


def _id_of(schedule_id: str, occurrence: datetime) -> str:
    """The same run for the same occurrence, whenever and however often somebody asks for it."""
    return derive_id(schedule_id, occurrence.isoformat())


def _id_of_now(schedule_id: str, origin: Origin) -> str:
    return derive_id(schedule_id, "now", origin.command_id)


def _is_tracked(definition: SchedulePut) -> bool:
    """Whether it matters to the schedule that a run has not ended."""
    return definition.overlap is not Overlap.ALLOW_ALL and not isinstance(definition.timing, Once)


def _issued(definition: SchedulePut, waiting: Waiting) -> OccurrenceIssued:
    return OccurrenceIssued(
        schedule_id=definition.schedule_id,
        run_id=waiting.run_id,
        job=definition.job,
        arguments=definition.arguments,
        occurrence=waiting.occurrence,
        due_at=waiting.due_at,
        cause=waiting.cause,
        is_tracked=_is_tracked(definition),
    )


# ---------------------------------------------------------------------------------- evolving


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
            return RunsReceipt(schedule_id=schedule_id, run_ids=[_id_of_now(schedule_id, origin)])
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
