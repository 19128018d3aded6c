"""What is said to and by `catalog` about venues. How records are told: `contracts.catalog`."""

from dataclasses import field
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from contracts.catalog import (
    PEOPLE,
    EditorSuspended,
    ExternalIds,
    RecordReceipt,
    Source,
    SpeaksForAnother,
    Text,
    VenueId,
    Withdrawn,
)
from libs.kernel.messages import Access, Command, Event, command, event, message

# ---------------------------------------------------------------------------------- commands


@command(
    "catalog.register-venue",
    key="venue_id",
    access=Access.ADMIN,
    rejections=(EditorSuspended, SpeaksForAnother),
)
class RegisterVenue(Command[RecordReceipt]):
    """Say what is known of a venue.

    name                 None when it is known where people met, but not what the place is called
    region               the state or province; where a source does not tell them apart, the country
    country              as the source writes it: "US", "England"
    latitude, longitude  degrees, WGS 84
    """

    venue_id: VenueId
    name: Text | None = None
    city: Text | None = None
    region: Text | None = None
    country: Text | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    external_ids: ExternalIds = field(default_factory=dict)
    source: Source = PEOPLE
    as_of: AwareDatetime | None = None


# ---------------------------------------------------------------------------------- events


@event("catalog.venue_added")
class VenueAdded(Event):
    """The catalog learned of a venue."""

    venue_id: VenueId
    name: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None


@message
class VenueNews(Event):
    """What is news of a venue."""

    venue_id: VenueId
    name: str | None = None
    city: str | None = None
    region: str | None = None
    country: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None
    withdrawn: Withdrawn = field(default_factory=list)


@event("catalog.venue_changed")
class VenueChanged(VenueNews):
    """Something about a venue is different from now on."""


@event("catalog.venue_noted")
class VenueNoted(VenueNews):
    """A source says something about a venue that another one knows better, or has said before."""
