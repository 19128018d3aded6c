"""What is said to and by `catalog` about a show on its day: it begins, it ends, or it disappears.

What a source says of a show is told by `ScheduleShow`. That it has begun or ended follows from its
hour: the clock says it, by a command that was scheduled for the hour the show then had.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from contracts.catalog import (
    EditorSuspended,
    RecordReceipt,
    RecordUnheardOf,
    ShowId,
    Source,
    SpeaksForAnother,
)
from libs.kernel.messages import Access, Command, Event, command, event


class Phase(StrEnum):
    """How far a show has come on its day."""

    AHEAD = "ahead"
    LIVE = "live"
    FINISHED = "finished"


@command(
    "catalog.miss-show",
    key="show_id",
    access=Access.SERVICE,
    rejections=(EditorSuspended, SpeaksForAnother, RecordUnheardOf),
)
class MissShow(Command[RecordReceipt]):
    """Say that a source does not tell of a show any longer. It is marked, and stays."""

    show_id: ShowId
    source: Source


@command(
    "catalog.plan-show-day",
    key="show_id",
    access=Access.SERVICE,
    rejections=(RecordUnheardOf,),
)
class PlanShowDay(Command[RecordReceipt]):
    """Say when a show that starts at a known moment will have ended.

    lasts_seconds  how long shows last
    """

    show_id: ShowId
    lasts_seconds: Annotated[int, Field(ge=60, le=172_800)]


@command(
    "catalog.begin-show",
    key="show_id",
    access=Access.MODERATOR,
    rejections=(RecordUnheardOf,),
)
class BeginShow(Command[RecordReceipt]):
    """The show is live. One that was called off does not begin.

    due_at  the hour it was scheduled for; None when somebody says so by hand. What is due counts
            only at the hour that the show has by then
    """

    show_id: ShowId
    due_at: AwareDatetime | None = None


@command(
    "catalog.end-show",
    key="show_id",
    access=Access.MODERATOR,
    rejections=(RecordUnheardOf,),
)
class EndShow(Command[RecordReceipt]):
    """The show has ended. `due_at` as for its beginning."""

    show_id: ShowId
    due_at: AwareDatetime | None = None


@event("catalog.show_day_planned")
class ShowDayPlanned(Event):
    """It is known at which moments a show will begin and end; both None: not any longer."""

    show_id: ShowId
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@event("catalog.show_began")
class ShowBegan(Event):
    """The show is live."""

    show_id: ShowId


@event("catalog.show_ended")
class ShowEnded(Event):
    """The show has ended: what was played can be asked for soon."""

    show_id: ShowId
