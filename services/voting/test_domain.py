"""The rules of the ballot, one by one: given what happened, when someone asks, then this."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.voting import (
    BallotAlreadyOpened,
    BallotClosed,
    BallotFinalized,
    BallotIsFinalized,
    BallotNotClosed,
    BallotNotOpen,
    BallotOpened,
    BallotPrepared,
    BallotReceipt,
    BallotStatus,
    BallotUnknown,
    Candidate,
    CastVote,
    CloseBallot,
    Closing,
    FinalizeBallot,
    HoursReversed,
    NoCandidates,
    NoVoteForSong,
    OpenBallot,
    ReinstateVoter,
    SetlistUnknown,
    SetUpBallot,
    SongNotOnBallot,
    SuspendVoter,
    VoteCast,
    VoteChanged,
    VoteNotChangeable,
    VoteReceipt,
    VoterReceipt,
    VoterSuspended,
    VoterWasReinstated,
    VoterWasSuspended,
    VotesSpent,
    VoteWithdrawn,
    WithdrawVote,
)
from contracts.voting_views import Tally
from libs.kernel.errors import Rejected
from libs.kernel.ids import CommandId
from libs.kernel.messages import Origin
from libs.testkit.spec import NOW, DeciderSpec
from services.voting.domain import BALLOT, Ballot, predict, tally

SHOW = "shw_1"
SONGS = ("bertha", "ripple", "truckin")
CANDIDATES = [Candidate(song_id=song, title=song.title()) for song in SONGS]

spec = DeciderSpec(BALLOT)


def prepared(**policy: Any) -> BallotPrepared:
    defaults = {"opens_at": None, "closes_at": None, "votes_per_voter": 1, "changeable": False}
    return BallotPrepared(show_id=SHOW, candidates=CANDIDATES, **{**defaults, **policy})


def cast(voter: str, song: str, vote: str) -> VoteCast:
    return VoteCast(show_id=SHOW, voter_id=voter, song_id=song, vote_id=vote)


def vote_for(song: str) -> CastVote:
    return CastVote(show_id=SHOW, song_id=song)


def withdraw(song: str) -> WithdrawVote:
    return WithdrawVote(show_id=SHOW, song_id=song)


SET_UP = SetUpBallot(show_id=SHOW, candidates=CANDIDATES)
OPEN = OpenBallot(show_id=SHOW)
CLOSE = CloseBallot(show_id=SHOW)
FINALIZE = FinalizeBallot(show_id=SHOW, played=["ripple", "althea"])
SUSPEND = SuspendVoter(show_id=SHOW, voter_id="ann")
REINSTATE = ReinstateVoter(show_id=SHOW, voter_id="ann")

PREPARED = prepared()
OPENED = BallotOpened(show_id=SHOW)
CLOSED = BallotClosed(show_id=SHOW)
FINALIZED = BallotFinalized(show_id=SHOW, played=["ripple"], predicted=[], hits=[])
ANN_VOTED = cast("ann", "bertha", "cmd_0")
ANN_SUSPENDED = VoterWasSuspended(show_id=SHOW, voter_id="ann")
ANN_REINSTATED = VoterWasReinstated(show_id=SHOW, voter_id="ann")

# ---------------------------------------------------------------------------------- one vote


def test_records_a_vote_when_the_ballot_is_open() -> None:
    outcome = spec.given(PREPARED, OPENED).when(vote_for("bertha"), by="ann")
    outcome.then(cast("ann", "bertha", "cmd_1")).and_answers(
        VoteReceipt(vote_id="cmd_1", song_id="bertha", repeated=False)
    )


def test_answers_with_the_first_vote_when_the_voter_votes_again() -> None:
    outcome = spec.given(PREPARED, OPENED, ANN_VOTED).when(vote_for("ripple"), by="ann")
    outcome.then_nothing().and_answers(
        VoteReceipt(vote_id="cmd_0", song_id="bertha", repeated=True)
    )


def test_answers_as_before_when_the_same_command_comes_after_the_vote_is_known() -> None:
    situation = spec.given(PREPARED, OPENED, ANN_VOTED)
    outcome = situation.when(vote_for("bertha"), by="ann", command_id=CommandId("cmd_0"))
    outcome.then_nothing().and_answers(
        VoteReceipt(vote_id="cmd_0", song_id="bertha", repeated=False)
    )


def test_records_one_vote_each_when_many_vote_for_one_song() -> None:
    outcome = spec.given(PREPARED, OPENED, ANN_VOTED).when(vote_for("bertha"), by="bob")
    outcome.then(cast("bob", "bertha", "cmd_1"))


def test_refuses_a_vote_when_there_is_no_ballot() -> None:
    spec.given().when(vote_for("bertha"), by="ann").then_rejected(BallotUnknown)


@pytest.mark.parametrize(
    "history", [(PREPARED,), (PREPARED, OPENED, CLOSED), (PREPARED, OPENED, CLOSED, FINALIZED)]
)
def test_refuses_a_vote_when_the_ballot_is_not_open(history: tuple[Any, ...]) -> None:
    spec.given(*history).when(vote_for("bertha"), by="ann").then_rejected(BallotNotOpen)


def test_refuses_a_vote_when_the_song_is_not_on_the_ballot() -> None:
    spec.given(PREPARED, OPENED).when(vote_for("althea"), by="ann").then_rejected(SongNotOnBallot)


def test_refuses_a_vote_when_the_voter_is_suspended_on_the_ballot() -> None:
    situation = spec.given(PREPARED, OPENED, ANN_SUSPENDED)
    situation.when(vote_for("bertha"), by="ann").then_rejected(VoterSuspended)
    situation.when(vote_for("bertha"), by="bob").then(cast("bob", "bertha", "cmd_1"))


def test_refuses_a_vote_when_the_voter_is_suspended_in_the_whole_house() -> None:
    outcome = spec.given(PREPARED, OPENED).when(vote_for("bertha"), by="ann", is_suspended=True)
    outcome.then_rejected(VoterSuspended)


def test_records_a_vote_when_the_voter_was_reinstated() -> None:
    situation = spec.given(PREPARED, OPENED, ANN_SUSPENDED, ANN_REINSTATED)
    situation.when(vote_for("bertha"), by="ann").then(cast("ann", "bertha", "cmd_1"))


# ---------------------------------------------------------------------------------- more votes


def test_records_another_vote_when_the_policy_gives_several() -> None:
    situation = spec.given(prepared(votes_per_voter=2), OPENED, ANN_VOTED)
    situation.when(vote_for("ripple"), by="ann").then(cast("ann", "ripple", "cmd_1"))


def test_answers_with_the_vote_for_that_song_when_it_is_cast_again() -> None:
    second = cast("ann", "ripple", "cmd_7")
    outcome = spec.given(prepared(votes_per_voter=3), OPENED, ANN_VOTED, second).when(
        vote_for("ripple"), by="ann"
    )
    outcome.then_nothing().and_answers(
        VoteReceipt(vote_id="cmd_7", song_id="ripple", repeated=True)
    )


def test_refuses_a_vote_when_all_votes_are_spent() -> None:
    second = cast("ann", "ripple", "cmd_7")
    situation = spec.given(prepared(votes_per_voter=2), OPENED, ANN_VOTED, second)
    situation.when(vote_for("truckin"), by="ann").then_rejected(VotesSpent)


# ---------------------------------------------------------------------------------- changing


def test_moves_the_vote_when_the_policy_lets_votes_change() -> None:
    situation = spec.given(prepared(changeable=True), OPENED, ANN_VOTED)
    moved = VoteChanged(
        show_id=SHOW, voter_id="ann", from_song_id="bertha", song_id="ripple", vote_id="cmd_1"
    )
    situation.when(vote_for("ripple"), by="ann").then(moved).and_answers(
        VoteReceipt(vote_id="cmd_1", song_id="ripple", repeated=False)
    )
    state = spec.given(prepared(changeable=True), OPENED, ANN_VOTED, moved).state
    assert state.counts == {"bertha": 0, "ripple": 1, "truckin": 0}


def test_takes_a_vote_back_when_the_policy_lets_votes_change() -> None:
    situation = spec.given(prepared(changeable=True), OPENED, ANN_VOTED)
    outcome = situation.when(withdraw("bertha"), by="ann")
    outcome.then(
        VoteWithdrawn(show_id=SHOW, voter_id="ann", song_id="bertha", vote_id="cmd_0")
    ).and_answers(VoteReceipt(vote_id="cmd_0", song_id="bertha", repeated=False))


def test_keeps_the_other_votes_when_one_is_taken_back() -> None:
    policy = prepared(changeable=True, votes_per_voter=2)
    second = cast("ann", "ripple", "cmd_7")
    gone = VoteWithdrawn(show_id=SHOW, voter_id="ann", song_id="bertha", vote_id="cmd_0")
    state = spec.given(policy, OPENED, ANN_VOTED, second, gone).state
    assert state.votes == {"ann": (("ripple", "cmd_7"),)}
    assert state.counts == {"bertha": 0, "ripple": 1, "truckin": 0}


def test_records_a_vote_when_the_voter_had_taken_the_first_one_back() -> None:
    gone = VoteWithdrawn(show_id=SHOW, voter_id="ann", song_id="bertha", vote_id="cmd_0")
    situation = spec.given(prepared(changeable=True), OPENED, ANN_VOTED, gone)
    situation.when(vote_for("bertha"), by="ann").then(cast("ann", "bertha", "cmd_1"))


def test_refuses_to_take_a_vote_back_when_votes_are_for_good() -> None:
    situation = spec.given(PREPARED, OPENED, ANN_VOTED)
    situation.when(withdraw("bertha"), by="ann").then_rejected(VoteNotChangeable)


def test_refuses_to_take_a_vote_back_when_there_is_none_for_the_song() -> None:
    situation = spec.given(prepared(changeable=True), OPENED, ANN_VOTED)
    situation.when(withdraw("ripple"), by="ann").then_rejected(NoVoteForSong)
    situation.when(withdraw("bertha"), by="bob").then_rejected(NoVoteForSong)


def test_refuses_to_take_a_vote_back_when_the_ballot_is_not_open() -> None:
    policy = prepared(changeable=True)
    spec.given().when(withdraw("bertha"), by="ann").then_rejected(BallotUnknown)
    closed = spec.given(policy, OPENED, ANN_VOTED, CLOSED)
    closed.when(withdraw("bertha"), by="ann").then_rejected(BallotNotOpen)


# ---------------------------------------------------------------------------------- preparing


def test_prepares_a_ballot_when_there_is_none() -> None:
    spec.given().when(SET_UP).then(PREPARED).and_answers(
        BallotReceipt(show_id=SHOW, status=BallotStatus.PREPARED)
    )


def test_lists_a_song_once_when_it_is_named_twice() -> None:
    twice = SetUpBallot(show_id=SHOW, candidates=[*CANDIDATES, *CANDIDATES])
    spec.given().when(twice).then(PREPARED)


def test_prepares_it_anew_when_the_ballot_has_never_been_open() -> None:
    other = SetUpBallot(show_id=SHOW, candidates=CANDIDATES[:1], votes_per_voter=2)
    changed = BallotPrepared(
        show_id=SHOW,
        candidates=CANDIDATES[:1],
        opens_at=None,
        closes_at=None,
        votes_per_voter=2,
        changeable=False,
    )
    spec.given(PREPARED).when(other).then(changed)
    assert spec.given(PREPARED, changed).state.candidates == {"bertha": "Bertha"}


@pytest.mark.parametrize("history", [(PREPARED,), (PREPARED, OPENED), (PREPARED, OPENED, CLOSED)])
def test_changes_nothing_when_the_same_ballot_is_prepared_again(history: tuple[Any, ...]) -> None:
    spec.given(*history).when(SET_UP).then_nothing()


@pytest.mark.parametrize("history", [(PREPARED, OPENED), (PREPARED, OPENED, CLOSED)])
def test_refuses_another_ballot_when_this_one_has_been_open(history: tuple[Any, ...]) -> None:
    at = datetime(2026, 11, 21, 20, tzinfo=UTC)
    other = SetUpBallot(show_id=SHOW, candidates=CANDIDATES, closes_at=at)
    spec.given(*history).when(other).then_rejected(BallotAlreadyOpened)


def test_refuses_a_ballot_when_it_has_no_candidates() -> None:
    empty = SetUpBallot(show_id=SHOW, candidates=[])
    spec.given().when(empty).then_rejected(NoCandidates)


@pytest.mark.parametrize("hours", [0, 1])
def test_refuses_a_ballot_when_it_would_close_before_it_opens(hours: int) -> None:
    closes_at = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
    opens_at = closes_at + timedelta(hours=hours)
    reversed_ = SetUpBallot(
        show_id=SHOW, candidates=CANDIDATES, opens_at=opens_at, closes_at=closes_at
    )
    spec.given().when(reversed_).then_rejected(HoursReversed)


# ---------------------------------------------------------------------------------- its hours


@pytest.mark.parametrize("history", [(PREPARED,), (PREPARED, OPENED, CLOSED)])
def test_opens_when_it_is_prepared_or_closed(history: tuple[Any, ...]) -> None:
    spec.given(*history).when(OPEN).then(OPENED).and_answers(
        BallotReceipt(show_id=SHOW, status=BallotStatus.OPEN)
    )


def test_changes_nothing_when_an_open_ballot_is_opened() -> None:
    spec.given(PREPARED, OPENED).when(OPEN).then_nothing()


def test_refuses_to_open_when_there_is_no_ballot_or_it_is_finalized() -> None:
    spec.given().when(OPEN).then_rejected(BallotUnknown)
    spec.given(PREPARED, OPENED, CLOSED, FINALIZED).when(OPEN).then_rejected(BallotIsFinalized)


def test_closes_when_it_is_open() -> None:
    spec.given(PREPARED, OPENED).when(CLOSE).then(CLOSED).and_answers(
        BallotReceipt(show_id=SHOW, status=BallotStatus.CLOSED)
    )


@pytest.mark.parametrize(
    ("history", "status"),
    [
        ((PREPARED, OPENED, CLOSED), BallotStatus.CLOSED),
        ((PREPARED, OPENED, CLOSED, FINALIZED), BallotStatus.FINALIZED),
    ],
)
def test_changes_nothing_when_a_closed_ballot_is_closed(
    history: tuple[Any, ...], status: BallotStatus
) -> None:
    outcome = spec.given(*history).when(CLOSE)
    outcome.then_nothing().and_answers(BallotReceipt(show_id=SHOW, status=status))


def test_refuses_to_close_when_it_was_never_open() -> None:
    spec.given().when(CLOSE).then_rejected(BallotUnknown)
    spec.given(PREPARED).when(CLOSE).then_rejected(BallotNotOpen)


# ---------------------------------------------------------------------------------- schedules

HOUR = NOW + timedelta(hours=1)
LATER = NOW + timedelta(hours=3)
SCHEDULED = prepared(opens_at=HOUR, closes_at=LATER)
OPEN_DUE = OpenBallot(show_id=SHOW, due_at=HOUR)
CLOSE_DUE = CloseBallot(show_id=SHOW, due_at=LATER)


def test_opens_and_closes_when_its_hours_have_come() -> None:
    spec.given(SCHEDULED).when(OPEN_DUE).then(OPENED)
    closed = BallotClosed(show_id=SHOW, because=Closing.HOUR)
    spec.given(SCHEDULED, OPENED).when(CLOSE_DUE).then(closed)


def test_changes_nothing_when_what_is_due_was_for_another_hour() -> None:
    for hours in (prepared(opens_at=LATER), prepared()):
        outcome = spec.given(hours).when(OPEN_DUE).then_nothing()
        outcome.and_answers(BallotReceipt(show_id=SHOW, status=BallotStatus.PREPARED))
    outcome = spec.given(prepared(closes_at=HOUR), OPENED).when(CLOSE_DUE).then_nothing()
    outcome.and_answers(BallotReceipt(show_id=SHOW, status=BallotStatus.OPEN))


def test_stays_closed_when_its_opening_comes_a_second_time() -> None:
    spec.given(SCHEDULED, OPENED, CLOSED).when(OPEN_DUE).then_nothing()


PLAN = SetUpBallot(
    show_id=SHOW, candidates=CANDIDATES, opens_at=HOUR, closes_at=LATER, planned=True
)
PLANNED = prepared(opens_at=HOUR, closes_at=LATER, planned=True)
UNPLANNED = prepared(planned=True)


def test_follows_its_show_when_it_was_planned() -> None:
    without_hours = replace(PLAN, opens_at=None, closes_at=None)
    spec.given().when(PLAN).then(PLANNED)
    spec.given(PLANNED).when(without_hours).then(UNPLANNED)
    spec.given(UNPLANNED).when(PLAN).then(PLANNED)


def test_plans_nothing_when_there_are_no_hours_to_plan() -> None:
    spec.given().when(replace(PLAN, opens_at=None, closes_at=None)).then_rejected(BallotUnknown)


def test_stays_as_it_is_when_somebody_prepared_it_by_hand() -> None:
    spec.given(PREPARED).when(PLAN).then_nothing()
    by_hand = replace(PLAN, planned=False)
    spec.given(PLANNED).when(by_hand).then(SCHEDULED)


# ---------------------------------------------------------------------------------- the outcome


def test_scores_the_prediction_when_it_is_finalized() -> None:
    votes = [
        cast("ann", "bertha", "c1"),
        cast("bob", "ripple", "c2"),
        cast("cleo", "ripple", "c3"),
        cast("dan", "truckin", "c4"),
        cast("eve", "truckin", "c5"),
        cast("fay", "truckin", "c6"),
    ]
    finalized = BallotFinalized(
        show_id=SHOW,
        played=["ripple", "althea"],
        predicted=["truckin", "ripple"],
        hits=["ripple"],
    )
    outcome = spec.given(PREPARED, OPENED, *votes, CLOSED).when(FINALIZE)
    outcome.then(finalized).and_answers(BallotReceipt(show_id=SHOW, status=BallotStatus.FINALIZED))


def test_counts_a_song_once_when_it_was_played_twice() -> None:
    encore = FinalizeBallot(show_id=SHOW, played=["ripple", "bertha", "ripple"])
    finalized = BallotFinalized(
        show_id=SHOW, played=["ripple", "bertha"], predicted=["bertha"], hits=["bertha"]
    )
    spec.given(PREPARED, OPENED, ANN_VOTED, CLOSED).when(encore).then(finalized)


def test_refuses_to_finalize_when_it_is_not_closed() -> None:
    spec.given().when(FINALIZE).then_rejected(BallotUnknown)
    spec.given(PREPARED).when(FINALIZE).then_rejected(BallotNotClosed)
    spec.given(PREPARED, OPENED).when(FINALIZE).then_rejected(BallotNotClosed)


def test_refuses_to_finalize_when_it_is_done() -> None:
    spec.given(PREPARED, OPENED, CLOSED, FINALIZED).when(FINALIZE).then_rejected(BallotIsFinalized)


@pytest.mark.parametrize("played", [None, []])
def test_refuses_to_finalize_when_nobody_says_what_was_played(played: list[str] | None) -> None:
    unknown = FinalizeBallot(show_id=SHOW, played=played)
    spec.given(PREPARED, OPENED, CLOSED).when(unknown).then_rejected(SetlistUnknown)


def test_predicts_by_votes_then_by_id_when_some_are_equal() -> None:
    counts = {"ripple": 2, "bertha": 2, "truckin": 3, "althea": 0}
    assert predict(counts, how_many=2) == ["truckin", "bertha"]
    assert predict(counts, how_many=9) == ["truckin", "bertha", "ripple"]


# ---------------------------------------------------------------------------------- voters


def test_suspends_a_voter_and_keeps_the_vote_when_one_was_cast() -> None:
    outcome = spec.given(PREPARED, OPENED, ANN_VOTED).when(SUSPEND)
    outcome.then(ANN_SUSPENDED).and_answers(VoterReceipt(voter_id="ann", suspended=True))
    state = spec.given(PREPARED, OPENED, ANN_VOTED, ANN_SUSPENDED).state
    assert state.counts["bertha"] == 1


def test_reinstates_a_voter_when_suspended() -> None:
    outcome = spec.given(PREPARED, ANN_SUSPENDED).when(REINSTATE)
    outcome.then(ANN_REINSTATED).and_answers(VoterReceipt(voter_id="ann", suspended=False))


def test_changes_nothing_when_a_voter_is_already_so() -> None:
    spec.given(PREPARED, ANN_SUSPENDED).when(SUSPEND).then_nothing()
    spec.given(PREPARED).when(REINSTATE).then_nothing()


def test_refuses_to_suspend_or_reinstate_when_there_is_no_ballot() -> None:
    spec.given().when(SUSPEND).then_rejected(BallotUnknown)
    spec.given().when(REINSTATE).then_rejected(BallotUnknown)


# ---------------------------------------------------------------------------------- the whole


def test_tells_every_candidate_when_asked_for_the_tally() -> None:
    state = spec.given(PREPARED, OPENED, ANN_VOTED).state
    assert tally(SHOW, state, 12) == Tally(
        show_id=SHOW,
        status=BallotStatus.OPEN,
        total=1,
        counts={"bertha": 1, "ripple": 0, "truckin": 0},
        position=12,
    )


VOTERS = ("ann", "bob", "cleo")
COMMANDS = st.one_of(
    st.sampled_from([vote_for(song) for song in SONGS]),
    st.sampled_from([withdraw(song) for song in SONGS]),
    st.sampled_from([OPEN, CLOSE, FINALIZE, SUSPEND, REINSTATE]),
)


@given(
    votes_per_voter=st.integers(1, 3),
    changeable=st.booleans(),
    asked=st.lists(st.tuples(st.sampled_from(VOTERS), COMMANDS), max_size=40),
)
def test_keeps_its_promises_when_anyone_does_anything_in_any_order(
    votes_per_voter: int, changeable: bool, asked: list[tuple[str, Any]]
) -> None:
    ballot = BALLOT.evolve(
        Ballot(), prepared(votes_per_voter=votes_per_voter, changeable=changeable)
    )
    for number, (actor, command) in enumerate(asked):
        was = ballot.status, dict(ballot.votes)
        origin = Origin(CommandId(f"cmd_{number}"), actor, ("member",), NOW)
        try:
            events = BALLOT.decide(command, ballot, origin)
        except Rejected:
            events = []
        for event in events:
            ballot = BALLOT.evolve(ballot, event)
        votes = [song for mine in ballot.votes.values() for song, _ in mine]
        assert Counter(votes) == Counter({song: n for song, n in ballot.counts.items() if n})
        for mine in ballot.votes.values():
            assert 0 < len(mine) <= votes_per_voter
            assert len({song for song, _ in mine}) == len(mine)
        if was[0] is not BallotStatus.OPEN:
            assert ballot.votes == was[1], "a ballot that is not open takes no vote"
        if was[0] is BallotStatus.FINALIZED:
            assert ballot.status is BallotStatus.FINALIZED
