"""What can be asked of `voting`: ballots, tallies, votes of one's own, leaderboards, histories."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from contracts.voting import BallotStatus, Candidate, ShowId, SongId, Title, VoteId, VoterId
from libs.kernel.messages import (
    Access,
    Query,
    View,
    query,
    view,
)


@view
class Score(View):
    """How well the crowd predicted a show. `precision` is hits divided by predictions, 0 to 1."""

    predicted: list[SongId]
    hits: list[SongId]
    precision: float


@view
class Ballot(View):
    """Everything about a ballot but its counts.

    reopens  it is closed for now, and opens again at `opens_at`
    """

    show_id: ShowId
    status: BallotStatus
    opens_at: datetime | None
    closes_at: datetime | None
    votes_per_voter: int
    changeable: bool
    candidates: list[Candidate]
    played: list[SongId] | None
    score: Score | None
    reopens: bool = False


@view
class Tally(View):
    """The counts of a ballot, true at `position`. Every candidate is listed, also with 0 votes."""

    show_id: ShowId
    status: BallotStatus
    total: int
    counts: dict[SongId, int]
    position: int


@view
class BallotSummary(View):
    """A ballot in a list."""

    show_id: ShowId
    status: BallotStatus
    total: int
    opens_at: datetime | None
    closes_at: datetime | None


@view
class Ballots(View):
    """Some ballots, those that changed last first."""

    ballots: list[BallotSummary]


@view
class MyVote(View):
    """One vote of the caller. `at` is when it was recorded."""

    vote_id: VoteId
    song_id: SongId
    at: datetime


@view
class MyVotes(View):
    """The caller's votes for one show, oldest first."""

    show_id: ShowId
    votes: list[MyVote]


@view
class RankedVoter(View):
    """A voter's place on a leaderboard: more hits first, then the earlier vote."""

    rank: int
    voter_id: VoterId
    hits: int
    votes: int


@view
class Leaderboard(View):
    """The best predictions of a finalized show; empty before."""

    show_id: ShowId
    voters: list[RankedVoter]


@view
class PastVote(View):
    """One vote in a voter's history. `hit` is None until the show is finalized."""

    show_id: ShowId
    song_id: SongId
    title: Title
    at: datetime
    hit: bool | None


@view
class VoterHistory(View):
    """The caller's votes over all shows, newest first. `next` continues the list."""

    votes: list[PastVote]
    next: str | None


@query("voting.get-ballot", access=Access.PUBLIC, watches=("ballot.{show_id}",))
class GetBallot(Query[Ballot]):
    """The ballot of a show: candidates, hours, policy, and the score once there is one."""

    show_id: ShowId


@query("voting.get-tally", access=Access.PUBLIC, watches=("tally.{show_id}",), hot="show_id")
class GetTally(Query[Tally]):
    """The counts of a ballot, moving with every commit."""

    show_id: ShowId


@query("voting.list-ballots", access=Access.PUBLIC, watches=("ballots",))
class ListBallots(Query[Ballots]):
    """Ballots by show or by status, those that changed last first; open ones as they close."""

    show_ids: Annotated[list[ShowId], Field(max_length=200)] | None = None
    status: BallotStatus | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


@query(
    "voting.get-my-vote",
    access=Access.SIGNED_IN,
    watches=("voter.{show_id}.{caller}",),
    private=True,
)
class GetMyVote(Query[MyVotes]):
    """The caller's own votes for a show."""

    show_id: ShowId


@query("voting.get-leaderboard", access=Access.PUBLIC, watches=("ballot.{show_id}",))
class GetLeaderboard(Query[Leaderboard]):
    """Who predicted a show best."""

    show_id: ShowId
    limit: Annotated[int, Field(ge=1, le=100)] = 20


@query(
    "voting.get-voter-history",
    access=Access.SIGNED_IN,
    watches=("history.{caller}", "finalized"),
    private=True,
)
class GetVoterHistory(Query[VoterHistory]):
    """The caller's votes over all shows."""

    limit: Annotated[int, Field(ge=1, le=100)] = 50
    after: str | None = None
