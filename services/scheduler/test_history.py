"""What the read model still knows of runs after a long time, on a real PostgreSQL."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from contracts.scheduler import Cause
from contracts.scheduler_runs import (
    Failure,
    RunCancelled,
    RunFailed,
    RunNotFound,
    RunParked,
    RunScheduled,
    RunStarted,
    RunSucceeded,
)
from contracts.scheduler_views import GetRun, ListRuns, RunList
from libs.eventlog import Commit, Revision
from libs.eventlog.model import NEW_STREAM
from libs.kernel.messages import Caller, Event
from libs.testkit.builders import recorded
from libs.testkit.readmodel import RECORDED_AT, ReadModel, read_model
from libs.testkit.stack import RunningDatabase
from services.scheduler.projections import PROJECTION
from services.scheduler.projections.history import KEPT
from services.scheduler.queries import QUERIES

pytestmark = pytest.mark.connected

ADMIN = Caller("usr_admin", ("admin",))
LATER = RECORDED_AT + KEPT + timedelta(days=1)


@dataclass
class Runs:
    """Tells the read model of runs."""

    model: ReadModel
    revisions: dict[str, Revision] = field(default_factory=dict)

    async def plan(self, run_id: str, *, due_at: datetime = RECORDED_AT) -> None:
        planned = RunScheduled(
            run_id=run_id,
            schedule_id="nightly",
            job="toy.draw",
            arguments={},
            occurrence=due_at,
            due_at=due_at,
            cause=Cause.SCHEDULE,
            asked_by="",
            is_tracked=False,
        )
        await self.tell(run_id, planned)

    async def begin(self, run_id: str) -> None:
        await self.plan(run_id)
        await self.tell(
            run_id,
            RunStarted(
                run_id=run_id,
                attempt=1,
                worker="w_1",
                attempts_max=1,
                timeout_seconds=60,
                trace="",
            ),
        )

    async def succeed(self, run_id: str, *, at: datetime = RECORDED_AT) -> None:
        await self.begin(run_id)
        await self.tell(run_id, RunSucceeded(run_id=run_id, attempt=1, schedule_id=None), at=at)

    async def tell(self, run_id: str, *events: Event, at: datetime = RECORDED_AT) -> None:
        for event in events:
            said = recorded(event, aggregate="run", aggregate_id=run_id, at=at)
            expected = self.revisions.get(run_id, NEW_STREAM)
            (revision,) = await self.model.log.append([Commit("run", run_id, [said], expected)])
            self.revisions[run_id] = revision

    async def listed(self, which: RunList) -> list[str]:
        answer = await self.model.ask(ListRuns(which=which), ADMIN)
        return sorted(run["run_id"] for run in answer["runs"])


async def test_forgets_what_ended_long_ago_and_nothing_else(database: RunningDatabase) -> None:
    async with read_model("scheduler", [PROJECTION], QUERIES, database) as model:
        runs = Runs(model)
        await runs.succeed("old")
        await runs.plan("cancelled")
        cancelled = RunCancelled(run_id="cancelled", job="toy.draw", note="", schedule_id=None)
        await runs.tell("cancelled", cancelled)
        await runs.plan("cancelled_ahead", due_at=LATER)
        ahead = RunCancelled(run_id="cancelled_ahead", job="toy.draw", note="", schedule_id=None)
        await runs.tell("cancelled_ahead", ahead)
        await runs.begin("parked")
        failed = RunFailed(run_id="parked", attempt=1, failure=Failure(code="bad"), is_lost=False)
        await runs.tell("parked", failed, RunParked(run_id="parked", schedule_id=None))
        await runs.begin("running")
        await runs.plan("upcoming")
        assert await runs.listed(RunList.HISTORY) == [
            "cancelled",
            "cancelled_ahead",
            "old",
            "parked",
        ]
        await runs.succeed("new", at=LATER)
        assert await runs.listed(RunList.HISTORY) == ["cancelled_ahead", "new", "parked"]
        assert await runs.listed(RunList.RUNNING) == ["running"]
        assert await runs.listed(RunList.UPCOMING) == ["upcoming"]
        history = await model.ask(GetRun(run_id="parked"), ADMIN)
        assert len(history["steps"]) == 4
        with pytest.raises(RunNotFound):
            await model.ask(GetRun(run_id="old"), ADMIN)
        # Were it planned anew, what happened to it first would show if it were still there.
        await runs.plan("old")
        assert len((await model.ask(GetRun(run_id="old"), ADMIN))["steps"]) == 1
