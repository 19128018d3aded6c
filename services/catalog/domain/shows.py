"""Shows: records with a day of their own, on which they begin and end.

Stream      evt.catalog.show.{show_id}
Invariants  those of every record (`records`); a show is live only between its beginning and its
            end, and never begins while it is called off; a show that gets another hour has its day
            before it again; one that is heard of within a day of its end is over then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contracts.catalog import Kind, RecordUnheardOf
from contracts.catalog_identity import ForgetShow
from contracts.catalog_settling import SettleShow
from contracts.catalog_shows import ScheduleShow, ShowChanged, ShowNoted, ShowScheduled, ShowStatus
from contracts.catalog_stage import (
    BeginShow,
    EndShow,
    MissShow,
    Phase,
    PlanShowDay,
    ShowBegan,
    ShowDayPlanned,
    ShowEnded,
)
from libs.kernel.decider import Decider
from libs.kernel.messages import Event, Origin
from services.catalog.domain.records import answering, shape_of

SHAPE = shape_of(Kind.SHOW, ScheduleShow, ShowScheduled, ShowChanged, ShowNoted)

_HOUR = frozenset({"local_date", "local_time", "time_zone"})
_HEARD_OF_LATE = timedelta(days=1)
"""How long after its end a show is still asked what was played. Older ones are history, which comes
with its setlist.
"""


@dataclass(slots=True)
class Show:
    """What is known of a show and said of it (as of every record), the hours it was planned with,
    and how far it has come.
    """

    known: ShowScheduled | None = None
    said: dict[str, ShowChanged] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    phase: Phase = Phase.AHEAD


def decide(command: Any, show: Show, origin: Origin) -> Sequence[Event]:
    """The rules. raises the rejections of `contracts.catalog`."""
    if isinstance(command, ScheduleShow):
        return SHAPE.tell(command, show, origin)
    if isinstance(command, MissShow):
        return SHAPE.miss(command, show, origin)
    if isinstance(command, ForgetShow):
        return SHAPE.forget(command, show)
    if isinstance(command, SettleShow):
        return SHAPE.settle(command, show, origin)
    known = show.known
    if known is None:
        raise RecordUnheardOf
    match command:
        case PlanShowDay():
            return _plan(command, known, show, origin)
        case BeginShow():
            is_due = command.due_at is None or command.due_at == show.starts_at
            is_on = known.status is ShowStatus.SCHEDULED and show.phase is Phase.AHEAD
            return [ShowBegan(show_id=command.show_id)] if is_due and is_on else []
        case EndShow():
            is_due = command.due_at is None or command.due_at == show.ends_at
            is_on = known.status is ShowStatus.SCHEDULED and show.phase is not Phase.FINISHED
            return [ShowEnded(show_id=command.show_id)] if is_due and is_on else []
        case _:
            raise TypeError(f"{type(command).__name__} is no command to a show")


def _plan(
    command: PlanShowDay, known: ShowScheduled, show: Show, origin: Origin
) -> Sequence[Event]:
    starts_at = _starts_at(known)
    ends_at = None if starts_at is None else starts_at + timedelta(seconds=command.lasts_seconds)
    is_over = ends_at is not None and ends_at <= origin.at
    is_history = ends_at is None or ends_at < origin.at - _HEARD_OF_LATE
    if is_over and show.phase is not Phase.AHEAD:
        return []  # It was planned while it was to come, and has had its day.
    is_on = known.status is ShowStatus.SCHEDULED
    is_news = is_on and is_over and not is_history
    ended = [ShowEnded(show_id=command.show_id)] if is_news else []
    if is_over or not is_on:
        starts_at = ends_at = None
    if (starts_at, ends_at) == (show.starts_at, show.ends_at):
        return ended
    planned = ShowDayPlanned(show_id=command.show_id, starts_at=starts_at, ends_at=ends_at)
    return [planned, *ended]


def _starts_at(known: ShowScheduled) -> datetime | None:
    if known.local_time is None or known.time_zone is None:
        return None
    try:
        zone = ZoneInfo(known.time_zone)
    except (KeyError, ValueError, OSError):
        return None  # A zone that this machine's database does not have.
    return datetime.combine(known.local_date, known.local_time, zone).astimezone(UTC)


def evolve(show: Show, event: Event) -> Show:
    """What a fact does to a show."""
    match event:
        case ShowDayPlanned():
            show.starts_at, show.ends_at = event.starts_at, event.ends_at
        case ShowBegan():
            show.phase = Phase.LIVE
        case ShowEnded():
            show.phase = Phase.FINISHED
        case _:
            if isinstance(event, ShowChanged) and any(getattr(event, name) for name in _HOUR):
                show.phase = Phase.AHEAD
            SHAPE.evolve(show, event)
    return show


SHOW: Decider[Any, Event, Show] = Decider(
    aggregate=Kind.SHOW.value,
    commands=(ScheduleShow, MissShow, ForgetShow, SettleShow, PlanShowDay, BeginShow, EndShow),
    events=(ShowScheduled, ShowChanged, ShowNoted, ShowDayPlanned, ShowBegan, ShowEnded),
    state=Show,
    decide=decide,
    evolve=evolve,
    answer=answering(SHAPE),
)
