"""What news asks of ballots: the ballot of a coming show is planned, opened and closed at its
hours, closed when the show is called off or over, opened again when it has another date, and scored
when it is known what was played.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from contracts.catalog_setlists import PlayedSet, SetlistChanged, SetlistRecorded
from contracts.catalog_shows import ShowChanged, ShowScheduled, ShowStatus
from contracts.catalog_stage import ShowEnded
from contracts.voting import (
    BallotPrepared,
    BallotReplanned,
    CloseBallot,
    Closing,
    FinalizeBallot,
    OpenBallot,
    PlanBallot,
)
from libs.kernel.messages import Command
from libs.kernel.reactions import Cancel, ProcessManager, Reaction, Schedule, Send
from libs.kernel.recorded import Recorded

DAY = timedelta(days=1)
AGAIN_AFTER = (timedelta(minutes=2), timedelta(minutes=20), timedelta(hours=2))
"""A show may be known before its artist's songs: its ballot is planned again when they may be."""

REFRESHED_BEFORE = timedelta(minutes=1)
"""So long before it opens, a ballot is planned for the last time, with the candidates of then."""

_CALLED_OFF = frozenset({ShowStatus.CANCELLED, ShowStatus.POSTPONED})


def process_managers(opens_before_seconds: int) -> list[ProcessManager]:
    """All of voting's.

    opens_before_seconds   how long before its show starts a planned ballot opens
    """
    return [
        ProcessManager(
            name="ballots-of-shows",
            log="catalog",
            aggregate="show",
            events=(ShowScheduled, ShowChanged, ShowEnded),
            react=partial(follow_show, opens_before_seconds),
        ),
        ProcessManager(
            name="hours-of-ballots",
            log="voting",
            aggregate="ballot",
            events=(BallotPrepared, BallotReplanned),
            react=keep_hours,
        ),
        ProcessManager(
            name="candidates-of-ballots",
            log="voting",
            aggregate="ballot",
            events=(BallotPrepared,),
            react=partial(look_again, opens_before_seconds),
        ),
        ProcessManager(
            name="scores-of-ballots",
            log="catalog",
            aggregate="setlist",
            events=(SetlistRecorded, SetlistChanged),
            react=score,
        ),
    ]


def follow_show(opens_before_seconds: int, recorded: Recorded) -> Sequence[Reaction]:
    """A show to come has a ballot, and one that is called off or over takes no more votes. What its
    hours are is looked up: news may tell only a part.
    """
    match recorded.data:
        case ShowScheduled() as show if not _may_be_to_come(show, recorded.at):
            return []
        case ShowChanged(local_date=None, local_time=None, time_zone=None, status=None):
            return []  # Something else about it changed.
        case ShowChanged(show_id=show_id, status=status) if status in _CALLED_OFF:
            closing = CloseBallot(show_id=show_id, because=Closing.CALLED_OFF)
            planning = _planning(show_id, opens_before_seconds, recorded.position)
            return [Send(closing), Send(planning)]
        case ShowScheduled(show_id=show_id) | ShowChanged(show_id=show_id):
            planning = _planning(show_id, opens_before_seconds, recorded.position)
            return [Send(planning), *_again(planning, recorded.at)]
        case ShowEnded(show_id=show_id):
            return [Send(CloseBallot(show_id=show_id, because=Closing.SHOW_OVER))]
        case _:
            return []


def _again(planning: PlanBallot, at: datetime) -> Iterator[Reaction]:
    for number, after in enumerate(AGAIN_AFTER, 1):
        yield Schedule(f"{planning.show_id}.again.{number}", at + after, planning)


def _planning(show_id: str, opens_before_seconds: int, catalog_position: int = 0) -> PlanBallot:
    """`catalog_position`: where in catalog's log the show was when this was asked for."""
    return PlanBallot(
        show_id=show_id,
        opens_before_seconds=opens_before_seconds,
        catalog_position=catalog_position,
    )


def _may_be_to_come(show: ShowScheduled, at: datetime) -> bool:
    """Whether its start is known, and was not long ago wherever on earth it is."""
    is_known = show.local_time is not None and show.time_zone is not None
    return is_known and show.local_date >= (at - DAY).date()


def look_again(opens_before_seconds: int, recorded: Recorded) -> Sequence[Reaction]:
    """A ballot that was planned has its candidates looked up once more before it opens."""
    match recorded.data:
        case BallotPrepared(show_id=show_id, planned=True, opens_at=opens_at):
            hour = None if opens_at is None else opens_at - REFRESHED_BEFORE
            planning = _planning(show_id, opens_before_seconds)
            return [_at(f"{show_id}.refresh", hour, planning)]
        case _:
            return []


def keep_hours(recorded: Recorded) -> Sequence[Reaction]:
    """A ballot opens and closes at the hours it was last prepared or planned with."""
    match recorded.data:
        case (
            BallotPrepared(show_id=show_id, opens_at=opens_at, closes_at=closes_at)
            | BallotReplanned(show_id=show_id, opens_at=opens_at, closes_at=closes_at)
        ):
            opening = OpenBallot(show_id=show_id, due_at=opens_at)
            closing = CloseBallot(show_id=show_id, due_at=closes_at)
            return [
                _at(f"{show_id}.open", opens_at, opening),
                _at(f"{show_id}.close", closes_at, closing),
            ]
        case _:
            return []


def _at(key: str, hour: datetime | None, command: Command[object]) -> Reaction:
    return Cancel(key) if hour is None else Schedule(key, hour, command)


def score(recorded: Recorded) -> Sequence[Reaction]:
    """What was played scores the prediction. A ballot that is not closed will say no."""
    match recorded.data:
        case SetlistRecorded(show_id=show_id, sets=sets):
            return [Send(FinalizeBallot(show_id=show_id, played=_played(sets)))]
        case SetlistChanged(show_id=show_id, sets=list() as sets):
            return [Send(FinalizeBallot(show_id=show_id, played=_played(sets)))]
        case _:
            return []


def _played(sets: list[PlayedSet]) -> list[str]:
    """The songs of a setlist, each once; without what came from a tape."""
    songs = (song.song_id for part in sets for song in part.songs if not song.tape)
    return list(dict.fromkeys(songs))
