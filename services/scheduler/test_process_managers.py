"""What follows from events of schedules and runs, as values."""

from datetime import timedelta

import pytest

from contracts.scheduler import (
    Cause,
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
from libs.kernel.messages import Event, registry
from libs.kernel.reactions import Cancel, HandOut, Reaction, Schedule, Send
from libs.kernel.recorded import Recorded
from libs.testkit.spec import NOW
from services.scheduler.process_managers import process_managers

S, R = "nightly", "run_1"
SOON = NOW + timedelta(minutes=1)
ISSUED = OccurrenceIssued(
    schedule_id=S,
    run_id=R,
    job="toy.draw",
    arguments={},
    occurrence=NOW,
    due_at=SOON,
    cause=Cause.NOW,
    is_tracked=True,
)


def reactions(event: Event, *, by: str = "usr_admin") -> list[Reaction]:
    """What an event asks for, of whichever process manager listens to it."""
    recorded = Recorded(
        id="evt_1",
        type=registry.event_of[type(event)].type,
        aggregate="",
        aggregate_id="",
        at=NOW,
        actor=by,
        causation_id="cmd_1",
        correlation_id="cmd_1",
        data=event,
        position=42,
    )
    (manager,) = (each for each in process_managers() if type(event) in each.events)
    return list(manager.react(recorded))


def test_sets_the_timer_of_a_schedule_for_its_next_time() -> None:
    fire = FireSchedule(schedule_id=S, due_at=SOON)
    assert reactions(ScheduleArmed(schedule_id=S, next_at=SOON)) == [Schedule(S, SOON, fire)]
    assert reactions(ScheduleArmed(schedule_id=S, next_at=None)) == [Cancel(S)]


def test_plans_a_run_in_the_name_of_whoever_asked() -> None:
    run = ScheduleRun(
        run_id=R,
        schedule_id=S,
        job="toy.draw",
        arguments={},
        occurrence=NOW,
        due_at=SOON,
        cause=Cause.NOW,
        asked_by="usr_admin",
        is_tracked=True,
    )
    assert reactions(ISSUED) == [Send(run)]


def test_holds_and_releases_runs_with_their_schedule() -> None:
    assert reactions(SchedulePaused(schedule_id=S, note="", run_ids=[])) == [Cancel(S)]
    paused = SchedulePaused(schedule_id=S, note="", run_ids=["a", "b"])
    assert reactions(paused) == [Cancel(S), Send(HoldRun(run_id="a")), Send(HoldRun(run_id="b"))]
    resumed = ScheduleResumed(schedule_id=S, run_ids=["a"])
    assert reactions(resumed) == [Send(ReleaseRun(run_id="a"))]


def test_takes_runs_back_that_are_called_off() -> None:
    assert reactions(ScheduleCancelled(schedule_id=S, note="")) == [Cancel(S)]
    called_off = RunsCalledOff(schedule_id=S, run_ids=["a"], pending_only=True)
    assert reactions(called_off) == [Send(CancelRun(run_id="a", pending_only=True))]


PLANNED = RunScheduled(
    run_id=R,
    schedule_id=S,
    job="toy.draw",
    arguments={},
    occurrence=NOW,
    due_at=SOON,
    cause=Cause.NOW,
    asked_by="usr_admin",
    is_tracked=True,
)


def handed_out(attempt: int) -> HandOut:
    return HandOut("toy", SOON, {"run_id": R, "job": "toy.draw", "attempt": attempt})


@pytest.mark.parametrize(
    ("event", "attempt"),
    [
        (PLANNED, 1),
        (RunReleased(run_id=R, job="toy.draw", due_at=SOON), 1),
        (RunRetried(run_id=R, job="toy.draw", attempt=3, at=SOON, by_hand=False), 3),
    ],
)
def test_hands_a_run_to_the_jobs_own_service_at_its_time(event: Event, attempt: int) -> None:
    assert reactions(event) == [handed_out(attempt)]


@pytest.mark.parametrize(
    "event",
    [
        RunSucceeded(run_id=R, attempt=1, schedule_id=S),
        RunCancelled(run_id=R, job="toy.draw", note="", schedule_id=S),
        RunParked(run_id=R, schedule_id=S),
        RunFoundDone(run_id=R, schedule_id=S, command_id="c"),
    ],
)
def test_tells_a_schedule_that_waits_for_it_of_its_end(event: Event) -> None:
    assert reactions(event) == [Send(CloseRun(schedule_id=S, run_id=R))]


def test_tells_nobody_when_nobody_waits() -> None:
    assert reactions(RunSucceeded(run_id=R, attempt=1, schedule_id=None)) == []
    assert reactions(RunParked(run_id=R, schedule_id=None)) == []
