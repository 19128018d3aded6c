"""The scheduler on the real servers: schedules that happen, and workers that do what they say."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.scheduler_views import RunList
from libs.kernel.errors import Invalid, RemoteProblem
from libs.kernel.ids import new_id
from libs.kernel.messages import service_caller
from libs.testkit.waiting import eventually
from services.scheduler.adapters import GRACE_SECONDS, Deadlines
from services.scheduler.conftest import ADMIN, House, Toy

pytestmark = pytest.mark.connected


async def test_runs_a_job_of_another_service_when_its_time_has_come(house: House, toy: Toy) -> None:
    schedule_id = new_id("s_")
    async with toy.working():
        await house.put(schedule_id, {"kind": "once", "run_after_seconds": 0.5})
        run = await house.until(RunList.HISTORY, schedule_id)
    assert (run["status"], run["attempt"], run["cause"]) == ("succeeded", 1, "schedule")
    assert toy.done == [run["run_id"]]


async def test_runs_again_and_again_when_it_is_an_interval(house: House, toy: Toy) -> None:
    schedule_id = new_id("s_")
    async with toy.working():
        await house.put(schedule_id, {"kind": "interval", "every_seconds": 1})
        await eventually(lambda: len(toy.done) >= 3, timeout_seconds=15)
        await house.send("cancel-schedule", schedule_id=schedule_id)
    assert len(set(toy.done)) == len(toy.done)


async def test_tries_again_when_the_job_fails_and_parks_what_is_hopeless(
    house: House, toy: Toy
) -> None:
    flaky, hopeless = new_id("s_"), new_id("s_")
    toy.fail = [RuntimeError("a bad day")]
    async with toy.working():
        await house.put(flaky, {"kind": "once", "run_after_seconds": 0})
        run = await house.until(RunList.HISTORY, flaky, status="succeeded")
        assert run["attempt"] == 2
        toy.fail = [Invalid("never")]
        await house.put(hopeless, {"kind": "once", "run_after_seconds": 0})
        parked = await house.until(RunList.PARKED, hopeless)
        assert parked["failure"] == {"code": "invalid", "detail": "never"}
        await house.send("retry-run", run_id=parked["run_id"])
        again = await house.until(RunList.HISTORY, hopeless, status="succeeded")
    assert again["attempt"] == 2
    history = await house.ask("get-run", run_id=again["run_id"])
    assert [step["what"] for step in history["steps"]] == [
        "run_scheduled",
        "run_started",
        "run_failed",
        "run_parked",
        "run_retried",
        "run_started",
        "run_succeeded",
    ]


async def test_parks_a_run_when_its_arguments_are_not_the_jobs(house: House, toy: Toy) -> None:
    schedule_id = new_id("s_")
    async with toy.working():
        soon = {"kind": "once", "run_after_seconds": 0}
        await house.put(schedule_id, soon, arguments={"name": ["ann"]})
        run = await house.until(RunList.PARKED, schedule_id)
    assert run["failure"]["code"] == "arguments-invalid"
    assert toy.begun == []


async def test_stops_a_job_that_runs_when_it_is_cancelled(house: House, toy: Toy) -> None:
    schedule_id = new_id("s_")
    toy.is_holding = True
    async with toy.working():
        await house.put(schedule_id, {"kind": "once", "run_after_seconds": 0})
        run = await house.until(
            RunList.RUNNING, schedule_id, progress={"done": 1, "total": 2, "note": "half way"}
        )
        await house.send("cancel-run", run_id=run["run_id"], note="enough")
        ended = await house.until(RunList.HISTORY, schedule_id)
    assert ended["status"] == "cancelled"
    assert toy.done == []


async def test_ends_an_attempt_when_its_time_is_over(house: House, toy: Toy) -> None:
    schedule_id = new_id("s_")
    toy.is_holding = True
    toy.policy = replace(toy.policy, timeout_seconds=0.5, attempts_max=1)
    async with toy.working():
        await house.put(schedule_id, {"kind": "once", "run_after_seconds": 0})
        run = await house.until(RunList.PARKED, schedule_id)
    assert run["failure"]["code"] == "timed-out"


async def test_goes_on_elsewhere_when_its_worker_ends(house: House, toy: Toy) -> None:
    schedule_id = new_id("s_")
    toy.is_holding = True
    async with toy.working():
        await house.put(schedule_id, {"kind": "once", "run_after_seconds": 0})
        first = await house.until(RunList.RUNNING, schedule_id)
    toy.is_holding = False
    async with toy.working():
        run = await house.until(RunList.HISTORY, schedule_id, status="succeeded")
    assert (run["run_id"], run["attempt"]) == (first["run_id"], 2)
    assert toy.done == [run["run_id"]]


async def test_happens_when_the_worker_comes_later_than_the_time(house: House, toy: Toy) -> None:
    schedule_id = new_id("s_")
    await house.put(schedule_id, {"kind": "once", "run_after_seconds": 0})
    await house.until(RunList.UPCOMING, schedule_id)
    async with toy.working():
        await house.until(RunList.HISTORY, schedule_id, status="succeeded")


async def test_rests_while_it_is_paused(house: House, toy: Toy) -> None:
    schedule_id = new_id("s_")
    async with toy.working():
        await house.put(schedule_id, {"kind": "once", "run_after_seconds": 1})
        await house.until(RunList.UPCOMING, schedule_id)
        await house.send("pause-schedule", schedule_id=schedule_id, note="repairs")
        held = await house.until(RunList.UPCOMING, schedule_id, status="held")
        due_at = datetime.fromisoformat(held["due_at"])
        await eventually(lambda: datetime.now(UTC) > due_at + timedelta(seconds=1))
        assert toy.begun == []
        schedule = await house.ask("get-schedule", schedule_id=schedule_id)
        assert (schedule["status"], schedule["note"]) == ("paused", "repairs")
        await house.send("resume-schedule", schedule_id=schedule_id)
        await house.until(RunList.HISTORY, schedule_id, status="succeeded")


async def test_happens_at_its_new_time_alone_when_it_is_replaced(house: House, toy: Toy) -> None:
    schedule_id = new_id("s_")
    async with toy.working():
        await house.put(schedule_id, {"kind": "once", "run_after_seconds": 3600})
        await house.until(RunList.UPCOMING, schedule_id)
        await house.put(schedule_id, {"kind": "once", "run_after_seconds": 0})
        run = await house.until(RunList.HISTORY, schedule_id, status="succeeded")
        cancelled = await house.until(RunList.HISTORY, schedule_id, status="cancelled")
    assert toy.done == [run["run_id"]]
    assert run["run_id"] != cancelled["run_id"]


async def test_backfills_each_occurrence_once_however_often_it_is_asked(
    house: House, toy: Toy
) -> None:
    schedule_id = new_id("s_")
    start = datetime.now(UTC) - timedelta(hours=5)
    yearly = {"kind": "interval", "every_seconds": 3600, "start_at": start.isoformat()}
    asked: dict[str, Any] = {
        "schedule_id": schedule_id,
        "since": start.isoformat(),
        "until": (start + timedelta(hours=3)).isoformat(),
    }
    async with toy.working():
        await house.put(schedule_id, yearly)
        wanted = await house.send("backfill", **asked)
        again = await house.send("backfill", **asked)
        assert (len(wanted["run_ids"]), again["run_ids"]) == (4, [])
        await eventually(lambda: len(toy.done) >= 4, timeout_seconds=20)
        await house.send("cancel-schedule", schedule_id=schedule_id)
    assert toy.done == wanted["run_ids"]


async def test_is_cancelled_for_the_next_when_the_policy_says_so(house: House, toy: Toy) -> None:
    schedule_id = new_id("s_")
    toy.is_holding = True
    async with toy.working():
        hourly = {"kind": "interval", "every_seconds": 3600}
        await house.put(schedule_id, hourly, overlap="cancel-other")
        await house.send("run-now", schedule_id=schedule_id)
        first = await house.until(RunList.RUNNING, schedule_id)
        await house.send("run-now", schedule_id=schedule_id)
        cancelled = await house.until(RunList.HISTORY, schedule_id, status="cancelled")
        assert cancelled["run_id"] == first["run_id"]
        second = await house.until(RunList.RUNNING, schedule_id)
        toy.go.set()
        await house.until(RunList.HISTORY, schedule_id, status="succeeded")
    assert toy.done == [second["run_id"]]


async def test_shares_the_work_when_there_are_several_workers(house: House, toy: Toy) -> None:
    schedule_ids = [new_id("s_") for _ in range(30)]
    async with toy.working(), toy.working(), toy.working():
        puts = [
            house.put(schedule_id, {"kind": "once", "run_after_seconds": 0.2})
            for schedule_id in schedule_ids
        ]
        await asyncio.gather(*puts)
        await eventually(lambda: len(toy.done) >= 30, timeout_seconds=20)
    assert len(set(toy.done)) == len(toy.done) == 30


async def test_begins_no_sooner_than_its_time_when_a_worker_has_it_ahead(
    house: House, toy: Toy
) -> None:
    schedule_id = new_id("s_")
    async with toy.working():
        await house.put(schedule_id, {"kind": "once", "run_after_seconds": 2})
        run = await house.until(RunList.HISTORY, schedule_id)
    begun_at = dict(zip(toy.begun, toy.begun_at, strict=True))[run["run_id"], 1]
    assert begun_at >= datetime.fromisoformat(run["due_at"])


async def test_goes_to_another_worker_when_the_one_that_has_it_ahead_ends(
    house: House, toy: Toy
) -> None:
    schedule_id = new_id("s_")
    async with toy.working() as first:
        await house.put(schedule_id, {"kind": "once", "run_after_seconds": 3})
        await eventually(lambda: first.holds == 1)
    assert toy.begun == []
    async with toy.working():
        run = await house.until(RunList.HISTORY, schedule_id)
    assert (run["status"], run["attempt"]) == ("succeeded", 1)


async def test_goes_to_another_worker_when_the_one_that_has_it_ahead_has_no_place(
    house: House, toy: Toy
) -> None:
    toy.is_holding = True
    at = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    async with toy.working(attempts_max=1) as full:
        for _ in range(2):
            await house.put(new_id("s_"), {"kind": "once", "run_at": at})
        await eventually(lambda: full.holds == 2)
        async with toy.working():
            await eventually(lambda: len(toy.begun) == 2, timeout_seconds=20)
            toy.go.set()
            await eventually(lambda: len(toy.done) == 2)


async def test_knows_which_jobs_there_are(house: House, toy: Toy) -> None:
    async with toy.working():

        async def is_known() -> bool:
            jobs = (await house.ask("list-jobs"))["jobs"]
            return any(job["name"] == "toy.draw" and job["is_registered"] for job in jobs)

        await eventually(is_known)


async def test_refuses_a_page_that_is_not_one(house: House) -> None:
    with pytest.raises(RemoteProblem) as refusal:
        await house.ask("list-runs", which="history", after="nonsense")
    assert refusal.value.document["kind"] == "invalid"


async def test_refuses_a_persons_schedule_for_a_job_that_there_is_not(house: House) -> None:
    with pytest.raises(RemoteProblem) as refusal:
        await house.put("s", {"kind": "once", "run_after_seconds": 0}, job="toy.no", caller=ADMIN)
    assert refusal.value.document["code"] == "scheduler.job-unknown"


async def test_has_run_the_canary_when_somebody_wants_it_now(house: House) -> None:
    async def is_put() -> bool:
        listed = await house.ask("list-schedules", job="scheduler.canary")
        return bool(listed["schedules"])

    await eventually(is_put)
    await house.send("run-now", schedule_id="scheduler-canary")
    await house.until(RunList.HISTORY, "scheduler-canary", status="succeeded")


async def test_gives_a_run_up_when_its_time_is_long_over_and_nobody_says_so(
    house: House, toy: Toy
) -> None:
    schedule_id = new_id("s_")
    await house.put(schedule_id, {"kind": "once", "run_after_seconds": 0})
    run = await house.until(RunList.UPCOMING, schedule_id)
    begin = {"run_id": run["run_id"], "attempt": 1, "worker": "w_gone"}
    policy = {"attempts_max": 3, "timeout_seconds": 5}
    await house.send("start-run", caller=service_caller("toy"), **begin, **policy)
    await house.until(RunList.RUNNING, schedule_id)
    await Deadlines(house.bus, lambda: datetime.now(UTC)).look()
    assert await house.runs(RunList.RUNNING, schedule_id)
    later = datetime.now(UTC) + timedelta(seconds=GRACE_SECONDS + 6)
    await Deadlines(house.bus, lambda: later).look()
    given_up = await house.until(RunList.UPCOMING, schedule_id, status="waiting")
    assert given_up["failure"]["code"] == "overdue"
    async with toy.working():
        await house.until(RunList.HISTORY, schedule_id, status="succeeded", attempt=2)
