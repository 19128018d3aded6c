"""Runs: what becomes of each occurrence, from the moment it is planned until it has ended.

    scheduled ─▶ running ─▶ succeeded
      │  ▲         │ │  ▲
      ▼  │         │ ▼  │
      held         │ waiting        after a failure, until the next attempt
                   ▼
                 parked             failed for good: somebody must look at it, and may retry it

and from each of them `cancelled`. An *attempt* is one try of a worker, numbered from 1. Only the
attempt that is under way may say anything: what an earlier one says late is refused.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, JsonValue, StringConstraints

from contracts.scheduler import Cause, JobName, Note, RunId, ScheduleId
from libs.kernel.errors import Forbidden, NotFound, Rejected
from libs.kernel.ids import Id
from libs.kernel.messages import (
    Access,
    Command,
    Event,
    View,
    command,
    event,
    message,
    view,
)

WorkerId = Id
Attempt = Annotated[int, Field(ge=1)]
Detail = Annotated[str, StringConstraints(max_length=2000)]


class RunStatus(StrEnum):
    SCHEDULED = "scheduled"
    HELD = "held"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    PARKED = "parked"


ENDED = frozenset({RunStatus.SUCCEEDED, RunStatus.CANCELLED, RunStatus.PARKED})
"""Nothing more happens by itself."""


class RunNotFound(NotFound):
    code = "scheduler.run-not-found"
    title = "There is no such run."


class RunNotYours(Forbidden):
    code = "scheduler.run-not-yours"
    title = "Only workers of the job's own service may run it."


class RunNotStartable(Rejected):
    code = "scheduler.run-not-startable"
    title = "This attempt cannot begin: it has begun, was taken back, or is not the next one."


class AttemptIsOver(Rejected):
    code = "scheduler.attempt-is-over"
    title = "This attempt has ended, or the run goes on elsewhere."


class RunHasEnded(Rejected):
    code = "scheduler.run-has-ended"
    title = "This run has ended."


class RunHasBegun(Rejected):
    code = "scheduler.run-has-begun"
    title = "This run has begun, or waits for nothing."


@message
class Failure:
    """What went wrong with an attempt. `code` is stable; `detail` is for people."""

    code: Annotated[str, StringConstraints(max_length=200)]
    detail: Detail = ""


@message
class Progress:
    """How far a run is: `done` of `total`, where it is known, and in words."""

    done: Annotated[int, Field(ge=0)]
    total: Annotated[int, Field(ge=0)] | None = None
    note: Annotated[str, StringConstraints(max_length=300)] = ""


@view
class RunReceipt(View):
    """A run and how it stands."""

    run_id: RunId
    status: RunStatus
    position: int = 0


@view
class StartedRun(View):
    """All that a worker must know to begin an attempt."""

    run_id: RunId
    job: JobName
    arguments: dict[str, JsonValue]
    schedule_id: ScheduleId
    occurrence: datetime
    due_at: datetime
    attempt: Attempt
    position: int = 0


@view
class Orders(View):
    """Whether an attempt is to go on. If not, it was cancelled, or the run goes on elsewhere."""

    run_id: RunId
    goes_on: bool
    position: int = 0


# ---------------------------------------------------------------------------------- by schedules


@command("scheduler.schedule-run", key="run_id", access=Access.SERVICE)
class ScheduleRun(Command[RunReceipt]):
    """Plan a run. The same once more changes nothing. Sent by the scheduler only.

    asked_by   whoever made it due: a person, or a service; our own timer for `Cause.SCHEDULE`
    """

    run_id: RunId
    schedule_id: ScheduleId
    job: JobName
    arguments: dict[str, JsonValue]
    occurrence: AwareDatetime
    due_at: AwareDatetime
    cause: Cause
    asked_by: str
    is_tracked: bool


@command(
    "scheduler.hold-run",
    key="run_id",
    access=Access.SERVICE,
    rejections=(RunNotFound, RunHasBegun),
)
class HoldRun(Command[RunReceipt]):
    """Hold back a run that has not begun. Sent by the scheduler only."""

    run_id: RunId


@command(
    "scheduler.release-run",
    key="run_id",
    access=Access.SERVICE,
    rejections=(RunNotFound, RunHasBegun),
)
class ReleaseRun(Command[RunReceipt]):
    """Let a run that was held back begin at its time. Sent by the scheduler only."""

    run_id: RunId


# ---------------------------------------------------------------------------------- by workers


@command(
    "scheduler.start-run",
    key="run_id",
    access=Access.SERVICE,
    rejections=(RunNotFound, RunNotYours, RunNotStartable),
)
class StartRun(Command[StartedRun]):
    """Begin an attempt. One worker is told to; the others are refused.

    attempts_max, timeout_seconds   the policy of the job as this worker has it
    trace                           the `traceparent` under which the attempt can be followed
    """

    run_id: RunId
    attempt: Attempt
    worker: WorkerId
    attempts_max: Annotated[int, Field(ge=1, le=1000)]
    timeout_seconds: Annotated[float, Field(gt=0, le=7 * 86_400)]
    trace: Annotated[str, StringConstraints(max_length=55)] = ""


@command(
    "scheduler.report-progress",
    key="run_id",
    access=Access.SERVICE,
    rejections=(RunNotFound, RunNotYours, AttemptIsOver),
)
class ReportProgress(Command[Orders]):
    """Say how far an attempt is."""

    run_id: RunId
    attempt: Attempt
    progress: Progress


@command(
    "scheduler.check-run",
    key="run_id",
    access=Access.SERVICE,
    rejections=(RunNotFound, RunNotYours),
)
class CheckRun(Command[Orders]):
    """Ask whether an attempt is to go on. Records nothing."""

    run_id: RunId
    attempt: Attempt


@command(
    "scheduler.succeed-run",
    key="run_id",
    access=Access.SERVICE,
    rejections=(RunNotFound, RunNotYours, AttemptIsOver),
)
class SucceedRun(Command[RunReceipt]):
    """Say that an attempt has done the work."""

    run_id: RunId
    attempt: Attempt


@command(
    "scheduler.fail-run",
    key="run_id",
    access=Access.SERVICE,
    rejections=(RunNotFound, RunNotYours, AttemptIsOver),
)
class FailRun(Command[RunReceipt]):
    """Say that an attempt has failed.

    retry_after_seconds   when to try again; None when that would not help
    is_lost               its worker has gone away, which says nothing against the job
    """

    run_id: RunId
    attempt: Attempt
    failure: Failure
    retry_after_seconds: Annotated[float, Field(ge=0, le=86_400)] | None
    is_lost: bool = False


@command(
    "scheduler.stop-run",
    key="run_id",
    access=Access.SERVICE,
    rejections=(RunNotFound, RunNotYours, AttemptIsOver),
)
class StopRun(Command[RunReceipt]):
    """Say that an attempt was stopped since it is not to go on."""

    run_id: RunId
    attempt: Attempt


# ---------------------------------------------------------------------------------- by people


@command(
    "scheduler.cancel-run",
    key="run_id",
    access=Access.ADMIN,
    rejections=(RunNotFound, RunHasEnded),
)
class CancelRun(Command[RunReceipt]):
    """Take a run back, or stop it: its worker hears of it within about a second.

    pending_only   only if it has not begun
    """

    run_id: RunId
    note: Note = ""
    pending_only: bool = False


@command(
    "scheduler.retry-run",
    key="run_id",
    access=Access.ADMIN,
    rejections=(RunNotFound, RunHasEnded, RunHasBegun),
)
class RetryRun(Command[RunReceipt]):
    """Try a run again, now: one that is parked, cancelled, waits for its next attempt, or is
    overdue.
    """

    run_id: RunId


# ---------------------------------------------------------------------------------- events


@event("scheduler.run_scheduled")
class RunScheduled(Event):
    """A run is planned. Fields as in `OccurrenceIssued` and `ScheduleRun`."""

    run_id: RunId
    schedule_id: ScheduleId
    job: JobName
    arguments: dict[str, JsonValue]
    occurrence: datetime
    due_at: datetime
    cause: Cause
    asked_by: str
    is_tracked: bool


@event("scheduler.run_found_done")
class RunFoundDone(Event):
    """Its schedule asked for it once more, as a backfill may, and it had ended by then."""

    run_id: RunId
    schedule_id: ScheduleId
    command_id: str


@event("scheduler.run_held")
class RunHeld(Event):
    """It is held back until it is released."""

    run_id: RunId
    job: JobName


@event("scheduler.run_released")
class RunReleased(Event):
    """It may begin, at `due_at` or now when that has passed."""

    run_id: RunId
    job: JobName
    due_at: datetime


@event("scheduler.run_started")
class RunStarted(Event):
    """A worker has begun an attempt."""

    run_id: RunId
    attempt: Attempt
    worker: WorkerId
    attempts_max: int
    timeout_seconds: float
    trace: str


@event("scheduler.run_progressed")
class RunProgressed(Event):
    """How far the attempt is."""

    run_id: RunId
    attempt: Attempt
    progress: Progress


@event("scheduler.run_succeeded")
class RunSucceeded(Event):
    """The work is done. `schedule_id` is given where the schedule waits to hear of it."""

    run_id: RunId
    attempt: Attempt
    schedule_id: ScheduleId | None


@event("scheduler.run_failed")
class RunFailed(Event):
    """An attempt has failed; what follows stands in the event after this one."""

    run_id: RunId
    attempt: Attempt
    failure: Failure
    is_lost: bool


@event("scheduler.run_retried")
class RunRetried(Event):
    """There will be another attempt.

    attempt   its number
    at        when
    by_hand   somebody wants it; the count of failures begins anew
    """

    run_id: RunId
    job: JobName
    attempt: Attempt
    at: datetime
    by_hand: bool


@event("scheduler.run_cancel_asked")
class RunCancelAsked(Event):
    """Somebody wants the attempt that is under way stopped."""

    run_id: RunId
    note: str


@event("scheduler.run_cancelled")
class RunCancelled(Event):
    """It was taken back, or stopped. `schedule_id` as in `RunSucceeded`."""

    run_id: RunId
    job: JobName
    note: str
    schedule_id: ScheduleId | None


@event("scheduler.run_parked")
class RunParked(Event):
    """It has failed for good, until somebody retries it. `schedule_id` as in `RunSucceeded`."""

    run_id: RunId
    schedule_id: ScheduleId | None
