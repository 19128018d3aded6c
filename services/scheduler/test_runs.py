"""Runs and rosters: every rule, as given events, when a command, then events."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.scheduler import Cause, NotYourJobs
from contracts.scheduler_jobs import JobsRegistered, RegisteredJob, RegisterJobs
from contracts.scheduler_runs import (
    AttemptIsOver,
    CancelRun,
    CheckRun,
    FailRun,
    Failure,
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
    RunReleased,
    RunRetried,
    RunScheduled,
    RunStarted,
    RunSucceeded,
    ScheduleRun,
    StartedRun,
    StartRun,
    StopRun,
    SucceedRun,
)
from libs.testkit.spec import NOW, ORIGIN, DeciderSpec
from services.scheduler.domain import ROSTER, RUN
from services.scheduler.domain.runs import LOSSES_MAX, RETRIED_WITHIN

spec = DeciderSpec(RUN, replace(ORIGIN, actor="svc_toy", roles=("service",)))

PLANNED = RunScheduled(
    run_id="r",
    schedule_id="nightly",
    job="toy.draw",
    arguments={"name": "ann"},
    occurrence=NOW,
    due_at=NOW,
    cause=Cause.SCHEDULE,
    asked_by="svc_scheduler",
    is_tracked=True,
)
BAD = Failure(code="Oops", detail="it broke")


def started(attempt: int = 1, worker: str = "w_1", attempts_max: int = 3) -> RunStarted:
    return RunStarted(
        run_id="r",
        attempt=attempt,
        worker=worker,
        attempts_max=attempts_max,
        timeout_seconds=60,
        trace="",
    )


def start(attempt: int = 1, worker: str = "w_1") -> StartRun:
    return StartRun(run_id="r", attempt=attempt, worker=worker, attempts_max=3, timeout_seconds=60)


def fail(attempt: int = 1, after: float | None = 10, *, is_lost: bool = False) -> FailRun:
    return FailRun(
        run_id="r", attempt=attempt, failure=BAD, retry_after_seconds=after, is_lost=is_lost
    )


def failed(attempt: int = 1, *, is_lost: bool = False) -> RunFailed:
    return RunFailed(run_id="r", attempt=attempt, failure=BAD, is_lost=is_lost)


def retried(attempt: int, at: datetime, *, by_hand: bool = False) -> RunRetried:
    return RunRetried(run_id="r", job="toy.draw", attempt=attempt, at=at, by_hand=by_hand)


SOON = NOW + timedelta(seconds=10)
RUNNING = (PLANNED, started())
WAITING = (*RUNNING, failed(), retried(2, SOON))
PARKED = (*RUNNING, failed(), RunParked(run_id="r", schedule_id="nightly"))
CANCELLED = RunCancelled(run_id="r", job="toy.draw", note="", schedule_id="nightly")
DONE = (*RUNNING, RunSucceeded(run_id="r", attempt=1, schedule_id="nightly"))
HELD = (PLANNED, RunHeld(run_id="r", job="toy.draw"))
ASKED = (*RUNNING, RunCancelAsked(run_id="r", note="enough"))

# ---------------------------------------------------------------------------------- planning


def scheduling() -> ScheduleRun:
    return ScheduleRun(**vars(PLANNED))


def test_is_planned_once_however_often_its_schedule_asks() -> None:
    spec.given().when(scheduling()).then(PLANNED)
    spec.given(PLANNED).when(scheduling()).then_nothing()
    spec.given(*RUNNING).when(scheduling(), command_id="another").then_nothing()


def test_tells_its_schedule_again_when_it_had_ended() -> None:
    told = RunFoundDone(run_id="r", schedule_id="nightly", command_id="another")
    spec.given(*DONE).when(scheduling(), command_id="another").then(told)


def test_is_held_and_released_while_it_has_not_begun() -> None:
    spec.given(PLANNED).when(HoldRun(run_id="r")).then(HELD[1])
    spec.given(*HELD).when(start()).then_rejected(RunNotStartable)
    spec.given(*HELD).when(ReleaseRun(run_id="r")).then(
        RunReleased(run_id="r", job="toy.draw", due_at=NOW)
    )
    spec.given(*RUNNING).when(HoldRun(run_id="r")).then_rejected(RunHasBegun)
    spec.given(*DONE).when(ReleaseRun(run_id="r")).then_rejected(RunHasBegun)


# ---------------------------------------------------------------------------------- attempts


def test_tells_one_worker_all_it_must_know_when_it_begins() -> None:
    spec.given(PLANNED).when(start()).then(started()).and_answers(
        StartedRun(
            run_id="r",
            job="toy.draw",
            arguments={"name": "ann"},
            schedule_id="nightly",
            occurrence=NOW,
            due_at=NOW,
            attempt=1,
        )
    )
    spec.given(*RUNNING).when(start(), command_id="again").then_nothing()


@pytest.mark.parametrize("given", [RUNNING, WAITING, PARKED, DONE, (PLANNED, CANCELLED)])
def test_refuses_a_second_worker_whatever_became_of_the_attempt(given: tuple[Any, ...]) -> None:
    spec.given(*given).when(start(1, "w_2")).then_rejected(RunNotStartable)


@pytest.mark.parametrize("given", [WAITING, PARKED, DONE, (*RUNNING, CANCELLED)])
def test_refuses_its_own_worker_when_the_attempt_has_ended(given: tuple[Any, ...]) -> None:
    spec.given(*given).when(start(), command_id="again").then_rejected(RunNotStartable)


def test_begins_the_next_attempt_when_one_has_failed() -> None:
    spec.given(*WAITING).when(start(2, "w_2"), at=SOON).then(started(2, "w_2"))
    spec.given(PLANNED).when(start(2)).then_rejected(RunNotStartable)


def test_refuses_workers_of_other_services() -> None:
    spec.given(PLANNED).when(start(), by="svc_voting").then_rejected(RunNotYours)
    told = SucceedRun(run_id="r", attempt=1)
    spec.given(*RUNNING).when(told, by="svc_voting").then_rejected(RunNotYours)
    spec.given(*RUNNING).when(told, by="usr_admin").then_rejected(RunNotYours)


def test_succeeds_once_and_tells_its_schedule() -> None:
    spec.given(*RUNNING).when(SucceedRun(run_id="r", attempt=1)).then(DONE[2])
    spec.given(*DONE).when(SucceedRun(run_id="r", attempt=1), command_id="again").then_nothing()


def test_is_tried_again_after_a_pause_when_an_attempt_fails() -> None:
    spec.given(*RUNNING).when(fail()).then(failed(), retried(2, SOON))
    spec.given(*WAITING).when(fail(), command_id="again").then_nothing()


def test_is_parked_when_trying_again_would_not_help() -> None:
    spec.given(*RUNNING).when(fail(after=None)).then(*PARKED[2:])


def test_is_parked_when_it_has_failed_often_enough() -> None:
    twice = (*WAITING, started(2), failed(2), retried(3, SOON), started(3))
    parked = RunParked(run_id="r", schedule_id="nightly")
    spec.given(*twice).when(fail(3)).then(failed(3), parked)


def test_goes_on_elsewhere_when_its_worker_has_died() -> None:
    spec.given(*RUNNING).when(fail(after=0, is_lost=True)).then(
        failed(is_lost=True), retried(2, NOW)
    )


def test_is_parked_when_it_kills_one_worker_after_the_other() -> None:
    history: list[Any] = [PLANNED]
    for attempt in range(1, LOSSES_MAX):
        history += [started(attempt), failed(attempt, is_lost=True), retried(attempt + 1, NOW)]
    history.append(started(LOSSES_MAX))
    spec.given(*history).when(fail(LOSSES_MAX, 0, is_lost=True)).then(
        failed(LOSSES_MAX, is_lost=True), RunParked(run_id="r", schedule_id="nightly")
    )


def test_hears_nothing_from_an_attempt_that_is_over() -> None:
    elsewhere = (*WAITING, started(2, "w_2"))
    situation = spec.given(*elsewhere)
    progress = ReportProgress(run_id="r", attempt=1, progress=Progress(done=1))
    situation.when(progress).then_rejected(AttemptIsOver)
    spec.given(*elsewhere, failed(2), retried(3, SOON)).when(
        SucceedRun(run_id="r", attempt=1)
    ).then_rejected(AttemptIsOver)


def test_says_how_far_it_is() -> None:
    half = Progress(done=1, total=2, note="half")
    report = ReportProgress(run_id="r", attempt=1, progress=half)
    spec.given(*RUNNING).when(report).then(
        RunProgressed(run_id="r", attempt=1, progress=half)
    ).and_answers(Orders(run_id="r", goes_on=True))


def test_is_given_up_by_the_scheduler_itself_when_no_worker_is_left_to_do_it() -> None:
    lost = fail(after=0, is_lost=True)
    told = (failed(is_lost=True), retried(2, NOW))
    spec.given(*RUNNING).when(lost, by="svc_scheduler").then(*told)
    spec.given(*RUNNING).when(fail(), by="svc_scheduler").then_rejected(RunNotYours)


# ---------------------------------------------------------------------------------- cancelling


@pytest.mark.parametrize("given", [(PLANNED,), HELD, WAITING, PARKED])
def test_is_taken_back_at_once_when_nobody_works_on_it(given: tuple[Any, ...]) -> None:
    spec.given(*given).when(CancelRun(run_id="r"), by="usr_admin").then(CANCELLED)


def test_is_stopped_by_its_worker_when_it_is_under_way() -> None:
    cancel = CancelRun(run_id="r", note="enough")
    spec.given(*RUNNING).when(cancel).then(ASKED[2])
    situation = spec.given(*ASKED)
    situation.when(cancel, command_id="again").then_nothing()
    situation.when(CheckRun(run_id="r", attempt=1)).then_nothing().and_answers(
        Orders(run_id="r", goes_on=False)
    )
    situation.when(StopRun(run_id="r", attempt=1)).then(replace(CANCELLED, note="enough"))


def test_ends_as_cancelled_when_its_worker_dies_of_it() -> None:
    spec.given(*ASKED).when(fail(after=0, is_lost=True)).then(
        failed(is_lost=True), replace(CANCELLED, note="enough")
    )


def test_has_succeeded_when_the_work_was_done_before_it_could_be_stopped() -> None:
    spec.given(*ASKED).when(SucceedRun(run_id="r", attempt=1)).then(DONE[2])
    spec.given(*DONE).when(CancelRun(run_id="r")).then_rejected(RunHasEnded)


@pytest.mark.parametrize("given", [RUNNING, WAITING, PARKED])
def test_goes_on_when_only_what_has_not_begun_is_taken_back(given: tuple[Any, ...]) -> None:
    spec.given(*given).when(CancelRun(run_id="r", pending_only=True)).then_nothing()


# ---------------------------------------------------------------------------------- retrying


@pytest.mark.parametrize("given", [PARKED, WAITING])
def test_is_tried_now_when_somebody_wants_it(given: tuple[Any, ...]) -> None:
    spec.given(*given).when(RetryRun(run_id="r"), by="usr_admin").then(
        retried(2, NOW, by_hand=True)
    )


def test_has_all_its_attempts_again_when_it_is_retried() -> None:
    again = (*PARKED, retried(2, NOW, by_hand=True), started(2))
    spec.given(*again).when(fail(2)).then(failed(2), retried(3, SOON))


def test_is_handed_out_again_when_it_is_overdue() -> None:
    by_hand = retried(1, SOON, by_hand=True)
    spec.given(PLANNED).when(RetryRun(run_id="r"), at=SOON).then(by_hand)
    early = NOW - timedelta(seconds=1)
    spec.given(PLANNED).when(RetryRun(run_id="r"), at=early).then_rejected(RunHasBegun)


def test_is_not_retried_when_it_has_succeeded_or_goes_on() -> None:
    spec.given(*DONE).when(RetryRun(run_id="r")).then_rejected(RunHasEnded)
    late = NOW + RETRIED_WITHIN + timedelta(minutes=2)
    spec.given(PLANNED, CANCELLED).when(RetryRun(run_id="r"), at=late).then_rejected(RunHasEnded)
    spec.given(*RUNNING).when(RetryRun(run_id="r")).then_rejected(RunHasBegun)


@pytest.mark.parametrize(
    "command", [start(), CancelRun(run_id="r"), RetryRun(run_id="r"), HoldRun(run_id="r")]
)
def test_is_not_found_when_nobody_has_planned_it(command: Any) -> None:
    spec.given().when(command).then_rejected(RunNotFound)


# ---------------------------------------------------------------------------------- rosters

rosters = DeciderSpec(ROSTER, replace(ORIGIN, actor="svc_toy", roles=("service",)))
DRAW = RegisteredJob(name="toy.draw", summary="Draw.", attempts_max=3, timeout_seconds=60)
GIVE = RegisteredJob(name="toy.give", summary="Give.", attempts_max=3, timeout_seconds=60)


def test_knows_the_jobs_of_a_service_when_it_registers_them() -> None:
    known = JobsRegistered(service="toy", jobs=[DRAW, GIVE])
    rosters.given().when(RegisterJobs(service="toy", jobs=[GIVE, DRAW])).then(known)
    rosters.given(known).when(RegisterJobs(service="toy", jobs=[DRAW, GIVE])).then_nothing()


def test_refuses_jobs_that_are_not_the_services_own() -> None:
    mine = RegisterJobs(service="toy", jobs=[DRAW])
    rosters.given().when(mine, by="svc_voting").then_rejected(NotYourJobs)
    theirs = RegisterJobs(service="toy", jobs=[replace(DRAW, name="voting.draw")])
    rosters.given().when(theirs).then_rejected(NotYourJobs)
