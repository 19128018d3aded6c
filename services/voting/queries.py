"""Questions to the read models of voting."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, Select, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.voting import BallotNotFound, BallotStatus, Candidate
from contracts.voting_views import (
    Ballot,
    Ballots,
    BallotSummary,
    GetBallot,
    GetLeaderboard,
    GetMyVote,
    GetTally,
    GetVoterHistory,
    Leaderboard,
    ListBallots,
    MyVote,
    MyVotes,
    PastVote,
    RankedVoter,
    Score,
    Tally,
    VoterHistory,
)
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from libs.readmodel.paging import read_cursor, write_cursor
from services.voting.tables import TALLY, VOTES, ballots, candidates, leaders, votes

# ---------------------------------------------------------------------------------- ballots


async def get_ballot(query: GetBallot, _caller: Caller, connection: AsyncConnection) -> Ballot:
    """A ballot with its candidates. raises BallotNotFound"""
    row = await _ballot(query.show_id, connection)
    songs = select(candidates).where(candidates.c.show_id == query.show_id)
    return Ballot(
        show_id=row["show_id"],
        status=BallotStatus(row["status"]),
        opens_at=row["opens_at"],
        closes_at=row["closes_at"],
        votes_per_voter=row["votes_per_voter"],
        changeable=row["changeable"],
        candidates=[
            Candidate(song_id=song["song_id"], title=song["title"])
            for song in await _rows(connection, songs.order_by(candidates.c.place))
        ],
        played=row["played"],
        score=_score(row),
        reopens=row["reopens"],
    )


def _score(row: RowMapping) -> Score | None:
    predicted, hits = row["predicted"], row["hits"]
    if predicted is None or hits is None:
        return None
    precision = len(hits) / len(predicted) if predicted else 0.0
    return Score(predicted=predicted, hits=hits, precision=precision)


async def get_tally(query: GetTally, _caller: Caller, connection: AsyncConnection) -> Tally:
    """The counts of a ballot. raises BallotNotFound"""
    row = await _ballot(query.show_id, connection)
    counted = (
        select(candidates.c.song_id, candidates.c.votes)
        .where(candidates.c.show_id == query.show_id)
        .order_by(candidates.c.place)
    )
    counts = {song["song_id"]: song["votes"] for song in await _rows(connection, counted)}
    return Tally(
        show_id=row["show_id"],
        status=BallotStatus(row["status"]),
        total=sum(counts.values()),
        counts=counts,
        position=0,  # Filled in with the position of the answer.
    )


async def list_ballots(query: ListBallots, _caller: Caller, connection: AsyncConnection) -> Ballots:
    """Ballots, those that changed last first: prepared, opened, closed or finalized. Of open ones,
    those that close soonest first.
    """
    total = (
        select(func.coalesce(func.sum(candidates.c.votes), 0))
        .where(candidates.c.show_id == ballots.c.show_id)
        .scalar_subquery()
    )
    statement = select(ballots, total.label("total"))
    if query.show_ids is not None:
        statement = statement.where(ballots.c.show_id.in_(query.show_ids))
    if query.status is not None:
        statement = statement.where(ballots.c.status == query.status)
    if query.status is BallotStatus.OPEN:
        statement = statement.order_by(ballots.c.closes_at.asc().nulls_last())
    newest_first = (ballots.c.changed_position.desc(), ballots.c.show_id)
    rows = await _rows(connection, statement.order_by(*newest_first).limit(query.limit))
    return Ballots(
        ballots=[
            BallotSummary(
                show_id=row["show_id"],
                status=BallotStatus(row["status"]),
                total=int(row["total"]),
                opens_at=row["opens_at"],
                closes_at=row["closes_at"],
            )
            for row in rows
        ]
    )


async def _ballot(show_id: str, connection: AsyncConnection) -> RowMapping:
    rows = await _rows(connection, select(ballots).where(ballots.c.show_id == show_id))
    if not rows:
        raise BallotNotFound(show_id)
    return rows[0]


# ---------------------------------------------------------------------------------- voters


async def get_my_vote(query: GetMyVote, caller: Caller, connection: AsyncConnection) -> MyVotes:
    """The caller's votes for a show, oldest first. raises BallotNotFound"""
    await _ballot(query.show_id, connection)
    mine = (
        select(votes)
        .where(votes.c.voter_id == caller.user_id, votes.c.show_id == query.show_id)
        .order_by(votes.c.position, votes.c.vote_id)
    )
    return MyVotes(
        show_id=query.show_id,
        votes=[
            MyVote(vote_id=row["vote_id"], song_id=row["song_id"], at=row["at"])
            for row in await _rows(connection, mine)
        ],
    )


async def get_leaderboard(
    query: GetLeaderboard, _caller: Caller, connection: AsyncConnection
) -> Leaderboard:
    """Those who predicted a show best; nobody before it is finalized. raises BallotNotFound"""
    await _ballot(query.show_id, connection)
    best = (
        select(leaders)
        .where(leaders.c.show_id == query.show_id, leaders.c.rank <= query.limit)
        .order_by(leaders.c.rank)
    )
    return Leaderboard(
        show_id=query.show_id,
        voters=[
            RankedVoter(
                rank=row["rank"], voter_id=row["voter_id"], hits=row["hits"], votes=row["votes"]
            )
            for row in await _rows(connection, best)
        ],
    )


async def get_voter_history(
    query: GetVoterHistory, caller: Caller, connection: AsyncConnection
) -> VoterHistory:
    """The caller's votes over all shows, newest first. raises Invalid for a cursor not of ours"""
    newest_first = (votes.c.position, votes.c.vote_id)
    statement = (
        select(
            votes,
            candidates.c.title,
            (votes.c.song_id == func.any(ballots.c.played)).label("hit"),
        )
        .join(ballots, ballots.c.show_id == votes.c.show_id)
        .join(
            candidates,
            (candidates.c.show_id == votes.c.show_id) & (candidates.c.song_id == votes.c.song_id),
        )
        .where(votes.c.voter_id == caller.user_id)
        .order_by(*(column.desc() for column in newest_first))
        .limit(query.limit + 1)
    )
    if query.after is not None:
        position, vote_id = read_cursor(_CURSOR, query.after)
        statement = statement.where(
            tuple_(*newest_first) < tuple_(literal(position), literal(vote_id))
        )
    rows = await _rows(connection, statement)
    page = rows[: query.limit]
    return VoterHistory(
        votes=[
            PastVote(
                show_id=row["show_id"],
                song_id=row["song_id"],
                title=row["title"],
                at=row["at"],
                hit=row["hit"],
            )
            for row in page
        ],
        next=_cursor(page[-1]) if len(rows) > query.limit else None,
    )


_CURSOR = TypeAdapter(tuple[int, str])


def _cursor(row: RowMapping) -> str:
    """Behind this row of a history: pages neither skip nor repeat a vote when others are cast."""
    return write_cursor([row["position"], row["vote_id"]])


async def _rows(connection: AsyncConnection, statement: Select[Any]) -> Sequence[RowMapping]:
    rows: Sequence[RowMapping] = (await connection.execute(statement)).mappings().all()
    return rows


QUERIES: Queries = {
    GetBallot: Reading(get_ballot, (TALLY,)),
    GetTally: Reading(get_tally, (TALLY,)),
    ListBallots: Reading(list_ballots, (TALLY,)),
    GetMyVote: Reading(get_my_vote, (TALLY, VOTES)),
    GetLeaderboard: Reading(get_leaderboard, (TALLY, VOTES)),
    GetVoterHistory: Reading(get_voter_history, (TALLY, VOTES)),
}
