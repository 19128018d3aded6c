"""What is said to and by `catalog` about songs, and which of them are likely to be played.

How records are told: `contracts.catalog`.
"""

from dataclasses import field
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from contracts.catalog import (
    PEOPLE,
    ArtistId,
    EditorSuspended,
    ExternalIds,
    Limit,
    PageCursor,
    RecordReceipt,
    ShowId,
    SongId,
    Source,
    SpeaksForAnother,
    Text,
    Withdrawn,
)
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


class SongOrder(StrEnum):
    TITLE = "title"
    MOST_PLAYED = "most-played"


# ---------------------------------------------------------------------------------- commands


@command(
    "catalog.register-song",
    key="song_id",
    access=Access.ADMIN,
    rejections=(EditorSuspended, SpeaksForAnother),
)
class RegisterSong(Command[RecordReceipt]):
    """Say what is known of a song in an artist's repertoire.

    original_artist  who made it known, when the artist covers it
    release          the record it came out on
    """

    song_id: SongId
    artist_id: ArtistId
    title: Text
    original_artist: Text | None = None
    release: Text | None = None
    external_ids: ExternalIds = field(default_factory=dict)
    source: Source = PEOPLE
    as_of: AwareDatetime | None = None


# ---------------------------------------------------------------------------------- events


@event("catalog.song_added")
class SongAdded(Event):
    """The catalog learned of a song."""

    song_id: SongId
    artist_id: ArtistId
    title: str
    original_artist: str | None = None
    release: str | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None


@message
class SongNews(Event):
    """What is news of a song."""

    song_id: SongId
    artist_id: ArtistId | None = None
    title: str | None = None
    original_artist: str | None = None
    release: str | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None
    withdrawn: Withdrawn = field(default_factory=list)


@event("catalog.song_changed")
class SongChanged(SongNews):
    """Something about a song is different from now on."""


@event("catalog.song_noted")
class SongNoted(SongNews):
    """A source says something about a song that another one knows better, or has said before."""


# ---------------------------------------------------------------------------------- views, queries


@view
class SongSummary(View):
    """A song of an artist.

    plays        how many shows it was played at
    last_played  the day of the latest of them
    """

    song_id: SongId
    artist_id: ArtistId
    title: str
    original_artist: str | None
    release: str | None
    plays: int
    last_played: date | None
    external_ids: dict[str, str]


@view
class Songs(View):
    """Songs in the order asked for. `next` continues the list; None at its end."""

    songs: list[SongSummary]
    next: str | None


@view
class CandidateSong(View):
    """A song that may be put on a ballot."""

    song_id: SongId
    title: str
    plays: int
    last_played: date | None


@view
class Candidates(View):
    """Songs for the ballot of a show: what its artist has played most, best known first."""

    show_id: ShowId
    artist_id: ArtistId
    candidates: list[CandidateSong]


@query(
    "catalog.list-songs",
    access=Access.PUBLIC,
    watches=("songs", "setlists", "shows", "artists"),
)
class ListSongs(Query[Songs]):
    """Songs of one artist or of all, by title or by how often they were played."""

    artist_id: ArtistId | None = None
    order: SongOrder = SongOrder.TITLE
    limit: Limit = 50
    after: PageCursor | None = None


@query("catalog.get-songs", access=Access.PUBLIC, watches=("songs", "setlists", "shows"))
class GetSongs(Query[Songs]):
    """The songs with these ids, in their order; ids the catalog does not know are left out."""

    song_ids: Annotated[list[SongId], Field(max_length=500)]


@query(
    "catalog.get-candidates",
    access=Access.PUBLIC,
    watches=("show.{show_id}", "songs", "setlists", "shows", "artists"),
)
class GetCandidates(Query[Candidates]):
    """The songs that the artist of a show has played most: most shows first, then by title."""

    show_id: ShowId
    limit: Limit = 30
