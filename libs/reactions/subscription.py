"""A subscription: a durable, named reader of a JetStream stream that hands over its messages in
order, each until it is acknowledged.

JetStream by itself delivers what is not acknowledged again after a while, behind newer messages,
and forgets acknowledgements when the server is killed. So a subscription always begins at the
oldest message that is not acknowledged, and must be begun anew when messages were lost on the way,
which it tells from their numbers. What it hands over may have been handed over before.
source    docs/adr/0009-reactions-in-order.md; ADR-60 of nats-architecture-and-design
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Never

from faststream import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

from libs.eventlog.protocol import call, raise_error
from libs.reactions.message import Message

BATCH_MESSAGES: Final = 500
BATCH_SECONDS: Final = 0.2
"""A batch is handed over when it is full or this old; so long may a lone message wait."""
SHORTEST_FETCH_SECONDS: Final = 0.001
ARRIVED_AFTER_SECONDS: Final = 2.0
"""What was delivered so long ago and has not arrived is lost."""
UNACKNOWLEDGED_MAX: Final = 2 * BATCH_MESSAGES
REDELIVERED_AFTER_SECONDS: Final = 60
TIMEOUT_SECONDS: Final = 5.0
_NANOSECONDS: Final = 1_000_000_000


class Interrupted(Exception):
    """Messages were lost on the way, or JetStream is away: begin anew."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to be worked on.

    at           when it was stored
    acknowledge  say that it is done with; until then it comes again after every interruption
    """

    message: Message
    at: datetime
    acknowledge: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Gap:
    """What a subscription has still to do: messages to read, and those handed over."""

    to_read: int
    in_work: int


class Subscription:
    """A place in one stream, kept by the server under the name `<service>--<purpose>`."""

    def __init__(
        self, client: Client, service: str, purpose: str, *, stream: str, subjects: str
    ) -> None:
        """`client` speaks for the service; `subjects` is the part of the stream that is read."""
        self.name = f"{service}--{purpose}"
        self._client = client
        self._inbox_prefix = f"_INBOX_{service}.".encode()
        self._stream = stream
        self._subjects = subjects
        self._reset()

    def _reset(self) -> None:
        self._next_number = 1  # JetStream numbers what it delivers.
        self._arrived = 0
        self._delivered, self._looked_at = 0, 0.0
        self._newest = 0
        self._in_work: set[int] = set()

    async def read(self, broker: NatsBroker, take: Callable[[Delivery], Awaitable[None]]) -> Never:
        """Hand over messages, oldest first, from the oldest that is not acknowledged. Never ends.

        take     is awaited before the next message is handed over
        raises   Interrupted; Unavailable; what `take` raises
        """
        await self._begin()
        ended = asyncio.get_running_loop().create_future()

        async def on_batch(messages: list[Msg]) -> None:
            try:
                self._arrived = messages[-1].metadata.sequence.consumer
                for message in messages:
                    if not ended.done():
                        await self._on_message(message, take)
            except Exception as error:  # noqa: BLE001  # Raised below: here it would be swallowed.
                if not ended.done():
                    ended.set_exception(error)

        subscriber = broker.subscriber(
            self._subjects,
            stream=JStream(self._stream, declare=False),
            durable=self.name,
            pull_sub=PullSub(BATCH_MESSAGES, timeout=BATCH_SECONDS, batch=True),
            ack_policy=AckPolicy.MANUAL,
            decoder=_as_they_are,
            inbox_prefix=self._inbox_prefix,
            persistent=False,
        )
        subscriber(on_batch)
        try:
            await subscriber.start()
            _time_out_as_expected(subscriber.subscription)
            await ended
        except NatsError as error:
            raise Interrupted(str(error)) from error
        finally:
            with suppress(NatsError):  # It went with its connection.
                await subscriber.stop()
        raise AssertionError("a subscription ends only with an error")

    async def gap(self) -> Gap:
        """How far behind it is.

        raises   Interrupted when the server does not know it any more, or messages were lost on the
                 way; Unavailable
        """
        answer = await self._call(f"CONSUMER.INFO.{self._stream}.{self.name}", b"")
        if "error" in answer:
            raise Interrupted(answer["error"].get("description", ""))
        now = asyncio.get_running_loop().time()
        if now - self._looked_at > ARRIVED_AFTER_SECONDS:
            if self._delivered > self._arrived:
                raise Interrupted("messages were lost on the way")
            self._delivered, self._looked_at = answer["delivered"]["consumer_seq"], now
        return Gap(to_read=answer["num_pending"], in_work=answer["num_ack_pending"])

    async def _begin(self) -> None:
        """Make the subscription if there is none, and go back to what is not acknowledged."""
        config = {
            "name": self.name,
            "durable_name": self.name,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": REDELIVERED_AFTER_SECONDS * _NANOSECONDS,
            "max_ack_pending": UNACKNOWLEDGED_MAX,
            "filter_subject": self._subjects,
        }
        make = f"CONSUMER.CREATE.{self._stream}.{self.name}.{self._subjects}"
        raise_error(await self._call(make, {"stream_name": self._stream, "config": config}))
        raise_error(await self._call(f"CONSUMER.RESET.{self._stream}.{self.name}", b""))
        self._reset()

    async def _on_message(self, raw: Msg, take: Callable[[Delivery], Awaitable[None]]) -> None:
        numbers = raw.metadata.sequence
        if numbers.consumer != self._next_number:
            raise Interrupted("messages were lost on the way")
        self._next_number += 1
        position = numbers.stream
        if position in self._in_work:
            return  # It took us long, and the server has sent it again.
        if position <= self._newest:
            await _acknowledge(raw)  # It was done with, but the acknowledgement was lost.
            return
        self._newest = position
        self._in_work.add(position)

        async def acknowledge() -> None:
            await _acknowledge(raw)
            self._in_work.discard(position)

        message = Message(raw.subject, position, raw.data, raw.headers or {})
        await take(Delivery(message, raw.metadata.timestamp, acknowledge))

    async def _call(self, subject: str, body: Any) -> dict[str, Any]:
        return await call(self._client, subject, body, timeout_seconds=TIMEOUT_SECONDS)


async def _acknowledge(raw: Msg) -> None:
    try:
        await raw.ack()
    except NatsError as error:
        raise Interrupted(str(error)) from error


def _time_out_as_expected(subscription: Any) -> None:
    """Let a fetch time out in the one way in which FastStream 0.7.8 keeps what it has so far.

    It fetches a batch in several steps. The last may have microseconds left, for which the server
    refuses it; or nats-py raises the TimeoutError of Python in place of its own. In both cases the
    messages of the steps before would be lost.
    """
    fetch = subscription.fetch

    async def fetch_in_time(batch: int, timeout: float) -> list[Msg]:  # noqa: ASYNC109
        if timeout < SHORTEST_FETCH_SECONDS:
            raise NatsTimeoutError
        try:
            messages: list[Msg] = await fetch(batch=batch, timeout=timeout)
        except TimeoutError:
            raise NatsTimeoutError from None
        return messages

    subscription.fetch = fetch_in_time


async def _as_they_are(batch: Any) -> list[Msg]:
    """The messages of a batch, undecoded: what they hold is not FastStream's affair."""
    messages: list[Msg] = batch.raw_message
    return messages
