"""What can be asked of `scheduler`: schedules, jobs, runs and what happened to them."""

from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AwareDatetime,
    Field,
    JsonValue,
    StringConstraints,
)

from contracts.scheduler import Cause, JobName, Overlap, RunId, ScheduleId, ScheduleStatus, Timing
from contracts.scheduler_runs import Attempt, Failure, Progress, RunStatus, WorkerId
from libs.kernel.ids import Id
from libs.kernel.messages import (
    Access,
    Query,
    View,
    query,
    view,
)


@view
class Schedule(View):
    """A schedule with its times.

    next_at      when it happens next; None when it rests, has ended, or has happened for good
    last_at      when the occurrence was due that became a run last
    last_run_id  that run, and how it stands
    skipped      occurrences that did not happen: others had not ended, or nobody was there
    """

    schedule_id: ScheduleId
    job: JobName
    arguments: dict[str, JsonValue]
    timing: Timing
    overlap: Overlap
    catch_up_seconds: int
    jitter_seconds: int
    status: ScheduleStatus
    note: str
    put_by: str
    put_at: datetime
    next_at: datetime | None
    last_at: datetime | None
    last_run_id: RunId | None
    last_run_status: str | None
    skipped: int


@view
class Schedules(View):
    """Some schedules, by id. `next` continues the list."""

    schedules: list[Schedule]
    next: str | None


@view
class Job(View):
    """A job that may be scheduled. `is_registered` is False for one its service has given up."""

    name: JobName
    service: Id
    summary: str
    attempts_max: int
    timeout_seconds: float
    is_registered: bool


@view
class Jobs(View):
    """All jobs, by name."""

    jobs: list[Job]


@query("scheduler.get-schedule", access=Access.ADMIN, watches=("schedule.{schedule_id}", "runs"))
class GetSchedule(Query[Schedule]):
    """One schedule."""

    schedule_id: ScheduleId


@query("scheduler.list-schedules", access=Access.ADMIN, watches=("schedules", "runs"))
class ListSchedules(Query[Schedules]):
    """Schedules by job, by status; those that are cancelled only when asked for.

    is_recurring  only those that happen again and again, or only those that happen once
    """

    job: JobName | None = None
    status: ScheduleStatus | None = None
    is_recurring: bool | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[str, StringConstraints(max_length=200)] | None = None


@query("scheduler.list-jobs", access=Access.ADMIN, watches=("jobs",))
class ListJobs(Query[Jobs]):
    """The jobs that services have registered."""


@view
class Run(View):
    """A run as it stands.

    at         what it is listed by: when it is due, or tried next, or ended
    arguments  what the job is told
    """

    run_id: RunId
    schedule_id: ScheduleId
    job: JobName
    status: RunStatus
    cause: Cause
    asked_by: str
    occurrence: datetime
    due_at: datetime
    at: datetime
    attempt: int
    worker: str | None
    started_at: datetime | None
    ended_at: datetime | None
    progress: Progress | None
    failure: Failure | None
    is_cancel_asked: bool
    trace: str
    arguments: dict[str, JsonValue] = field(default_factory=dict)


@view
class RunStep(View):
    """Something that happened to a run: the name of the event, its time, and what it says."""

    what: str
    at: datetime
    attempt: int
    by: str
    detail: str


@view
class RunHistory(View):
    """A run, its arguments, and all that happened to it, oldest first."""

    run: Run
    arguments: dict[str, JsonValue]
    steps: list[RunStep]


@view
class Runs(View):
    """Some runs. `next` continues the list."""

    runs: list[Run]
    next: str | None


@view
class RunCounts(View):
    """How many runs there are of each status, by status."""

    counts: dict[str, int]


@view
class RunningAttempt(View):
    """An attempt that is under way."""

    run_id: RunId
    job: JobName
    attempt: Attempt
    worker: WorkerId
    attempts_max: int
    started_at: datetime


@view
class RunningAttempts(View):
    """Attempts under way, those that began first."""

    attempts: list[RunningAttempt]


class RunList(StrEnum):
    """The lists that there are of runs, and what each is ordered by."""

    UPCOMING = "upcoming"
    """To begin, or to be tried again: the next one first."""
    RUNNING = "running"
    """Under way: those that began first."""
    PARKED = "parked"
    """Failed for good: the newest first."""
    HISTORY = "history"
    """Ended in any way: the newest first."""


@query("scheduler.get-run", access=Access.ADMIN, watches=("run.{run_id}",))
class GetRun(Query[RunHistory]):
    """One run and all that happened to it."""

    run_id: RunId


@query("scheduler.list-runs", access=Access.ADMIN, watches=("runs",))
class ListRuns(Query[Runs]):
    """Runs by how they stand, and by schedule or job."""

    which: RunList
    schedule_id: ScheduleId | None = None
    job: JobName | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[str, StringConstraints(max_length=200)] | None = None


@query("scheduler.count-runs", access=Access.ADMIN, watches=("runs",))
class CountRuns(Query[RunCounts]):
    """How many runs there are of each status."""


@query("scheduler.list-running-attempts", access=Access.SERVICE, watches=("runs",))
class ListRunningAttempts(Query[RunningAttempts]):
    """The attempts that are under way, for those who look whether their workers still are.

    service     only those of this one
    overdue_at  only those whose time was over by then
    """

    service: Id | None = None
    overdue_at: AwareDatetime | None = None
