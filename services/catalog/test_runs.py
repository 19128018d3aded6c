"""Runs of syncs and the quota book: one worker at a time, and never more than there is."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from contracts.catalog_syncs import (
    KEEP_SECONDS,
    LEASE_SECONDS,
    SETTLES_SECONDS,
    AdvanceSync,
    BeginSync,
    CloseQuota,
    FailSync,
    FinishSync,
    HastenSync,
    KeepSync,
    NoSuchTarget,
    PageMark,
    Partner,
    QuotaClosed,
    QuotaReceipt,
    QuotaSpent,
    QuotaTaken,
    StartSync,
    StopSync,
    SyncAdvanced,
    SyncBegan,
    SyncFailed,
    SyncFinished,
    SyncHastened,
    SyncKept,
    SyncRequested,
    SyncStopped,
    SyncTaken,
    SyncUnheardOf,
    TakeQuota,
)
from libs.testkit.spec import NOW, DeciderSpec
from services.catalog.domain import QUOTA, SYNC

ID = "setlistfm-artist-mbid"
sync, quota = DeciderSpec(SYNC), DeciderSpec(QUOTA)

REQUESTED = SyncRequested(sync_id=ID)
BEGAN = SyncBegan(sync_id=ID, run="1", worker="a", at=NOW)
BEGIN = BeginSync(sync_id=ID, run="2", worker="b")
PAGE = SyncAdvanced(
    sync_id=ID, run="1", page="1", at=NOW, next="2", mark=PageMark(seen=["shw_1", "shw_2"])
)
LAST = SyncAdvanced(sync_id=ID, run="1", page="2", at=NOW, mark=PageMark(seen=["shw_3"]))
FINISHED = SyncFinished(sync_id=ID, run="1", at=NOW)


@pytest.mark.parametrize(
    "sync_id",
    ["x", "setlistfm-artist-", "setlistfm-calendar-x", "nobody-artist-x", "luma-artist-x"],
)
def test_refuses_to_sync_what_is_no_target(sync_id: str) -> None:
    sync.given().when(StartSync(sync_id=sync_id)).then_rejected(NoSuchTarget)


def test_is_requested_once_while_it_is_under_way() -> None:
    sync.given().when(StartSync(sync_id=ID)).then(REQUESTED)
    sync.given(REQUESTED, BEGAN).when(StartSync(sync_id=ID)).then()
    sync.given(REQUESTED, BEGAN, FINISHED).when(StartSync(sync_id=ID)).then(REQUESTED)


def test_is_taken_by_one_worker_until_that_is_not_heard_of_any_more() -> None:
    sync.given().when(BEGIN).then_rejected(SyncUnheardOf)
    sync.given(REQUESTED, BEGAN).when(BEGIN).then_rejected(SyncTaken)
    late = NOW + timedelta(seconds=LEASE_SECONDS)
    second = SyncBegan(sync_id=ID, run="2", worker="b", at=late)
    sync.given(REQUESTED, BEGAN).when(BEGIN, at=late).then(second)
    sync.given(REQUESTED, BEGAN, PAGE).when(BEGIN, at=late).then(replace(second, is_first=False))
    advance = AdvanceSync(sync_id=ID, run="1", page="2")
    sync.given(REQUESTED, BEGAN, PAGE, second).when(advance).then_rejected(SyncTaken)


def test_is_kept_by_a_worker_that_says_so_now_and_then() -> None:
    keep = KeepSync(sync_id=ID, run="1")
    sync.given(REQUESTED, BEGAN).when(keep).then()
    later = NOW + timedelta(seconds=KEEP_SECONDS)
    kept = SyncKept(sync_id=ID, run="1", at=later)
    sync.given(REQUESTED, BEGAN).when(keep, at=later).then(kept)
    at = NOW + timedelta(seconds=LEASE_SECONDS)
    sync.given(REQUESTED, BEGAN, kept).when(BEGIN, at=at).then_rejected(SyncTaken)


def test_goes_on_behind_the_last_page_when_it_is_begun_again() -> None:
    failed = SyncFailed(sync_id=ID, run="1", reason="away", at=NOW, retry_at=NOW)
    began = SyncBegan(sync_id=ID, run="2", worker="b", at=NOW, is_first=False)
    sync.given(REQUESTED, BEGAN, PAGE, failed).when(BEGIN).then(began)
    state = sync.evolve(SYNC.state(), [REQUESTED, BEGAN, PAGE, failed, began])
    assert (state.cursor, state.visited) == ("2", ["1"])
    afresh = sync.evolve(state, [SyncRequested(sync_id=ID, afresh=True)])
    assert (afresh.cursor, afresh.visited, afresh.marks) == (None, [], {})


def test_waits_until_it_may_go_on() -> None:
    until = NOW + timedelta(hours=1)
    waiting = SyncFailed(sync_id=ID, run="1", reason="limited", at=NOW, retry_at=until)
    sync.given(REQUESTED, BEGAN, waiting).when(BEGIN).then_rejected(SyncTaken)
    fail = FailSync(sync_id=ID, run="1", reason="limited", retry_at=until)
    sync.given(REQUESTED, BEGAN).when(fail).then(waiting)
    began = SyncBegan(sync_id=ID, run="2", worker="b", at=until)
    sync.given(REQUESTED, BEGAN, waiting).when(BEGIN, at=until).then(began)


def test_knows_what_a_whole_run_has_not_seen_any_more() -> None:
    before: list[Any] = [REQUESTED, BEGAN, PAGE, LAST, FINISHED, REQUESTED]
    again = replace(BEGAN, run="2", worker="b")
    begun = sync.given(*before).when(BEGIN).then(again)
    begun.and_answers(
        SYNC.answer(BEGIN, [again], sync.evolve(SYNC.state(), [*before, again]), sync.origin)
    )
    state = sync.evolve(SYNC.state(), [*before, again, replace(PAGE, run="2")])
    receipt = SYNC.answer(BEGIN, [], state, sync.origin)
    assert receipt.unseen == ["shw_3"]
    assert set(receipt.marks) == {"1", "2"}
    broken = sync.evolve(state, [SyncAdvanced(sync_id=ID, run="2", page="2", at=NOW)])
    assert SYNC.answer(BEGIN, [], broken, sync.origin).unseen == []
    ended = sync.evolve(broken, [replace(FINISHED, run="2")])
    assert ended.known == {"shw_1", "shw_2", "shw_3"}


def test_is_stopped_and_its_worker_told_so() -> None:
    stopped = SyncStopped(sync_id=ID)
    sync.given(REQUESTED, BEGAN).when(StopSync(sync_id=ID)).then(stopped)
    sync.given(REQUESTED, BEGAN, stopped).when(StopSync(sync_id=ID)).then()
    sync.given().when(StopSync(sync_id=ID)).then_rejected(SyncUnheardOf)
    finish = FinishSync(sync_id=ID, run="1")
    sync.given(REQUESTED, BEGAN, stopped).when(finish).then_rejected(SyncTaken)
    sync.given(REQUESTED, BEGAN).when(finish).then(FINISHED)


# ---------------------------------------------------------------------------------- news

AN_HOUR = NOW + timedelta(hours=1)
SOON = AN_HOUR + timedelta(seconds=SETTLES_SECONDS)
NEWS = HastenSync(sync_id=ID, since=AN_HOUR, every_seconds=30)
HASTENED = SyncHastened(sync_id=ID, due_at=SOON)


def test_is_asked_soon_and_once_however_much_news_there_is() -> None:
    sync.given(REQUESTED, BEGAN, FINISHED).when(NEWS).then(HASTENED)
    sync.given(REQUESTED, BEGAN, FINISHED, HASTENED).when(NEWS).then()
    sync.given(REQUESTED, BEGAN, FINISHED, HASTENED).when(BEGIN, at=AN_HOUR).then_rejected(
        SyncTaken
    )
    began = SyncBegan(sync_id=ID, run="2", worker="b", at=SOON)
    sync.given(REQUESTED, BEGAN, FINISHED, HASTENED).when(BEGIN, at=SOON).then(began)
    ended = replace(FINISHED, run="2", at=SOON)
    state = sync.evolve(SYNC.state(), [REQUESTED, BEGAN, FINISHED, HASTENED, began, ended])
    assert not state.is_due(SOON + timedelta(days=1))


def test_is_not_asked_again_for_news_that_a_run_has_read() -> None:
    early = replace(NEWS, since=NOW - timedelta(seconds=SETTLES_SECONDS))
    sync.given(REQUESTED, BEGAN, FINISHED).when(early).then()
    sync.given(REQUESTED).when(NEWS).then()


def test_is_asked_no_more_often_than_it_may_be() -> None:
    news = replace(NEWS, since=NOW + timedelta(seconds=1))
    half_a_minute = SyncHastened(sync_id=ID, due_at=NOW + timedelta(seconds=30))
    sync.given(REQUESTED, BEGAN, FINISHED).when(news).then(half_a_minute)


def test_is_asked_again_after_the_run_that_is_under_way() -> None:
    sync.given(REQUESTED, BEGAN, PAGE).when(NEWS).then(HASTENED)
    sync.given(REQUESTED, BEGAN, PAGE, HASTENED).when(NEWS).then()
    state = sync.evolve(SYNC.state(), [REQUESTED, BEGAN, PAGE, HASTENED, LAST, FINISHED])
    assert not state.is_due(AN_HOUR)
    assert state.is_due(SOON)
    # A run that goes on behind a page has not read that page again.
    resumed = SyncBegan(sync_id=ID, run="2", worker="b", at=SOON, is_first=False)
    ended = replace(FINISHED, run="2")
    state = sync.evolve(SYNC.state(), [REQUESTED, BEGAN, PAGE, HASTENED, resumed, LAST, ended])
    assert state.is_due(SOON)


def test_is_not_asked_for_ever_when_it_fails() -> None:
    began = SyncBegan(sync_id=ID, run="2", worker="b", at=SOON)
    failed = SyncFailed(sync_id=ID, run="2", reason="no credentials", at=SOON)
    state = sync.evolve(SYNC.state(), [REQUESTED, BEGAN, FINISHED, HASTENED, began, failed])
    assert not state.is_due(SOON + timedelta(days=1))
    resumed = replace(began, is_first=False)
    state = sync.evolve(SYNC.state(), [REQUESTED, BEGAN, PAGE, HASTENED, resumed, failed])
    assert not state.is_due(SOON + timedelta(days=1))


def test_is_hastened_only_when_somebody_wants_it() -> None:
    sync.given().when(NEWS).then_rejected(SyncUnheardOf)
    stopped = SyncStopped(sync_id=ID)
    sync.given(REQUESTED, BEGAN, stopped).when(NEWS).then()
    sync.given(REQUESTED, BEGAN, FINISHED, HASTENED).when(StopSync(sync_id=ID)).then(stopped)
    state = sync.evolve(SYNC.state(), [REQUESTED, BEGAN, FINISHED, HASTENED, stopped])
    assert not state.is_due(SOON + timedelta(days=1))


# ---------------------------------------------------------------------------------- quotas

TODAY = date(2026, 11, 20)
TAKEN = QuotaTaken(
    partner=Partner.SETLISTFM, day=TODAY, granted=20, taken=20, limit=30, take_id="cmd_0"
)


def take(requests: int, day: date = TODAY) -> TakeQuota:
    return TakeQuota(partner=Partner.SETLISTFM, day=day, requests=requests, limit=30)


def test_gives_what_is_left_and_then_nothing_until_the_next_day() -> None:
    rest = replace(TAKEN, granted=10, taken=30, take_id="cmd_1")
    given = quota.given(TAKEN).when(take(20)).then(rest)
    given.and_answers(QuotaReceipt(partner=Partner.SETLISTFM, granted=10, taken=30))
    spent = replace(rest, take_id="cmd_2")
    quota.given(TAKEN, spent).when(take(1)).then_rejected(QuotaSpent)
    tomorrow = TODAY + timedelta(days=1)
    anew = replace(TAKEN, day=tomorrow, granted=5, taken=5, take_id="cmd_1")
    quota.given(TAKEN, spent).when(take(5, tomorrow)).then(anew)
    late = quota.given(TAKEN, spent, replace(anew, take_id="cmd_3"))
    late.when(take(5)).then(replace(anew, taken=10))  # A clock that is behind gains nothing.


def test_says_when_there_are_requests_again() -> None:
    spent = replace(TAKEN, granted=10, taken=30)
    with pytest.raises(QuotaSpent) as refused:
        QUOTA.decide(take(1), quota.evolve(QUOTA.state(), [spent]), quota.origin)
    midnight = datetime(2026, 11, 21, tzinfo=UTC)
    assert refused.value.retry_after_seconds == (midnight - NOW).total_seconds()


def test_gives_nothing_while_the_partner_says_no() -> None:
    until = NOW + timedelta(hours=1)
    closed = QuotaClosed(partner=Partner.SETLISTFM, until=until)
    close = CloseQuota(partner=Partner.SETLISTFM, until=until)
    quota.given(TAKEN).when(close).then(closed)
    quota.given(TAKEN, closed).when(close).then()
    quota.given(TAKEN, closed).when(take(1)).then_rejected(QuotaSpent)
    more = replace(TAKEN, granted=1, taken=21, take_id="cmd_1")
    quota.given(TAKEN, closed).when(take(1), at=until).then(more)
