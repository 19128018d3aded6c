"""The world that the sandbox's partners know of. It is the same for the same day; and the next day
it is the same but for what is over by then, and what was announced.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from contracts.catalog_setlists import RecordSetlist
from contracts.catalog_shows import ScheduleShow
from contracts.catalog_songs import RegisterSong
from contracts.catalog_venues import RegisterVenue
from services.catalog.adapters.findings import Fact
from services.catalog.adapters.gdshowsdb import read
from services.catalog.adapters.partners.sandbox import BAND_ATTRACTION, BAND_MBID, BAND_SPOTIFY
from services.catalog.cli.seeding import SEED

DEAD_MBID: Final = "6faa7ca7-0d99-4a5e-bfa6-1fd5037520c6"
BAND: Final = "The Harbour Lights"
CALENDAR_NAME: Final = "Harbour Sessions"

EPOCH: Final = date(2026, 11, 21)
"""The day from which shows and gatherings are numbered."""

PAST_SHOWS: Final = 45
COMING_SHOWS: Final = 12
GATHERINGS: Final = 30

_TITLES = (
    "Lantern on the Pier", "Salt in the Rigging", "Ebb", "Flood", "Keel Over", "Northern Buoy",
    "Half a Knot", "Windward", "Leeward", "The Pilot's Daughter", "Slack Water", "Spring Tide",
    "Neap Tide", "Dead Reckoning", "Fog Signal", "Two Short Blasts", "Anchor Watch", "Breakwater",
    "Gannet", "Cormorant", "Low Pressure", "High Pressure", "Isobar", "Storm Warning",
    "All Clear", "Harbour Master", "Customs House", "Rope Walk", "Dry Dock", "Launching Day",
)  # fmt: skip
_DAYS_BETWEEN_SHOWS = 4
_DAYS_UNTIL_THE_NEXT = 3
_ALBUMS = ("First Light", "Second Watch", "Third Bell")


@dataclass(frozen=True, slots=True)
class Venue:
    """Where a show is: its city, country code, coordinates and time zone."""

    name: str
    city: str
    country: str
    latitude: float
    longitude: float
    zone: str


VENUES: Final = (
    Venue("Vega", "Copenhagen", "DK", 55.6676, 12.5447, "Europe/Copenhagen"),
    Venue("Paradiso", "Amsterdam", "NL", 52.3622, 4.8839, "Europe/Amsterdam"),
    Venue("Roundhouse", "London", "GB", 51.5433, -0.1519, "Europe/London"),
    Venue("Fillmore", "San Francisco", "US", 37.7840, -122.4331, "America/Los_Angeles"),
    Venue("Budokan", "Tokyo", "JP", 35.6933, 139.7497, "Asia/Tokyo"),
)


@dataclass(frozen=True, slots=True)
class Artist:
    """Who plays, and what partners call them."""

    name: str
    mbid: str
    attraction: str
    spotify: str | None = None


HARBOUR_LIGHTS: Final = Artist(BAND, BAND_MBID, BAND_ATTRACTION, BAND_SPOTIFY)


@dataclass(frozen=True, slots=True)
class Played:
    """A show of the past and what was played: sets, each with its songs (title, segue).

    written_at   when its setlist was written; None for late in the evening of its day
    """

    day: date
    artist: str
    artist_mbid: str
    venue: str | None
    city: str | None
    country: str | None
    tour: str | None
    sets: Sequence[tuple[str | None, Sequence[tuple[str, bool]]]]
    written_at: datetime | None = None

    @property
    def setlist_id(self) -> str:
        at = self.day if self.written_at is None else self.written_at
        return hex_of(self.artist_mbid, at.isoformat())

    @property
    def venue_id(self) -> str:
        return hex_of(self.venue or "", self.city or "")


@dataclass(frozen=True, slots=True)
class Coming:
    """A show that is to come."""

    artist: Artist
    event_id: str
    venue: Venue
    starts_at: datetime

    @property
    def locally(self) -> datetime:
        """When it begins, by the clock of its venue."""
        return self.starts_at.astimezone(ZoneInfo(self.venue.zone))


@dataclass(frozen=True, slots=True)
class Meeting:
    """A gathering of the band's calendar."""

    number: int
    starts_at: datetime
    venue: Venue
    is_online: bool

    @property
    def event_id(self) -> str:
        return f"evt-Sandbox{self.number % 10_000:04}"


@dataclass(frozen=True, slots=True)
class Track:
    """A song on an album."""

    number: int
    title: str
    album: str

    @property
    def track_id(self) -> str:
        return f"4SandboxTrack{self.number:09}"


def hex_of(*parts: str) -> str:
    """Eight hexadecimal digits that are the same for the same parts."""
    return hashlib.blake2b("|".join(parts).encode(), digest_size=4).hexdigest()


def played_by(mbid: str, today: date) -> list[Played]:
    """The shows of an artist of the past, latest first; none of an artist that nobody knows."""
    if mbid == DEAD_MBID:
        return sorted(_dead(), key=lambda show: show.day, reverse=True)
    if mbid == BAND_MBID:
        last = (today - EPOCH).days // _DAYS_BETWEEN_SHOWS
        return [_of_band(last - number) for number in range(PAST_SHOWS)]
    return []


def coming(today: date) -> list[Coming]:
    """The band's shows to come, next first: one every third day."""
    first = -((EPOCH - today).days // _DAYS_UNTIL_THE_NEXT)
    return [_coming(number) for number in range(first, first + COMING_SHOWS)]


def _coming(number: int) -> Coming:
    venue = VENUES[number % len(VENUES)]
    day = EPOCH + timedelta(days=_DAYS_UNTIL_THE_NEXT * number)
    begins = datetime.combine(day, time(20 if number % 2 else 19, 30), ZoneInfo(venue.zone))
    return Coming(HARBOUR_LIGHTS, f"vvSandbox{number % 1000:03}", venue, begins.astimezone(UTC))


def meetings(today: date) -> list[Meeting]:
    """The band's gatherings, half of them past, earliest first."""
    zero = datetime.combine(EPOCH, time(18), UTC) - timedelta(days=7 * (GATHERINGS // 2))
    first = (today - EPOCH).days // 7
    return [
        Meeting(number, zero + timedelta(days=7 * number), VENUES[number % 3], number % 4 == 0)
        for number in range(first, first + GATHERINGS)
    ]


def tracks() -> list[Track]:
    """What the band has recorded, album by album."""
    each = len(_TITLES) // len(_ALBUMS)
    return [Track(number, title, _ALBUMS[number // each]) for number, title in enumerate(_TITLES)]


def albums() -> tuple[str, ...]:
    """The band's albums, first one first."""
    return _ALBUMS


def _of_band(number: int) -> Played:
    """The show of a number: 0 was just before the epoch, those before it are below."""
    venue = VENUES[-number % len(VENUES)]
    songs = [_TITLES[(3 * place - 7 * number) % len(_TITLES)] for place in range(14)]
    songs = list(dict.fromkeys(songs))
    half, encore = len(songs) // 2, songs[-1:]
    return Played(
        day=EPOCH + timedelta(days=_DAYS_BETWEEN_SHOWS * number - 2),
        artist=BAND,
        artist_mbid=BAND_MBID,
        venue=venue.name,
        city=venue.city,
        country=venue.country,
        tour="Tides",
        sets=(
            (None, [(title, place == half - 1) for place, title in enumerate(songs[:half])]),
            (None, [(title, False) for title in songs[half:-1]]),
            ("Encore", [(title, False) for title in encore]),
        ),
    )


def _dead() -> Iterator[Played]:
    facts = [it.telling for it in read(SEED.read_text(), SEED.name) if isinstance(it, Fact)]
    venues = {it.venue_id: it for it in facts if isinstance(it, RegisterVenue)}
    songs = {it.song_id: it.title for it in facts if isinstance(it, RegisterSong)}
    setlists = {it.show_id: it for it in facts if isinstance(it, RecordSetlist)}
    for show in facts:
        if not isinstance(show, ScheduleShow):
            continue
        venue = venues.get(show.venue_id or "")
        yield Played(
            day=show.local_date,
            artist="Grateful Dead",
            artist_mbid=DEAD_MBID,
            venue=None if venue is None else venue.name,
            city=None if venue is None else venue.city,
            country=None if venue is None else venue.country,
            tour=None,
            sets=[
                (each.name, [(songs[song.song_id], song.segue) for song in each.songs])
                for each in setlists[show.show_id].sets
            ],
        )
