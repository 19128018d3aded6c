"""What is said to and by `catalog` about identity: which records of several sources are one thing.

A record's own id comes from an id that a source has for it. Where another source speaks of the same
thing, what it says goes into the same record: because both know a third id, because the thing is
matched by what it is, or because an administrator says so. Administrators also take apart.
"""

from dataclasses import field
from datetime import date
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from contracts.catalog import (
    ArtistId,
    EditorSuspended,
    ExternalIds,
    Kind,
    Limit,
    PageCursor,
    RecordReceipt,
    RecordUnheardOf,
    ShowId,
    SongId,
    Source,
    Text,
    VenueId,
)
from contracts.catalog_gatherings import GatheringId
from libs.kernel.errors import Rejected
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

PROBES_MAX = 600


class IntoItself(Rejected):
    code = "catalog.into-itself"
    title = "A record cannot become part of itself."


# ---------------------------------------------------------------------------------- commands


@view
class IdentityReceipt(View):
    """What a record is part of now; itself when it stands alone."""

    record_id: Id
    into_id: Id
    position: int = 0


@command(
    "catalog.merge-records",
    key="record_id",
    access=Access.ADMIN,
    rejections=(IntoItself, EditorSuspended),
)
class MergeRecords(Command[IdentityReceipt]):
    """Say that a record is the same thing as another, and part of that from now on.

    It is shown no more, what belonged to it belongs to the other, and what its sources say goes
    there the next time they are asked. Records are merged once more to say something else.
    """

    kind: Kind
    record_id: Id
    into_id: Id


@command(
    "catalog.split-records",
    key="record_id",
    access=Access.ADMIN,
    rejections=(IntoItself, EditorSuspended),
)
class SplitRecords(Command[IdentityReceipt]):
    """Say that what a source tells of one record is about another thing.

    The record it was part of forgets what the source said of it, and the two are never matched
    again by themselves.

    record_id  the record that the source's own id leads to (`own_id` of `catalog.get-sayings`)
    from_id    the record that it was taken for
    source     whose words were about something else
    """

    kind: Kind
    record_id: Id
    from_id: Id
    source: Source


@command(
    "catalog.forget-artist",
    key="artist_id",
    access=Access.SERVICE,
    rejections=(RecordUnheardOf,),
)
class ForgetArtist(Command[RecordReceipt]):
    """What a source said of this artist was about another."""

    artist_id: ArtistId
    source: Source


@command(
    "catalog.forget-venue", key="venue_id", access=Access.SERVICE, rejections=(RecordUnheardOf,)
)
class ForgetVenue(Command[RecordReceipt]):
    """What a source said of this venue was about another."""

    venue_id: VenueId
    source: Source


@command("catalog.forget-song", key="song_id", access=Access.SERVICE, rejections=(RecordUnheardOf,))
class ForgetSong(Command[RecordReceipt]):
    """What a source said of this song was about another."""

    song_id: SongId
    source: Source


@command("catalog.forget-show", key="show_id", access=Access.SERVICE, rejections=(RecordUnheardOf,))
class ForgetShow(Command[RecordReceipt]):
    """What a source said of this show was about another."""

    show_id: ShowId
    source: Source


@command(
    "catalog.forget-setlist", key="show_id", access=Access.SERVICE, rejections=(RecordUnheardOf,)
)
class ForgetSetlist(Command[RecordReceipt]):
    """What a source said was played was played elsewhere."""

    show_id: ShowId
    source: Source


@command(
    "catalog.forget-gathering",
    key="gathering_id",
    access=Access.SERVICE,
    rejections=(RecordUnheardOf,),
)
class ForgetGathering(Command[RecordReceipt]):
    """What a source said of this gathering was about another."""

    gathering_id: GatheringId
    source: Source


# ---------------------------------------------------------------------------------- events


@event("catalog.records_merged")
class RecordsMerged(Event):
    """A record is part of another from now on."""

    kind: Kind
    record_id: Id
    into_id: Id


@event("catalog.records_split")
class RecordsSplit(Event):
    """A record is not part of another, whatever it looks like."""

    kind: Kind
    record_id: Id
    from_id: Id
    source: str


# ---------------------------------------------------------------------------------- views, queries


@message
class Probe:
    """What is known of a thing that is to be found.

    record_id   the id it would have on its own
    name        of an artist, a venue, a song, a gathering
    artist_id   of a song and a show
    venue_id    of a show
    """

    kind: Kind
    record_id: Id
    source: Source
    external_ids: ExternalIds = field(default_factory=dict)
    name: Text | None = None
    artist_id: ArtistId | None = None
    venue_id: VenueId | None = None
    local_date: date | None = None
    number_that_day: int | None = None
    starts_at: AwareDatetime | None = None
    city: Text | None = None
    latitude: float | None = None
    longitude: float | None = None


@view
class Match(View):
    """Which record a probe is.

    record_id  its own id when nothing was found
    is_spoken  another thing of the same source is in this record: it speaks for it already
    """

    record_id: Id
    is_spoken: bool


@view
class Matches(View):
    """One for each probe, in their order."""

    matches: list[Match]


@query("catalog.match-records", access=Access.SERVICE)
class MatchRecords(Query[Matches]):
    """Find the records that things are, by ids that sources have for them, or by what they are."""

    probes: Annotated[list[Probe], Field(max_length=PROBES_MAX)]


@view
class FieldSaying(View):
    """What one source says of one field. `is_held`: the catalog holds it to be so."""

    field: str
    value: Any
    said_at: str
    is_held: bool


@view
class SourceSaying(View):
    """What one source says of a record.

    external_id  what it calls the record
    own_id       the record that its words would make on their own
    """

    source: str
    external_id: str | None
    own_id: Id | None
    fields: list[FieldSaying]


@view
class Sayings(View):
    """Who says what of a record.

    into_id  what it is part of, if it was merged
    names    what the records are called that are spoken of, this one too, by id
    """

    kind: Kind
    record_id: Id
    into_id: Id | None
    merged: list[Id]
    sources: list[SourceSaying]
    names: dict[str, str] = field(default_factory=dict)


@view
class Dispute(View):
    """A field of which sources say different things, and no person has said what is so.

    sayings  source -> what it says
    said_at  source -> when it said so
    held     the source whose word the catalog holds to be so
    names    what the records are called that are spoken of, this one too, by id
    """

    kind: Kind
    record_id: Id
    field: str
    sayings: dict[str, Any]
    said_at: dict[str, str]
    held: str
    names: dict[str, str]


@view
class Disputes(View):
    """Disagreements, by record. `next` continues the list; None at its end."""

    disputes: list[Dispute]
    next: str | None


@query(
    "catalog.get-sayings",
    access=Access.ADMIN,
    watches=("saying.{record_id}", "artists", "venues", "songs"),
)
class GetSayings(Query[Sayings]):
    """Who says what of a record, and since when."""

    kind: Kind
    record_id: Id


@query("catalog.list-disputes", access=Access.ADMIN, watches=("disputes",))
class ListDisputes(Query[Disputes]):
    """Where sources disagree, and nobody has settled it yet."""

    kind: Kind | None = None
    limit: Limit = 50
    after: PageCursor | None = None
