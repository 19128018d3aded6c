"""The agenda: work that one service gives to the workers of others, each piece at its time.

    sched.<giver>.work.<service>.<second>.<page>   a page: pieces that may begin in that second
    job.<giver>.<service>.work.<service>.<second>.<page>
                                                   what it becomes, a few seconds ahead

A page is a message schedule, and holds several pieces as a JSON array; the server gives it to one
worker as a whole (`libs.eventlog.work`). For the server a schedule that fires is two writes, each
synced to the disk: half a millisecond of a processor, which pages share among their pieces. And it
fires late, by a quarter of a second, or by more than a second when hundreds fire together: so a
page comes ahead of its time, and its worker waits for the moment itself.

Nobody but the process that began a page writes to it, again with each piece that is added. What
is entered twice is handed out twice, and nothing that was entered is taken back: the worker must
ask whether it may begin.
source    ADR-51 of nats-architecture-and-design; docs/adr/0014-schedules-and-jobs.md
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from nats.aio.client import Client

from libs.eventlog.codec import timestamp
from libs.eventlog.protocol import raise_error, request
from libs.eventlog.schedules import DUE_TTL, ROLLUP, SCHEDULE, TARGET, TARGET_TTL
from libs.kernel.clock import Clock
from libs.kernel.ids import new_id

AHEAD_SECONDS: Final = 3
PAGE_PIECES_MAX: Final = 16
PAGES_OPEN_MAX: Final = 1024
TIMEOUT_SECONDS: Final = 5.0
_TTL: Final = "Nats-TTL"


class Agenda:
    """What one service gives to the workers of others, as the giver writes it."""

    def __init__(self, client: Client, giver: str, clock: Clock) -> None:
        self._client = client
        self._giver = giver
        self._clock = clock
        self._name = new_id()  # Of the pages that this process begins.
        self._pages = 0
        self._open: OrderedDict[tuple[str, int], _Page] = OrderedDict()

    async def enter(self, service: str, at: datetime, note: Mapping[str, Any]) -> None:
        """Have a piece of work handed to a worker of a service, which may begin it at a time; at
        once when that has come. Those that are entered together are written together.

        note     what the worker is told, as JSON values; `at` is added
        raises   Unavailable: it may then be handed out all the same, and can be entered again
        """
        piece = orjson.dumps({**note, "at": timestamp(at)})
        second = int(at.timestamp())
        fires_at = second - AHEAD_SECONDS
        if fires_at <= self._clock().timestamp():
            fires_at = second = 0
        page = self._page(service, second, fires_at)
        page.pieces[piece] = None
        if len(page.pieces) >= PAGE_PIECES_MAX:
            self._close(service, second, page)
        await self._write(service, second, page)

    def _page(self, service: str, second: int, fires_at: int) -> "_Page":
        """The page of a second that has room; begun when there is none."""
        page = self._open.get((service, second))
        if page is None:
            self._pages += 1
            key = f"work.{service}.{second}.{self._name}_{self._pages}"
            page = self._open[service, second] = _Page(key, fires_at)
            if len(self._open) > PAGES_OPEN_MAX:
                self._open.popitem(last=False)
        return page

    def _close(self, service: str, second: int, page: "_Page") -> None:
        if self._open.get((service, second)) is page:
            del self._open[service, second]

    async def _write(self, service: str, second: int, page: "_Page") -> None:
        """Write a page with what stands on it by now, unless somebody else just did."""
        wanted = len(page.pieces)
        async with page.writing:
            if page.written >= wanted:
                return
            await asyncio.sleep(0)  # Whoever enters something at this moment may do so.
            if not page.fires_at:
                self._close(service, second, page)  # It is gone once it is written.
            count = len(page.pieces)
            await self._publish(service, page)
            page.written = count

    async def _publish(self, service: str, page: "_Page") -> None:
        body = b"[%s]" % b",".join(page.pieces)
        target = f"job.{self._giver}.{service}.{page.key}"
        if page.fires_at:
            at = timestamp(datetime.fromtimestamp(page.fires_at, UTC))
            subject = f"sched.{self._giver}.{page.key}"
            headers = {SCHEDULE: f"@at {at}", TARGET: target, TARGET_TTL: DUE_TTL, ROLLUP: "sub"}
        else:
            subject, headers = target, {_TTL: DUE_TTL}
        answer = await request(
            self._client, subject, body, headers, timeout_seconds=TIMEOUT_SECONDS
        )
        raise_error(answer)


class _Page:
    """Pieces that may begin in the same second.

    pieces    as they are written, in order, each once
    fires_at  when it is handed out, in seconds since 1970; 0 for at once
    written   how many of them are stored
    """

    def __init__(self, key: str, fires_at: int) -> None:
        self.key = key
        self.fires_at = fires_at
        self.pieces: dict[bytes, None] = {}
        self.written = 0
        self.writing = asyncio.Lock()
