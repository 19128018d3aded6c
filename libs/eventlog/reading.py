"""Following a log: a pull consumer without acknowledgements, kept by the reader's own checkpoint.

The reader asks for as many messages as it is ready to hold (credit), so a slow one is never
flooded. JetStream numbers what it delivers to a consumer; a hole in those numbers means that
messages were lost on the way, and so may a connection that was made anew. The consumer is then
made again behind the last message seen.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from typing import NamedTuple

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from libs.eventlog.codec import decode, types_of
from libs.eventlog.keyring import persons_of
from libs.eventlog.model import LogRecreated, RecordedCommit
from libs.eventlog.protocol import API, call, log_name, raise_error, reaching
from libs.eventlog.vault import Vault
from libs.kernel.errors import Unavailable
from libs.kernel.ids import new_id

CREDIT_MESSAGES_MAX = 128
CREDIT_MESSAGES_MIN = 8
CREDIT_BYTES_MAX = 4 * 1024 * 1024
PULL_EXPIRES_SECONDS = 10
HEARTBEAT_SECONDS = 1.0
LOOK_SECONDS = 0.25
SILENCE_SECONDS_MAX = 4.0
RETRY_SECONDS = 0.25
CALL_TIMEOUT_SECONDS = 1.5
INACTIVE_THRESHOLD_SECONDS = 30
_NANOSECONDS = 1_000_000_000


class Interrupted(Exception):
    """The consumer is gone, silent or has lost messages: make it anew."""


async def follow(
    client: Client,
    service: str,
    *,
    after: int,
    aggregate: str | None,
    events: Collection[type] | None,
    batch_events_max: int,
    confirm_epoch: Callable[[], Awaitable[None]],
    vault: Vault | None,
) -> AsyncIterator[list[RecordedCommit]]:
    """See `EventLog.follow`. Waits out every outage; ends only when the connection is closed for
    good.

    confirm_epoch   raises LogRecreated when the positions we know mean nothing any more
    """
    position = after
    wanted = types_of(events)
    is_caught_up = False
    while not client.is_closed:
        reader = _Reader(client, service, aggregate, position)
        try:
            await reader.open()
            await confirm_epoch()  # Now that a consumer is bound to the log: it goes with it.
            while True:
                if reader.has_caught_up and not is_caught_up:
                    is_caught_up = True
                    yield []
                messages = await reader.take()
                if not messages and reader.is_at_end:
                    yield []
                batch: list[RecordedCommit] = []
                count = 0
                if vault is not None:
                    await vault.fetch(persons_of(message.data for message in messages))
                for message in messages:
                    commit = _commit(message, wanted, vault)
                    position = commit.position
                    batch.append(commit)
                    count += len(commit.events)
                    if count >= batch_events_max:
                        yield batch
                        batch, count = [], 0
                if batch:
                    yield batch
        except LogRecreated:
            raise
        except (Interrupted, Unavailable):
            pass
        finally:
            await reader.close()
        await asyncio.sleep(RETRY_SECONDS)


def _commit(message: Msg, wanted: frozenset[str] | None, vault: Vault | None) -> RecordedCommit:
    _, _, aggregate, aggregate_id = message.subject.split(".", 3)
    return decode(
        message.data,
        aggregate=aggregate,
        aggregate_id=aggregate_id,
        position=_numbers(message).position,
        headers=message.headers or {},
        wanted=wanted,
        keyring=None if vault is None else vault.keyring,
    )


class _Numbers(NamedTuple):
    """What JetStream says about a message it delivers: its place in the log, its number among what
    was delivered, and how many more there are at the moment.
    """

    position: int
    delivered: int
    pending: int


def _numbers(message: Msg) -> _Numbers:
    """From `$JS.ACK.<stream>.<consumer>.<n>.<position>.<delivered>.<time>.<pending>`; a server with
    a domain puts two more tokens in front of the stream.
    """
    tokens = message.reply.split(".")
    first = 7 if len(tokens) > 9 else 5
    return _Numbers(int(tokens[first]), int(tokens[first + 1]), int(tokens[first + 3]))


class _Reader:
    """One consumer, from its making to its loss."""

    def __init__(self, client: Client, service: str, aggregate: str | None, after: int) -> None:
        self._client = client
        self._stream = log_name(service)
        self._filter = f"evt.{service}.>" if aggregate is None else f"evt.{service}.{aggregate}.>"
        self._after = after
        self._name = new_id("reader_")
        self._inbox = client.new_inbox()
        self._subscription: Subscription | None = None
        self._connections = client.stats["reconnects"]
        self._arrived: deque[Msg] = deque()
        self._something = asyncio.Event()
        self._credit = 0
        # Few, until their size is known: nats-server cuts off whoever has 64 MB waiting for them,
        # or does not take them within seconds, and several readers share a connection.
        self._credit_max = CREDIT_MESSAGES_MIN
        self._delivered = 0
        self._there = 0
        self._pending = 0
        self._heard_at = asyncio.get_running_loop().time()
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
            timeout_seconds=CALL_TIMEOUT_SECONDS,
        )
        raise_error(answer)
        self._pending = self._there = answer["num_pending"]
        with reaching(CALL_TIMEOUT_SECONDS):
            self._subscription = await self._client.subscribe(
                self._inbox, cb=self._on_message, pending_msgs_limit=-1, pending_bytes_limit=-1
            )
        await self._pull()

    @property
    def is_at_end(self) -> bool:
        """Whether there is nothing more to read, as far as JetStream has told us."""
        return self._pending == 0 and not self._arrived

    @property
    def has_caught_up(self) -> bool:
        """Whether all that was there when it was opened has been taken."""
        return self._delivered - len(self._arrived) >= self._there

    async def close(self) -> None:
        if self._subscription is not None and not self._client.is_closed:
            with suppress(NatsError):  # The subscription went with its connection.
                await self._subscription.unsubscribe()

    async def take(self) -> list[Msg]:
        """What has arrived, oldest first; an empty list after a second without anything.

        raises   Interrupted once everything that arrived in order has been taken; Unavailable
        """
        await self._wait()
        taken = list(self._arrived)
        self._arrived.clear()
        if taken:
            self._size_credit(taken)
        elif self._is_interrupted():
            raise Interrupted
        if not self._interrupted and self._credit <= self._credit_max // 2:
            await self._pull()
        return taken

    async def _wait(self) -> None:
        """Until something has arrived, or for a second."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + HEARTBEAT_SECONDS
        while not self._arrived and not self._is_interrupted() and loop.time() < deadline:
            self._something.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._something.wait()

    def _is_interrupted(self) -> bool:
        silent = asyncio.get_running_loop().time() - self._heard_at > SILENCE_SECONDS_MAX
        moved = self._client.stats["reconnects"] != self._connections
        return self._interrupted or silent or moved

    def _size_credit(self, taken: list[Msg]) -> None:
        """Ask for fewer messages at a time when they are large."""
        average = sum(len(message.data) for message in taken) // len(taken) + 1
        fitting = CREDIT_BYTES_MAX // average
        self._credit_max = max(CREDIT_MESSAGES_MIN, min(CREDIT_MESSAGES_MAX, fitting))

    async def _pull(self) -> None:
        count = self._credit_max - self._credit
        body = {
            "batch": count,
            "expires": PULL_EXPIRES_SECONDS * _NANOSECONDS,
            "idle_heartbeat": int(HEARTBEAT_SECONDS * _NANOSECONDS),
        }
        subject = f"{API}.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
        with reaching(CALL_TIMEOUT_SECONDS):
            await self._client.publish(subject, orjson.dumps(body), reply=self._inbox)
        self._credit += count
        # Nothing is heard while nothing is asked for: silence counts from here.
        self._heard_at = asyncio.get_running_loop().time()

    async def _on_message(self, message: Msg) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        headers = message.headers or {}
        status = headers.get("Status")
        if status is None:
            self._on_delivered(message)
        elif status == "408":
            self._credit -= int(headers.get("Nats-Pending-Messages", "0"))
        elif status != "100":  # That one says that the server is alive and has nothing for us.
            self._interrupted = True
        if self._arrived or self._interrupted:
            self._something.set()

    def _on_delivered(self, message: Msg) -> None:
        numbers = _numbers(message)
        if numbers.delivered != self._delivered + 1:
            self._interrupted = True
            return
        self._delivered = numbers.delivered
        self._pending = numbers.pending
        self._credit -= 1
        self._arrived.append(message)
