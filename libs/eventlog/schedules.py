"""Schedules: messages that the server itself sends when their time has come.

    sched.<service>.<key>   the schedule: what to send, and when
    due.<service>.<key>     what it becomes

A schedule survives every restart, ours and the server's; one whose time has passed meanwhile is
sent at once. Seldom, when the server is killed while it sends, one comes twice: whoever receives it
must know it by something in its body. The server's timer is a quarter of a second coarse.
source    ADR-51 of nats-architecture-and-design
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from nats.aio.client import Client

from libs.eventlog.codec import timestamp
from libs.eventlog.protocol import (
    EXPECTED_REVISION,
    Stored,
    call,
    last_message,
    raise_error,
    read_direct,
    request,
)
from libs.kernel.errors import Conflict

SCHEDULE = "Nats-Schedule"
TARGET = "Nats-Schedule-Target"
TARGET_TTL = "Nats-Schedule-TTL"
ROLLUP = "Nats-Rollup"
SCHEDULER = "Nats-Scheduler"
ASKED = "Backline-Asked"

DUE_TTL = "168h"
"""How long a message that became due waits for its service to come back: a week."""

TIMEOUT_SECONDS = 5.0
PAGE_MESSAGES = 256

_KEY = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A schedule that has not fired yet. `headers` are those it was made with."""

    key: str
    when: datetime
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What asked for a schedule: the position of an event, and when it was recorded."""

    position: int
    at: datetime


class Schedules:
    """The schedules of one service.

    Who works for a moment after its turn is over may come late: what an older event asks for
    leaves alone what a newer one has asked for.
    """

    def __init__(self, client: Client, service: str) -> None:
        self._client = client
        self._stream = f"SCHED_{service.upper()}"
        self._schedules = f"sched.{service}."
        self._due = f"due.{service}."

    async def at(
        self,
        key: str,
        when: datetime,
        body: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        asked: Asked | None = None,
    ) -> None:
        """Send a message at a time; at once when it has passed. Replaces what the key had before.

        key      one or more ids joined by dots: `shw_1.open`; the message comes on
                 due.<service>.<key>
        when     with its offset
        headers  go along with the message (`traceparent`)
        asked    by what; None replaces whatever there is
        raises   Unavailable: it may then have been made all the same, and can be made again
        """
        instructions = {
            SCHEDULE: f"@at {_timestamp(when)}",
            TARGET: self._due + _checked(key),
            TARGET_TTL: DUE_TTL,
            ROLLUP: "sub",
        }
        if asked is not None:
            instructions[ASKED] = f"{asked.position} {timestamp(asked.at)}"
        last: Stored | None = None  # Mostly there is none; the server tells us when there is.
        while not _is_newer(last, asked):
            expected = {EXPECTED_REVISION: str(0 if last is None else last.sequence)}
            answer = await request(
                self._client,
                self._schedules + key,
                body,
                {**(headers or {}), **instructions, **expected},
                timeout_seconds=TIMEOUT_SECONDS,
            )
            try:
                raise_error(answer)
            except Conflict:
                last = await self._last(key)  # None when it has fired in this very moment.
            else:
                return

    async def cancel(self, key: str, *, asked: Asked | None = None) -> bool:
        """Take a schedule back. False when there is none: it has fired, or never was; or it is
        newer than what asked.

        Should it be firing at this very moment, True does not mean that nothing will come.

        raises   Unavailable
        """
        last = await self._last(_checked(key))
        if last is None or _is_newer(last, asked):
            return False
        answer = await call(
            self._client,
            f"STREAM.PURGE.{self._stream}",
            {"filter": self._schedules + key, "seq": last.sequence + 1},
            timeout_seconds=TIMEOUT_SECONDS,
        )
        raise_error(answer)
        return bool(answer["purged"])

    async def list(self, prefix: str = "") -> list[Scheduled]:
        """The schedules that have not fired yet, those made last at the end.

        prefix   only keys below it: `shw_1` has `shw_1.open` and `shw_1.close`
        raises   Unavailable
        """
        below = f"{_checked(prefix)}.>" if prefix else ">"
        found: list[Scheduled] = []
        position = 0
        while True:
            body = {
                "batch": PAGE_MESSAGES,
                "seq": position + 1,
                "next_by_subj": self._schedules + below,
            }
            page = await read_direct(
                self._client, self._stream, body, timeout_seconds=TIMEOUT_SECONDS
            )
            if not page:
                return found
            found += [self._scheduled(stored) for stored in page]
            position = page[-1].sequence

    async def _last(self, key: str) -> Stored | None:
        """The schedule that a key has now, as the leader has it."""
        return await last_message(
            self._client, self._stream, self._schedules + key, timeout_seconds=TIMEOUT_SECONDS
        )

    def _scheduled(self, stored: Stored) -> Scheduled:
        return Scheduled(
            key=stored.subject.removeprefix(self._schedules),
            when=datetime.fromisoformat(stored.headers[SCHEDULE].removeprefix("@at ")),
            body=stored.payload,
            headers={
                name: value
                for name, value in stored.headers.items()
                if not name.startswith(("Nats-", "Backline-"))
            },
        )


def _is_newer(found: Stored | None, asked: Asked | None) -> bool:
    """Whether a later event has asked for what is there. In a log that was made anew positions
    begin again, and time goes on.
    """
    if found is None or asked is None or ASKED not in found.headers:
        return False
    position, _, at = found.headers[ASKED].partition(" ")
    return int(position) > asked.position and datetime.fromisoformat(at) >= asked.at


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a key of a schedule: {key!r}")
    return key


def _timestamp(when: datetime) -> str:
    if when.tzinfo is None:
        raise ValueError("a schedule's time needs its offset")
    return timestamp(when)
