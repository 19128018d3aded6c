"""Events of the scheduler as rows: what some events do to one schedule or run is one update."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Table, Update, bindparam, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.scheduler import (
    JobsRegistered,
    OccurrenceIssued,
    OccurrencesMissed,
    OccurrencesSkipped,
    Once,
    ScheduleArmed,
    ScheduleCancelled,
    SchedulePaused,
    SchedulePut,
    ScheduleResumed,
    ScheduleStatus,
)
from contracts.scheduler_runs import (
    RunCancelAsked,
    RunCancelled,
    RunFailed,
    RunHeld,
    RunParked,
    RunProgressed,
    RunReleased,
    RunRetried,
    RunScheduled,
    RunStarted,
    RunStatus,
    RunSucceeded,
)
from libs.eventlog import Recorded
from libs.kernel.messages import Event
from libs.readmodel import Projected, Projection, Write
from services.scheduler.tables import JOBS, jobs, runs, schedules, steps, tables

_ADD_RUNS = insert(runs)
_ADD_STEPS = insert(steps)
_PUT_SCHEDULES = upsert(schedules)
_PUT_SCHEDULES = _PUT_SCHEDULES.on_conflict_do_update(
    index_elements=[schedules.c.schedule_id],
    set_={
        name: _PUT_SCHEDULES.excluded[name]
        for name in (
            "job",
            "arguments",
            "timing",
            "is_recurring",
            "overlap",
            "catch_up_seconds",
            "jitter_seconds",
            "put_by",
            "put_at",
            "next_at",
        )
    },
)
_REVIVE_SCHEDULES = (
    update(schedules)
    .where(
        schedules.c.schedule_id == bindparam("of"),
        schedules.c.status == ScheduleStatus.CANCELLED.value,
    )
    .values(status=ScheduleStatus.ACTIVE.value, note="")
)
_COUNT_SKIPPED = (
    update(schedules)
    .where(schedules.c.schedule_id == bindparam("of"))
    .values(skipped=schedules.c.skipped + bindparam("more"))
)
_FORGET_JOBS = update(jobs).where(jobs.c.service == bindparam("of")).values(is_registered=False)
_PUT_JOBS = upsert(jobs)
_PUT_JOBS = _PUT_JOBS.on_conflict_do_update(
    index_elements=[jobs.c.name],
    set_={
        column.name: _PUT_JOBS.excluded[column.name]
        for column in jobs.columns
        if column is not jobs.c.name
    },
)

Row = dict[str, Any]


@lru_cache
def _change(table: Table, names: tuple[str, ...]) -> Update:
    """Update some columns of the row with the id `of`."""
    key = table.primary_key.columns[0]
    told = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    return update(table).where(key == bindparam("of")).values(told)


class _Changes:
    """What becomes of the rows of one table, by their id."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.added: dict[str, Row] = {}
        self._changed: dict[str, Row] = {}

    def add(self, key: str, row: Row) -> None:
        self.added[key] = row

    def change(self, key: str, values: Row) -> None:
        row = self.added.get(key)
        if row is None:
            row = self._changed.setdefault(key, {})
        row.update(values)

    def writes(self) -> list[Write]:
        """One for each set of columns that change together."""
        by_names: dict[tuple[str, ...], list[Row]] = {}
        for key, values in self._changed.items():
            row = {"of": key, **{f"new_{name}": value for name, value in values.items()}}
            by_names.setdefault(tuple(sorted(values)), []).append(row)
        return [Write(_change(self._table, names), rows) for names, rows in by_names.items()]


class _Folded:
    """What some events, taken together, do."""

    def __init__(self) -> None:
        self.runs = _Changes(runs)
        self.schedules = _Changes(schedules)
        self.put: dict[str, Row] = {}
        self.skipped: Counter[str] = Counter()
        self.steps: list[Row] = []
        self.rosters: dict[str, JobsRegistered] = {}
        self.keys: dict[str, int] = {}

    def add(self, recorded: Recorded) -> None:
        match recorded.aggregate:
            case "schedule":
                self._add_to_schedule(recorded)
                self.keys["schedules"] = recorded.position
                self.keys[f"schedule.{recorded.aggregate_id}"] = recorded.position
            case "run":
                self._add_to_run(recorded)
                self.keys["runs"] = recorded.position
                self.keys[f"run.{recorded.aggregate_id}"] = recorded.position
            case _:
                assert isinstance(recorded.data, JobsRegistered)
                self.rosters[recorded.data.service] = recorded.data
                self.keys["jobs"] = recorded.position

    def writes(self) -> list[Write]:
        offered = [
            {**vars(job), "service": roster.service, "is_registered": True}
            for roster in self.rosters.values()
            for job in roster.jobs
        ]
        return [
            Write(_PUT_SCHEDULES, list(self.put.values())),
            Write(_REVIVE_SCHEDULES, [{"of": each} for each in self.put]),
            *self.schedules.writes(),
            Write(_COUNT_SKIPPED, [{"of": key, "more": n} for key, n in self.skipped.items()]),
            Write(_ADD_RUNS, list(self.runs.added.values())),
            *self.runs.writes(),
            Write(_ADD_STEPS, self.steps),
            Write(_FORGET_JOBS, [{"of": service} for service in self.rosters]),
            Write(_PUT_JOBS, offered),
        ]

    # ------------------------------------------------------------------ schedules

    def _add_to_schedule(self, recorded: Recorded) -> None:
        key = recorded.aggregate_id
        match recorded.data:
            case SchedulePut() as put:
                self._put(put, recorded)
            case ScheduleArmed(next_at=next_at):
                self.schedules.change(key, {"next_at": next_at})
            case OccurrenceIssued(run_id=run_id, due_at=due_at):
                self.schedules.change(key, {"last_run_id": run_id, "last_at": due_at})
            case OccurrencesSkipped(occurrences=occurrences):
                self.skipped[key] += len(occurrences)
            case OccurrencesMissed():
                self.skipped[key] += 1
            case SchedulePaused(note=note):
                paused = {"status": ScheduleStatus.PAUSED.value, "note": note, "next_at": None}
                self.schedules.change(key, paused)
            case ScheduleResumed():
                resumed = {"status": ScheduleStatus.ACTIVE.value, "note": ""}
                self.schedules.change(key, resumed)
            case ScheduleCancelled(note=note):
                ended = {"status": ScheduleStatus.CANCELLED.value, "note": note, "next_at": None}
                self.schedules.change(key, ended)

    def _put(self, put: SchedulePut, recorded: Recorded) -> None:
        row = {
            "schedule_id": put.schedule_id,
            "job": put.job,
            "arguments": put.arguments,
            "timing": put.timing,
            "is_recurring": not isinstance(put.timing, Once),
            "overlap": put.overlap.value,
            "catch_up_seconds": put.catch_up_seconds,
            "jitter_seconds": put.jitter_seconds,
            "status": ScheduleStatus.ACTIVE.value,
            "note": "",
            "put_by": recorded.actor,
            "put_at": recorded.at,
            "next_at": None,
        }
        self.put[put.schedule_id] = row

    # ------------------------------------------------------------------ runs

    def _add_to_run(self, recorded: Recorded) -> None:
        event, run_id = recorded.data, recorded.aggregate_id
        if isinstance(event, RunScheduled):
            self.runs.add(run_id, _planned(event))
        else:
            self.runs.change(run_id, _changes(event, recorded))
        if not isinstance(event, RunProgressed):
            self.steps.append(
                {
                    "run_id": run_id,
                    "event_id": recorded.id,
                    "place": recorded.position * 8 + _number(recorded.id, recorded.causation_id),
                    "what": recorded.type.split(".")[1],
                    "at": recorded.at,
                    "attempt": getattr(event, "attempt", 0),
                    "by": recorded.actor,
                    "detail": _detail(event),
                }
            )


def _planned(event: RunScheduled) -> Row:
    return {
        "run_id": event.run_id,
        "schedule_id": event.schedule_id,
        "job": event.job,
        "service": event.job.partition(".")[0],
        "arguments": event.arguments,
        "status": RunStatus.SCHEDULED.value,
        "stage": "upcoming",
        "cause": event.cause.value,
        "asked_by": event.asked_by,
        "occurrence": event.occurrence,
        "due_at": event.due_at,
        "at": event.due_at,
        "attempt": 0,
        "attempts_max": 0,
        "timeout_seconds": 0.0,
        "worker": None,
        "started_at": None,
        "ended_at": None,
        "progress": None,
        "failure": None,
        "is_cancel_asked": False,
        "trace": "",
    }


def _changes(event: Event, recorded: Recorded) -> Row:
    """What an event changes about a run."""
    match event:
        case RunHeld():
            return {"status": RunStatus.HELD.value}
        case RunReleased(due_at=due_at):
            return {"status": RunStatus.SCHEDULED.value, "at": due_at}
        case RunStarted():
            return {
                "status": RunStatus.RUNNING.value,
                "stage": "running",
                "at": recorded.at,
                "attempt": event.attempt,
                "attempts_max": event.attempts_max,
                "timeout_seconds": event.timeout_seconds,
                "worker": event.worker,
                "started_at": recorded.at,
                "ended_at": None,
                "progress": None,
                "is_cancel_asked": False,
                "trace": event.trace,
            }
        case RunProgressed(progress=progress):
            return {"progress": progress}
        case RunSucceeded():
            return {**_ended(RunStatus.SUCCEEDED, recorded), "failure": None}
        case RunFailed(failure=failure):
            return {"failure": failure}
        case RunRetried(at=at):
            return {"status": RunStatus.WAITING.value, "stage": "upcoming", "at": at}
        case RunCancelAsked():
            return {"is_cancel_asked": True}
        case RunCancelled():
            return _ended(RunStatus.CANCELLED, recorded)
        case RunParked():
            return {**_ended(RunStatus.PARKED, recorded), "stage": "parked"}
        case _:
            raise TypeError(f"{type(event).__name__} is no event of a run")


def _ended(status: RunStatus, recorded: Recorded) -> Row:
    return {
        "status": status.value,
        "stage": "ended",
        "at": recorded.at,
        "ended_at": recorded.at,
    }


def _detail(event: Event) -> str:
    match event:
        case RunFailed(failure=failure):
            return f"{failure.code}: {failure.detail}" if failure.detail else failure.code
        case RunCancelAsked(note=note) | RunCancelled(note=note):
            return note
        case RunStarted(worker=worker):
            return worker
        case RunRetried(at=at):
            return at.isoformat()
        case _:
            return ""


def _number(event_id: str, command_id: str) -> int:
    """The number of an event among those of its command."""
    return int(event_id.removeprefix(command_id).lstrip("-") or 0)


def project(events: Sequence[Recorded]) -> Projected:
    """What these events do to the read model."""
    folded = _Folded()
    for recorded in events:
        folded.add(recorded)
    return Projected([write for write in folded.writes() if write.rows], folded.keys)


PROJECTION = Projection(
    JOBS,
    log="scheduler",
    tables=tables,
    events=(
        SchedulePut,
        ScheduleArmed,
        OccurrenceIssued,
        OccurrencesSkipped,
        OccurrencesMissed,
        SchedulePaused,
        ScheduleResumed,
        ScheduleCancelled,
        RunScheduled,
        RunHeld,
        RunReleased,
        RunStarted,
        RunProgressed,
        RunSucceeded,
        RunFailed,
        RunRetried,
        RunCancelAsked,
        RunCancelled,
        RunParked,
        JobsRegistered,
    ),
    project=project,
)
