"""What is said to and by `catalog`: artists, venues, songs, shows and what was played at them.

Every record knows the ids that other systems have for it (`external_ids`, by source), and its own
id is derived from one of them: whoever tells the catalog about the same thing twice arrives at the
same stream.

    show_id = id_of(Kind.SHOW, "setlistfm", "63de4613")

Several sources may speak of one record. What each of them says is kept, field by field, with the
time it was said; what the catalog holds to be so is decided by precedence (docs/adr/0016). A field
left out of a command, or None, means that its source does not know it. It never erases what another
has told.
"""

from dataclasses import field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from libs.kernel.errors import NotFound, Rejected
from libs.kernel.ids import Id, derive_id
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

ArtistId = Id
VenueId = Id
SongId = Id
ShowId = Id

SETS_MAX = 50
SONGS_OF_A_SET_MAX = 500
PAGE_MAX = 200


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # No such key, not a key, not a file.
        raise ValueError("not an IANA time zone") from None
    return name


def _without_offset(at: time) -> time:
    if at.tzinfo is not None:
        raise ValueError("a local time has no offset")
    return at


Source = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=40)]
PEOPLE = "people"
"""The source of what somebody says who was asked for none: the word of an administrator."""

ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f\x7f]+$")
]
ExternalIds = Annotated[dict[Source, ExternalId], Field(max_length=20)]
"""The ids that other systems have for a record: source -> id."""

# No control characters: PostgreSQL cannot store some of them, and a page should not show any.
Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
Note = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=1000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$",
    ),
]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\x00-\x1f\x7f]+$", max_length=1000)]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
"""A zone of the IANA time zone database: `Europe/Copenhagen`."""

LocalTime = Annotated[time, AfterValidator(_without_offset)]
"""A time on the clock of the place, without an offset: `20:00`."""

Limit = Annotated[int, Field(ge=1, le=PAGE_MAX)]
PageCursor = Annotated[str, StringConstraints(max_length=1000)]
"""Where a list goes on: the `next` of the page before. Opaque."""


class Kind(StrEnum):
    """The kinds of record: the aggregates of this service. (A setlist has the id of its show.)"""

    ARTIST = "artist"
    VENUE = "venue"
    SONG = "song"
    SHOW = "show"
    SETLIST = "setlist"
    GATHERING = "gathering"


_ID_PREFIX = {
    Kind.ARTIST: "art_",
    Kind.VENUE: "ven_",
    Kind.SONG: "sng_",
    Kind.GATHERING: "gat_",
}


def id_of(kind: Kind, source: str, external_id: str) -> str:
    """The id of the record that `source` calls `external_id`: the same for the same three."""
    if kind is Kind.SETLIST:
        kind = Kind.SHOW
    return derive_id(kind, source, external_id, prefix=_ID_PREFIX.get(kind, "shw_"))


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


class Outcome(StrEnum):
    """What a record became by what it was told."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class When(StrEnum):
    """Which shows: those to come (earliest first), those past, or all (both latest first)."""

    UPCOMING = "upcoming"
    PAST = "past"
    ALL = "all"


class SongOrder(StrEnum):
    TITLE = "title"
    MOST_PLAYED = "most-played"


@message
class PlayedSong:
    """One song of a set.

    segue  it ran into the next song without a break
    tape   it came from a tape: heard, but not played by the artist
    note   what the source remarks about it
    """

    song_id: SongId
    segue: bool = False
    tape: bool = False
    note: Note | None = None


@message
class PlayedSet:
    """The songs between two breaks, in order. `name` as the source has it: "Set 2", "Encore"."""

    name: Text | None = None
    songs: Annotated[list[PlayedSong], Field(min_length=1, max_length=SONGS_OF_A_SET_MAX)]


Sets = Annotated[list[PlayedSet], Field(min_length=1, max_length=SETS_MAX)]


# ---------------------------------------------------------------------------------- errors


class EditorSuspended(Rejected):
    code = "catalog.editor-suspended"
    title = "Who is suspended may not change the catalog."


class SpeaksForAnother(Rejected):
    code = "catalog.speaks-for-another"
    title = "Who is asked for no source speaks as `people`; only services speak for sources."


class RecordUnheardOf(Rejected):
    code = "catalog.record-unheard-of"
    title = "Nobody has told the catalog of this."


class ArtistNotFound(NotFound):
    code = "catalog.artist-not-found"
    title = "The catalog knows no such artist."


class ShowNotFound(NotFound):
    code = "catalog.show-not-found"
    title = "The catalog knows no such show."


class SetlistNotFound(NotFound):
    code = "catalog.setlist-not-found"
    title = "Nobody has recorded yet what was played at this show."


# ---------------------------------------------------------------------------------- commands
# Each says something about one record.
#
# source   who says it
# as_of    when the source last changed its mind, UTC. What carries it is all that the source says
#          of the record: a field left out is one that it does not say any longer; and what is older
#          than the last thing it said is passed over. Without it, it is said in addition.


@view
class RecordReceipt(View):
    """What a record became."""

    id: Id
    outcome: Outcome
    position: int = 0


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


@command(
    "catalog.record-setlist",
    key="show_id",
    access=Access.ADMIN,
    rejections=(EditorSuspended, SpeaksForAnother),
)
class RecordSetlist(Command[RecordReceipt]):
    """Say what was played at a show. A different setlist replaces the one recorded before."""

    show_id: ShowId
    sets: Sets
    external_ids: ExternalIds = field(default_factory=dict)
    source: Source = PEOPLE
    as_of: AwareDatetime | None = None


# ---------------------------------------------------------------------------------- events
# Of each kind there is one event that adds the record, one that changes what the catalog holds to
# be so, and one that notes what a source says while the catalog goes on as before. In the latter
# two a field that did not change is None, `external_ids` holds those that are new or different, and
# `withdrawn` names the fields that the source does not say any longer: of those a change holds what
# is so instead, if anybody says anything.

Withdrawn = list[str]


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


@event("catalog.setlist_recorded")
class SetlistRecorded(Event):
    """It became known what was played at a show."""

    show_id: ShowId
    sets: list[PlayedSet]
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None


@message
class SetlistNews(Event):
    """What is news of a setlist."""

    show_id: ShowId
    sets: list[PlayedSet] | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    source: str = PEOPLE
    as_of: datetime | None = None
    withdrawn: Withdrawn = field(default_factory=list)


@event("catalog.setlist_changed")
class SetlistChanged(SetlistNews):
    """What was played at a show turned out to be different. `sets` replaces all sets."""


@event("catalog.setlist_noted")
class SetlistNoted(SetlistNews):
    """A source says something about a setlist that another one knows better, or has said before."""


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
class SetlistSong(View):
    """A song as it was played. `title` is None while the catalog does not know the song."""

    song_id: SongId
    title: str | None
    original_artist: str | None
    segue: bool
    tape: bool
    note: str | None


@view
class SetlistSet(View):
    """One set of a setlist, in order."""

    name: str | None
    songs: list[SetlistSong]


@view
class Setlist(View):
    """What was played at a show."""

    show_id: ShowId
    sets: list[SetlistSet]
    external_ids: dict[str, str]


@view
class Show(View):
    """A show and, once recorded, its setlist."""

    show: ShowSummary
    setlist: Setlist | None


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


@query("catalog.list-artists", access=Access.PUBLIC, watches=("artists", "songs", "shows"))
class ListArtists(Query[Artists]):
    """Artists by name."""

    limit: Limit = 50
    after: PageCursor | None = None


@query("catalog.get-artist", access=Access.PUBLIC, watches=("artists", "songs", "shows"))
class GetArtist(Query[ArtistSummary]):
    """An artist, and what sources call them."""

    artist_id: ArtistId


@query(
    "catalog.list-shows", access=Access.PUBLIC, watches=("shows", "setlists", "artists", "venues")
)
class ListShows(Query[Shows]):
    """Shows of one artist or of all, by day.

    A show is upcoming until its day has ended everywhere on Earth. Upcoming shows come earliest
    first; past and all shows come latest first.
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


@query("catalog.get-setlist", access=Access.PUBLIC, watches=("show.{show_id}", "songs"))
class GetSetlist(Query[Setlist]):
    """What was played at a show, set by set."""

    show_id: ShowId


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
