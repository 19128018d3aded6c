"""The scheduler on the real servers: schedules that happen, and workers that do what they say."""

import pytest

from contracts.scheduler_runs import RunList
from libs.kernel.ids import new_id
from libs.testkit.waiting import eventually
from services.scheduler.conftest import House, Toy

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
