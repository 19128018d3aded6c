"""Schedules: every rule, as given events, when a command, then events."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.scheduler import (
    BACKFILL_OCCURRENCES_MAX,
    Backfill,
    CancelSchedule,
    Cause,
    CloseRun,
    Cron,
    FireSchedule,
    Interval,
    NeverHappens,
    NothingToBackfill,
    OccurrenceDeferred,
    OccurrenceIssued,
    OccurrencesMissed,
    OccurrencesSkipped,
    Once,
    Overlap,
    PauseSchedule,
    PutSchedule,
    ResumeSchedule,
    RunClosed,
    RunIsOpen,
    RunNow,
    RunsCalledOff,
    RunsReceipt,
    ScheduleArmed,
    ScheduleCancelled,
    ScheduleIsCancelled,
    ScheduleNotFound,
    SchedulePaused,
    SchedulePut,
    ScheduleResumed,
    TimingInvalid,
    TooManyToBackfill,
)
from libs.kernel.ids import derive_id
from libs.testkit.spec import NOW, ORIGIN, DeciderSpec
from services.scheduler.domain.schedules import FIRED_AT_ONCE_MAX, SCHEDULE

spec = DeciderSpec(SCHEDULE, replace(ORIGIN, actor="usr_admin", roles=("admin",)))

S = "nightly"
MINUTE = timedelta(minutes=1)
EACH_MINUTE = Interval(every_seconds=60)


def put(**changes: Any) -> SchedulePut:
    values: dict[str, Any] = {
        "schedule_id": S,
        "job": "toy.draw",
        "arguments": {"name": "ann"},
        "timing": EACH_MINUTE,
        "overlap": Overlap.SKIP,
        "catch_up_seconds": 3600,
        "jitter_seconds": 0,
        "anchor": NOW,
    }
    return SchedulePut(**{**values, **changes})


def putting(of: SchedulePut) -> PutSchedule:
    return PutSchedule(
        schedule_id=of.schedule_id,
        job=of.job,
        arguments=of.arguments,
        timing=of.timing,
        overlap=of.overlap,
        catch_up_seconds=of.catch_up_seconds,
        jitter_seconds=of.jitter_seconds,
    )


def run_of(at: datetime) -> str:
    return derive_id(S, at.isoformat())


def issued(at: datetime, *, of: SchedulePut | None = None, **changes: Any) -> OccurrenceIssued:
    definition = of or put()
    values: dict[str, Any] = {
        "schedule_id": S,
        "run_id": run_of(at),
        "job": definition.job,
        "arguments": definition.arguments,
        "occurrence": at,
        "due_at": at,
        "cause": Cause.SCHEDULE,
        "is_tracked": definition.overlap is not Overlap.ALLOW_ALL,
    }
    return OccurrenceIssued(**{**values, **changes})


def armed(at: datetime | None) -> ScheduleArmed:
    return ScheduleArmed(schedule_id=S, next_at=at)


def fire(at: datetime) -> FireSchedule:
    return FireSchedule(schedule_id=S, due_at=at)


def deferred(at: datetime, cause: Cause = Cause.SCHEDULE, run_id: str = "") -> OccurrenceDeferred:
    return OccurrenceDeferred(
        schedule_id=S, run_id=run_id or run_of(at), occurrence=at, due_at=at, cause=cause
    )


FIRST, SECOND, THIRD = NOW + MINUTE, NOW + 2 * MINUTE, NOW + 3 * MINUTE
STANDING = (put(), armed(FIRST))
BUSY = (*STANDING, issued(FIRST), armed(SECOND))

# ---------------------------------------------------------------------------------- putting


def test_is_armed_for_its_next_time_when_it_is_put() -> None:
    spec.given().when(putting(put())).then(put(), armed(FIRST))


def test_issues_its_one_run_when_it_happens_once() -> None:
    at = NOW + timedelta(hours=2)
    once = put(timing=Once(run_at=at), anchor=at)
    run = issued(at, run_id=derive_id(S, "once", "1"), is_tracked=False)
    spec.given().when(putting(once)).then(once, run)


def test_counts_from_now_when_it_happens_after_a_while() -> None:
    at = NOW + timedelta(seconds=90)
    once = put(timing=Once(run_after_seconds=90), anchor=at)
    run = issued(at, run_id=derive_id(S, "once", "1"), is_tracked=False)
    spec.given().when(putting(once)).then(once, run)


def test_is_missed_when_its_one_time_was_too_long_ago() -> None:
    at = NOW - timedelta(days=1)
    once = put(timing=Once(run_at=at), anchor=at)
    oldest = NOW - timedelta(seconds=3600)
    spec.given().when(putting(once)).then(
        once, OccurrencesMissed(schedule_id=S, since=at, until=oldest)
    )


def test_issues_its_one_run_when_it_was_put_while_it_rested() -> None:
    at = NOW + MINUTE
    once = put(timing=Once(run_at=at), anchor=at)
    paused = SchedulePaused(schedule_id=S, note="", run_ids=[])
    resumed = ScheduleResumed(schedule_id=S, run_ids=[])
    spec.given(*STANDING, paused, once).when(ResumeSchedule(schedule_id=S)).then(
        resumed, issued(at, run_id=derive_id(S, "once", "2"), is_tracked=False)
    )


def test_changes_nothing_when_the_same_is_put_again_later() -> None:
    spec.given(*STANDING).when(putting(put()), at=NOW + MINUTE / 2).then_nothing()


def test_calls_off_what_has_not_begun_when_it_is_replaced() -> None:
    replaced = put(timing=Interval(every_seconds=120), anchor=SECOND)
    called_off = RunsCalledOff(schedule_id=S, run_ids=[run_of(FIRST)], pending_only=True)
    spec.given(*BUSY).when(putting(replaced), at=SECOND).then(
        called_off, replaced, armed(SECOND + 2 * MINUTE)
    )


def test_has_a_new_run_when_something_that_happens_once_is_moved() -> None:
    at, later = NOW + MINUTE, NOW + 5 * MINUTE
    once = put(timing=Once(run_at=at), anchor=at)
    moved = put(timing=Once(run_at=later), anchor=later)
    first = issued(at, run_id=derive_id(S, "once", "1"), is_tracked=False)
    spec.given(once, first).when(putting(moved)).then(
        RunsCalledOff(schedule_id=S, run_ids=[first.run_id], pending_only=True),
        moved,
        issued(later, run_id=derive_id(S, "once", "2"), is_tracked=False),
    )


def test_stays_paused_when_it_is_replaced() -> None:
    paused = SchedulePaused(schedule_id=S, note="", run_ids=[])
    replaced = put(job="toy.other")
    spec.given(*STANDING, paused).when(putting(replaced)).then(replaced)


def test_is_refused_when_it_does_not_say_when() -> None:
    wrong = put(timing=Cron(expression="0 9 * * 9", zone="UTC"))
    spec.given().when(putting(wrong)).then_rejected(TimingInvalid)


def test_is_refused_when_it_never_happens() -> None:
    never = put(timing=Cron(expression="0 9 */30 2 MON#2", zone="UTC"))
    spec.given().when(putting(never)).then_rejected(NeverHappens)


@pytest.mark.parametrize(
    "command",
    [
        PauseSchedule(schedule_id=S),
        ResumeSchedule(schedule_id=S),
        CancelSchedule(schedule_id=S),
        RunNow(schedule_id=S),
        Backfill(schedule_id=S, since=NOW, until=NOW),
        fire(NOW),
        CloseRun(schedule_id=S, run_id="r"),
    ],
)
def test_is_refused_when_there_is_no_such_schedule(command: Any) -> None:
    spec.given().when(command).then_rejected(ScheduleNotFound)


# ---------------------------------------------------------------------------------- happening


def test_issues_the_occurrence_and_is_armed_again_when_it_fires() -> None:
    spec.given(*STANDING).when(fire(FIRST), at=FIRST).then(issued(FIRST), armed(SECOND))


def test_begins_later_by_its_jitter() -> None:
    jittery = put(jitter_seconds=30)
    outcome = spec.given(jittery, armed(FIRST)).when(fire(FIRST), at=FIRST)
    run, _ = outcome._events
    assert isinstance(run, OccurrenceIssued)
    assert FIRST < run.due_at <= FIRST + timedelta(seconds=30)


def test_changes_nothing_when_a_timer_comes_twice_or_is_of_another_time() -> None:
    situation = spec.given(*BUSY)
    situation.when(fire(FIRST), at=FIRST).then_nothing()
    situation.when(fire(THIRD), at=THIRD).then_nothing()


def test_skips_when_a_run_is_open_and_the_policy_says_skip() -> None:
    skipped = OccurrencesSkipped(schedule_id=S, occurrences=[SECOND])
    spec.given(*BUSY).when(fire(SECOND), at=SECOND).then(skipped, armed(THIRD))


def test_waits_for_the_end_of_a_run_when_the_policy_says_buffer_one() -> None:
    definition = put(overlap=Overlap.BUFFER_ONE)
    busy = (definition, armed(FIRST), issued(FIRST), armed(SECOND))
    spec.given(*busy).when(fire(SECOND), at=SECOND).then(deferred(SECOND), armed(THIRD))
    waiting = (*busy, deferred(SECOND), armed(THIRD))
    skipped = OccurrencesSkipped(schedule_id=S, occurrences=[THIRD])
    spec.given(*waiting).when(fire(THIRD), at=THIRD).then(skipped, armed(THIRD + MINUTE))
    closed = RunClosed(schedule_id=S, run_id=run_of(FIRST))
    spec.given(*waiting).when(CloseRun(schedule_id=S, run_id=run_of(FIRST))).then(
        closed, issued(SECOND)
    )


def test_issues_every_occurrence_when_the_policy_allows_all() -> None:
    definition = put(overlap=Overlap.ALLOW_ALL)
    first = issued(FIRST, of=definition)
    assert not first.is_tracked
    spec.given(definition, armed(FIRST), first, armed(SECOND)).when(fire(SECOND), at=SECOND).then(
        issued(SECOND, of=definition), armed(THIRD)
    )


def test_cancels_the_other_run_once_when_the_policy_says_so() -> None:
    definition = put(overlap=Overlap.CANCEL_OTHER)
    busy = (definition, armed(FIRST), issued(FIRST), armed(SECOND))
    called_off = RunsCalledOff(schedule_id=S, run_ids=[run_of(FIRST)], pending_only=False)
    spec.given(*busy).when(fire(SECOND), at=SECOND).then(called_off, deferred(SECOND), armed(THIRD))
    told = (*busy, called_off, deferred(SECOND), armed(THIRD))
    spec.given(*told).when(fire(THIRD), at=THIRD).then(
        deferred(THIRD),
        OccurrencesSkipped(schedule_id=S, occurrences=[SECOND]),
        armed(THIRD + MINUTE),
    )


def test_makes_up_for_what_was_missed_within_its_window() -> None:
    definition = put(overlap=Overlap.ALLOW_ALL, catch_up_seconds=120)
    now = NOW + 10 * MINUTE
    oldest = now - timedelta(seconds=120)
    times = [NOW + 8 * MINUTE, NOW + 9 * MINUTE, NOW + 10 * MINUTE]
    spec.given(definition, armed(FIRST)).when(fire(FIRST), at=now).then(
        OccurrencesMissed(schedule_id=S, since=FIRST, until=oldest),
        *(issued(each, of=definition) for each in times),
        armed(NOW + 11 * MINUTE),
    )


def test_goes_on_at_once_when_there_is_more_to_make_up_for_than_one_firing_sees_to() -> None:
    definition = put(overlap=Overlap.ALLOW_ALL, catch_up_seconds=86_400)
    now = NOW + 150 * MINUTE
    outcome = spec.given(definition, armed(FIRST)).when(fire(FIRST), at=now)
    *runs, again = outcome._events
    assert len(runs) == FIRED_AT_ONCE_MAX
    assert again == armed(NOW + (FIRED_AT_ONCE_MAX + 1) * MINUTE)
    done: list[Any] = [*runs, again]
    outcome = spec.given(definition, armed(FIRST), *done).when(
        fire(NOW + (FIRED_AT_ONCE_MAX + 1) * MINUTE), at=now
    )
    *rest, again = outcome._events
    assert len(rest) == 150 - FIRED_AT_ONCE_MAX
    assert again == armed(now + MINUTE)


def test_hears_nothing_new_when_a_run_has_closed_already() -> None:
    spec.given(*STANDING).when(CloseRun(schedule_id=S, run_id="r")).then_nothing()


# ---------------------------------------------------------------------------------- resting


def test_holds_back_what_has_not_begun_while_it_rests() -> None:
    paused = SchedulePaused(schedule_id=S, note="repairs", run_ids=[run_of(FIRST)])
    spec.given(*BUSY).when(PauseSchedule(schedule_id=S, note="repairs")).then(paused)
    situation = spec.given(*BUSY, paused)
    situation.when(PauseSchedule(schedule_id=S, note="more")).then_nothing()
    situation.when(fire(SECOND), at=SECOND).then_nothing()
    at = NOW + 5 * MINUTE + MINUTE / 2
    resumed = ScheduleResumed(schedule_id=S, run_ids=[run_of(FIRST)])
    situation.when(ResumeSchedule(schedule_id=S), at=at).then(resumed, armed(NOW + 6 * MINUTE))


def test_releases_its_one_run_when_it_happens_once() -> None:
    at = NOW + MINUTE
    once = put(timing=Once(run_at=at), anchor=at)
    run = issued(at, run_id="r", is_tracked=False)
    paused = SchedulePaused(schedule_id=S, note="", run_ids=["r"])
    spec.given(once, run, paused).when(ResumeSchedule(schedule_id=S)).then(
        ScheduleResumed(schedule_id=S, run_ids=["r"])
    )


def test_lets_nothing_more_happen_when_it_is_cancelled() -> None:
    cancelled = ScheduleCancelled(schedule_id=S, note="over")
    called_off = RunsCalledOff(schedule_id=S, run_ids=[run_of(FIRST)], pending_only=True)
    spec.given(*BUSY).when(CancelSchedule(schedule_id=S, note="over")).then(cancelled, called_off)
    situation = spec.given(*BUSY, cancelled, called_off)
    situation.when(fire(SECOND), at=SECOND).then_nothing()
    situation.when(CancelSchedule(schedule_id=S)).then_nothing()
    situation.when(RunNow(schedule_id=S)).then_rejected(ScheduleIsCancelled)
    situation.when(CloseRun(schedule_id=S, run_id=run_of(FIRST))).then(
        RunClosed(schedule_id=S, run_id=run_of(FIRST))
    )
    situation.when(putting(put())).then(
        RunsCalledOff(schedule_id=S, run_ids=[run_of(FIRST)], pending_only=True),
        put(),
        armed(FIRST),
    )


# ---------------------------------------------------------------------------------- by hand


def test_runs_now_when_somebody_wants_it() -> None:
    run_id = derive_id(S, "now", ORIGIN.command_id)
    run = issued(NOW, run_id=run_id, cause=Cause.NOW)
    spec.given(*STANDING).when(RunNow(schedule_id=S)).then(run).and_answers(
        RunsReceipt(schedule_id=S, run_ids=[run_id])
    )
    spec.given(*STANDING, run).when(RunNow(schedule_id=S)).then_nothing()


def test_refuses_to_run_now_when_a_run_is_open_and_overlap_is_not_allowed() -> None:
    spec.given(*BUSY).when(RunNow(schedule_id=S)).then_rejected(RunIsOpen)


def test_backfills_one_after_the_other_when_overlap_is_not_allowed() -> None:
    now = NOW + 10 * MINUTE
    wanted = Backfill(schedule_id=S, since=FIRST, until=THIRD)
    waits = [deferred(each, Cause.BACKFILL) for each in (FIRST, SECOND, THIRD)]
    first = issued(FIRST, cause=Cause.BACKFILL)
    spec.given(*STANDING).when(wanted, at=now).then(*waits, first).and_answers(
        RunsReceipt(schedule_id=S, run_ids=[run_of(each) for each in (FIRST, SECOND, THIRD)])
    )
    begun: list[Any] = [*STANDING, *waits, first]
    spec.given(*begun).when(CloseRun(schedule_id=S, run_id=run_of(FIRST)), at=now).then(
        RunClosed(schedule_id=S, run_id=run_of(FIRST)), issued(SECOND, cause=Cause.BACKFILL)
    )


def test_backfills_all_at_once_when_overlap_is_allowed() -> None:
    definition = put(overlap=Overlap.ALLOW_ALL)
    wanted = Backfill(schedule_id=S, since=FIRST, until=SECOND)
    spec.given(definition, armed(FIRST)).when(wanted, at=THIRD).then(
        issued(FIRST, of=definition, cause=Cause.BACKFILL),
        issued(SECOND, of=definition, cause=Cause.BACKFILL),
    )


def test_refuses_to_backfill_when_there_is_nothing_or_too_much() -> None:
    def when(since: datetime, until: datetime) -> Any:
        later = NOW + 10_000 * MINUTE
        wanted = Backfill(schedule_id=S, since=since, until=until)
        return spec.given(*STANDING).when(wanted, at=later)

    when(SECOND, FIRST).then_rejected(NothingToBackfill)
    until = NOW + (BACKFILL_OCCURRENCES_MAX + 1) * MINUTE
    when(FIRST, until).then_rejected(TooManyToBackfill)
