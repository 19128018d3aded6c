"""The front page: what is on now, what comes next, what has been.

The twin is `static/view/shows-page.js`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from contracts.catalog_shows import ShowStatus, ShowSummary
from contracts.voting import BallotStatus
from contracts.voting_views import BallotSummary
from services.web.queries.wording import (
    artist_text,
    counted,
    day_text,
    moment_text,
    month_text,
    place_text,
    starts_text,
    weekday_text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRow:
    """A show in a list. `badge` is what one should know before going there; may be empty.

    standing  how the show stands, a `ShowStatus`; `phase`: how its ballot does
    """

    show_id: str
    href: str
    artist: str
    place: str
    day: str
    day_iso: str
    weekday: str
    day_number: str
    month: str
    year: str
    starts: str
    standing: str
    phase: str
    badge: str
    votes: str
    hours: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowsPage:
    """Everything that can change on the page."""

    has_live: bool
    live: list[ShowRow]
    upcoming: list[ShowRow]
    has_no_upcoming: bool
    past: list[ShowRow]
    has_no_past: bool


def shows_page(
    shows: Iterable[ShowSummary],
    open_ballots: Iterable[BallotSummary],
    upcoming_ids: Iterable[str],
    past_ids: Iterable[str],
    ballots: Iterable[BallotSummary],
) -> ShowsPage:
    """The page for these answers.

    shows         every show that is known here
    open_ballots  the ballots that are open now, in the order they are shown
    ballots       those of the shows in the lists
    """
    show_of = {show.show_id: show for show in shows}
    ballot_of = {ballot.show_id: ballot for ballot in ballots}
    open_of = {ballot.show_id: ballot for ballot in open_ballots if ballot.show_id in show_of}
    live = [_row(show_of[show_id], ballot) for show_id, ballot in open_of.items()]
    upcoming = [
        _row(show_of[show_id], ballot_of.get(show_id))
        for show_id in upcoming_ids
        if show_id not in open_of
    ]
    past = [
        _row(show_of[show_id], ballot_of.get(show_id))
        for show_id in past_ids
        if show_id not in open_of
    ]
    return ShowsPage(
        has_live=bool(live),
        live=live,
        upcoming=upcoming,
        has_no_upcoming=not upcoming,
        past=past,
        has_no_past=not past,
    )


def _row(show: ShowSummary, ballot: BallotSummary | None) -> ShowRow:
    day = show.local_date
    return ShowRow(
        show_id=show.show_id,
        href=f"/shows/{show.show_id}",
        artist=artist_text(show),
        place=place_text(show),
        day=day_text(day),
        day_iso=day.isoformat(),
        weekday=weekday_text(day),
        day_number=str(day.day),
        month=month_text(day),
        year=str(day.year),
        starts=starts_text(show),
        standing=show.status.value,
        phase=ballot.status.value if ballot else "none",
        badge=_badge(show, ballot),
        votes=counted(ballot.total, "vote", "votes") if ballot and ballot.total else "",
        hours=_hours(show, ballot),
    )


def _badge(show: ShowSummary, ballot: BallotSummary | None) -> str:
    """Called off or not comes first, then whether one can vote, then how far the show has come."""
    status = ballot.status if ballot else None
    match show.status:
        case ShowStatus.POSTPONED:
            return "Postponed"
        case ShowStatus.CANCELLED:
            return "Cancelled"
        case ShowStatus.LIVE if status is not BallotStatus.OPEN:
            return "On stage now"
        case ShowStatus.FINISHED if status is BallotStatus.CLOSED:
            return "Finished"
        case ShowStatus.FINISHED if status is None and not show.song_count:
            return "Finished"
        case ShowStatus.SCHEDULED | ShowStatus.LIVE | ShowStatus.FINISHED:
            pass
        case _:
            assert_never(show.status)
    match status:
        case BallotStatus.PREPARED:
            return "Opens soon"
        case BallotStatus.OPEN:
            return "Vote now"
        case BallotStatus.CLOSED:
            return "Voting closed"
        case BallotStatus.FINALIZED:
            return "Result"
        case None:
            return "Setlist" if show.song_count else ""


def _hours(show: ShowSummary, ballot: BallotSummary | None) -> str:
    if ballot is None or ballot.status is not BallotStatus.OPEN or ballot.closes_at is None:
        return ""
    return f"Closes {moment_text(ballot.closes_at, show.time_zone)}"
