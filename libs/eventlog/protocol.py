"""The JetStream request/reply protocol, as far as the log needs it: names, headers, error codes,
replies.

nats-py's JetStream client is built for single messages; atomic batches, batched direct reads and
schedules are spoken here directly.
source    https://docs.nats.io/reference/reference-protocols/nats_api_reference; ADR-31, ADR-50,
          ADR-51 of nats-architecture-and-design
"""

import asyncio
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import (
    ConnectionClosedError,
    ConnectionDrainingError,
    ConnectionReconnectingError,
    MaxPayloadError,
    NoRespondersError,
    OutboundBufferLimitError,
    StaleConnectionError,
)
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

from libs.kernel.errors import BacklineError, Conflict, TooLarge, Unavailable

API = "$JS.API"
LOOK_SECONDS = 0.1

EXPECTED_REVISION = "Nats-Expected-Last-Subject-Sequence"
BATCH_ID = "Nats-Batch-Id"
BATCH_SEQUENCE = "Nats-Batch-Sequence"
BATCH_COMMIT = "Nats-Batch-Commit"
COMMIT_ID = "Backline-Commit"

NOT_FOUND = 10037
WRONG_LAST_SEQUENCE = frozenset({10071, 10164})
STREAM_NOT_FOUND = 10059
PASSING = frozenset({10059, 10176, 10210})
"""What mends itself: no such stream (yet), a batch cut in two by an outage, too many batches."""


class Unanswered(Unavailable):
    """No answer came in time: what was asked may or may not have happened."""

    code = "log-unanswered"


@dataclass(slots=True)
class Stored:
    """A stored message."""

    subject: str
    sequence: int
    payload: bytes
    headers: dict[str, str]


def log_name(service: str) -> str:
    """The JetStream stream that holds a service's log."""
    return f"EVT_{service.upper()}"


@contextmanager
def reaching(timeout_seconds: float) -> Iterator[None]:
    """Turn what the client raises when the server cannot be reached into our kinds.

    raises   Unanswered when no answer came in time; Unavailable when nobody is there to answer, or
             the connection is not; TooLarge when the server takes no such message
    """
    try:
        yield
    except NoRespondersError:
        raise Unavailable("JetStream does not answer", retry_after_seconds=0.5) from None
    except (NatsTimeoutError, TimeoutError):
        raise Unanswered(
            f"no answer in time ({timeout_seconds} s)", retry_after_seconds=0.5
        ) from None
    except MaxPayloadError:
        raise TooLarge("more than one message can hold") from None
    except (
        ConnectionClosedError,
        ConnectionDrainingError,
        ConnectionReconnectingError,
        OutboundBufferLimitError,
        StaleConnectionError,
    ) as error:
        raise Unavailable(str(error), retry_after_seconds=0.5) from None


class Watching:
    """Cuts a wait short when the connection is gone over which the answer was to come.

    What was asked while there was no connection is sent once there is one, and may be awaited.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._connection = client.stats["reconnects"]
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()
        if self._client.is_connected:
            self._look()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._limit.__aexit__(kind, error, traceback)

    def _look(self) -> None:
        if self._client.stats["reconnects"] == self._connection:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
        else:
            self._limit.reschedule(self._loop.time())


async def call(
    client: Client, subject: str, body: Any, *, timeout_seconds: float
) -> dict[str, Any]:
    """One request to the JetStream API; its JSON answer, which may hold an `error`.

    raises   as `reaching` does
    """
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    return await request(client, f"{API}.{subject}", payload, None, timeout_seconds=timeout_seconds)


async def request(
    client: Client,
    subject: str,
    payload: bytes,
    headers: dict[str, str] | None,
    *,
    timeout_seconds: float,
) -> dict[str, Any]:
    """One request; its JSON answer. raises as `reaching` does."""
    with reaching(timeout_seconds):
        async with Watching(client):
            reply = await client.request(subject, payload, timeout=timeout_seconds, headers=headers)
    answer: dict[str, Any] = orjson.loads(reply.data)
    return answer


async def reached(client: Client, *, timeout_seconds: float) -> None:
    """Return once the server has taken everything that was sent before.

    In place of the client's own `flush`: when that is cancelled, or its time is over, the client
    trips over the answer that comes all the same, and is deaf from then on (nats-py 2.16).

    raises   as `reaching` does
    """
    await call(client, "INFO", b"", timeout_seconds=timeout_seconds)


async def publish_batch(
    client: Client,
    messages: list[tuple[str, bytes, dict[str, str]]],
    batch_id: str,
    *,
    timeout_seconds: float,
) -> int:
    """Store messages (subject, payload, headers) together or not at all; the sequence of the last.

    batch_id   never used before, and never guessed
    raises     as `reaching` and `raise_error` do
    source     ADR-50 of nats-architecture-and-design
    """
    for number, (_, _, headers) in enumerate(messages, 1):
        headers |= {BATCH_ID: batch_id, BATCH_SEQUENCE: str(number)}
    with reaching(timeout_seconds):
        for subject, payload, headers in messages[:-1]:
            await client.publish(subject, payload, headers=headers)
    subject, payload, headers = messages[-1]
    headers[BATCH_COMMIT] = "1"
    answer = await request(client, subject, payload, headers, timeout_seconds=timeout_seconds)
    raise_error(answer)
    sequence: int = answer["seq"]
    return sequence


def raise_error(answer: dict[str, Any]) -> None:
    """Turn the `error` of an answer into one of our kinds; nothing when there is none."""
    error = answer.get("error")
    if error is None:
        return
    if error.get("err_code") in WRONG_LAST_SEQUENCE:
        raise Conflict(error.get("description", ""))
    if error.get("code") in {429, 503} or error.get("err_code") in PASSING:
        raise Unavailable(error.get("description", ""), retry_after_seconds=0.5)
    raise JetStreamRefused(f"{error.get('err_code')}: {error.get('description')}")


class JetStreamRefused(BacklineError):
    """JetStream answered with an error that no retry mends: a bug or a wrong configuration."""

    code = "log-refused"


async def last_message(
    client: Client, stream: str, subject: str, *, timeout_seconds: float
) -> Stored | None:
    """The newest message of a subject, as the stream's leader has it; None when there is none."""
    body = {"last_by_subj": subject}
    return await read_one(client, stream, body, timeout_seconds=timeout_seconds)


async def read_one(
    client: Client, stream: str, body: dict[str, Any], *, timeout_seconds: float
) -> Stored | None:
    """A message as the stream's leader has it; None when there is none.

    body   which: {"last_by_subj"}, {"seq"} or {"seq", "next_by_subj"}
    """
    answer = await call(client, f"STREAM.MSG.GET.{stream}", body, timeout_seconds=timeout_seconds)
    if answer.get("error", {}).get("err_code") == NOT_FOUND:
        return None
    raise_error(answer)
    message = answer["message"]
    headers = parse_headers(b64decode(message.get("hdrs", "")))
    payload = b64decode(message.get("data", ""))
    return Stored(message["subject"], message["seq"], payload, headers)


def parse_headers(block: bytes) -> dict[str, str]:
    """The headers of a stored message, from their `NATS/1.0` block."""
    lines = block.decode().split("\r\n")[1:]
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


async def read_direct(
    client: Client, stream: str, body: dict[str, Any], *, timeout_seconds: float
) -> list[Stored]:
    """A batched direct read: one request, many replies, ended by a status message.

    body     as in ADR-31: {"batch", "seq", "next_by_subj", "max_bytes"}
    returns  the messages in order, as many as the bounds allow; none when there are none
    raises   Unanswered when the next reply does not come in time; Unavailable
    """
    found, _ = await _read_direct(client, stream, body, timeout_seconds)
    return found


async def read_last(
    client: Client, stream: str, subjects: str, *, timeout_seconds: float
) -> list[Stored]:
    """The newest message of each subject that matches, all as of one moment. raises as above."""
    body: dict[str, Any] = {"multi_last": [subjects]}
    found: list[Stored] = []
    while True:
        page, end = await _read_direct(client, stream, body, timeout_seconds)
        found += page
        # The server sends about 64 MB at a time.
        if not page or int(end.get("Nats-Num-Pending", "0")) == 0:
            return found
        body |= {"seq": page[-1].sequence + 1, "up_to_seq": int(end["Nats-UpTo-Sequence"])}


async def _read_direct(
    client: Client, stream: str, body: dict[str, Any], timeout_seconds: float
) -> tuple[list[Stored], dict[str, str]]:
    """The messages, and the headers of the status message that ends them."""
    inbox = client.new_inbox()
    replies: asyncio.Queue[Msg] = asyncio.Queue()
    with reaching(timeout_seconds):
        subscription = await client.subscribe(
            inbox, cb=replies.put, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        try:
            await client.publish(f"{API}.DIRECT.GET.{stream}", orjson.dumps(body), reply=inbox)
            async with Watching(client):
                return await _collect(replies, timeout_seconds)
        finally:
            with suppress(NatsError):  # It goes with the connection.
                await subscription.unsubscribe()


async def _collect(
    replies: "asyncio.Queue[Msg]", timeout_seconds: float
) -> tuple[list[Stored], dict[str, str]]:
    """Replies up to the one that ends them. Each names the one before it, so none is missed that
    went down with a connection, when those behind it came over the next one.
    """
    found: list[Stored] = []
    before = "0"
    while True:
        message = await asyncio.wait_for(replies.get(), timeout_seconds)
        headers = message.headers or {}
        status = headers.get("Status")
        if status not in {None, "204", "404"}:
            raise Unavailable(f"direct read answered {status}", retry_after_seconds=0.5)
        if headers.get("Nats-Last-Sequence", before) != before:
            raise Unanswered("replies were lost on the way", retry_after_seconds=0.5)
        if status is not None:
            return found, headers
        subject, before = headers["Nats-Subject"], headers["Nats-Sequence"]
        found.append(Stored(subject, int(before), message.data, headers))
