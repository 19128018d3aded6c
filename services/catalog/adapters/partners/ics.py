"""Calendars as iCalendar feeds (RFC 5545), Luma's among them.

Each event is read by itself, with the feed's own time zones, so that a broken one costs nothing but
itself. A feed says little about when it changed: Luma's gives every event the same SEQUENCE and
the hour of asking as its DTSTAMP, so neither counts; calls every event TENTATIVE; writes times in
UTC; and where people meet is often only the address of the event's page. Its UIDs name Luma's own
ids, by which the same gathering is found in its API. A day without a time begins at its midnight
where the calendar says it is (X-WR-TIMEZONE), and else at no known time. One that repeats is told
for a year ahead (`repeating.py`).
source    RFC 5545; RFC 7986; a feed of Luma as it was in January 2026
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from contracts.catalog_syncs import PageMark
from services.catalog.adapters.findings import Finding, Part, Refusal, Unreadable, Where
from services.catalog.adapters.partners.http import Http
from services.catalog.adapters.partners.ics_feed import OF_AN_EVENT, SOURCE, Block, Feed
from services.catalog.adapters.partners.page import Page
from services.catalog.adapters.partners.repeating import Window
from services.catalog.adapters.partners.trouble import Absent, Garbled
from services.catalog.domain.syncs import Target

__all__ = ["SOURCE", "Ics", "read_feed"]

FEED: Final = "feed"
EVENTS_MAX: Final = 5000

_FLAGS = re.MULTILINE | re.DOTALL | re.IGNORECASE
_EVENT = re.compile(r"^BEGIN:VEVENT[ \t]*$.*?^END:VEVENT[ \t]*$", _FLAGS)
_ZONE = re.compile(r"^BEGIN:VTIMEZONE[ \t]*$.*?^END:VTIMEZONE[ \t]*$", _FLAGS)
_REPEATS = re.compile(r"^RRULE[;:]", re.MULTILINE | re.IGNORECASE)
_PROPERTY = r"^{}(?:;[^:\n]*)?:(.*)$"


class Ics:
    """Feeds as a source of one page each."""

    lists_past = False

    def __init__(self, feeds: dict[str, tuple[Http, str]]) -> None:
        """`feeds`: by name, how each is asked, and at which path."""
        self._feeds = feeds

    def first(self, _target: Target) -> str:
        return FEED

    def artist_id(self, _target: Target) -> str | None:
        return None

    def after(self, _cursor: str) -> str | None:
        return None

    async def page(
        self, target: Target, _cursor: str, mark: PageMark | None, as_of: datetime
    ) -> Page:
        """See `Source.page`."""
        feed = self._feeds.get(target.external_id)
        if feed is None:
            raise Absent(f"no feed is called {target.external_id} in the settings")
        http, path = feed
        if mark is not None and mark.until is not None and as_of >= mark.until:
            mark = None  # It may be the same; what is to be told of it is not.
        reply = await http.get(
            path,
            headers={"accept": "text/calendar"},
            mark=mark,
            check=lambda reply: _written(reply.body),
        )
        if reply.is_unchanged:
            return Page(is_unchanged=True, mark=reply.mark())
        findings = await asyncio.to_thread(
            lambda: list(read_feed(reply.body, target.external_id, as_of))
        )
        is_whole = not any(
            isinstance(each, Refusal)
            and (each.part is Part.FILE or each.reason.startswith(OF_AN_EVENT))
            for each in findings
        )
        repeats = _REPEATS.search(_ZONE.sub("", _written(reply.body))) is not None
        until = Window.of(as_of).moves_at if repeats else None
        return Page(findings, of=1, mark=replace(reply.mark(), until=until), is_whole=is_whole)


def read_feed(body: bytes, calendar: str, as_of: datetime) -> Iterator[Finding]:
    """What the events of a feed tell. raises Garbled when it is no calendar

    body   UTF-8, lines as anybody ends them
    """
    written = _written(body)
    head = _EVENT.sub("", written)
    zones = "\n".join(_ZONE.findall(head))
    feed = Feed(
        calendar=calendar,
        is_of_luma="luma" in _property(head, "PRODID").lower(),
        zones=zones,
        place=_zone_of(head),
        as_of=as_of,
    )
    events = list(_blocks(written, f"{calendar}.ics"))
    yield from feed.read(events[:EVENTS_MAX])
    if len(events) > EVENTS_MAX:
        reason = f"more than {EVENTS_MAX} events: the others are left out"
        yield Unreadable(reason).refusal(Part.FILE, Where(f"{calendar}.ics", 0))
    if "END:VCALENDAR" not in written.upper():
        reason = "the calendar has no end, so events may be missing"
        end = Where(f"{calendar}.ics", written.count("\n") + 1)
        yield Unreadable(reason).refusal(Part.FILE, end)


def _blocks(written: str, file: str) -> Iterator[Block]:
    line, told = 1, 0
    for number, found in enumerate(_EVENT.finditer(written), 1):
        line += written.count("\n", told, found.start())
        told = found.start()
        yield Block(number, Where(file, line), found.group())


def _written(body: bytes) -> str:
    """The text of a calendar, with plain line ends. raises Garbled when it is none"""
    written = body.decode("utf-8-sig", errors="replace")
    written = written.replace("\r\n", "\n").replace("\r", "\n")
    if not written.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        raise Garbled("not a calendar: it does not begin with BEGIN:VCALENDAR")
    return written


def _property(written: str, name: str) -> str:
    found = re.search(_PROPERTY.format(name), written, re.MULTILINE | re.IGNORECASE)
    return "" if found is None else found.group(1).strip()


def _zone_of(head: str) -> ZoneInfo | None:
    """The time zone of the calendar, if it says so and there is such a one."""
    try:
        return ZoneInfo(_property(head, "X-WR-TIMEZONE"))
    except (KeyError, ValueError, OSError):
        return None
