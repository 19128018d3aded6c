"""What is said to and by `catalog` about artists. How records are told: `contracts.catalog`."""

from dataclasses import field
from datetime import datetime

from pydantic import AwareDatetime

from contracts.catalog import (
    PEOPLE,
    ArtistId,
    EditorSuspended,
    ExternalIds,
    Limit,
    PageCursor,
    RecordReceipt,
    Source,
    SpeaksForAnother,
    Text,
    Withdrawn,
)
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

# ---------------------------------------------------------------------------------- rejections


class ArtistNotFound(NotFound):
    code = "catalog.artist-not-found"
    title = "The catalog knows no such artist."


# ---------------------------------------------------------------------------------- commands


@command(
    "catalog.register-artist",
    key="artist_id",
    access=Access.ADMIN,
    rejections=(EditorSuspended, SpeaksForAnother),
)
class RegisterArtist(Command[RecordReceipt]):
    """Say what is known of an artist: a new one is added, a known one brought up to date."""

    artist_id: ArtistId
    name: Text
    external_ids: ExternalIds = field(default_factory=dict)
    source: Source = PEOPLE
    as_of: AwareDatetime | None = None


# ---------------------------------------------------------------------------------- events


@event("catalog.artist_added")
class ArtistAdded(Event):
    """The catalog learned of an artist."""

    artist_id: ArtistId
    name: str
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None


@message
class ArtistNews(Event):
    """What is news of an artist."""

    artist_id: ArtistId
    name: str | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None
    withdrawn: Withdrawn = field(default_factory=list)


@event("catalog.artist_changed")
class ArtistChanged(ArtistNews):
    """Something about an artist is different from now on."""


@event("catalog.artist_noted")
class ArtistNoted(ArtistNews):
    """A source says something about an artist that another one knows better, or has said before."""


# ---------------------------------------------------------------------------------- views, queries


@view
class ArtistSummary(View):
    """An artist in a list. `shows`, `songs`: how many the catalog knows."""

    artist_id: ArtistId
    name: str
    shows: int
    songs: int
    external_ids: dict[str, str]


@view
class Artists(View):
    """Artists by name. `next` continues the list; None at its end."""

    artists: list[ArtistSummary]
    next: str | None


@query("catalog.list-artists", access=Access.PUBLIC, watches=("artists", "songs", "shows"))
class ListArtists(Query[Artists]):
    """Artists by name."""

    limit: Limit = 50
    after: PageCursor | None = None


@query("catalog.get-artist", access=Access.PUBLIC, watches=("artists", "songs", "shows"))
class GetArtist(Query[ArtistSummary]):
    """An artist, and what sources call them."""

    artist_id: ArtistId
