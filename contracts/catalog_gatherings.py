"""What is said to and by `catalog` about gatherings: entries of a calendar that one registers for.

A gathering has hosts instead of an artist, and a place of its own instead of a venue. It is told as
other records are: who says it, and as of when (`contracts.catalog`).
"""

from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from contracts.catalog import (
    PEOPLE,
    EditorSuspended,
    ExternalIds,
    Limit,
    PageCursor,
    RecordReceipt,
    RecordUnheardOf,
    Source,
    SpeaksForAnother,
    Text,
    TimeZone,
    Url,
    When,
    Withdrawn,
)
from libs.kernel.errors import NotFound
from libs.kernel.ids import Id
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

GatheringId = Id

HOSTS_MAX = 50

Description = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=20_000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$",
    ),
]


class GatheringStatus(StrEnum):
    SCHEDULED = "scheduled"
    TENTATIVE = "tentative"
    CANCELLED = "cancelled"


class Registration(StrEnum):
    """How one gets in."""

    OPEN = "open"
    WAITLIST = "waitlist"
    CLOSED = "closed"


class GatheringNotFound(NotFound):
    code = "catalog.gathering-not-found"
    title = "The catalog knows no such gathering."


@command(
    "catalog.register-gathering",
    key="gathering_id",
    access=Access.ADMIN,
    rejections=(EditorSuspended, SpeaksForAnother),
)
class RegisterGathering(Command[RecordReceipt]):
    """Say what is known of a gathering.

    calendar             the calendar it stands in, as its source calls it
    starts_at, ends_at   UTC
    time_zone            of the place, for those who read the clock there
    hosts                their names, as they are shown to everybody
    location             where to go, as far as everybody may know it; None when it is online
    is_online            there is nowhere to go
    cover                the address of its picture
    capacity             how many may come
    is_published         everybody may know of it; others are kept, and shown to nobody
    is_featured          its calendar puts it forward
    is_listed            whether the source still tells of it; what disappears is marked, and stays
    """

    gathering_id: GatheringId
    name: Text
    calendar: Text | None = None
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    time_zone: TimeZone | None = None
    hosts: Annotated[list[Text], Field(max_length=HOSTS_MAX)] | None = None
    location: Text | None = None
    city: Text | None = None
    country: Text | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    is_online: bool | None = None
    cover: Url | None = None
    url: Url | None = None
    description: Description | None = None
    registration: Registration | None = None
    capacity: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    is_published: bool | None = None
    is_featured: bool | None = None
    status: GatheringStatus | None = None
    is_listed: bool | None = None
    external_ids: ExternalIds = field(default_factory=dict)
    source: Source = PEOPLE
    as_of: AwareDatetime | None = None


@command(
    "catalog.miss-gathering",
    key="gathering_id",
    access=Access.SERVICE,
    rejections=(EditorSuspended, SpeaksForAnother, RecordUnheardOf),
)
class MissGathering(Command[RecordReceipt]):
    """Say that a source does not tell of a gathering any longer. It is marked, and stays."""

    gathering_id: GatheringId
    source: Source


@event("catalog.gathering_added")
class GatheringAdded(Event):
    """The catalog learned of a gathering."""

    gathering_id: GatheringId
    name: str
    calendar: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    time_zone: str | None = None
    hosts: list[str] | None = None
    location: str | None = None
    city: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    is_online: bool | None = None
    cover: str | None = None
    url: str | None = None
    description: str | None = None
    registration: Registration | None = None
    capacity: int | None = None
    is_published: bool | None = None
    is_featured: bool | None = None
    status: GatheringStatus = GatheringStatus.SCHEDULED
    is_listed: bool | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None


@message
class GatheringNews(Event):
    """What is news of a gathering."""

    gathering_id: GatheringId
    name: str | None = None
    calendar: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    time_zone: str | None = None
    hosts: list[str] | None = None
    location: str | None = None
    city: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    is_online: bool | None = None
    cover: str | None = None
    url: str | None = None
    description: str | None = None
    registration: Registration | None = None
    capacity: int | None = None
    is_published: bool | None = None
    is_featured: bool | None = None
    status: GatheringStatus | None = None
    is_listed: bool | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None
    withdrawn: Withdrawn = field(default_factory=list)


@event("catalog.gathering_changed")
class GatheringChanged(GatheringNews):
    """Something about a gathering is different from now on."""


@event("catalog.gathering_noted")
class GatheringNoted(GatheringNews):
    """A source says something of a gathering that another knows better, or has said before."""


@view
class Gathering(View):
    """A gathering that everybody may know of."""

    gathering_id: GatheringId
    name: str
    calendar: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    time_zone: str | None
    hosts: list[str]
    location: str | None
    city: str | None
    country: str | None
    latitude: float | None
    longitude: float | None
    is_online: bool | None
    cover: str | None
    url: str | None
    description: str | None
    registration: Registration | None
    capacity: int | None
    is_featured: bool
    status: GatheringStatus
    is_listed: bool
    external_ids: dict[str, str]


@view
class Gatherings(View):
    """Gatherings in the order asked for. `next` continues the list; None at its end."""

    gatherings: list[Gathering]
    next: str | None


@query("catalog.list-gatherings", access=Access.PUBLIC, watches=("gatherings",))
class ListGatherings(Query[Gatherings]):
    """Published gatherings of one calendar or of all, by their beginning.

    Upcoming ones come earliest first; past and all come latest first. One is upcoming until it
    ends; without an end, until it begins. Those without a beginning are in the list of all alone.
    """

    calendar: Annotated[str, Field(max_length=300)] | None = None
    when: When = When.ALL
    limit: Limit = 50
    after: PageCursor | None = None


@query("catalog.get-gathering", access=Access.PUBLIC, watches=("gathering.{gathering_id}",))
class GetGathering(Query[Gathering]):
    """A published gathering."""

    gathering_id: GatheringId
