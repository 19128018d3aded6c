"""Following a log: a pull consumer without acknowledgements, kept by the reader's own checkpoint.

The reader asks for as many messages as it is ready to hold (credit), so a slow one is never
flooded. JetStream numbers what it delivers to a consumer; a hole in those numbers means that
messages were lost on the way (a connection broke), and the consumer is then made anew behind the
last message seen.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError

from libs.eventlog.codec import decode, types_of
from libs.eventlog.model import RecordedCommit
from libs.eventlog.protocol import API, call, log_name, raise_error
from libs.kernel.errors import Unavailable
from libs.kernel.ids import new_id

CREDIT_MESSAGES = 128
PULL_EXPIRES_SECONDS = 10
HEARTBEAT_SECONDS = 1.0
SILENCE_SECONDS_MAX = 4.0
RETRY_SECONDS = 0.25
INACTIVE_THRESHOLD_SECONDS = 30
_NANOSECONDS = 1_000_000_000


class Interrupted(Exception):
    """The consumer is gone, silent or has lost messages: make it anew."""


async def follow(
    client: Client,
    service: str,
    *,
    after: int,
    events: Collection[type] | None,
    batch_events_max: int,
) -> AsyncIterator[list[RecordedCommit]]:
    """See `EventLog.follow`. Waits out every outage; ends only when the connection is closed for
    good.
    """
    position = after
    wanted = types_of(events)
    while True:
        reader = _Reader(client, service, position)
        try:
            await reader.open()
            while True:
                batch: list[RecordedCommit] = []
                count = 0
                for message in await reader.take():
                    commit = _commit(message, wanted)
                    batch.append(commit)
                    count += len(commit.events)
                    if count >= batch_events_max:
                        position = batch[-1].position
                        yield batch
                        batch, count = [], 0
                if batch:
                    position = batch[-1].position
                yield batch
        except (Interrupted, Unavailable):
            await asyncio.sleep(RETRY_SECONDS)
            yield []
        finally:
            await reader.close()


def _commit(message: Msg, wanted: frozenset[str] | None) -> RecordedCommit:
    _, _, aggregate, aggregate_id = message.subject.split(".", 3)
    return decode(
        message.data,
        aggregate=aggregate,
        aggregate_id=aggregate_id,
        position=_numbers(message)[0],
        headers=message.headers or {},
        wanted=wanted,
    )


def _numbers(message: Msg) -> tuple[int, int]:
    """Stream sequence and consumer sequence, from
    `$JS.ACK.<stream>.<consumer>.<n>.<stream>.<consumer>.…`.

    Counted from the end, since a server with a domain puts two more tokens in front.
    """
    tokens = message.reply.split(".")
    if len(tokens) > 9:
        return int(tokens[7]), int(tokens[8])
    return int(tokens[5]), int(tokens[6])


class _Reader:
    """One consumer, from its making to its loss."""

    def __init__(self, client: Client, service: str, after: int) -> None:
        self._client = client
        self._stream = log_name(service)
        self._filter = f"evt.{service}.>"
        self._after = after
        self._name = new_id("reader_")
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._arrived: deque[Msg] = deque()
        self._something = asyncio.Event()
        self._credit = 0
        self._delivered = 0
        self._interrupted = False

    async def open(self) -> None:
        config = {
            "name": self._name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self._after + 1,
            "ack_policy": "none",
            "filter_subject": self._filter,
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": INACTIVE_THRESHOLD_SECONDS * _NANOSECONDS,
        }
        answer = await call(
            self._client,
            f"CONSUMER.CREATE.{self._stream}.{self._name}.{self._filter}",
            {"stream_name": self._stream, "config": config},
            timeout_seconds=5.0,
        )
        raise_error(answer)
        try:
            self._subscription = await self._client.subscribe(
                self._inbox, cb=self._on_message, pending_msgs_limit=-1, pending_bytes_limit=-1
            )
        except NatsError as error:
            raise Interrupted from error
        await self._pull(CREDIT_MESSAGES)

    async def close(self) -> None:
        if self._subscription is None or self._client.is_closed:
            return
        try:
            await self._subscription.unsubscribe()
        except NatsError:
            return  # The subscription went with its connection.

    async def _pull(self, count: int) -> None:
        body = {
            "batch": count,
            "expires": PULL_EXPIRES_SECONDS * _NANOSECONDS,
            "idle_heartbeat": int(HEARTBEAT_SECONDS * _NANOSECONDS),
        }
        subject = f"{API}.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        try:
            await self._client.publish(subject, orjson.dumps(body), reply=self._inbox)
        except ConnectionClosedError as error:
            raise Interrupted from error
        self._credit += count

    async def _on_message(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status")
        if status is None:
            self._on_delivered(message)
        elif status == "100":
            pass  # The server is alive and has nothing for us.
        elif status == "408":
            unused = int((message.headers or {}).get("Nats-Pending-Messages", "0"))
            self._credit -= unused
        else:
            self._interrupted = True
        self._something.set()

    def _on_delivered(self, message: Msg) -> None:
        consumer_sequence = _numbers(message)[1]
        if consumer_sequence != self._delivered + 1:
            self._interrupted = True
            return
        self._delivered = consumer_sequence
        self._credit -= 1
        self._arrived.append(message)

    async def take(self) -> list[Msg]:
        """What has arrived, oldest first; an empty list after a second without anything."""
        if not self._arrived:
            await self._wait()
        taken = list(self._arrived)
        self._arrived.clear()
        if not taken and self._interrupted:
            raise Interrupted
        if self._credit <= CREDIT_MESSAGES // 2:
            await self._pull(CREDIT_MESSAGES - self._credit)
        return taken

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(SILENCE_SECONDS_MAX):
                while not self._arrived and not self._interrupted:
                    self._something.clear()
                    await self._something.wait()
                    if loop.time() - started >= HEARTBEAT_SECONDS:
                        return
        except TimeoutError:
            self._interrupted = True
