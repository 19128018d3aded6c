"""What is parked: messages that keep failing, and those that wait behind one of them.

    parked.<service>.<process manager>.<key>   the message as it was, and its error, oldest first
    replay.<service>.<process manager>.<key>   somebody wants the key's messages tried again

Both are in the JetStream stream PARKED_<SERVICE>.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from nats.aio.client import Client

from libs.eventlog.protocol import Stored, call, raise_error, read_direct, read_one, request
from libs.kernel.errors import Problem
from libs.reactions.message import Message

TIMEOUT_SECONDS: Final = 5.0
PAGE_MESSAGES: Final = 256

_SUBJECT: Final = "Backline-Subject"
_POSITION: Final = "Backline-Position"
_PARKED_AT: Final = "Backline-Parked-At"
_PROBLEM: Final = "Backline-Problem"


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that waits to be replayed.

    sequence   its place among what is parked
    message    as it was delivered
    problem    what it failed with; None when it only waits behind one that failed
    """

    process_manager: str
    key: str
    sequence: int
    message: Message
    problem: Problem | None
    parked_at: datetime


class Parking:
    """What is parked in one service."""

    def __init__(self, client: Client, service: str) -> None:
        self._client = client
        self._stream = f"PARKED_{service.upper()}"
        self._parked = f"parked.{service}."
        self._replay = f"replay.{service}."

    async def park(
        self,
        process_manager: str,
        key: str,
        message: Message,
        *,
        problem: Problem | None,
        at: datetime,
    ) -> None:
        """Keep a message, behind those of its key that are parked already.

        raises   Unavailable
        """
        note = {
            _SUBJECT: message.subject,
            _POSITION: str(message.position),
            _PARKED_AT: at.isoformat(),
            _PROBLEM: orjson.dumps(problem).decode(),
        }
        answer = await request(
            self._client,
            f"{self._parked}{process_manager}.{key}",
            message.payload,
            {**_own(message.headers), **note},
            timeout_seconds=TIMEOUT_SECONDS,
        )
        raise_error(answer)

    async def counts(self, process_manager: str = "*") -> dict[tuple[str, str], int]:
        """How many messages are parked, by (process manager, key). raises   Unavailable"""
        return await self._subjects(self._parked, process_manager)

    async def first(self, process_manager: str, key: str) -> Parked | None:
        """The oldest message parked for a key, as the leader has it. raises   Unavailable"""
        body = {"seq": 0, "next_by_subj": f"{self._parked}{process_manager}.{key}"}
        stored = await read_one(self._client, self._stream, body, timeout_seconds=TIMEOUT_SECONDS)
        return None if stored is None else self._as_parked(stored)

    async def list(self, process_manager: str = "*") -> list[Parked]:
        """Everything that is parked, oldest first. raises   Unavailable"""
        found: list[Parked] = []
        position = 0
        while True:
            body = {
                "batch": PAGE_MESSAGES,
                "seq": position + 1,
                "next_by_subj": f"{self._parked}{process_manager}.>",
            }
            page = await read_direct(
                self._client, self._stream, body, timeout_seconds=TIMEOUT_SECONDS
            )
            if not page:
                return found
            found += [self._as_parked(stored) for stored in page]
            position = page[-1].sequence

    async def remove(self, sequence: int) -> None:
        """Forget a message that is dealt with. raises   Unavailable"""
        raise_error(await self._call(f"STREAM.MSG.DELETE.{self._stream}", {"seq": sequence}))

    # ------------------------------------------------------------------ replaying

    async def ask_replay(self, process_manager: str, key: str) -> None:
        """Want what is parked for a key tried again, in order, as soon as somebody works on it.

        raises   Unavailable
        """
        subject = f"{self._replay}{process_manager}.{key}"
        answer = await request(self._client, subject, b"", None, timeout_seconds=TIMEOUT_SECONDS)
        raise_error(answer)

    async def replays(self, process_manager: str) -> set[str]:
        """The keys whose messages somebody wants tried again. raises   Unavailable"""
        return {key for _, key in await self._subjects(self._replay, process_manager)}

    async def end_replay(self, process_manager: str, key: str) -> None:
        """The messages of a key were tried again. raises   Unavailable"""
        body = {"filter": f"{self._replay}{process_manager}.{key}"}
        raise_error(await self._call(f"STREAM.PURGE.{self._stream}", body))

    # ------------------------------------------------------------------ reading

    async def _subjects(self, prefix: str, process_manager: str) -> dict[tuple[str, str], int]:
        body = {"subjects_filter": f"{prefix}{process_manager}.>"}
        answer = await self._call(f"STREAM.INFO.{self._stream}", body)
        raise_error(answer)
        counts: dict[str, int] = answer["state"].get("subjects") or {}
        return {_split(subject.removeprefix(prefix)): count for subject, count in counts.items()}

    def _as_parked(self, stored: Stored) -> Parked:
        process_manager, key = _split(stored.subject.removeprefix(self._parked))
        headers = stored.headers
        return Parked(
            process_manager=process_manager,
            key=key,
            sequence=stored.sequence,
            message=Message(
                headers[_SUBJECT], int(headers[_POSITION]), stored.payload, _own(headers)
            ),
            problem=orjson.loads(headers[_PROBLEM]),
            parked_at=datetime.fromisoformat(headers[_PARKED_AT]),
        )

    async def _call(self, subject: str, body: Any) -> dict[str, Any]:
        return await call(self._client, subject, body, timeout_seconds=TIMEOUT_SECONDS)


def _split(tail: str) -> tuple[str, str]:
    process_manager, _, key = tail.partition(".")
    return process_manager, key


def _own(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that belong to the message itself, such as `traceparent`."""
    return {
        name: value
        for name, value in headers.items()
        if not name.startswith(("Nats-", "Backline-"))
    }
