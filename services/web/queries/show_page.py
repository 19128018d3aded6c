"""The page of one show: the ballot while there is one, and what came of it.

The twin is `static/view/show-page.js`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from contracts.catalog_shows import Show, ShowStatus, ShowSummary
from contracts.voting import BallotStatus, Candidate
from contracts.voting_views import Ballot, Leaderboard, MyVote, RankedVoter, Tally
from services.web.queries.played import UNKNOWN_SONG, PlayedSet, played_sets
from services.web.queries.wording import (
    artist_text,
    counted,
    day_text,
    moment_text,
    number_text,
    place_text,
    share_text,
    starts_text,
)

BAR_LENGTH = 10_000
"""A full bar, in the units of its drawing. Whole numbers are the same text in both languages."""

_NO_RANK = "\N{EN DASH}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRow:
    """A song on the ballot.

    place   1 to 3 for the leading songs, else empty; the page sets them wider
    bar     how far the bar is drawn back from its full length, as an SVG transform
    mark    what came of it, once the show is over: hit, miss, surprise or empty
    """

    song_id: str
    title: str
    rank: str
    votes: str
    share: str
    place: str
    bar: str
    mark: str
    mark_text: str
    is_mine: bool
    is_locked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VoterRow:
    """A line of the leaderboard."""

    voter_id: str
    rank: str
    name: str
    hits: str
    is_me: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowPage:
    """Everything that can change on the page. Texts are empty where there is nothing to say."""

    artist: str
    place: str
    day: str
    day_iso: str
    starts: str
    standing: str
    standing_text: str
    phase: str
    phase_text: str
    hours: str
    total: str
    total_word: str
    has_ballot: bool
    is_votable: bool
    is_final: bool
    ballot_heading: str
    ballot_hint: str
    voted_text: str
    candidates: list[CandidateRow]
    score_hits: str
    score_of: str
    score_text: str
    has_setlist: bool
    sets: list[PlayedSet]
    has_leaderboard: bool
    voters: list[VoterRow]
    is_bare: bool


def show_page(
    found: Show,
    ballot: Ballot | None,
    tally: Tally | None,
    leaderboard: Leaderboard | None,
    votes: Sequence[MyVote] = (),
    me: str = "",
) -> ShowPage:
    """The page for these answers.

    ballot, tally  None when no ballot was prepared for the show
    votes, me      the votes and the user id of whoever looks; the server does not know them
    """
    show = found.show
    total = tally.total if tally else 0
    score = ballot.score if ballot else None
    is_final = score is not None
    sets = played_sets(found.setlist, ballot)
    voters = leaderboard.voters if leaderboard and is_final else []
    is_votable = ballot is not None and _is_votable(ballot, len(votes))
    return ShowPage(
        artist=artist_text(show),
        place=place_text(show),
        day=day_text(show.local_date),
        day_iso=show.local_date.isoformat(),
        starts=_starts(show, has_setlist=bool(sets)),
        standing=show.status.value,
        standing_text=_standing_text(show, has_setlist=bool(sets)),
        phase=ballot.status.value if ballot else "none",
        phase_text=_phase_text(ballot, has_setlist=bool(sets)),
        hours=_hours(ballot, show.time_zone),
        total=number_text(total),
        total_word="vote" if total == 1 else "votes",
        has_ballot=ballot is not None,
        is_votable=is_votable,
        is_final=is_final,
        ballot_heading=_ballot_heading(ballot),
        ballot_hint=_ballot_hint(ballot),
        voted_text=_voted_text(ballot, votes),
        candidates=_candidates(ballot, tally, votes, is_locked=not is_votable) if ballot else [],
        score_hits=number_text(len(score.hits)) if score else "",
        score_of=number_text(len(score.predicted)) if score else "",
        score_text=_score_text(ballot),
        has_setlist=bool(sets),
        sets=sets,
        has_leaderboard=bool(voters),
        voters=[_voter(each, me) for each in voters],
        is_bare=ballot is None and not sets and show.status is not ShowStatus.CANCELLED,
    )


def _starts(show: ShowSummary, *, has_setlist: bool) -> str:
    starts = starts_text(show)
    if not starts:
        return ""
    has_begun = has_setlist or show.status in {ShowStatus.LIVE, ShowStatus.FINISHED}
    return f"{'Started' if has_begun else 'Starts'} {starts}"


def _standing_text(show: ShowSummary, *, has_setlist: bool) -> str:
    match show.status:
        case ShowStatus.SCHEDULED:
            return "Played" if has_setlist else "Scheduled"
        case ShowStatus.LIVE:
            return "On stage now"
        case ShowStatus.FINISHED:
            return "Finished"
        case ShowStatus.POSTPONED:
            return "This show is postponed."
        case ShowStatus.CANCELLED:
            return "This show is cancelled."
        case _:
            assert_never(show.status)


def _phase_text(ballot: Ballot | None, *, has_setlist: bool) -> str:
    match ballot.status if ballot else None:
        case None:
            return "Setlist" if has_setlist else "No ballot yet"
        case BallotStatus.PREPARED:
            return "Voting opens soon"
        case BallotStatus.OPEN:
            return "Voting is open"
        case BallotStatus.CLOSED:
            return "Voting is closed"
        case BallotStatus.FINALIZED:
            return "Final result"


def _hours(ballot: Ballot | None, zone_name: str | None) -> str:
    if ballot is None:
        return ""
    if ballot.status is BallotStatus.PREPARED and ballot.opens_at:
        return f"Opens {moment_text(ballot.opens_at, zone_name)}"
    if ballot.status is BallotStatus.OPEN and ballot.closes_at:
        return f"Closes {moment_text(ballot.closes_at, zone_name)}"
    if ballot.reopens and ballot.opens_at:
        return f"Opens again {moment_text(ballot.opens_at, zone_name)}"
    if ballot.status is BallotStatus.CLOSED and ballot.closes_at:
        return f"Closed {moment_text(ballot.closes_at, zone_name)}"
    return ""


def _ballot_heading(ballot: Ballot | None) -> str:
    match ballot.status if ballot else None:
        case None:
            return ""
        case BallotStatus.PREPARED:
            return "On the ballot"
        case BallotStatus.OPEN:
            return "What should they play?"
        case BallotStatus.CLOSED | BallotStatus.FINALIZED:
            return "What the crowd wanted"


def _ballot_hint(ballot: Ballot | None) -> str:
    if ballot is None or not _is_before(ballot):
        return ""
    votes = counted(ballot.votes_per_voter, "vote", "votes")
    if ballot.changeable:
        return f"You have {votes}, and can change your mind until voting closes."
    return f"You have {votes}. A vote cast stays cast."


def _is_before(ballot: Ballot) -> bool:
    return ballot.status in {BallotStatus.PREPARED, BallotStatus.OPEN}


def _voted_text(ballot: Ballot | None, votes: Sequence[MyVote]) -> str:
    if ballot is None or not votes:
        return ""
    titles = {each.song_id: each.title for each in ballot.candidates}
    songs = ", ".join(titles.get(vote.song_id, UNKNOWN_SONG) for vote in votes)
    left = ballot.votes_per_voter - len(votes)
    more = (
        f" {counted(left, 'vote', 'votes')} left."
        if _is_votable(ballot, len(votes)) and left > 0
        else ""
    )
    return f"You voted for {songs}.{more}"


def _is_votable(ballot: Ballot, votes_cast: int) -> bool:
    if ballot.status is not BallotStatus.OPEN:
        return False
    return votes_cast < ballot.votes_per_voter or (
        ballot.changeable and ballot.votes_per_voter == 1
    )


def _candidates(
    ballot: Ballot, tally: Tally | None, votes: Sequence[MyVote], *, is_locked: bool
) -> list[CandidateRow]:
    counts = {each.song_id: _count(tally, each.song_id) for each in ballot.candidates}
    best_first = sorted(ballot.candidates, key=lambda each: -counts[each.song_id])
    mine = {vote.song_id for vote in votes}
    rows: list[CandidateRow] = []
    rank = 0
    for at, candidate in enumerate(best_first):
        count = counts[candidate.song_id]
        if at == 0 or count < counts[best_first[at - 1].song_id]:
            rank = at + 1
        mark = _mark(ballot, candidate)
        rows.append(
            CandidateRow(
                song_id=candidate.song_id,
                title=candidate.title,
                rank=str(rank) if count else _NO_RANK,
                votes=counted(count, "vote", "votes"),
                share=share_text(count, tally.total if tally else 0),
                place=str(rank) if count and rank <= 3 else "",
                bar=_bar(count, counts[best_first[0].song_id]),
                mark=mark,
                mark_text=_MARK_TEXT[mark],
                is_mine=candidate.song_id in mine,
                is_locked=is_locked or candidate.song_id in mine,
            )
        )
    return rows


def _count(tally: Tally | None, song_id: str) -> int:
    return tally.counts.get(song_id, 0) if tally else 0


def _bar(count: int, most: int) -> str:
    length = BAR_LENGTH * count // most if most else 0
    return f"translate({length - BAR_LENGTH} 0)"


_MARK_TEXT = {
    "": "",
    "hit": "Called it",
    "miss": "Not played",
    "surprise": "Played",
}


def _mark(ballot: Ballot, candidate: Candidate) -> str:
    if ballot.score is None:
        return ""
    is_played = candidate.song_id in (ballot.played or [])
    if candidate.song_id in ballot.score.predicted:
        return "hit" if is_played else "miss"
    return "surprise" if is_played else ""


def _score_text(ballot: Ballot | None) -> str:
    if ballot is None or ballot.score is None:
        return ""
    score = ballot.score
    if not score.predicted:
        return "Nobody voted, so there was nothing to call."
    songs = counted(len(score.predicted), "top song was", "top songs were")
    return f"{number_text(len(score.hits))} of the crowd's {songs} played."


def _voter(voter: RankedVoter, me: str) -> VoterRow:
    is_me = voter.voter_id == me
    return VoterRow(
        voter_id=voter.voter_id,
        rank=str(voter.rank),
        name="You" if is_me else f"Fan {voter.voter_id[-5:]}",
        hits=f"{number_text(voter.hits)} of {number_text(voter.votes)}",
        is_me=is_me,
    )
