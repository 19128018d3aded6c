"""Occurrences: each becomes a run, waits for others, or is skipped, as the policy says."""

from datetime import datetime

from contracts.scheduler import (
    Cause,
    OccurrenceDeferred,
    OccurrenceIssued,
    OccurrencesSkipped,
    Once,
    Overlap,
    RunClosed,
    RunsCalledOff,
    SchedulePut,
)
from libs.kernel.ids import derive_id
from libs.kernel.messages import Origin
from services.scheduler.domain import timing
from services.scheduler.domain.schedule_state import Schedule, ScheduleEvent, Waiting


class Plan:
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
        return is_tracked(self._definition) and bool(self._open or self._backlog)

    def _issue(self, waiting: Waiting) -> None:
        issued = issue(self._definition, waiting)
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


def waiting_for(
    definition: SchedulePut, run_id: str, occurrence: datetime, cause: Cause
) -> Waiting:
    """An occurrence that is to begin at its time, later by the jitter."""
    due_at = occurrence + timing.jitter(run_id, definition.jitter_seconds)
    return Waiting(run_id, occurrence, due_at, cause)


def id_of(schedule_id: str, occurrence: datetime) -> str:
    """The same run for the same occurrence, whenever and however often somebody asks for it."""
    return derive_id(schedule_id, occurrence.isoformat())


def id_of_now(schedule_id: str, origin: Origin) -> str:
    """The run that a command asks for, whenever that command is decided."""
    return derive_id(schedule_id, "now", origin.command_id)


def is_tracked(definition: SchedulePut) -> bool:
    """Whether it matters to the schedule that a run has not ended."""
    return definition.overlap is not Overlap.ALLOW_ALL and not isinstance(definition.timing, Once)


def issue(definition: SchedulePut, waiting: Waiting) -> OccurrenceIssued:
    """An occurrence becomes a run."""
    return OccurrenceIssued(
        schedule_id=definition.schedule_id,
        run_id=waiting.run_id,
        job=definition.job,
        arguments=definition.arguments,
        occurrence=waiting.occurrence,
        due_at=waiting.due_at,
        cause=waiting.cause,
        is_tracked=is_tracked(definition),
    )
