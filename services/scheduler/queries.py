"""Questions to the read model of the scheduler."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime, TypeAdapter
from sqlalchemy import RowMapping, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.scheduler import Cause, Overlap, ScheduleNotFound, ScheduleStatus, Timing
from contracts.scheduler_runs import Failure, Progress, RunNotFound, RunStatus
from contracts.scheduler_views import (
    CountRuns,
    GetRun,
    GetSchedule,
    Job,
    Jobs,
    ListJobs,
    ListRunningAttempts,
    ListRuns,
    ListSchedules,
    Run,
    RunCounts,
    RunHistory,
    RunList,
    RunningAttempt,
    RunningAttempts,
    Runs,
    RunStep,
    Schedule,
    Schedules,
)
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from libs.readmodel.paging import read_cursor, write_cursor
from services.scheduler.tables import JOBS, jobs, runs, schedules, steps

_STAGES = {
    RunList.UPCOMING: ("upcoming",),
    RunList.RUNNING: ("running",),
    RunList.PARKED: ("parked",),
    RunList.HISTORY: ("ended", "parked"),
}
_OLDEST_FIRST = {RunList.UPCOMING, RunList.RUNNING}
_TIMING: TypeAdapter[Timing] = TypeAdapter(Timing)
STEPS_MAX = 500
ATTEMPTS_SHOWN_MAX = 1000
_CURSOR = TypeAdapter(tuple[AwareDatetime, str])

# ---------------------------------------------------------------------------------- schedules

_LAST = runs.alias("last")
_SCHEDULES = select(
    schedules,
    _LAST.c.status.label("last_run_status"),
    _LAST.c.stage.label("last_run_stage"),
    _LAST.c.at.label("last_run_at"),
).join(_LAST, _LAST.c.run_id == schedules.c.last_run_id, isouter=True)


async def get_schedule(
    query: GetSchedule, _caller: Caller, connection: AsyncConnection
) -> Schedule:
    """One schedule. raises ScheduleNotFound"""
    statement = _SCHEDULES.where(schedules.c.schedule_id == query.schedule_id)
    rows = await _rows(connection, statement)
    if not rows:
        raise ScheduleNotFound(query.schedule_id)
    return _schedule(rows[0])


async def list_schedules(
    query: ListSchedules, _caller: Caller, connection: AsyncConnection
) -> Schedules:
    """Schedules by id; those that are cancelled only when asked for."""
    statement = _SCHEDULES.order_by(schedules.c.schedule_id).limit(query.limit + 1)
    if query.status is not None:
        statement = statement.where(schedules.c.status == query.status.value)
    else:
        statement = statement.where(schedules.c.status != ScheduleStatus.CANCELLED.value)
    if query.job is not None:
        statement = statement.where(schedules.c.job == query.job)
    if query.is_recurring is not None:
        statement = statement.where(schedules.c.is_recurring.is_(query.is_recurring))
    if query.after is not None:
        statement = statement.where(schedules.c.schedule_id > query.after)
    rows = await _rows(connection, statement)
    page = [_schedule(row) for row in rows[: query.limit]]
    has_more = len(rows) > query.limit
    return Schedules(schedules=page, next=page[-1].schedule_id if has_more else None)


def _schedule(row: RowMapping) -> Schedule:
    return Schedule(
        schedule_id=row["schedule_id"],
        job=row["job"],
        arguments=row["arguments"],
        timing=_TIMING.validate_python(row["timing"]),
        overlap=Overlap(row["overlap"]),
        catch_up_seconds=row["catch_up_seconds"],
        jitter_seconds=row["jitter_seconds"],
        status=ScheduleStatus(row["status"]),
        note=row["note"],
        put_by=row["put_by"],
        put_at=row["put_at"],
        next_at=_next_at(row),
        last_at=row["last_at"],
        last_run_id=row["last_run_id"],
        last_run_status=row["last_run_status"],
        skipped=row["skipped"],
    )


def _next_at(row: RowMapping) -> datetime | None:
    """Of a schedule that happens once, the time of its run while that has not begun."""
    if row["is_recurring"]:
        found: datetime | None = row["next_at"]
        return found
    return row["last_run_at"] if row["last_run_stage"] == "upcoming" else None


# ---------------------------------------------------------------------------------- runs


async def get_run(query: GetRun, _caller: Caller, connection: AsyncConnection) -> RunHistory:
    """One run and all that happened to it. raises RunNotFound"""
    rows = await _rows(connection, select(runs).where(runs.c.run_id == query.run_id))
    if not rows:
        raise RunNotFound(query.run_id)
    happened = select(steps).where(steps.c.run_id == query.run_id).order_by(steps.c.place.desc())
    newest = await _rows(connection, happened.limit(STEPS_MAX))
    return RunHistory(
        run=_run(rows[0]),
        arguments=rows[0]["arguments"],
        steps=[
            RunStep(
                what=row["what"],
                at=row["at"],
                attempt=row["attempt"],
                by=row["by"],
                detail=row["detail"],
            )
            for row in reversed(newest)
        ],
    )


async def list_runs(query: ListRuns, _caller: Caller, connection: AsyncConnection) -> Runs:
    """Runs by how they stand. raises Invalid for a cursor that is not of ours"""
    place = (runs.c.at, runs.c.run_id)
    statement = select(runs).where(runs.c.stage.in_(_STAGES[query.which]))
    if query.schedule_id is not None:
        statement = statement.where(runs.c.schedule_id == query.schedule_id)
    if query.job is not None:
        statement = statement.where(runs.c.job == query.job)
    is_rising = query.which in _OLDEST_FIRST
    if query.after is not None:
        at, run_id = read_cursor(_CURSOR, query.after)
        seen = tuple_(literal(at), literal(run_id))
        further = tuple_(*place) > seen if is_rising else tuple_(*place) < seen
        statement = statement.where(further)
    order = place if is_rising else tuple(column.desc() for column in place)
    rows = await _rows(connection, statement.order_by(*order).limit(query.limit + 1))
    page = rows[: query.limit]
    has_more = len(rows) > query.limit
    return Runs(runs=[_run(row) for row in page], next=_cursor(page[-1]) if has_more else None)


async def count_runs(_query: CountRuns, _caller: Caller, connection: AsyncConnection) -> RunCounts:
    """How many runs there are of each status that has not ended for good."""
    live = runs.c.stage.in_(("upcoming", "running", "parked"))
    statement = select(runs.c.status, func.count().label("runs")).where(live)
    rows = await _rows(connection, statement.group_by(runs.c.status))
    return RunCounts(counts={row["status"]: row["runs"] for row in rows})


async def list_running_attempts(
    query: ListRunningAttempts, _caller: Caller, connection: AsyncConnection
) -> RunningAttempts:
    """Attempts under way, those that began first."""
    statement = select(runs).where(runs.c.stage == "running")
    if query.service is not None:
        statement = statement.where(runs.c.service == query.service)
    if query.overdue_at is not None:
        allowed = func.make_interval(0, 0, 0, 0, 0, 0, runs.c.timeout_seconds)
        statement = statement.where(runs.c.started_at + allowed < query.overdue_at)
    statement = statement.order_by(runs.c.at, runs.c.run_id).limit(ATTEMPTS_SHOWN_MAX)
    return RunningAttempts(
        attempts=[
            RunningAttempt(
                run_id=row["run_id"],
                job=row["job"],
                attempt=row["attempt"],
                worker=row["worker"],
                attempts_max=row["attempts_max"],
                started_at=row["started_at"],
            )
            for row in await _rows(connection, statement)
        ]
    )


def _run(row: RowMapping) -> Run:
    progress, failure = row["progress"], row["failure"]
    return Run(
        run_id=row["run_id"],
        schedule_id=row["schedule_id"],
        job=row["job"],
        status=RunStatus(row["status"]),
        cause=Cause(row["cause"]),
        asked_by=row["asked_by"],
        occurrence=row["occurrence"],
        due_at=row["due_at"],
        at=row["at"],
        attempt=row["attempt"],
        worker=row["worker"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        progress=None if progress is None else Progress(**progress),
        failure=None if failure is None else Failure(**failure),
        is_cancel_asked=row["is_cancel_asked"],
        trace=row["trace"],
        arguments=row["arguments"],
    )


# ---------------------------------------------------------------------------------- jobs


async def list_jobs(_query: ListJobs, _caller: Caller, connection: AsyncConnection) -> Jobs:
    """The jobs that services have registered, by name."""
    rows = await _rows(connection, select(jobs).order_by(jobs.c.name))
    return Jobs(jobs=[Job(**row) for row in rows])


# ---------------------------------------------------------------------------------- cursors


def _cursor(row: RowMapping) -> str:
    """Behind this row of a list."""
    at: datetime = row["at"]
    return write_cursor([at.astimezone(UTC), row["run_id"]])


async def _rows(connection: AsyncConnection, statement: Select[Any]) -> Sequence[RowMapping]:
    found: Sequence[RowMapping] = (await connection.execute(statement)).mappings().all()
    return found


QUERIES: Queries = {
    GetSchedule: Reading(get_schedule, (JOBS,)),
    ListSchedules: Reading(list_schedules, (JOBS,)),
    GetRun: Reading(get_run, (JOBS,)),
    ListRuns: Reading(list_runs, (JOBS,)),
    CountRuns: Reading(count_runs, (JOBS,)),
    ListRunningAttempts: Reading(list_running_attempts, (JOBS,)),
    ListJobs: Reading(list_jobs, (JOBS,)),
}
