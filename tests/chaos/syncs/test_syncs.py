"""Syncs under kill -9: two rounds each time, many when asked for; and laws that can be broken."""

import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.catalog_syncs import SyncAdvanced, SyncBegan, SyncFinished, SyncRequested
from libs.eventlog.model import RecordedCommit
from libs.kernel.messages import Event
from libs.kernel.recorded import Recorded
from tests.chaos.house import NATS
from tests.chaos.syncs.laws import differences, runs_of, streams_of
from tests.chaos.syncs.rounds import VICTIMS, run_rounds

ID = "setlistfm-artist-band"
AT = datetime(2026, 11, 20, 20, tzinfo=UTC)
REQUESTED = SyncRequested(sync_id=ID)
BEGAN = SyncBegan(sync_id=ID, run="1", worker="a", at=AT)
AGAIN = SyncBegan(sync_id=ID, run="2", worker="b", at=AT, is_first=False)
FINISHED = SyncFinished(sync_id=ID, run="1", at=AT)


@pytest.mark.connected
@pytest.mark.timeout(400)
async def test_ends_as_in_peace_when_the_log_and_the_owner_are_killed(tmp_path: Path) -> None:
    seed = random.randrange(1000)
    victims = (NATS, "owner")
    outcome = await run_rounds(tmp_path, len(victims), seed, victims)
    assert outcome.violations == [], f"seed {seed}"
    assert outcome.events > 100 * len(victims)


@pytest.mark.chaos
@pytest.mark.timeout(3600)
async def test_ends_as_in_peace_when_anything_is_killed(tmp_path: Path) -> None:
    seed = random.randrange(1000)
    outcome = await run_rounds(tmp_path, 2 * len(VICTIMS), seed)
    assert outcome.violations == [], f"seed {seed}"
    assert outcome.continued > 0


def commits(*events: Event, aggregate: str = "sync") -> list[RecordedCommit]:
    return [
        RecordedCommit(
            aggregate,
            ID,
            position,
            {},
            [Recorded("id", "type", aggregate, ID, AT, "", "", "", event, position)],
        )
        for position, event in enumerate(events, 1)
    ]


def page(number: int, following: int | None) -> SyncAdvanced:
    after = None if following is None else str(following)
    return SyncAdvanced(sync_id=ID, run="1", page=str(number), at=AT, next=after)


def test_knows_a_run_that_goes_on_where_another_one_came_to() -> None:
    runs = runs_of(commits(REQUESTED, BEGAN, page(1, 2), AGAIN, page(2, None), FINISHED, BEGAN))
    assert (runs.begun, runs.continued, runs.pages, runs.violations) == (3, 1, 2, [])


def test_finds_a_run_that_begins_anew_leaves_out_or_does_something_twice() -> None:
    def found(*events: Event) -> list[str]:
        return runs_of(commits(REQUESTED, BEGAN, *events)).violations

    assert found(page(1, 2), BEGAN) == [f"{ID} began anew behind 2"]
    assert found(page(1, 2), AGAIN, page(3, None)) == [f"{ID} read 3, and 2 was next"]
    assert f"{ID} did 1 twice" in found(page(1, 2), AGAIN, page(1, 2))
    assert found(page(1, 2), FINISHED) == [f"{ID} ended before 2"]


def test_finds_what_is_lost_or_was_recorded_twice() -> None:
    once, twice = commits(REQUESTED, aggregate="show"), commits(*[REQUESTED] * 2, aggregate="show")
    peaceful = streams_of(once)
    assert differences("stream", peaceful, peaceful) == []
    (doubled,) = differences("stream", streams_of(twice), peaceful)
    assert "1 too many of type" in doubled
    (lost,) = differences("stream", {}, peaceful)
    assert "1 too few of type" in lost
    assert differences("table", {"shows": Counter("a")}, {"shows": Counter("b")}) == [
        "table shows: 1 too many of a",
        "table shows: 1 too few of b",
    ]


def test_leaves_syncs_out_of_what_is_compared() -> None:
    assert streams_of(commits(REQUESTED)) == {}
