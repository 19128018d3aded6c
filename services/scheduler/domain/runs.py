"""Runs: what becomes of one occurrence of a job.

Stream      evt.scheduler.run.{run_id}
Invariants  a run begins at most one attempt at a time, and none after it has succeeded;
            only the attempt under way, and its service, can say how the run goes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from contracts.scheduler_runs import (
    ENDED,
    AttemptIsOver,
    CancelRun,
    CheckRun,
    FailRun,
    HoldRun,
    Orders,
    Progress,
    ReleaseRun,
    ReportProgress,
    RetryRun,
    RunCancelAsked,
    RunCancelled,
    RunFailed,
    RunFoundDone,
    RunHasBegun,
    RunHasEnded,
    RunHeld,
    RunNotFound,
    RunNotStartable,
    RunNotYours,
    RunParked,
    RunProgressed,
    RunReceipt,
    RunReleased,
    RunRetried,
    RunScheduled,
    RunStarted,
    RunStatus,
    RunSucceeded,
    ScheduleRun,
    StartedRun,
    StartRun,
    StopRun,
    SucceedRun,
)
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin, service_caller

OURSELVES = service_caller("scheduler").user_id
LOSSES_MAX = 20
"""Workers that may die of one run before it is parked."""
RETRIED_WITHIN: Final = timedelta(days=60)
"""Of its time: so long a run that was cancelled can be wanted after all."""

type WorkerCommand = StartRun | ReportProgress | CheckRun | SucceedRun | FailRun | StopRun
type RunCommand = ScheduleRun | HoldRun | ReleaseRun | CancelRun | RetryRun | WorkerCommand
type OfAttempt = RunStarted | RunProgressed | RunSucceeded | RunFailed
type OfRun = (
    RunScheduled
    | RunFoundDone
    | RunHeld
    | RunReleased
    | RunRetried
    | RunCancelAsked
    | RunCancelled
    | RunParked
)
type RunEvent = OfRun | OfAttempt


@dataclass(slots=True)
class Run:
    """The state. `status` is None until it is planned.

    plan           as it was scheduled
    attempt        the number of the last one that began
    ended          the number of the last one that ended
    begins_at      when the next attempt may begin
    failures       since somebody last retried it by hand
    losses         workers that died of it since then
    found_done_by  the last command that asked for a run which had ended
    """

    status: RunStatus | None = None
    plan: RunScheduled | None = None
    attempt: int = 0
    ended: int = 0
    worker: str = ""
    begins_at: datetime | None = None
    attempts_max: int = 1
    failures: int = 0
    losses: int = 0
    is_cancel_asked: bool = False
    cancel_note: str = ""
    progress: Progress | None = None
    found_done_by: str = ""


def decide(command: RunCommand, run: Run, origin: Origin) -> Sequence[RunEvent]:
    """The rules. raises the refusals of `contracts.scheduler_runs`"""
    if isinstance(command, ScheduleRun):
        return _schedule(command, run, origin)
    plan = run.plan
    if plan is None:
        raise RunNotFound
    match command:
        case HoldRun():
            return _hold(plan, run)
        case ReleaseRun():
            return _release(plan, run)
        case CancelRun():
            return _cancel(command, plan, run)
        case RetryRun():
            return _retry(plan, run, origin)
        case _:
            if not _may_speak(command, plan, origin):
                raise RunNotYours
            return _on_worker(command, plan, run, origin)


# ---------------------------------------------------------------------------------- planning


def _schedule(command: ScheduleRun, run: Run, origin: Origin) -> list[RunEvent]:
    if run.plan is None:
        return [
            RunScheduled(
                run_id=command.run_id,
                schedule_id=command.schedule_id,
                job=command.job,
                arguments=command.arguments,
                occurrence=command.occurrence,
                due_at=command.due_at,
                cause=command.cause,
                asked_by=command.asked_by,
                is_tracked=command.is_tracked,
            )
        ]
    if run.status in ENDED and command.is_tracked and run.found_done_by != origin.command_id:
        return [
            RunFoundDone(
                run_id=command.run_id,
                schedule_id=command.schedule_id,
                command_id=origin.command_id,
            )
        ]
    return []


def _hold(plan: RunScheduled, run: Run) -> list[RunEvent]:
    match run.status:
        case RunStatus.SCHEDULED:
            return [RunHeld(run_id=plan.run_id, job=plan.job)]
        case RunStatus.HELD:
            return []
        case _:
            raise RunHasBegun


def _release(plan: RunScheduled, run: Run) -> list[RunEvent]:
    match run.status:
        case RunStatus.HELD:
            return [RunReleased(run_id=plan.run_id, job=plan.job, due_at=plan.due_at)]
        case RunStatus.SCHEDULED:
            return []
        case _:
            raise RunHasBegun


def _cancel(command: CancelRun, plan: RunScheduled, run: Run) -> list[RunEvent]:
    match run.status:
        case RunStatus.CANCELLED:
            return []
        case RunStatus.SUCCEEDED:
            raise RunHasEnded
        case RunStatus.RUNNING:
            if command.pending_only or run.is_cancel_asked:
                return []
            return [RunCancelAsked(run_id=plan.run_id, note=command.note)]
        case RunStatus.WAITING | RunStatus.PARKED if command.pending_only:
            return []
        case _:
            return [_cancelled(plan, command.note)]


def _retry(plan: RunScheduled, run: Run, origin: Origin) -> list[RunEvent]:
    match run.status:
        case RunStatus.PARKED:
            pass
        case RunStatus.CANCELLED:
            if run.begins_at is not None and origin.at > run.begins_at + RETRIED_WITHIN:
                raise RunHasEnded
        case RunStatus.WAITING:
            if run.begins_at is not None and run.begins_at <= origin.at:
                return []
        case RunStatus.SCHEDULED if run.begins_at is not None and run.begins_at <= origin.at:
            pass  # It was handed out, and nobody was there for so long that it was forgotten.
        case RunStatus.SUCCEEDED:
            raise RunHasEnded
        case _:
            raise RunHasBegun
    return [_retried(plan, run, origin.at, by_hand=True)]


# ---------------------------------------------------------------------------------- attempts


def _on_worker(
    command: WorkerCommand, plan: RunScheduled, run: Run, origin: Origin
) -> Sequence[RunEvent]:
    if isinstance(command, StartRun):
        return _start(command, run)
    if isinstance(command, CheckRun):
        return []
    if not _is_under_way(command.attempt, run):
        if command.attempt == run.ended and not isinstance(command, ReportProgress):
            return []  # It has said so already.
        raise AttemptIsOver
    match command:
        case ReportProgress(run_id=run_id, attempt=attempt, progress=progress):
            if run.progress == progress:
                return []
            return [RunProgressed(run_id=run_id, attempt=attempt, progress=progress)]
        case SucceedRun(run_id=run_id, attempt=attempt):
            return [RunSucceeded(run_id=run_id, attempt=attempt, schedule_id=_reports_to(plan))]
        case StopRun():
            return [_cancelled(plan, run.cancel_note)]
        case FailRun():
            return _fail(command, plan, run, origin)
        case _:
            assert_never(command)


def _start(command: StartRun, run: Run) -> list[RunEvent]:
    if _is_under_way(command.attempt, run) and run.worker == command.worker:
        return []  # It has not heard that it may, and asks again.
    may_begin = run.status in {RunStatus.SCHEDULED, RunStatus.WAITING}
    if not may_begin or command.attempt != run.attempt + 1:
        raise RunNotStartable
    return [
        RunStarted(
            run_id=command.run_id,
            attempt=command.attempt,
            worker=command.worker,
            attempts_max=command.attempts_max,
            timeout_seconds=command.timeout_seconds,
            trace=command.trace,
        )
    ]


def _fail(command: FailRun, plan: RunScheduled, run: Run, origin: Origin) -> list[RunEvent]:
    failed = RunFailed(
        run_id=plan.run_id,
        attempt=command.attempt,
        failure=command.failure,
        is_lost=command.is_lost,
    )
    if run.is_cancel_asked:
        return [failed, _cancelled(plan, run.cancel_note)]
    if command.is_lost:
        is_over = run.losses + 1 >= LOSSES_MAX
    else:
        is_over = run.failures + 1 >= run.attempts_max
    seconds = command.retry_after_seconds
    if is_over or seconds is None:
        return [failed, RunParked(run_id=plan.run_id, schedule_id=_reports_to(plan))]
    at = origin.at + timedelta(seconds=seconds)
    return [failed, _retried(plan, run, at, by_hand=False)]


def _may_speak(command: WorkerCommand, plan: RunScheduled, origin: Origin) -> bool:
    """The service of the job; and we ourselves, of an attempt whose worker is gone."""
    if isinstance(command, FailRun) and command.is_lost and origin.actor == OURSELVES:
        return True
    return origin.actor == service_caller(plan.job.partition(".")[0]).user_id


def _is_under_way(attempt: int, run: Run) -> bool:
    return run.status is RunStatus.RUNNING and run.attempt == attempt


def _reports_to(plan: RunScheduled) -> str | None:
    return plan.schedule_id if plan.is_tracked else None


def _cancelled(plan: RunScheduled, note: str) -> RunCancelled:
    return RunCancelled(run_id=plan.run_id, job=plan.job, note=note, schedule_id=_reports_to(plan))


def _retried(plan: RunScheduled, run: Run, at: datetime, *, by_hand: bool) -> RunRetried:
    return RunRetried(
        run_id=plan.run_id, job=plan.job, attempt=run.attempt + 1, at=at, by_hand=by_hand
    )


# ---------------------------------------------------------------------------------- evolving


def evolve(run: Run, event: RunEvent) -> Run:
    """What a fact does to a run."""
    match event:
        case RunScheduled():
            run.status, run.plan, run.begins_at = RunStatus.SCHEDULED, event, event.due_at
        case RunFoundDone(command_id=command_id):
            run.found_done_by = command_id
        case RunHeld():
            run.status = RunStatus.HELD
        case RunReleased(due_at=due_at):
            run.status, run.begins_at = RunStatus.SCHEDULED, due_at
        case RunRetried(at=at, by_hand=by_hand):
            run.status, run.begins_at = RunStatus.WAITING, at
            if by_hand:
                run.failures = run.losses = 0
        case RunCancelAsked(note=note):
            run.is_cancel_asked, run.cancel_note = True, note
        case RunCancelled():
            run.status, run.ended = RunStatus.CANCELLED, run.attempt
        case RunParked():
            run.status = RunStatus.PARKED
        case _:
            _try(run, event)
    return run


def _try(run: Run, event: OfAttempt) -> None:
    """How an attempt goes."""
    match event:
        case RunStarted():
            run.status, run.attempt, run.worker = RunStatus.RUNNING, event.attempt, event.worker
            run.attempts_max, run.progress = event.attempts_max, None
            run.is_cancel_asked, run.cancel_note = False, ""
        case RunProgressed(progress=progress):
            run.progress = progress
        case RunSucceeded(attempt=attempt):
            run.status, run.ended = RunStatus.SUCCEEDED, attempt
        case RunFailed(attempt=attempt, is_lost=is_lost):
            run.ended = attempt
            run.losses += is_lost
            run.failures += not is_lost
        case _:
            assert_never(event)


# ---------------------------------------------------------------------------------- answering


def answer(
    command: RunCommand, _events: Sequence[RunEvent], run: Run, _origin: Origin
) -> RunReceipt | StartedRun | Orders:
    """What the caller is told."""
    plan = run.plan
    assert plan is not None, "what has no plan was refused"
    match command:
        case StartRun(attempt=attempt):
            return StartedRun(
                run_id=plan.run_id,
                job=plan.job,
                arguments=plan.arguments,
                schedule_id=plan.schedule_id,
                occurrence=plan.occurrence,
                due_at=plan.due_at,
                attempt=attempt,
            )
        case ReportProgress(attempt=attempt) | CheckRun(attempt=attempt):
            goes_on = _is_under_way(attempt, run) and not run.is_cancel_asked
            return Orders(run_id=plan.run_id, goes_on=goes_on)
        case _:
            return RunReceipt(run_id=plan.run_id, status=run.status or RunStatus.SCHEDULED)


RUN = Decider(
    aggregate="run",
    commands=members(ScheduleRun | HoldRun | ReleaseRun | CancelRun | RetryRun)
    + members(WorkerCommand),
    events=members(OfRun) + members(OfAttempt),
    state=Run,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
