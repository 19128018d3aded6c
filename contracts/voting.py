"""What is said to and by `voting`: ballots of candidate songs, votes, predictions."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from libs.kernel.errors import NotFound, Rejected
from libs.kernel.ids import Id
from libs.kernel.messages import (
    Access,
    Command,
    Event,
    View,
    command,
    event,
    message,
    view,
)

ShowId = Id
SongId = Id
VoterId = Id
VoteId = Id

Title = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
VotesPerVoter = Annotated[int, Field(ge=1, le=50)]

CANDIDATES_MAX = 200


class BallotStatus(StrEnum):
    PREPARED = "prepared"
    OPEN = "open"
    CLOSED = "closed"
    FINALIZED = "finalized"


class Closing(StrEnum):
    """Why a ballot was closed. What a person closes opens again by a person alone."""

    BY_HAND = "by-hand"
    HOUR = "hour"
    CALLED_OFF = "called-off"
    SHOW_OVER = "show-over"


@message
class Candidate:
    """A song one can vote for."""

    song_id: SongId
    title: Title


# ---------------------------------------------------------------------------------- rejections


class BallotUnknown(Rejected):
    code = "voting.ballot-unknown"
    title = "There is no ballot for this show."


class BallotNotOpen(Rejected):
    code = "voting.ballot-not-open"
    title = "The ballot of this show is not open."


class BallotNotClosed(Rejected):
    code = "voting.ballot-not-closed"
    title = "The ballot of this show is still open or was never opened."


class BallotAlreadyOpened(Rejected):
    code = "voting.ballot-already-opened"
    title = "The ballot was opened before: its candidates and policy can no longer change."


class BallotIsFinalized(Rejected):
    code = "voting.ballot-finalized"
    title = "The ballot is finalized: nothing about it changes any more."


class SongNotOnBallot(Rejected):
    code = "voting.song-not-on-ballot"
    title = "This song is not a candidate of the ballot."


class VoterSuspended(Rejected):
    code = "voting.voter-suspended"
    title = "This voter is suspended."


class VotesSpent(Rejected):
    code = "voting.votes-spent"
    title = "All votes of this voter for the show are cast."


class VoteNotChangeable(Rejected):
    code = "voting.vote-not-changeable"
    title = "Votes of this ballot cannot be changed."


class NoVoteForSong(Rejected):
    code = "voting.no-vote-for-song"
    title = "This voter has no vote for the song."


class HoursReversed(Rejected):
    code = "voting.hours-reversed"
    title = "A ballot closes after it opens."


class NoCandidates(Rejected):
    code = "voting.no-candidates"
    title = "A ballot needs candidate songs, and the catalog knows none for this artist."


class ShowUnknown(Rejected):
    code = "voting.show-unknown"
    title = "The catalog knows no such show."


class SongUnknown(Rejected):
    code = "voting.song-unknown"
    title = "The catalog knows no such song."


class SetlistUnknown(Rejected):
    code = "voting.setlist-unknown"
    title = "Nobody has recorded yet what was played at this show."


class BallotNotFound(NotFound):
    """What a query answers where a command is refused with `BallotUnknown`."""

    code = "voting.ballot-not-found"
    title = "There is no ballot for this show."


# ---------------------------------------------------------------------------------- answers


@view
class BallotReceipt(View):
    """What a ballot became."""

    show_id: ShowId
    status: BallotStatus
    position: int = 0


@view
class VoteReceipt(View):
    """A recorded vote. `repeated` tells that it had been cast before this command."""

    vote_id: VoteId
    song_id: SongId
    repeated: bool
    position: int = 0


@view
class VoterReceipt(View):
    """A voter's standing on one ballot."""

    voter_id: VoterId
    suspended: bool
    position: int = 0


# ---------------------------------------------------------------------------------- commands


@command(
    "voting.prepare-ballot",
    key="show_id",
    access=Access.MODERATOR,
    rejections=(ShowUnknown, SongUnknown, NoCandidates, HoursReversed, BallotAlreadyOpened),
)
class PrepareBallot(Command[BallotReceipt]):
    """Prepare the ballot of a show: its candidates, its hours and its policy.

    Without `song_ids` the candidates are the songs the artist has played most. Without hours the
    ballot is opened and closed by hand. May be repeated until the ballot opens.
    """

    show_id: ShowId
    song_ids: Annotated[list[SongId], Field(max_length=CANDIDATES_MAX)] | None = None
    opens_at: AwareDatetime | None = None
    closes_at: AwareDatetime | None = None
    votes_per_voter: VotesPerVoter = 1
    changeable: bool = False


@command(
    "voting.plan-ballot",
    key="show_id",
    access=Access.SERVICE,
    rejections=(ShowUnknown, NoCandidates, BallotUnknown, BallotAlreadyOpened),
)
class PlanBallot(Command[BallotReceipt]):
    """Prepare the ballot of a coming show by the show's hours. Sent by our own services only.

    It opens some time before the show starts, and closes when it starts. A ballot that somebody
    prepared by hand stays as it is; one that was planned follows its show: without a start to come
    it loses its hours. One that has been open keeps its candidates and its votes. While it is open,
    it closes when the show now starts; closed, it opens again before another start, unless a person
    has closed it.

    opens_before_seconds  how long before the start it opens
    catalog_position      of the news in the catalog's log that this follows from
    """

    show_id: ShowId
    opens_before_seconds: Annotated[int, Field(ge=0)]
    catalog_position: int


@command(
    "voting.set-up-ballot",
    key="show_id",
    access=Access.SERVICE,
    rejections=(BallotAlreadyOpened, BallotUnknown, HoursReversed, NoCandidates),
)
class SetUpBallot(Command[BallotReceipt]):
    """Prepare a ballot whose candidates are already looked up. Sent by our own services only.

    planned  it follows from the show's hours: never in place of what somebody prepared by hand
    """

    show_id: ShowId
    candidates: Annotated[list[Candidate], Field(max_length=CANDIDATES_MAX)]
    opens_at: AwareDatetime | None = None
    closes_at: AwareDatetime | None = None
    votes_per_voter: VotesPerVoter = 1
    changeable: bool = False
    planned: bool = False


@command(
    "voting.open-ballot",
    key="show_id",
    access=Access.MODERATOR,
    rejections=(BallotUnknown, BallotIsFinalized),
)
class OpenBallot(Command[BallotReceipt]):
    """Let voting begin, or begin again after closing. Opening an open ballot changes nothing.

    due_at  the hour it was scheduled for; None when somebody opens it by hand. What is due opens a
            ballot only the first time, and only at the hour that it has by then
    """

    show_id: ShowId
    due_at: AwareDatetime | None = None


@command(
    "voting.close-ballot",
    key="show_id",
    access=Access.MODERATOR,
    rejections=(BallotUnknown, BallotNotOpen),
)
class CloseBallot(Command[BallotReceipt]):
    """End voting. Closing a closed ballot changes nothing.

    due_at  the hour it was scheduled for; None when somebody closes it by hand. What is due closes
            a ballot only at the hour that it has by then
    because  what is due closes because of its hour, whatever stands here
    """

    show_id: ShowId
    due_at: AwareDatetime | None = None
    because: Closing = Closing.BY_HAND


@command(
    "voting.finalize-ballot",
    key="show_id",
    access=Access.MODERATOR,
    rejections=(BallotUnknown, BallotNotClosed, SetlistUnknown, BallotIsFinalized),
)
class FinalizeBallot(Command[BallotReceipt]):
    """Record what was played and score the prediction. For good.

    Without `played` the setlist that the catalog has recorded for the show is taken.
    """

    show_id: ShowId
    played: Annotated[list[SongId], Field(max_length=500)] | None = None


@command(
    "voting.cast-vote",
    key="show_id",
    access=Access.SIGNED_IN,
    rejections=(BallotUnknown, BallotNotOpen, SongNotOnBallot, VoterSuspended, VotesSpent),
)
class CastVote(Command[VoteReceipt]):
    """Vote for a song of a show.

    One voter has one vote per show: casting again answers with the first vote, unless the ballot's
    policy gives more votes or lets them be changed until closing.
    """

    show_id: ShowId
    song_id: SongId


@command(
    "voting.withdraw-vote",
    key="show_id",
    access=Access.SIGNED_IN,
    rejections=(BallotUnknown, BallotNotOpen, VoteNotChangeable, NoVoteForSong),
)
class WithdrawVote(Command[VoteReceipt]):
    """Take a vote back, where the ballot's policy lets votes be changed."""

    show_id: ShowId
    song_id: SongId


@command(
    "voting.suspend-voter",
    key="show_id",
    access=Access.MODERATOR,
    rejections=(BallotUnknown,),
)
class SuspendVoter(Command[VoterReceipt]):
    """Refuse further votes of one voter on this ballot. Votes already cast stay."""

    show_id: ShowId
    voter_id: VoterId


@command(
    "voting.reinstate-voter",
    key="show_id",
    access=Access.MODERATOR,
    rejections=(BallotUnknown,),
)
class ReinstateVoter(Command[VoterReceipt]):
    """Let a suspended voter vote again on this ballot."""

    show_id: ShowId
    voter_id: VoterId


# ---------------------------------------------------------------------------------- events


@event("voting.ballot_prepared")
class BallotPrepared(Event):
    """A ballot has candidates, hours and a policy. Until it opens, a later one replaces it.

    planned  it follows from the show's hours, rather than that somebody prepared it by hand
    """

    show_id: ShowId
    candidates: list[Candidate]
    opens_at: datetime | None
    closes_at: datetime | None
    votes_per_voter: int
    changeable: bool
    planned: bool = False


@event("voting.ballot_opened")
class BallotOpened(Event):
    """Voting began."""

    show_id: ShowId


@event("voting.ballot_replanned")
class BallotReplanned(Event):
    """A ballot that has been open has other hours, since its show has: candidates and votes stay.

    reopens  it is closed, and opens again at `opens_at`
    """

    show_id: ShowId
    opens_at: datetime | None
    closes_at: datetime | None
    reopens: bool


@event("voting.ballot_closed")
class BallotClosed(Event):
    """Voting ended."""

    show_id: ShowId
    because: Closing = Closing.BY_HAND


@event("voting.ballot_finalized")
class BallotFinalized(Event):
    """What was played is known, and how well the crowd predicted it.

    predicted  the songs with the most votes, as many as distinct songs were played, best first
    hits       those of `predicted` that were played
    """

    show_id: ShowId
    played: list[SongId]
    predicted: list[SongId]
    hits: list[SongId]


@event("voting.vote_cast")
class VoteCast(Event):
    """A voter voted for a song."""

    show_id: ShowId
    voter_id: VoterId
    song_id: SongId
    vote_id: VoteId


@event("voting.vote_changed")
class VoteChanged(Event):
    """A voter moved a vote to another song."""

    show_id: ShowId
    voter_id: VoterId
    from_song_id: SongId
    song_id: SongId
    vote_id: VoteId


@event("voting.vote_withdrawn")
class VoteWithdrawn(Event):
    """A voter took a vote back."""

    show_id: ShowId
    voter_id: VoterId
    song_id: SongId
    vote_id: VoteId


@event("voting.voter_suspended")
class VoterWasSuspended(Event):
    """A voter may not vote on this ballot any more."""

    show_id: ShowId
    voter_id: VoterId


@event("voting.voter_reinstated")
class VoterWasReinstated(Event):
    """A suspended voter may vote on this ballot again."""

    show_id: ShowId
    voter_id: VoterId
