"""A planned ballot follows its show: it closes when that is called off, and opens again."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from contracts.voting import (
    BallotAlreadyOpened,
    BallotClosed,
    BallotFinalized,
    BallotOpened,
    BallotPrepared,
    BallotReplanned,
    Candidate,
    CastVote,
    CloseBallot,
    Closing,
    OpenBallot,
    SetUpBallot,
    VoteCast,
)
from libs.testkit.spec import NOW, ORIGIN, DeciderSpec
from services.voting.domain import BALLOT, BallotEvent

SHOW = "shw_1"
DAY = timedelta(days=1)
spec = DeciderSpec(BALLOT)

CANDIDATES = [Candidate(song_id="sng_1", title="Bertha"), Candidate(song_id="sng_2", title="Deal")]
PREPARED = BallotPrepared(
    show_id=SHOW,
    candidates=CANDIDATES,
    opens_at=NOW,
    closes_at=NOW + DAY,
    votes_per_voter=1,
    changeable=False,
    planned=True,
)
OPENED = BallotOpened(show_id=SHOW)
VOTED = VoteCast(show_id=SHOW, voter_id="ann", song_id="sng_1", vote_id="cmd_1")
CALLED_OFF = BallotClosed(show_id=SHOW, because=Closing.CALLED_OFF)
WITHOUT_HOURS = BallotReplanned(show_id=SHOW, opens_at=None, closes_at=None, reopens=False)
AGAIN = BallotReplanned(
    show_id=SHOW, opens_at=NOW + 30 * DAY, closes_at=NOW + 31 * DAY, reopens=True
)


def plan(opens_at: datetime | None, closes_at: datetime | None) -> SetUpBallot:
    """As of now the artist has played something else: candidates stay all the same."""
    others = [Candidate(song_id="sng_3", title="Truckin'")]
    return SetUpBallot(
        show_id=SHOW, candidates=others, opens_at=opens_at, closes_at=closes_at, planned=True
    )


POSTPONED = plan(None, None)
MOVED = plan(AGAIN.opens_at, AGAIN.closes_at)
AS_BEFORE = plan(PREPARED.opens_at, PREPARED.closes_at)


def test_loses_its_hours_when_its_show_is_called_off_and_has_others_when_that_has() -> None:
    closing = CloseBallot(show_id=SHOW, because=Closing.CALLED_OFF)
    spec.given(PREPARED, OPENED, VOTED).when(closing).then(CALLED_OFF)
    spec.given(PREPARED, OPENED, VOTED, CALLED_OFF).when(POSTPONED).then(WITHOUT_HOURS)
    history: list[BallotEvent] = [PREPARED, OPENED, VOTED, CALLED_OFF, WITHOUT_HOURS]
    spec.given(*history).when(POSTPONED).then()
    spec.given(*history).when(MOVED).then(AGAIN)
    spec.given(*history, AGAIN).when(MOVED).then()
    spec.given(*history, AGAIN).when(POSTPONED).then(WITHOUT_HOURS)


def test_opens_again_at_its_hour_with_the_votes_it_had() -> None:
    history: list[BallotEvent] = [PREPARED, OPENED, VOTED, CALLED_OFF, WITHOUT_HOURS, AGAIN]
    opening = OpenBallot(show_id=SHOW, due_at=AGAIN.opens_at)
    spec.given(*history).when(opening).then(OPENED)
    spec.given(*history, WITHOUT_HOURS).when(opening).then()
    spec.given(*history, OPENED, CALLED_OFF).when(opening).then()
    spec.given(*history, OPENED).when(CastVote(show_id=SHOW, song_id="sng_2"), by="ann").then()
    vote = VoteCast(show_id=SHOW, voter_id="ben", song_id="sng_2", vote_id=ORIGIN.command_id)
    spec.given(*history, OPENED).when(CastVote(show_id=SHOW, song_id="sng_2"), by="ben").then(vote)
    state = spec.evolve(BALLOT.state(), [*history, OPENED])
    assert (state.counts, state.reopens) == ({"sng_1": 1, "sng_2": 0}, False)


def test_opens_again_when_the_show_takes_place_as_it_was_planned_after_all() -> None:
    as_before = BallotReplanned(
        show_id=SHOW, opens_at=PREPARED.opens_at, closes_at=PREPARED.closes_at, reopens=True
    )
    history: list[BallotEvent] = [PREPARED, OPENED, CALLED_OFF]
    spec.given(*history).when(AS_BEFORE).then(as_before)
    spec.given(*history, WITHOUT_HOURS).when(AS_BEFORE).then(as_before)


def test_opens_again_when_the_show_is_moved_after_it_was_to_start() -> None:
    closed = BallotClosed(show_id=SHOW, because=Closing.HOUR)
    closing = CloseBallot(show_id=SHOW, due_at=PREPARED.closes_at)
    spec.given(PREPARED, OPENED).when(closing).then(closed)
    spec.given(PREPARED, OPENED, closed).when(MOVED).then(AGAIN)
    # What is told of the show that did take place changes nothing.
    spec.given(PREPARED, OPENED, closed).when(POSTPONED).then()
    spec.given(PREPARED, OPENED, closed).when(AS_BEFORE).then()


def test_stays_open_until_its_show_starts_when_that_is_moved_meanwhile() -> None:
    spec.given(PREPARED, OPENED).when(MOVED).then(replace(AGAIN, reopens=False))
    spec.given(PREPARED, OPENED).when(POSTPONED).then()
    moved: list[BallotEvent] = [PREPARED, OPENED, replace(AGAIN, reopens=False)]
    early = CloseBallot(show_id=SHOW, due_at=PREPARED.closes_at)
    spec.given(*moved).when(early).then()
    due = CloseBallot(show_id=SHOW, due_at=AGAIN.closes_at)
    spec.given(*moved).when(due).then(BallotClosed(show_id=SHOW, because=Closing.HOUR))


@pytest.mark.parametrize(
    "end",
    [
        [BallotClosed(show_id=SHOW)],
        [CALLED_OFF, BallotFinalized(show_id=SHOW, played=["sng_1"], predicted=[], hits=[])],
    ],
)
def test_stays_closed_when_a_person_closed_it_or_it_is_finalized(end: list[BallotEvent]) -> None:
    spec.given(PREPARED, OPENED, *end).when(MOVED).then_rejected(BallotAlreadyOpened)


def test_keeps_to_what_a_person_prepared() -> None:
    by_hand = replace(PREPARED, planned=False)
    spec.given(by_hand, OPENED, CALLED_OFF).when(MOVED).then()
