"""Numbers, days, hours and places as the pages write them. The twin is `static/view/wording.js`."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from contracts.catalog_shows import ShowSummary

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number_text(number: int) -> str:
    """A whole number with its thousands set apart: `12,345`."""
    return f"{number:,}"


def counted(number: int, one: str, many: str) -> str:
    """How many of what: `1 vote`, `2 votes`."""
    return f"{number_text(number)} {one if number == 1 else many}"


def share_text(part: int, whole: int) -> str:
    """A part of a whole in percent, rounded half up; a part that is there is never `0%`."""
    if part == 0 or whole == 0:
        return "0%"
    percent = (200 * part + whole) // (2 * whole)
    return f"{percent}%" if percent > 0 else "<1%"


def day_text(day: date) -> str:
    """`Sat 21 Nov 2026`."""
    return f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def month_text(day: date) -> str:
    """`Nov`."""
    return _MONTHS[day.month - 1]


def weekday_text(day: date) -> str:
    """`Sat`."""
    return _WEEKDAYS[day.weekday()]


def clock_text(at: time) -> str:
    """`20:00`."""
    return f"{at.hour:02}:{at.minute:02}"


def starts_text(show: ShowSummary) -> str:
    """When a show starts on the clock of its place, and whose clock that is: `20:00,
    America/New York`. Empty when that is not known.
    """
    if show.local_time is None:
        return ""
    clock = clock_text(show.local_time)
    return f"{clock}, {show.time_zone.replace('_', ' ')}" if show.time_zone else clock


def moment_text(at: datetime, zone_name: str | None) -> str:
    """A moment on the venue's clock, and whose clock that is: `Sat 21 Nov, 20:00 venue time`."""
    zone = _zone(zone_name)
    local = at.astimezone(zone or UTC)
    day = f"{_WEEKDAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}"
    return f"{day}, {clock_text(local.time())} {'UTC' if zone is None else 'venue time'}"


def place_text(show: ShowSummary) -> str:
    """Where a show is, as far as it is known: `Barton Hall, Ithaca, NY, US`."""
    parts = (show.venue, show.city, show.region, show.country)
    named = [part for part in parts if part]
    # Some sources write the country where others write the state.
    return ", ".join(part for at, part in enumerate(named) if part not in named[:at])


def artist_text(show: ShowSummary) -> str:
    """Who plays."""
    return show.artist or "Artist to be announced"


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # No such zone here, or no name of one.
        return None
