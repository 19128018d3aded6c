"""Events of the scheduler as rows: what some events do to one schedule or run is one update."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Table, Update, bindparam, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.scheduler import (
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
from contracts.scheduler_jobs import JobsRegistered
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
    RunSucceeded,
)
from libs.eventlog import Recorded
from libs.readmodel import Projected, Projection, Write
from services.scheduler.projections.history import trim
from services.scheduler.projections.rows import Row, changes, detail, number_of, planned
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
        self.ended_at: datetime | None = None

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
            *([] if self.ended_at is None else trim(self.ended_at)),
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
            self.runs.add(run_id, planned(event))
        else:
            self.runs.change(run_id, changes(event, recorded))
        if isinstance(event, RunSucceeded | RunCancelled):
            self.ended_at = recorded.at
        if not isinstance(event, RunProgressed):
            self.steps.append(
                {
                    "run_id": run_id,
                    "event_id": recorded.id,
                    "place": recorded.position * 8 + number_of(recorded.id, recorded.causation_id),
                    "what": recorded.type.split(".")[1],
                    "at": recorded.at,
                    "attempt": getattr(event, "attempt", 0),
                    "by": recorded.actor,
                    "detail": detail(event),
                }
            )


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
