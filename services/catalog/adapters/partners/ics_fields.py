"""The properties of an event of a feed, one by one: each is looked at before it is believed."""

import re
from typing import Any, Final

from icalendar import Event
from icalendar.error import BrokenCalendarProperty

from services.catalog.adapters.findings import Unreadable, clean

ADDRESS: Final = re.compile(r"https?://\S+")


def first(event: Event, name: str) -> Any:
    """A property; the first one of several."""
    value = event.get(name)
    return value[0] if isinstance(value, list) and value else value


def text(event: Event, name: str, length_max: int = 300) -> str | None:
    """A property as text, cut to a length; None when there is none. raises Unreadable"""
    value = first(event, name)
    if value is None:
        return None
    return clean(str(value), name)[:length_max].strip() or None


def date_in(value: Any) -> Any:
    """The date or time in a property; None when it is broken."""
    try:
        return getattr(value, "dt", None)
    except BrokenCalendarProperty:
        return None


def zone(event: Event) -> str | None:
    """The IANA zone that it begins in; None when its time is in UTC or in a zone of its own."""
    at = date_in(first(event, "DTSTART"))
    key = getattr(getattr(at, "tzinfo", None), "key", None)
    return key if isinstance(key, str) and "/" in key else None


def hosts(event: Event) -> list[str] | None:
    """Who invites, by name: the address behind it is nobody's business."""
    value = first(event, "ORGANIZER")
    name = None if value is None else getattr(value, "params", {}).get("CN")
    if name is None:
        return None
    shown = clean(str(name), "ORGANIZER")[:300].strip()
    return [shown] if shown and "@" not in shown else None


def point(event: Event) -> tuple[float, float] | None:
    """Where it is: latitude and longitude in degrees. raises Unreadable"""
    value = first(event, "GEO")
    if value is None:
        return None
    try:
        latitude, longitude = float(value.latitude), float(value.longitude)
    except (AttributeError, TypeError, ValueError):
        raise Unreadable("GEO is no place") from None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise Unreadable("GEO is no place on earth")
    return latitude, longitude


def url(event: Event, location: str | None) -> str | None:
    """Its page; else what stands for its location. raises Unreadable"""
    found = text(event, "URL", 1000) or location
    if found is None:
        return None
    if ADDRESS.fullmatch(found) is None:
        raise Unreadable("URL is no address of a page")
    return found
