"""That whoever judges would see it if a promise were broken."""

import random
from typing import Any
from unittest.mock import MagicMock

import orjson
import pytest

from tests.chaos.audience import Audience
from tests.chaos.audit import LogAudit
from tests.chaos.doors import Doors
from tests.chaos.ledger import Acknowledged, Ledger

SHOW = "shw_1"
TOLD = Acknowledged(SHOW, "usr_1", "vot_1", "song_1", 5, 0.0, 0.1)


def event(voter: str, vote: str, song: str = "song_1", event_id: str | None = None) -> Any:
    data = {"show_id": SHOW, "voter_id": voter, "vote_id": vote, "song_id": song}
    return {"id": event_id or vote, "type": "voting.vote_cast.v1", "data": data}


def log_of(*commits: tuple[int, list[Any]]) -> LogAudit:
    log = LogAudit(client=MagicMock())
    for position, events in commits:
        log.take(position, orjson.dumps(events))
    return log


def test_finds_nothing_when_every_acknowledged_vote_is_there_once() -> None:
    log = log_of((5, [event("usr_1", "vot_1")]), (6, [event("usr_2", "vot_2")]))
    assert log.violations([TOLD]) == []


@pytest.mark.parametrize(
    ("broken", "commits"),
    [
        ("0 times", [(5, [event("usr_2", "vot_2")])]),
        ("0 times", [(5, [event("usr_1", "another")])]),
        ("2 votes", [(5, [event("usr_1", "vot_1")]), (6, [event("usr_1", "vot_2")])]),
        ("2 times", [(4, [event("usr_1", "vot_1")]), (5, [event("usr_1", "vot_1", event_id="x")])]),
        ("twice", [(4, [event("usr_1", "vot_1")]), (5, [event("usr_3", "vot_1")])]),
        ("another song", [(5, [event("usr_1", "vot_1", "song_2")])]),
        ("before its own", [(6, [event("usr_1", "vot_1")])]),
    ],
)
def test_tells_what_is_broken_when_the_log_differs_from_what_was_told(
    broken: str, commits: list[tuple[int, list[Any]]]
) -> None:
    assert any(broken in each for each in log_of(*commits).violations([TOLD]))


def test_knows_the_counts_at_every_position() -> None:
    log = log_of((5, [event("usr_1", "vot_1")]), (8, [event("usr_2", "vot_2", "song_2")]))
    counts = log.shows[SHOW].counts_at
    assert [counts(position) for position in (4, 5, 7, 8)] == [
        {},
        {"song_1": 1},
        {"song_1": 1},
        {"song_1": 1, "song_2": 1},
    ]


@pytest.fixture
async def audience() -> Audience:
    chance = random.Random(1)
    doors = Doors([], chance, MagicMock())
    return Audience(
        ["http://nowhere"], doors, Ledger(), shows=[SHOW], songs=["song_1"], chance=chance
    )


def frame(op: str, position: int, **rest: Any) -> dict[str, Any]:
    return {"op": op, "id": 0, "position": position, "cursor": "c", **rest}


async def test_tells_when_a_screen_shows_what_never_was(audience: Audience) -> None:
    log = log_of((5, [event("usr_1", "vot_1")]))
    screen = audience.viewers[0].screens[0]
    screen.take(frame("result", 4, result={"counts": {"song_1": 0}}))
    screen.take(frame("change", 5, patch=[{"op": "replace", "path": "/counts/song_1", "value": 1}]))
    assert audience.violations(log) == []
    screen.take(frame("change", 6, patch=[{"op": "replace", "path": "/counts/song_1", "value": 2}]))
    assert len(audience.violations(log)) == 1


async def test_tells_when_time_goes_back_or_changes_come_first(audience: Audience) -> None:
    screen = audience.viewers[0].screens[0]
    screen.take(frame("change", 5, patch=[]))
    screen.take(frame("change", 4, patch=[]))
    assert len(screen.problems) == 2


def test_tells_when_a_repeated_vote_gets_another_answer() -> None:
    ledger = Ledger()
    receipt = {"vote_id": "vot_1", "song_id": "song_1", "position": 5}
    ledger.acknowledge(SHOW, "usr_1", receipt, 0.0, 0.1)
    ledger.acknowledge(SHOW, "usr_1", receipt, 0.2, 0.3)
    assert ledger.violations == []
    ledger.acknowledge(SHOW, "usr_1", {**receipt, "vote_id": "vot_2"}, 0.4, 0.5)
    assert len(ledger.violations) == 1
