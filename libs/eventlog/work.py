"""Work that one service hands to the workers of another, each piece to one of them.

    job.<giver>.<service>.work.<service>.<key>   work, as `libs.eventlog.agenda` hands it out

All workers of a service share one durable consumer: JetStream gives each message to one of them,
and to another when nobody has acknowledged it after REDELIVERED_AFTER_SECONDS. Whoever takes a
piece must still ask whether it is theirs: after kill -9 of the server, what was acknowledged may
come again.
source    ADR-13 of nats-architecture-and-design (pull consumers)
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Never

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from libs.eventlog.protocol import API, call, raise_error, reaching
from libs.kernel.errors import Unavailable

REDELIVERED_AFTER_SECONDS: Final = 8
"""After it was given to a worker that neither acknowledges nor keeps it."""
UNACKNOWLEDGED_MAX: Final = 10_000
PULL_SECONDS: Final = 10
SILENCE_SECONDS_MAX: Final = PULL_SECONDS + 2
LOOK_SECONDS: Final = 0.25
TIMEOUT_SECONDS: Final = 5.0
_NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of work. It comes again until it is acknowledged."""

    body: bytes
    headers: Mapping[str, str]
    _message: Msg

    async def acknowledge(self) -> None:
        """It is seen to. Should that get lost, it comes again. raises   Unavailable"""
        with reaching(TIMEOUT_SECONDS):
            await self._message.ack()

    async def keep(self) -> None:
        """It is not forgotten: it is not to come again yet. raises   Unavailable"""
        with reaching(TIMEOUT_SECONDS):
            await self._message.in_progress()

    async def hand_back(self) -> None:
        """Let another worker have it, or us again, at once. raises   Unavailable"""
        with reaching(TIMEOUT_SECONDS):
            await self._message.nak()


class WorkQueue:
    """What one service hands to another, as a worker of that other sees it."""

    def __init__(self, client: Client, service: str, *, giver: str) -> None:
        """`service` is the worker's own, `giver` the one that hands out."""
        self._client = client
        self._stream = f"SCHED_{giver.upper()}"
        self._name = f"{service}--jobs"
        self._subjects = f"job.{giver}.{service}.>"
        self._woken = asyncio.Event()
        self._asked_for = 0
        self._heard_at = 0.0
        self._has_changed = False

    def wake(self) -> None:
        """There may be room for more work."""
        self._woken.set()

    async def read(
        self, ready: Callable[[], None], room: Callable[[], int], take: Callable[[Piece], None]
    ) -> Never:
        """Take work as there is room for it. Never ends.

        ready    called once work reaches us
        room     how many pieces we could take now
        take     is called with each piece; must not wait
        raises   Unavailable: read again
        """
        inbox = self._client.new_inbox()
        self._asked_for, self._has_changed = 0, False

        async def on_message(message: Msg) -> None:
            self._on_message(message, take)

        with reaching(TIMEOUT_SECONDS):
            subscription = await self._client.subscribe(inbox, cb=on_message)
        try:
            await self._open()
            ready()
            await self._keep_asking(inbox, room)
        finally:
            with suppress(NatsError):  # It goes with the connection.
                await subscription.unsubscribe()
        raise AssertionError("it ends only with an error")

    async def _open(self) -> None:
        """Make the consumer if there is none."""
        config = {
            "name": self._name,
            "durable_name": self._name,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": REDELIVERED_AFTER_SECONDS * _NANOSECONDS,
            "max_ack_pending": UNACKNOWLEDGED_MAX,
            "filter_subject": self._subjects,
        }
        subject = f"CONSUMER.CREATE.{self._stream}.{self._name}.{self._subjects}"
        body = {"stream_name": self._stream, "config": config}
        raise_error(await call(self._client, subject, body, timeout_seconds=TIMEOUT_SECONDS))

    async def _keep_asking(self, inbox: str, room: Callable[[], int]) -> None:
        loop = asyncio.get_running_loop()
        connection = self._client.stats["reconnects"]
        self._heard_at = loop.time()
        while True:
            self._woken.clear()
            wanted = room() - self._asked_for
            # While half of what there is room for is on its way, one more question gains nothing.
            if wanted > 0 and wanted >= self._asked_for:
                self._asked_for += wanted
                self._heard_at = loop.time()
                await self._pull(inbox, wanted)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), LOOK_SECONDS)
            silence_seconds = loop.time() - self._heard_at
            is_cut_off = self._client.stats["reconnects"] != connection
            if is_cut_off or self._has_changed or silence_seconds > SILENCE_SECONDS_MAX:
                raise Unavailable("what was asked for will not come", retry_after_seconds=0.1)

    async def _pull(self, inbox: str, pieces: int) -> None:
        body = orjson.dumps({"batch": pieces, "expires": PULL_SECONDS * _NANOSECONDS})
        subject = f"{API}.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        with reaching(TIMEOUT_SECONDS):
            await self._client.publish(subject, body, reply=inbox)

    def _on_message(self, message: Msg, take: Callable[[Piece], None]) -> None:
        headers = message.headers or {}
        self._heard_at = asyncio.get_running_loop().time()
        if "Status" not in headers:
            self._asked_for -= 1
            take(Piece(message.data, headers, message))
        elif "Nats-Pending-Messages" in headers:  # A question whose time is over.
            self._asked_for -= int(headers["Nats-Pending-Messages"])
            self._woken.set()
        else:  # The consumer is gone, or has another leader.
            self._has_changed = True
            self._woken.set()
