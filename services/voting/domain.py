"""Ballots: one vote per voter, none outside opening hours.

Stream      evt.voting.ballot.{show_id}
Invariants  a voter has at most `votes_per_voter` votes, each for another song of the ballot;
            a closed ballot takes no vote; a finalized ballot never changes; what a person closed
            opens again by a person alone; votes stay when the hours change.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

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
    BallotReplanned,
    BallotStatus,
    BallotUnknown,
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
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin

type BallotCommand = (
    SetUpBallot
    | OpenBallot
    | CloseBallot
    | FinalizeBallot
    | CastVote
    | WithdrawVote
    | SuspendVoter
    | ReinstateVoter
)
type BallotEvent = (
    BallotPrepared
    | BallotReplanned
    | BallotOpened
    | BallotClosed
    | BallotFinalized
    | VoteCast
    | VoteChanged
    | VoteWithdrawn
    | VoterWasSuspended
    | VoterWasReinstated
)

type Votes = tuple[tuple[str, str], ...]
"""One voter's votes, oldest first: (song_id, vote_id). Plain tuples: a ballot may hold a million.
"""


@dataclass(slots=True)
class Ballot:
    """The state. `status` is None until the ballot is prepared.

    reopens  it is closed, and opens again at `opens_at`
    """

    status: BallotStatus | None = None
    opened_before: bool = False
    closed_because: Closing | None = None
    reopens: bool = False
    candidates: dict[str, str] = field(default_factory=dict)  # song_id -> title
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    votes_per_voter: int = 1
    changeable: bool = False
    planned: bool = False
    votes: dict[str, Votes] = field(default_factory=dict)  # voter_id -> votes
    counts: dict[str, int] = field(default_factory=dict)  # song_id -> votes
    suspended: set[str] = field(default_factory=set)


def decide(command: BallotCommand, ballot: Ballot, origin: Origin) -> Sequence[BallotEvent]:
    """The rules. raises the rejections of `contracts.voting`."""
    match command:
        case CastVote():
            return _cast(command, ballot, origin)
        case WithdrawVote():
            return _withdraw(command, ballot, origin)
        case SetUpBallot():
            return _set_up(command, ballot)
        case OpenBallot():
            return _open(command, ballot)
        case CloseBallot():
            return _close(command, ballot)
        case FinalizeBallot():
            return _finalize(command, ballot)
        case SuspendVoter():
            return _suspend(command, ballot)
        case ReinstateVoter():
            return _reinstate(command, ballot)
        case _:
            assert_never(command)


def _cast(command: CastVote, ballot: Ballot, origin: Origin) -> Sequence[BallotEvent]:
    if ballot.status is not BallotStatus.OPEN:
        raise BallotUnknown if ballot.status is None else BallotNotOpen
    if command.song_id not in ballot.candidates:
        raise SongNotOnBallot
    voter_id = origin.actor
    if origin.is_suspended or voter_id in ballot.suspended:
        raise VoterSuspended
    votes = ballot.votes.get(voter_id)
    if votes is None or _may_add(votes, command.song_id, ballot):
        return [
            VoteCast(
                show_id=command.show_id,
                voter_id=voter_id,
                song_id=command.song_id,
                vote_id=origin.command_id,
            )
        ]
    if _vote_for(votes, command.song_id) is not None:
        return []  # A repeat: the fact is already recorded.
    if ballot.votes_per_voter > 1:
        raise VotesSpent
    if not ballot.changeable:
        return []  # The first vote stands; the answer says so.
    return [
        VoteChanged(
            show_id=command.show_id,
            voter_id=voter_id,
            from_song_id=votes[0][0],
            song_id=command.song_id,
            vote_id=origin.command_id,
        )
    ]


def _may_add(votes: Votes, song_id: str, ballot: Ballot) -> bool:
    return len(votes) < ballot.votes_per_voter and _vote_for(votes, song_id) is None


def _vote_for(votes: Votes, song_id: str) -> str | None:
    for voted_song, vote_id in votes:
        if voted_song == song_id:
            return vote_id
    return None


def _withdraw(command: WithdrawVote, ballot: Ballot, origin: Origin) -> Sequence[BallotEvent]:
    if ballot.status is not BallotStatus.OPEN:
        raise BallotUnknown if ballot.status is None else BallotNotOpen
    if not ballot.changeable:
        raise VoteNotChangeable
    vote_id = _vote_for(ballot.votes.get(origin.actor, ()), command.song_id)
    if vote_id is None:
        raise NoVoteForSong
    return [
        VoteWithdrawn(
            show_id=command.show_id,
            voter_id=origin.actor,
            song_id=command.song_id,
            vote_id=vote_id,
        )
    ]


def _open(command: OpenBallot, ballot: Ballot) -> Sequence[BallotEvent]:
    match ballot.status:
        case None:
            raise BallotUnknown
        case BallotStatus.FINALIZED:
            raise BallotIsFinalized
        case BallotStatus.OPEN:
            return []
        case BallotStatus.PREPARED | BallotStatus.CLOSED:
            if command.due_at is not None and ballot.opened_before and not ballot.reopens:
                return []  # A person or this very schedule has opened it already.
            if _is_stale(command.due_at, ballot.opens_at):
                return []
            return [BallotOpened(show_id=command.show_id)]


def _close(command: CloseBallot, ballot: Ballot) -> Sequence[BallotEvent]:
    match ballot.status:
        case None:
            raise BallotUnknown
        case BallotStatus.PREPARED:
            raise BallotNotOpen
        case BallotStatus.OPEN:
            if _is_stale(command.due_at, ballot.closes_at):
                return []
            because = command.because if command.due_at is None else Closing.HOUR
            return [BallotClosed(show_id=command.show_id, because=because)]
        case BallotStatus.CLOSED | BallotStatus.FINALIZED:
            return []


def _is_stale(due_at: datetime | None, hour: datetime | None) -> bool:
    """Whether a schedule was made for another hour than the ballot has by now."""
    return due_at is not None and due_at != hour


def _suspend(command: SuspendVoter, ballot: Ballot) -> Sequence[BallotEvent]:
    if ballot.status is None:
        raise BallotUnknown
    if command.voter_id in ballot.suspended:
        return []
    return [VoterWasSuspended(show_id=command.show_id, voter_id=command.voter_id)]


def _reinstate(command: ReinstateVoter, ballot: Ballot) -> Sequence[BallotEvent]:
    if ballot.status is None:
        raise BallotUnknown
    if command.voter_id not in ballot.suspended:
        return []
    return [VoterWasReinstated(show_id=command.show_id, voter_id=command.voter_id)]


def _set_up(command: SetUpBallot, ballot: Ballot) -> Sequence[BallotEvent]:
    if not command.candidates:
        raise NoCandidates
    opens_at, closes_at = command.opens_at, command.closes_at
    if opens_at is not None and closes_at is not None and closes_at <= opens_at:
        raise HoursReversed
    if command.planned:
        if ballot.status is None and command.opens_at is None:
            raise BallotUnknown  # There is nothing to plan, and no plan to take back.
        if ballot.status is not None and not ballot.planned:
            return []  # Somebody has prepared it by hand.
        if ballot.opened_before:
            return _replan(command, ballot)
    candidates = {item.song_id: item for item in command.candidates}
    prepared = BallotPrepared(
        show_id=command.show_id,
        candidates=list(candidates.values()),
        opens_at=command.opens_at,
        closes_at=command.closes_at,
        votes_per_voter=command.votes_per_voter,
        changeable=command.changeable,
        planned=command.planned,
    )
    if ballot.status is not None and _policy(prepared) == _policy_of(ballot):
        return []
    if ballot.opened_before:
        raise BallotAlreadyOpened
    return [prepared]


def _replan(command: SetUpBallot, ballot: Ballot) -> Sequence[BallotEvent]:
    """A ballot that has been open follows its show by its hours alone."""
    hours, before = (command.opens_at, command.closes_at), (ballot.opens_at, ballot.closes_at)
    is_called_off = ballot.closed_because is Closing.CALLED_OFF
    is_to_come = command.opens_at is not None
    match ballot.status:
        case BallotStatus.OPEN:
            is_news = is_to_come and hours != before  # Without another hour it keeps its own.
        case BallotStatus.CLOSED if ballot.closed_because is not Closing.BY_HAND:
            is_over = not is_to_come and not ballot.reopens and not is_called_off
            is_back = is_to_come and is_called_off and not ballot.reopens
            is_news = is_back or (hours != before and not is_over)
        case _:
            raise BallotAlreadyOpened
    if not is_news:
        return []
    return [
        BallotReplanned(
            show_id=command.show_id,
            opens_at=command.opens_at,
            closes_at=command.closes_at,
            reopens=is_to_come and ballot.status is BallotStatus.CLOSED,
        )
    ]


def _policy(event: BallotPrepared) -> tuple[object, ...]:
    return (
        {item.song_id: item.title for item in event.candidates},
        event.opens_at,
        event.closes_at,
        event.votes_per_voter,
        event.changeable,
        event.planned,
    )


def _policy_of(ballot: Ballot) -> tuple[object, ...]:
    return (
        ballot.candidates,
        ballot.opens_at,
        ballot.closes_at,
        ballot.votes_per_voter,
        ballot.changeable,
        ballot.planned,
    )


def _finalize(command: FinalizeBallot, ballot: Ballot) -> Sequence[BallotEvent]:
    if ballot.status is None:
        raise BallotUnknown
    if ballot.status is BallotStatus.FINALIZED:
        raise BallotIsFinalized
    if ballot.status is not BallotStatus.CLOSED:
        raise BallotNotClosed
    if not command.played:
        raise SetlistUnknown
    played = list(dict.fromkeys(command.played))
    predicted = predict(ballot.counts, how_many=len(played))
    heard = set(played)
    return [
        BallotFinalized(
            show_id=command.show_id,
            played=played,
            predicted=predicted,
            hits=[song for song in predicted if song in heard],
        )
    ]


def predict(counts: dict[str, int], *, how_many: int) -> list[str]:
    """The songs with the most votes, best first; among equals by id. Songs without votes are not
    predicted.
    """
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [song_id for song_id, votes in ranked[:how_many] if votes > 0]


def evolve(ballot: Ballot, event: BallotEvent) -> Ballot:
    """What a fact does to a ballot."""
    match event:
        case VoteCast():
            # By far the most frequent: matched first, and not taken apart by its pattern, which
            # would cost as much again.
            voter_id, song_id = event.voter_id, event.song_id
            ballot.votes[voter_id] = (*ballot.votes.get(voter_id, ()), (song_id, event.vote_id))
            ballot.counts[song_id] += 1
        case VoteChanged(voter_id=voter_id, from_song_id=old, song_id=song_id, vote_id=vote_id):
            kept = tuple(vote for vote in ballot.votes[voter_id] if vote[0] != old)
            ballot.votes[voter_id] = (*kept, (song_id, vote_id))
            ballot.counts[old] -= 1
            ballot.counts[song_id] += 1
        case VoteWithdrawn(voter_id=voter_id, song_id=song_id):
            kept = tuple(vote for vote in ballot.votes[voter_id] if vote[0] != song_id)
            if kept:
                ballot.votes[voter_id] = kept
            else:
                del ballot.votes[voter_id]
            ballot.counts[song_id] -= 1
        case BallotPrepared():
            ballot.status = BallotStatus.PREPARED
            ballot.candidates = {item.song_id: item.title for item in event.candidates}
            ballot.counts = dict.fromkeys(ballot.candidates, 0)
            ballot.opens_at, ballot.closes_at = event.opens_at, event.closes_at
            ballot.votes_per_voter, ballot.changeable = event.votes_per_voter, event.changeable
            ballot.planned = event.planned
        case BallotReplanned():
            ballot.opens_at, ballot.closes_at = event.opens_at, event.closes_at
            ballot.reopens = event.reopens
        case BallotOpened():
            ballot.status = BallotStatus.OPEN
            ballot.opened_before, ballot.reopens = True, False
        case BallotClosed():
            ballot.status, ballot.closed_because = BallotStatus.CLOSED, event.because
        case BallotFinalized():
            ballot.status = BallotStatus.FINALIZED
        case VoterWasSuspended(voter_id=voter_id):
            ballot.suspended.add(voter_id)
        case VoterWasReinstated(voter_id=voter_id):
            ballot.suspended.discard(voter_id)
        case _:
            assert_never(event)
    return ballot


type BallotAnswer = BallotReceipt | VoteReceipt | VoterReceipt


def answer(
    command: BallotCommand, events: Sequence[BallotEvent], ballot: Ballot, origin: Origin
) -> BallotAnswer:
    """What the caller is told."""
    match command:
        case CastVote():
            return _answer_cast(command, events, ballot, origin)
        case WithdrawVote(song_id=song_id):
            withdrawn = events[0]
            assert isinstance(withdrawn, VoteWithdrawn)
            return VoteReceipt(vote_id=withdrawn.vote_id, song_id=song_id, repeated=False)
        case SuspendVoter(voter_id=voter_id):
            return VoterReceipt(voter_id=voter_id, suspended=True)
        case ReinstateVoter(voter_id=voter_id):
            return VoterReceipt(voter_id=voter_id, suspended=False)
        case SetUpBallot(show_id=show_id):
            return BallotReceipt(show_id=show_id, status=ballot.status or BallotStatus.PREPARED)
        case OpenBallot(show_id=show_id):
            status = BallotStatus.OPEN if events else ballot.status
            return BallotReceipt(show_id=show_id, status=status or BallotStatus.OPEN)
        case CloseBallot(show_id=show_id):
            status = BallotStatus.CLOSED if events else ballot.status
            return BallotReceipt(show_id=show_id, status=status or BallotStatus.CLOSED)
        case FinalizeBallot(show_id=show_id):
            return BallotReceipt(show_id=show_id, status=BallotStatus.FINALIZED)
        case _:
            assert_never(command)


def _answer_cast(
    command: CastVote, events: Sequence[BallotEvent], ballot: Ballot, origin: Origin
) -> VoteReceipt:
    if events:
        cast = events[0]
        assert isinstance(cast, (VoteCast, VoteChanged))  # A union would be made for each vote.
        return VoteReceipt(vote_id=cast.vote_id, song_id=cast.song_id, repeated=False)
    votes = ballot.votes[origin.actor]
    song_id, vote_id = next((vote for vote in votes if vote[0] == command.song_id), votes[0])
    # The same command again, long after, is not a repetition: it gets its own first answer.
    return VoteReceipt(vote_id=vote_id, song_id=song_id, repeated=vote_id != origin.command_id)


def tally(show_id: str, ballot: Ballot, position: int) -> Tally:
    """The counts as `voting.get-tally` answers them."""
    return Tally(
        show_id=show_id,
        status=ballot.status or BallotStatus.PREPARED,
        total=sum(ballot.counts.values()),
        counts=dict(ballot.counts),
        position=position,
    )


BALLOT = Decider(
    aggregate="ballot",
    commands=members(BallotCommand),
    events=members(BallotEvent),
    state=Ballot,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
