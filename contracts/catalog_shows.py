"""What is said to and by `catalog` about shows, to come or long past.

How records are told: `contracts.catalog`; what the clock says of a show: `catalog_stage`.
"""

from dataclasses import field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from contracts.catalog import (
    PEOPLE,
    ArtistId,
    EditorSuspended,
    ExternalIds,
    Limit,
    PageCursor,
    RecordReceipt,
    ShowId,
    Source,
    SpeaksForAnother,
    Text,
    TimeZone,
    Url,
    VenueId,
    When,
    Withdrawn,
)
from contracts.catalog_setlists import Setlist
from libs.kernel.errors import NotFound
from libs.kernel.messages import (
    Access,
    Command,
    Event,
    Query,
    View,
    command,
    event,
    message,
    query,
    view,
)


def _without_offset(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("a local time has no offset")
    return at


LocalTime = Annotated[time, AfterValidator(_without_offset)]
"""A time on the clock of the place, without an offset: `20:00`."""


class ShowStatus(StrEnum):
    """What a source says of a show is one of the first three; that it is live or finished is
    what the clock says, and is shown unless it was called off.
    """

    SCHEDULED = "scheduled"
    POSTPONED = "postponed"
    CANCELLED = "cancelled"
    LIVE = "live"
    FINISHED = "finished"


def _told_by_sources(status: ShowStatus) -> ShowStatus:
    if status in {ShowStatus.LIVE, ShowStatus.FINISHED}:
        raise ValueError("it follows from the hour of the show")
    return status


ToldStatus = Annotated[ShowStatus, AfterValidator(_told_by_sources)]


# ---------------------------------------------------------------------------------- rejections


class ShowNotFound(NotFound):
    code = "catalog.show-not-found"
    title = "The catalog knows no such show."


# ---------------------------------------------------------------------------------- commands


@command(
    "catalog.schedule-show",
    key="show_id",
    access=Access.ADMIN,
    rejections=(EditorSuspended, SpeaksForAnother),
)
class ScheduleShow(Command[RecordReceipt]):
    """Say what is known of a show, to come or long past.

    local_date       the day at the venue; of historic shows often all that is known
    local_time       when it starts, on the venue's clock
    time_zone        the venue's; with it and `local_time` it is known at what moment it starts
    number_that_day  1 for the early show, 2 for the late one; None for the only show of its day
    url              the page where the source tells about it
    is_listed        whether the source still tells of it; what disappears is marked, and stays
    """

    show_id: ShowId
    artist_id: ArtistId
    local_date: date
    local_time: LocalTime | None = None
    time_zone: TimeZone | None = None
    number_that_day: Annotated[int, Field(ge=1, le=20)] | None = None
    venue_id: VenueId | None = None
    status: ToldStatus | None = None
    tour: Text | None = None
    url: Url | None = None
    is_listed: bool | None = None
    external_ids: ExternalIds = field(default_factory=dict)
    source: Source = PEOPLE
    as_of: AwareDatetime | None = None


# ---------------------------------------------------------------------------------- events


@event("catalog.show_scheduled")
class ShowScheduled(Event):
    """The catalog learned of a show."""

    show_id: ShowId
    artist_id: ArtistId
    local_date: date
    local_time: time | None = None
    time_zone: str | None = None
    number_that_day: int | None = None
    venue_id: VenueId | None = None
    status: ShowStatus = ShowStatus.SCHEDULED
    tour: str | None = None
    url: str | None = None
    is_listed: bool | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None


@message
class ShowNews(Event):
    """What is news of a show."""

    show_id: ShowId
    artist_id: ArtistId | None = None
    local_date: date | None = None
    local_time: time | None = None
    time_zone: str | None = None
    number_that_day: int | None = None
    venue_id: VenueId | None = None
    status: ShowStatus | None = None
    tour: str | None = None
    url: str | None = None
    is_listed: bool | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None
    withdrawn: Withdrawn = field(default_factory=list)


@event("catalog.show_changed")
class ShowChanged(ShowNews):
    """Something about a show is different from now on."""


@event("catalog.show_noted")
class ShowNoted(ShowNews):
    """A source says something about a show that another one knows better, or has said before."""


# ---------------------------------------------------------------------------------- views, queries


@view
class ShowSummary(View):
    """A show in a list.

    artist, venue  their names; None while the catalog does not know them
    starts_at      UTC; None unless local time and time zone are known
    song_count     how many songs its setlist has; 0 when none is recorded
    is_listed      False when the source that knows best does not tell of it any longer
    """

    show_id: ShowId
    artist_id: ArtistId
    artist: str | None
    venue_id: VenueId | None
    venue: str | None
    city: str | None
    region: str | None
    country: str | None
    starts_at: datetime | None
    local_date: date
    local_time: time | None
    time_zone: str | None
    number_that_day: int | None
    status: ShowStatus
    tour: str | None
    song_count: int
    url: str | None
    external_ids: dict[str, str]
    is_listed: bool = True


@view
class Shows(View):
    """Shows in the order asked for. `next` continues the list; None at its end."""

    shows: list[ShowSummary]
    next: str | None


@view
class Show(View):
    """A show and, once recorded, its setlist."""

    show: ShowSummary
    setlist: Setlist | None


@query(
    "catalog.list-shows", access=Access.PUBLIC, watches=("shows", "setlists", "artists", "venues")
)
class ListShows(Query[Shows]):
    """Shows of one artist or of all, by day.

    A show is upcoming until it has ended, or its day has, everywhere on Earth; one whose hour
    nobody knows is past once it is known what was played. Upcoming shows come earliest first, past
    and all shows latest first.
    """

    artist_id: ArtistId | None = None
    when: When = When.ALL
    limit: Limit = 50
    after: PageCursor | None = None


@query(
    "catalog.get-show",
    access=Access.PUBLIC,
    watches=("show.{show_id}", "artists", "venues", "songs"),
)
class GetShow(Query[Show]):
    """A show and, once recorded, what was played at it."""

    show_id: ShowId
