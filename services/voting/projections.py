"""Events of voting as rows: the tally of each ballot, and each single vote.

They are two projections so that the tally, which everybody watches, never waits for the many rows
of the votes: a thousand votes for one song are one update of it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Text, bindparam, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.voting import (
    BallotClosed,
    BallotFinalized,
    BallotOpened,
    BallotPrepared,
    BallotReplanned,
    BallotStatus,
    VoteCast,
    VoteChanged,
    VoteWithdrawn,
)
from libs.eventlog import Recorded
from libs.readmodel import Projected, Projection, Write
from services.voting.tables import (
    TALLY,
    VOTES,
    ballots,
    candidates,
    leaders,
    tally_tables,
    votes,
    votes_tables,
)

LEADERS_MAX = 100
"""As many as `voting.get-leaderboard` may be asked for."""

# ---------------------------------------------------------------------------------- tally

_PUT_BALLOT = upsert(ballots)
_PUT_BALLOT = _PUT_BALLOT.on_conflict_do_update(
    index_elements=[ballots.c.show_id],
    set_={
        column.name: _PUT_BALLOT.excluded[column.name]
        for column in ballots.columns
        if column is not ballots.c.show_id
    },
)
_FORGET_CANDIDATES = delete(candidates).where(candidates.c.show_id == bindparam("of"))
_ADD_CANDIDATES = insert(candidates)
_SET_STATUS = (
    update(ballots)
    .where(ballots.c.show_id == bindparam("of"))
    .values(
        status=bindparam("new_status"), reopens=False, changed_position=bindparam("new_position")
    )
)
_SET_HOURS = (
    update(ballots)
    .where(ballots.c.show_id == bindparam("of"))
    .values(
        opens_at=bindparam("new_opens_at"),
        closes_at=bindparam("new_closes_at"),
        reopens=bindparam("new_reopens"),
        changed_position=bindparam("new_position"),
    )
)
_SET_SCORE = (
    update(ballots)
    .where(ballots.c.show_id == bindparam("of"))
    .values(
        played=bindparam("what_was_played"),
        predicted=bindparam("what_was_predicted"),
        hits=bindparam("what_was_hit"),
    )
)
_COUNT = (
    update(candidates)
    .where(
        candidates.c.show_id == bindparam("of"),
        candidates.c.song_id == bindparam("song"),
    )
    .values(votes=candidates.c.votes + bindparam("more"))
)


class _Tally:
    """What some events, taken together, do to ballots and counts."""

    def __init__(self) -> None:
        self.prepared: dict[str, Recorded] = {}
        self.statuses: dict[str, tuple[BallotStatus, int]] = {}
        self.replanned: dict[str, BallotReplanned] = {}
        self.finalized: dict[str, BallotFinalized] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        self.changed: dict[str, int] = {}  # show_id -> position
        self.counted: dict[str, int] = {}  # show_id -> position

    def add(self, recorded: Recorded) -> None:
        # A vote is by far the most frequent event: it is matched first.
        match recorded.data:
            case VoteCast(show_id=show_id, song_id=song_id):
                self.counts[show_id, song_id] += 1
                self.counted[show_id] = recorded.position
            case VoteChanged(show_id=show_id, from_song_id=from_song_id, song_id=song_id):
                self.counts[show_id, from_song_id] -= 1
                self.counts[show_id, song_id] += 1
                self.counted[show_id] = recorded.position
            case VoteWithdrawn(show_id=show_id, song_id=song_id):
                self.counts[show_id, song_id] -= 1
                self.counted[show_id] = recorded.position
            case BallotPrepared(show_id=show_id):
                self.prepared[show_id] = recorded
                self.changed[show_id] = recorded.position
            case BallotReplanned(show_id=show_id) as replanned:
                self.replanned[show_id] = replanned
                self.changed[show_id] = recorded.position
            case BallotOpened(show_id=show_id):
                self._set_status(show_id, BallotStatus.OPEN, recorded.position)
            case BallotClosed(show_id=show_id):
                self._set_status(show_id, BallotStatus.CLOSED, recorded.position)
            case BallotFinalized(show_id=show_id) as finalized:
                self.finalized[show_id] = finalized
                self._set_status(show_id, BallotStatus.FINALIZED, recorded.position)

    def _set_status(self, show_id: str, status: BallotStatus, position: int) -> None:
        self.statuses[show_id] = (status, position)
        if show_id in self.replanned:
            self.replanned[show_id] = replace(self.replanned[show_id], reopens=False)
        self.changed[show_id] = position

    def writes(self) -> list[Write]:
        return [
            Write(_FORGET_CANDIDATES, [{"of": show_id} for show_id in self.prepared]),
            Write(_PUT_BALLOT, [_ballot_row(recorded) for recorded in self.prepared.values()]),
            Write(
                _ADD_CANDIDATES,
                [row for recorded in self.prepared.values() for row in _candidate_rows(recorded)],
            ),
            Write(
                _SET_STATUS,
                [
                    {"of": show_id, "new_status": status, "new_position": position}
                    for show_id, (status, position) in self.statuses.items()
                ],
            ),
            Write(
                _SET_HOURS,
                [
                    {
                        "of": show_id,
                        "new_opens_at": event.opens_at,
                        "new_closes_at": event.closes_at,
                        "new_reopens": event.reopens,
                        "new_position": self.changed[show_id],
                    }
                    for show_id, event in self.replanned.items()
                ],
            ),
            Write(
                _SET_SCORE,
                [
                    {
                        "of": show_id,
                        "what_was_played": finalized.played,
                        "what_was_predicted": finalized.predicted,
                        "what_was_hit": finalized.hits,
                    }
                    for show_id, finalized in self.finalized.items()
                ],
            ),
            Write(
                _COUNT,
                [
                    {"of": show_id, "song": song_id, "more": more}
                    for (show_id, song_id), more in self.counts.items()
                    if more
                ],
            ),
        ]

    def keys(self) -> dict[str, int]:
        keys = {f"ballot.{show_id}": position for show_id, position in self.changed.items()}
        for show_id, position in (*self.changed.items(), *self.counted.items()):
            keys[f"tally.{show_id}"] = max(position, keys.get(f"tally.{show_id}", 0))
        if keys:
            keys["ballots"] = max(keys.values())
        return keys


def _ballot_row(recorded: Recorded) -> dict[str, Any]:
    event = recorded.data
    assert isinstance(event, BallotPrepared)
    return {
        "show_id": event.show_id,
        "status": BallotStatus.PREPARED,
        "opens_at": event.opens_at,
        "closes_at": event.closes_at,
        "reopens": False,
        "votes_per_voter": event.votes_per_voter,
        "changeable": event.changeable,
        "played": None,
        "predicted": None,
        "hits": None,
        "changed_position": recorded.position,
    }


def _candidate_rows(recorded: Recorded) -> list[dict[str, Any]]:
    event = recorded.data
    assert isinstance(event, BallotPrepared)
    return [
        {
            "show_id": event.show_id,
            "song_id": candidate.song_id,
            "place": place,
            "title": candidate.title,
            "votes": 0,
        }
        for place, candidate in enumerate(event.candidates)
    ]


def project_tally(events: Sequence[Recorded]) -> Projected:
    """What these events do to ballots and counts."""
    tally = _Tally()
    for recorded in events:
        tally.add(recorded)
    return Projected(tally.writes(), tally.keys())


# ---------------------------------------------------------------------------------- votes

_ADD_VOTES = insert(votes)
_FORGET_VOTES = delete(votes).where(
    votes.c.voter_id == bindparam("voter"),
    votes.c.show_id == bindparam("of"),
    votes.c.song_id == bindparam("song"),
)
_standing = (
    select(
        votes.c.voter_id,
        func.count()
        .filter(votes.c.song_id == func.any(bindparam("played", type_=ARRAY(Text))))
        .label("hits"),
        func.count().label("votes"),
        func.min(votes.c.position).label("first"),
    )
    .where(votes.c.show_id == bindparam("of"))
    .group_by(votes.c.voter_id)
    .subquery()
)
_order = (_standing.c.hits.desc(), _standing.c.first, _standing.c.voter_id)
_RANK_LEADERS = insert(leaders).from_select(
    ["show_id", "rank", "voter_id", "hits", "votes"],
    select(
        bindparam("of", type_=Text),
        func.row_number().over(order_by=_order),
        _standing.c.voter_id,
        _standing.c.hits,
        _standing.c.votes,
    )
    .where(_standing.c.hits > literal(0))
    .order_by(*_order)
    .limit(LEADERS_MAX),
)

_VoteKey = tuple[str, str, str]
"""(voter_id, show_id, song_id)"""


class _Votes:
    """What some events, taken together, do to the votes that stand."""

    def __init__(self) -> None:
        self.added: dict[_VoteKey, dict[str, Any]] = {}
        self.forgotten: set[_VoteKey] = set()
        self.finalized: list[dict[str, Any]] = []
        self.keys: dict[str, int] = {}

    def add(self, recorded: Recorded) -> None:
        match recorded.data:
            case VoteCast(show_id=show_id, voter_id=voter_id):
                self._put(recorded, recorded.data)
            case VoteChanged(show_id=show_id, voter_id=voter_id, from_song_id=song_id):
                self._forget((voter_id, show_id, song_id))
                self._put(recorded, recorded.data)
            case VoteWithdrawn(show_id=show_id, voter_id=voter_id, song_id=song_id):
                self._forget((voter_id, show_id, song_id))
            case BallotFinalized(show_id=show_id, played=played):
                self.finalized.append({"of": show_id, "played": played})
                self.keys["finalized"] = recorded.position
                return
            case _:
                return
        self.keys[f"voter.{show_id}.{voter_id}"] = recorded.position
        self.keys[f"history.{voter_id}"] = recorded.position

    def _put(self, recorded: Recorded, vote: VoteCast | VoteChanged) -> None:
        self.added[vote.voter_id, vote.show_id, vote.song_id] = {
            "voter_id": vote.voter_id,
            "show_id": vote.show_id,
            "song_id": vote.song_id,
            "vote_id": vote.vote_id,
            "at": recorded.at,
            "position": recorded.position,
        }

    def _forget(self, key: _VoteKey) -> None:
        """Take a vote back: one of these very events, or else a row that is already there."""
        if self.added.pop(key, None) is None:
            self.forgotten.add(key)

    def writes(self) -> list[Write]:
        return [
            Write(
                _FORGET_VOTES,
                [
                    {"voter": voter_id, "of": show_id, "song": song_id}
                    for voter_id, show_id, song_id in self.forgotten
                ],
            ),
            Write(_ADD_VOTES, list(self.added.values())),
            Write(_RANK_LEADERS, self.finalized),
        ]


def project_votes(events: Sequence[Recorded]) -> Projected:
    """What these events do to the votes that stand."""
    folded = _Votes()
    for recorded in events:
        folded.add(recorded)
    return Projected(folded.writes(), folded.keys)


# ---------------------------------------------------------------------------------- both

PROJECTIONS = (
    Projection(
        TALLY,
        log="voting",
        tables=tally_tables,
        events=(
            BallotPrepared,
            BallotReplanned,
            BallotOpened,
            BallotClosed,
            BallotFinalized,
            VoteCast,
            VoteChanged,
            VoteWithdrawn,
        ),
        project=project_tally,
    ),
    Projection(
        VOTES,
        log="voting",
        tables=votes_tables,
        events=(VoteCast, VoteChanged, VoteWithdrawn, BallotFinalized),
        project=project_votes,
    ),
)
