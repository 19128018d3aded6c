"""The JetStream request/reply protocol, as far as the log needs it: names, headers, error codes,
replies.

nats-py's JetStream client is built for single messages; atomic batches, batched direct reads and
schedules are spoken here directly.
source    https://docs.nats.io/reference/reference-protocols/nats_api_reference; ADR-31, ADR-50,
          ADR-51 of nats-architecture-and-design
"""

import asyncio
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, NoRespondersError, OutboundBufferLimitError
from nats.errors import TimeoutError as NatsTimeoutError

from libs.kernel.errors import BacklineError, Conflict, Unavailable

API = "$JS.API"

EXPECTED_REVISION = "Nats-Expected-Last-Subject-Sequence"
BATCH_ID = "Nats-Batch-Id"
BATCH_SEQUENCE = "Nats-Batch-Sequence"
BATCH_COMMIT = "Nats-Batch-Commit"
COMMIT_ID = "Backline-Commit"

NOT_FOUND = 10037
WRONG_LAST_SEQUENCE = frozenset({10071, 10164})
STREAM_NOT_FOUND = 10059
CONSUMER_GONE = frozenset({10013, 10014})


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


async def call(
    client: Client, subject: str, body: Any, *, timeout_seconds: float
) -> dict[str, Any]:
    """One request to the JetStream API; its JSON answer, which may hold an `error`.

    raises   Unanswered when none came in time; Unavailable when nobody is there to answer
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
    """One request; its JSON answer. raises as `call` does."""
    try:
        reply = await client.request(subject, payload, timeout=timeout_seconds, headers=headers)
    except NoRespondersError:
        raise Unavailable("JetStream does not answer", retry_after_seconds=0.5) from None
    except (NatsTimeoutError, TimeoutError):
        raise Unanswered(f"no answer within {timeout_seconds} s") from None
    except (ConnectionClosedError, OutboundBufferLimitError) as error:
        raise Unavailable(str(error), retry_after_seconds=0.5) from None
    answer: dict[str, Any] = orjson.loads(reply.data)
    return answer


def raise_error(answer: dict[str, Any]) -> None:
    """Turn the `error` of an answer into one of our kinds; nothing when there is none."""
    error = answer.get("error")
    if error is None:
        return
    if error.get("err_code") in WRONG_LAST_SEQUENCE:
        raise Conflict(error.get("description", ""))
    if error.get("code") in {429, 503} or error.get("err_code") == STREAM_NOT_FOUND:
        raise Unavailable(error.get("description", ""), retry_after_seconds=0.5)
    raise JetStreamRefused(f"{error.get('err_code')}: {error.get('description')}")


class JetStreamRefused(BacklineError):
    """JetStream answered with an error that no retry mends: a bug or a wrong configuration."""

    code = "log-refused"


async def last_message(
    client: Client, stream: str, subject: str, *, timeout_seconds: float
) -> Stored | None:
    """The newest message of a subject, as the stream's leader has it; None when there is none."""
    answer = await call(
        client,
        f"STREAM.MSG.GET.{stream}",
        {"last_by_subj": subject},
        timeout_seconds=timeout_seconds,
    )
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

    body     as in ADR-31: {"batch", "seq", "next_by_subj"} or {"multi_last": […]}
    returns  the messages in order; none when there are none
    raises   Unanswered when the next reply does not come in time
    """
    inbox = client.new_inbox()
    replies: asyncio.Queue[Msg] = asyncio.Queue()
    subscription = await client.subscribe(
        inbox, cb=replies.put, pending_msgs_limit=-1, pending_bytes_limit=-1
    )
    found: list[Stored] = []
    try:
        await client.publish(f"{API}.DIRECT.GET.{stream}", orjson.dumps(body), reply=inbox)
        while True:
            message = await asyncio.wait_for(replies.get(), timeout_seconds)
            headers = message.headers or {}
            status = headers.get("Status")
            if status in {"204", "404"}:
                return found
            if status is not None:
                raise Unavailable(f"direct read answered {status}", retry_after_seconds=0.5)
            found.append(
                Stored(
                    headers["Nats-Subject"], int(headers["Nats-Sequence"]), message.data, headers
                )
            )
    except TimeoutError:
        raise Unanswered(f"no reply within {timeout_seconds} s") from None
    except ConnectionClosedError as error:
        raise Unavailable(str(error), retry_after_seconds=0.5) from None
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()
