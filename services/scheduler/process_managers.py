"""What becomes of schedules and runs: timers are set, occurrences become runs, runs are handed to
the workers of their service at their time, and schedules hear of their end.
"""

from collections.abc import Sequence
from datetime import datetime

from contracts.scheduler import (
    CloseRun,
    FireSchedule,
    OccurrenceIssued,
    RunsCalledOff,
    ScheduleArmed,
    ScheduleCancelled,
    SchedulePaused,
    ScheduleResumed,
)
from contracts.scheduler_runs import (
    CancelRun,
    HoldRun,
    ReleaseRun,
    RunCancelled,
    RunFoundDone,
    RunParked,
    RunReleased,
    RunRetried,
    RunScheduled,
    RunSucceeded,
    ScheduleRun,
)
from libs.kernel.reactions import (
    Cancel,
    HandOut,
    ProcessManager,
    Reaction,
    Schedule,
    Send,
)
from libs.kernel.recorded import Recorded


def process_managers() -> list[ProcessManager]:
    """All of the scheduler's."""
    return [
        ProcessManager(
            name="times",
            log="scheduler",
            aggregate="schedule",
            events=(
                ScheduleArmed,
                SchedulePaused,
                ScheduleResumed,
                ScheduleCancelled,
                OccurrenceIssued,
                RunsCalledOff,
            ),
            react=keep_time,
        ),
        ProcessManager(
            name="runs",
            log="scheduler",
            aggregate="run",
            events=(
                RunScheduled,
                RunFoundDone,
                RunReleased,
                RunRetried,
                RunSucceeded,
                RunCancelled,
                RunParked,
            ),
            react=see_to_run,
        ),
    ]


def keep_time(recorded: Recorded) -> Sequence[Reaction]:
    """A schedule fires at its next time; what it issues becomes a run.

    The timer of one that is replaced is left alone: it fires for a time that is not the next one,
    which changes nothing, unless a new one takes its place before.
    """
    match recorded.data:
        case ScheduleArmed(schedule_id=schedule_id, next_at=None):
            return [Cancel(schedule_id)]
        case ScheduleArmed(schedule_id=schedule_id, next_at=datetime() as next_at):
            fire = FireSchedule(schedule_id=schedule_id, due_at=next_at)
            return [Schedule(schedule_id, next_at, fire)]
        case (
            SchedulePaused(schedule_id=schedule_id, run_ids=[])
            | ScheduleCancelled(schedule_id=schedule_id)
        ):
            return [Cancel(schedule_id)]
        case SchedulePaused(schedule_id=schedule_id, run_ids=run_ids):
            return [Cancel(schedule_id), *(Send(HoldRun(run_id=each)) for each in run_ids)]
        case ScheduleResumed(run_ids=run_ids):
            return [Send(ReleaseRun(run_id=each)) for each in run_ids]
        case RunsCalledOff(run_ids=run_ids, pending_only=pending_only):
            return [Send(CancelRun(run_id=each, pending_only=pending_only)) for each in run_ids]
        case OccurrenceIssued() as issued:
            return [Send(_run_of(issued, recorded.actor))]
        case _:
            return []


def _run_of(issued: OccurrenceIssued, asked_by: str) -> ScheduleRun:
    return ScheduleRun(
        run_id=issued.run_id,
        schedule_id=issued.schedule_id,
        job=issued.job,
        arguments=issued.arguments,
        occurrence=issued.occurrence,
        due_at=issued.due_at,
        cause=issued.cause,
        asked_by=asked_by,
        is_tracked=issued.is_tracked,
    )


def see_to_run(recorded: Recorded) -> Sequence[Reaction]:
    """A run is handed out for the time its attempt may begin, and its schedule hears of its end.

    One that is held or cancelled meanwhile is not taken back: it refuses to begin.
    """
    match recorded.data:
        case RunScheduled(run_id=run_id, job=job, due_at=at):
            return [_hand_out(run_id, job, at, attempt=1)]
        case RunReleased(run_id=run_id, job=job, due_at=at):
            return [_hand_out(run_id, job, at, attempt=1)]
        case RunRetried(run_id=run_id, job=job, at=at, attempt=attempt):
            return [_hand_out(run_id, job, at, attempt=attempt)]
        case (
            RunCancelled(run_id=run_id, schedule_id=schedule_id)
            | RunSucceeded(run_id=run_id, schedule_id=schedule_id)
            | RunParked(run_id=run_id, schedule_id=schedule_id)
            | RunFoundDone(run_id=run_id, schedule_id=schedule_id)
        ):
            return _tell(schedule_id, run_id)
        case _:
            return []


def _hand_out(run_id: str, job: str, at: datetime, *, attempt: int) -> HandOut:
    service, _, _ = job.partition(".")
    return HandOut(service, at, {"run_id": run_id, "job": job, "attempt": attempt})


def _tell(schedule_id: str | None, run_id: str) -> list[Reaction]:
    if schedule_id is None:
        return []
    return [Send(CloseRun(schedule_id=schedule_id, run_id=run_id))]
