"""The Tide Clock, who play on the quay every twenty minutes, for five: so that whoever starts the
sandbox soon sees a whole show, from its ballot to its score.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from services.catalog.adapters.partners.sandbox import QUAY_ATTRACTION, QUAY_MBID
from services.catalog.cli.sandboxes.world import Artist, Coming, Played, Venue

TIDE_CLOCK: Final = Artist("The Tide Clock", QUAY_MBID, QUAY_ATTRACTION)

EVERY: Final = timedelta(minutes=20)
LASTS: Final = timedelta(minutes=5)
COMING_SHOWS: Final = 4
"""So many that an hourly sync misses none."""

PAST_SHOWS: Final = 12

_BERTHS = timedelta(days=1) // EVERY
_SONGS_OF_A_SHOW = 6
_TITLES = (
    "Half Past Ebb", "Quarter to Flood", "Minute Hand", "Pendulum", "Wound Twice", "Second Bell",
    "Mainspring", "Escapement", "The Long Hour", "Noon Gun", "Leap Second", "Winter Time",
)  # fmt: skip


def coming(now: datetime) -> list[Coming]:
    """The next shows, next first."""
    first = (now - datetime.min.replace(tzinfo=UTC)) // EVERY + 1
    return [
        Coming(TIDE_CLOCK, f"vvTide{number}", _berth(number), _begins_at(number))
        for number in range(first, first + COMING_SHOWS)
    ]


def played(now: datetime) -> list[Played]:
    """The shows that are over, latest first."""
    last = (now - LASTS - datetime.min.replace(tzinfo=UTC)) // EVERY
    return [_played(last - back) for back in range(PAST_SHOWS)]


def _begins_at(number: int) -> datetime:
    return datetime.min.replace(tzinfo=UTC) + number * EVERY


def _berth(number: int) -> Venue:
    """Another one for each show of a day: setlist.fm says on which day a show was, not when."""
    return Venue(f"Berth {number % _BERTHS + 1}", "Gothenburg", "SE", 57.7065, 11.9400, "UTC")


def _played(number: int) -> Played:
    venue = _berth(number)
    songs = [_TITLES[(place + 5 * number) % len(_TITLES)] for place in range(_SONGS_OF_A_SHOW)]
    return Played(
        day=_begins_at(number).date(),
        artist=TIDE_CLOCK.name,
        artist_mbid=TIDE_CLOCK.mbid,
        venue=venue.name,
        city=venue.city,
        country=venue.country,
        tour=None,
        sets=((None, [(title, False) for title in songs]),),
        written_at=_begins_at(number) + LASTS,
    )
