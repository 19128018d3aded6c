"""The read models of voting on a real PostgreSQL: they say what the domain says."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.voting import (
    BallotClosed,
    BallotFinalized,
    BallotNotFound,
    BallotOpened,
    BallotPrepared,
    BallotStatus,
    Candidate,
    CastVote,
    VoteCast,
    VoteChanged,
    VoteWithdrawn,
    WithdrawVote,
)
from contracts.voting_views import (
    GetBallot,
    GetLeaderboard,
    GetMyVote,
    GetTally,
    GetVoterHistory,
    ListBallots,
)
from libs.kernel.errors import Invalid, Rejected
from libs.kernel.ids import CommandId, new_id
from libs.kernel.messages import Caller, Origin, Query, registry
from libs.testkit.readmodel import RECORDED_AT, ReadModel, read_model
from libs.testkit.stack import RunningDatabase
from services.voting.domain import Ballot, BallotEvent, decide, evolve, tally
from services.voting.projections import PROJECTIONS
from services.voting.queries import QUERIES

pytestmark = pytest.mark.connected

SONGS = {"sng_a": "Althea", "sng_b": "Bertha", "sng_c": "Cassidy"}


@pytest.fixture
async def model(database: RunningDatabase) -> AsyncIterator[ReadModel]:
    async with read_model("voting", PROJECTIONS, QUERIES, database) as model:
        yield model


def prepared(show_id: str, **policy: Any) -> BallotPrepared:
    fields: dict[str, Any] = {
        "opens_at": None,
        "closes_at": None,
        "votes_per_voter": 1,
        "changeable": False,
        "candidates": [Candidate(song_id=song, title=title) for song, title in SONGS.items()],
    }
    return BallotPrepared(show_id=show_id, **{**fields, **policy})


def cast(show_id: str, voter_id: str, song_id: str) -> VoteCast:
    vote_id = f"{voter_id}-{show_id}-{song_id}"
    return VoteCast(show_id=show_id, voter_id=voter_id, song_id=song_id, vote_id=vote_id)


async def open_ballot(model: ReadModel, show_id: str = "shw_1", **policy: Any) -> None:
    events = [prepared(show_id, **policy), BallotOpened(show_id=show_id)]
    await model.record("ballot", show_id, events)


async def test_lists_every_candidate_when_nobody_has_voted(model: ReadModel) -> None:
    position = await model.record("ballot", "shw_1", [prepared("shw_1")])
    assert await model.ask(GetTally(show_id="shw_1")) == {
        "show_id": "shw_1",
        "status": "prepared",
        "total": 0,
        "counts": {"sng_a": 0, "sng_b": 0, "sng_c": 0},
        "position": position,
    }


async def test_replaces_the_candidates_when_a_ballot_is_prepared_again(model: ReadModel) -> None:
    await model.record("ballot", "shw_1", [prepared("shw_1")])
    other = [Candidate(song_id="sng_d", title="Dark Star")]
    await model.record("ballot", "shw_1", [prepared("shw_1", candidates=other, changeable=True)])
    ballot = await model.ask(GetBallot(show_id="shw_1"))
    assert ballot["candidates"] == [{"song_id": "sng_d", "title": "Dark Star"}]
    assert ballot["changeable"] is True
    assert (await model.ask(GetTally(show_id="shw_1")))["counts"] == {"sng_d": 0}


async def test_says_what_was_played_and_hit_when_a_ballot_is_finalized(model: ReadModel) -> None:
    await open_ballot(model, opens_at=RECORDED_AT)
    finalized = BallotFinalized(
        show_id="shw_1", played=["sng_c", "sng_x"], predicted=["sng_a", "sng_c"], hits=["sng_c"]
    )
    await model.record("ballot", "shw_1", [BallotClosed(show_id="shw_1"), finalized])
    ballot = await model.ask(GetBallot(show_id="shw_1"))
    assert ballot["status"] == "finalized"
    assert ballot["opens_at"] == "2026-11-20T20:15:00Z"
    assert ballot["played"] == ["sng_c", "sng_x"]
    assert ballot["score"] == {
        "predicted": ["sng_a", "sng_c"],
        "hits": ["sng_c"],
        "precision": 0.5,
    }


async def test_lists_ballots_with_those_that_changed_last_first(model: ReadModel) -> None:
    for show_id in ("shw_1", "shw_2", "shw_3"):
        await open_ballot(model, show_id)
    await model.record("ballot", "shw_2", [cast("shw_2", "ann", "sng_a")])
    await model.record("ballot", "shw_1", [BallotClosed(show_id="shw_1")])

    async def listed(**wanted: Any) -> list[tuple[str, int]]:
        found = (await model.ask(ListBallots(**wanted)))["ballots"]
        return [(ballot["show_id"], ballot["total"]) for ballot in found]

    assert await listed() == [("shw_1", 0), ("shw_3", 0), ("shw_2", 1)]
    assert await listed(status=BallotStatus.OPEN) == [("shw_3", 0), ("shw_2", 1)]
    assert await listed(show_ids=["shw_2", "shw_none"]) == [("shw_2", 1)]
    assert await listed(limit=1) == [("shw_1", 0)]


async def test_lists_open_ballots_as_they_close(model: ReadModel) -> None:
    for show_id, hours in {"shw_1": 5, "shw_2": None, "shw_3": 1}.items():
        closes_at = None if hours is None else RECORDED_AT + timedelta(hours=hours)
        await open_ballot(model, show_id, closes_at=closes_at)
    found = (await model.ask(ListBallots(status=BallotStatus.OPEN)))["ballots"]
    assert [ballot["show_id"] for ballot in found] == ["shw_3", "shw_1", "shw_2"]


async def test_shows_each_voter_only_their_own_votes(model: ReadModel) -> None:
    await open_ballot(model, votes_per_voter=2)
    await model.record("ballot", "shw_1", [cast("shw_1", "ann", "sng_b")])
    await model.record("ballot", "shw_1", [cast("shw_1", "bob", "sng_a")])
    await model.record("ballot", "shw_1", [cast("shw_1", "ann", "sng_a")])
    mine = await model.ask(GetMyVote(show_id="shw_1"), Caller(user_id="ann"))
    assert [vote["song_id"] for vote in mine["votes"]] == ["sng_b", "sng_a"]
    assert mine["votes"][0]["at"] == "2026-11-20T20:15:00Z"
    none = await model.ask(GetMyVote(show_id="shw_1"), Caller(user_id="cleo"))
    assert none == {"show_id": "shw_1", "votes": []}


async def test_ranks_voters_by_hits_and_then_by_the_earlier_vote(model: ReadModel) -> None:
    await open_ballot(model, votes_per_voter=2)
    for voter_id, song_id in (
        ("ann", "sng_a"),
        ("bob", "sng_b"),
        ("cleo", "sng_a"),
        ("dora", "sng_c"),
        ("cleo", "sng_b"),
    ):
        await model.record("ballot", "shw_1", [cast("shw_1", voter_id, song_id)])
    assert (await model.ask(GetLeaderboard(show_id="shw_1")))["voters"] == []
    finalized = BallotFinalized(
        show_id="shw_1", played=["sng_b", "sng_a"], predicted=["sng_a"], hits=["sng_a"]
    )
    await model.record("ballot", "shw_1", [BallotClosed(show_id="shw_1"), finalized])
    assert (await model.ask(GetLeaderboard(show_id="shw_1")))["voters"] == [
        {"rank": 1, "voter_id": "cleo", "hits": 2, "votes": 2},
        {"rank": 2, "voter_id": "ann", "hits": 1, "votes": 1},
        {"rank": 3, "voter_id": "bob", "hits": 1, "votes": 1},
    ]
    assert len((await model.ask(GetLeaderboard(show_id="shw_1", limit=2)))["voters"]) == 2


async def test_pages_through_a_history_without_gap_when_votes_go_on(model: ReadModel) -> None:
    for number in range(5):
        await open_ballot(model, f"shw_{number}")
    for number in range(4):
        at = RECORDED_AT + timedelta(minutes=number)
        show_id = f"shw_{number}"
        await model.record("ballot", show_id, [cast(show_id, "ann", "sng_b")], at=at)
    ann = Caller(user_id="ann")
    first = await model.ask(GetVoterHistory(limit=2), ann)
    assert [vote["show_id"] for vote in first["votes"]] == ["shw_3", "shw_2"]
    await model.record("ballot", "shw_4", [cast("shw_4", "ann", "sng_a")])
    finalized = BallotFinalized(show_id="shw_1", played=["sng_b"], predicted=[], hits=[])
    await model.record("ballot", "shw_1", [finalized])
    rest = await model.ask(GetVoterHistory(limit=2, after=first["next"]), ann)
    assert rest == {
        "votes": [
            {
                "show_id": "shw_1",
                "song_id": "sng_b",
                "title": "Bertha",
                "at": "2026-11-20T20:16:00Z",
                "hit": True,
            },
            {
                "show_id": "shw_0",
                "song_id": "sng_b",
                "title": "Bertha",
                "at": "2026-11-20T20:15:00Z",
                "hit": None,
            },
        ],
        "next": None,
    }
    assert model.keys["finalized"] > 0
    with pytest.raises(Invalid):
        await model.ask(GetVoterHistory(after="not a cursor"), ann)


@pytest.mark.parametrize(
    "query",
    [
        GetBallot(show_id="shw_none"),
        GetTally(show_id="shw_none"),
        GetMyVote(show_id="shw_none"),
        GetLeaderboard(show_id="shw_none"),
    ],
)
async def test_finds_nothing_when_there_is_no_ballot(model: ReadModel, query: Query[Any]) -> None:
    with pytest.raises(BallotNotFound) as missing:
        await model.ask(query, Caller(user_id="ann"))
    assert missing.value.problem()["code"] == "voting.ballot-not-found"


def test_every_query_of_the_contract_is_answered() -> None:
    of_voting = {cls for cls, spec in registry.query_of.items() if spec.service == "voting"}
    assert set(QUERIES) == of_voting


# ---------------------------------------------------------------------------------- the law


VOTERS = ("ann", "bob", "cleo")
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from([CastVote, CastVote, CastVote, WithdrawVote]),
        st.sampled_from(VOTERS),
        st.sampled_from(list(SONGS)),
    ),
    max_size=25,
)


@given(
    actions=ACTIONS,
    per_voter=st.integers(1, 3),
    changeable=st.booleans(),
    sizes=st.lists(st.integers(1, 10), min_size=30, max_size=30),
)
@settings(
    max_examples=30,
    deadline=None,
    # One read model serves all examples; each has a show of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_says_what_the_domain_says_when_anything_happens(
    model: ReadModel,
    actions: list[tuple[type, str, str]],
    per_voter: int,
    changeable: bool,
    sizes: list[int],
) -> None:
    show_id = new_id("shw_")
    policy = prepared(show_id, votes_per_voter=per_voter, changeable=changeable)
    ballot, events = Ballot(), list[BallotEvent]([policy, BallotOpened(show_id=show_id)])
    for event in events:
        evolve(ballot, event)
    for command, voter_id, song_id in actions:
        origin = Origin(CommandId(new_id()), voter_id, (), RECORDED_AT)
        try:
            decided = decide(command(show_id=show_id, song_id=song_id), ballot, origin)
        except Rejected:
            continue
        for event in decided:
            evolve(ballot, event)
        events += decided

    for size in sizes:
        if events:
            await model.record("ballot", show_id, events[:size])
            del events[:size]
    assert not events

    answer = await model.answer(GetTally(show_id=show_id))
    assert answer.result == asdict(tally(show_id, ballot, answer.position))
    for voter_id in VOTERS:
        mine = await model.ask(GetMyVote(show_id=show_id), Caller(user_id=voter_id))
        found = {(vote["song_id"], vote["vote_id"]) for vote in mine["votes"]}
        assert found == set(ballot.votes.get(voter_id, ()))


def test_the_tables_see_every_kind_of_event_that_changes_a_vote() -> None:
    changing = {VoteCast, VoteChanged, VoteWithdrawn}
    assert all(changing <= set(projection.events) for projection in PROJECTIONS)
