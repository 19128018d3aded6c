"""A page of a partner: what it says, and where the next one is. And how its fields are read.

What a field holds is looked at before it is believed: vendors change their schemas without a word.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from contracts.catalog_syncs import PageMark
from services.catalog.adapters.findings import (
    Fact,
    Finding,
    Part,
    Telling,
    Unreadable,
    Where,
    clean,
)
from services.catalog.domain.syncs import Target

Item = dict[str, Any]

SKEW = timedelta(days=1)
"""So far ahead of our clock a partner's may be."""


@dataclass(slots=True)
class Page:
    """What was read.

    next          the cursor of the next page; None at the end
    of            how many pages there seem to be
    mark          what the partner calls this state of the page
    is_unchanged  it is as it was when it was read before; there is nothing in it, nor a cursor
    is_whole      every show or gathering on it could be read. While one could not, nobody can say
                  what has disappeared
    """

    findings: list[Finding] = field(default_factory=list)
    next: str | None = None
    of: int | None = None
    mark: PageMark = field(default_factory=PageMark)
    is_unchanged: bool = False
    is_whole: bool = True


def are_all_read(findings: Iterable[Finding], kind: type[Telling], count: int) -> bool:
    """Whether there is a fact for each of so many things."""
    told = sum(isinstance(each, Fact) and isinstance(each.telling, kind) for each in findings)
    return told == count


class Source(Protocol):
    """A partner, as those who sync see it.

    lists_past   it tells of what is over, too; else that is missing from its pages
    """

    lists_past: bool

    def first(self, target: Target) -> str:
        """The cursor of the first page."""
        ...

    def artist_id(self, target: Target) -> str | None:
        """The id that the artist it is about would have on its own; None when it is about none."""
        ...

    def after(self, cursor: str) -> str | None:
        """Where to go on behind a page that cannot be read; None when only that page knows."""
        ...

    async def page(
        self, target: Target, cursor: str, mark: PageMark | None, as_of: datetime
    ) -> Page:
        """Read one page. raises the troubles

        mark    of this page as it was read before
        as_of   now, for partners that do not say when they changed their mind
        """
        ...


def items_of(value: object, what: str) -> list[Any]:
    """A list; an empty one when there is none. raises Unreadable"""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable(f"{what} is not a list")
    return value


def item(value: object, what: str) -> Item:
    """A JSON object. raises Unreadable"""
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is not an object")
    return value


def part(holder: Item, name: str) -> Item:
    """An object within an object; an empty one when there is none. raises Unreadable"""
    value = holder.get(name)
    return {} if value is None else item(value, name)


def text(holder: Item, name: str, length_max: int = 300) -> str | None:
    """A field's text, its spaces in order; None when there is none. raises Unreadable"""
    value = holder.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Unreadable(f"{name} is not text")
    return clean(value, name)[:length_max].strip() or None


def needed(holder: Item, name: str, length_max: int = 300) -> str:
    """A field's text. raises Unreadable when there is none"""
    value = text(holder, name, length_max)
    if value is None:
        raise Unreadable(f"there is no {name}")
    return value


def degrees(holder: Item, name: str, limit: int) -> float | None:
    """Degrees, as a number or as text; None when there is none. raises Unreadable"""
    value = holder.get(name)
    if value is None or value == "":
        return None
    try:
        number = float(value) if not isinstance(value, bool) else limit + 1.0
    except (TypeError, ValueError):
        number = limit + 1.0
    if not abs(number) <= limit:
        raise Unreadable(f"{name} is not a number from -{limit} to {limit}")
    return number


def moment(holder: Item, name: str) -> datetime | None:
    """A time with its offset, as UTC; None when there is none. raises Unreadable"""
    value = text(holder, name)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise Unreadable(f"{name} has no offset: {value}")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(f"{name} is no time: {value}") from None


def stamp(holder: Item, name: str, now: datetime) -> datetime | None:
    """When something was changed last; None when it does not say. raises Unreadable when that is
    to come
    """
    at = moment(holder, name)
    if at is not None and at > now + SKEW:
        raise Unreadable(f"{name} lies ahead of us: {at:%Y-%m-%d %H:%M} UTC")
    return at


def zone(holder: Item, name: str) -> str | None:
    """An IANA time zone; None when there is none. raises Unreadable"""
    value = text(holder, name)
    if value is None:
        return None
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise Unreadable(f"{name} is not an IANA time zone: {value}") from None
    return value


def day(holder: Item, name: str) -> date | None:
    """A day, `2026-11-21`; None when there is none. raises Unreadable"""
    value = text(holder, name)
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Unreadable(f"{name} is no day: {value}") from None


def address(holder: Item, name: str) -> str | None:
    """The address of a page or a picture; None when there is none. raises Unreadable"""
    value = text(holder, name, 1000)
    if value is None:
        return None
    if not value.startswith(("http://", "https://")) or " " in value:
        raise Unreadable(f"{name} is no address")
    return value


@dataclass(slots=True)
class Reading:
    """Reads one thing, and gathers what could not be taken of it."""

    where: Where
    findings: list[Finding] = field(default_factory=list)

    def take[T](self, about: Part, read: Callable[[], T]) -> T | None:
        """What `read` returns; None, and a refusal, when it cannot be read."""
        try:
            return read()
        except Unreadable as error:
            self.findings.append(error.refusal(about, self.where))
            return None


def each(values: list[Any], page: str) -> Iterator[tuple[Any, Where]]:
    """The things on a page, and where they are."""
    for number, value in enumerate(values, 1):
        yield value, Where(page, number)
