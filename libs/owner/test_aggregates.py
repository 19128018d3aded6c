"""Which commits a successor reads again to learn the recent commands."""

from datetime import UTC, datetime, timedelta

import pytest

from libs.eventlog.model import Revision
from libs.owner import aggregates
from libs.owner.aggregates import GENERATION_SECONDS, RecentCommits

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=GENERATION_SECONDS + 1)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregates, "REMEMBERED_COMMITS_MAX", 3)
    monkeypatch.setattr(aggregates, "GENERATION_COMMANDS_MIN", 20)
    monkeypatch.setattr(aggregates, "GENERATION_COMMANDS_MAX", 50)


@pytest.mark.parametrize(
    ("events", "first_kept"),
    [
        pytest.param(1, 1, id="all while few and young"),
        pytest.param(15, 7, id="as many as may be remembered while young"),
    ],
)
def test_keeps_what_a_retry_may_be_about(events: int, first_kept: int) -> None:
    commits = RecentCommits()
    for position in range(1, 11):
        commits.add(position, events, NOON)
    assert commits.read_from(Revision(10)) == first_kept - 1


@pytest.mark.parametrize(("events", "first_kept"), [(1, 8), (15, 9)])
def test_keeps_of_what_is_old_only_what_is_worth_the_time(events: int, first_kept: int) -> None:
    commits = RecentCommits()
    for position in range(1, 10):
        commits.add(position, events, NOON)
    commits.add(10, events, LATER)
    assert commits.read_from(Revision(10)) == first_kept - 1
