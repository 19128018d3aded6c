"""The plain kinds of record. (A show is one too, with a day of its own: `shows`.)"""

from contracts.catalog import Kind
from contracts.catalog_artists import ArtistAdded, ArtistChanged, ArtistNoted, RegisterArtist
from contracts.catalog_gatherings import (
    GatheringAdded,
    GatheringChanged,
    GatheringNoted,
    MissGathering,
    RegisterGathering,
)
from contracts.catalog_identity import (
    ForgetArtist,
    ForgetGathering,
    ForgetSetlist,
    ForgetSong,
    ForgetVenue,
)
from contracts.catalog_setlists import RecordSetlist, SetlistChanged, SetlistNoted, SetlistRecorded
from contracts.catalog_settling import (
    SettleArtist,
    SettleGathering,
    SettleSetlist,
    SettleSong,
    SettleVenue,
)
from contracts.catalog_songs import RegisterSong, SongAdded, SongChanged, SongNoted
from contracts.catalog_venues import RegisterVenue, VenueAdded, VenueChanged, VenueNoted
from services.catalog.domain.records import Record, record, shape_of

ARTIST = record(
    shape_of(Kind.ARTIST, RegisterArtist, ArtistAdded, ArtistChanged, ArtistNoted),
    RegisterArtist,
    Record[ArtistAdded, ArtistChanged],
    forget=ForgetArtist,
    settle=SettleArtist,
)
VENUE = record(
    shape_of(Kind.VENUE, RegisterVenue, VenueAdded, VenueChanged, VenueNoted),
    RegisterVenue,
    Record[VenueAdded, VenueChanged],
    forget=ForgetVenue,
    settle=SettleVenue,
)
SONG = record(
    shape_of(Kind.SONG, RegisterSong, SongAdded, SongChanged, SongNoted),
    RegisterSong,
    Record[SongAdded, SongChanged],
    forget=ForgetSong,
    settle=SettleSong,
)
SETLIST = record(
    shape_of(Kind.SETLIST, RecordSetlist, SetlistRecorded, SetlistChanged, SetlistNoted),
    RecordSetlist,
    Record[SetlistRecorded, SetlistChanged],
    forget=ForgetSetlist,
    settle=SettleSetlist,
)
GATHERING = record(
    shape_of(Kind.GATHERING, RegisterGathering, GatheringAdded, GatheringChanged, GatheringNoted),
    RegisterGathering,
    Record[GatheringAdded, GatheringChanged],
    forget=ForgetGathering,
    settle=SettleGathering,
    miss=MissGathering,
)
