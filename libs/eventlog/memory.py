"""A log in memory: the twin of `JetStreamLog` for unit tests. It encodes and decodes as the real
one does, so a message that cannot survive the wire does not survive here either.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field

from libs.eventlog.codec import decode, encode, types_of
from libs.eventlog.keyring import KEY_BYTES, Keyring, persons_in
from libs.eventlog.model import (
    NEW_STREAM,
    Commit,
    RecordedCommit,
    Revision,
    StreamHistory,
    check,
)
from libs.eventlog.vault import PersonErased
from libs.kernel.errors import Conflict
from libs.kernel.ids import new_id

HEARTBEAT_SECONDS = 1.0


@dataclass(slots=True)
class _Stored:
    aggregate: str
    aggregate_id: str
    payload: bytes
    headers: dict[str, str]


@dataclass
class MemoryLog:
    """Keeps everything in a list; lost with the process."""

    service: str
    epoch: str = field(default_factory=new_id)
    keyring: Keyring = field(default_factory=Keyring)
    _messages: list[_Stored] = field(default_factory=list)
    _revisions: dict[tuple[str, str], int] = field(default_factory=dict)
    _grown: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def append(self, commits: Sequence[Commit]) -> list[Revision]:
        check(commits)
        for person in persons_in(commits):
            if self.keyring.is_erased(person):
                raise PersonErased(person)
            if person not in self.keyring:
                self.keyring.put(person, os.urandom(KEY_BYTES))
        for commit in commits:
            key = (commit.aggregate, commit.aggregate_id)
            if self._revisions.get(key, NEW_STREAM) != commit.expected:
                raise Conflict(f"{commit.aggregate}/{commit.aggregate_id} has moved on")
        payloads = [encode(commit.events, self.keyring) for commit in commits]
        for commit, payload in zip(commits, payloads, strict=True):
            self._messages.append(
                _Stored(commit.aggregate, commit.aggregate_id, payload, dict(commit.headers))
            )
            self._revisions[commit.aggregate, commit.aggregate_id] = len(self._messages)
        async with self._grown:
            self._grown.notify_all()
        return [
            Revision(self._revisions[commit.aggregate, commit.aggregate_id]) for commit in commits
        ]

    async def load(
        self, aggregate: str, aggregate_id: str, after: Revision = NEW_STREAM
    ) -> StreamHistory:
        commits = [
            self._decode(position, stored, strict=True)
            for position, stored in enumerate(self._messages[after:], after + 1)
            if (stored.aggregate, stored.aggregate_id) == (aggregate, aggregate_id)
        ]
        revision = self._revisions.get((aggregate, aggregate_id), NEW_STREAM)
        return StreamHistory(commits, Revision(revision))

    async def follow(
        self,
        *,
        after: int,
        aggregate: str | None = None,
        events: Collection[type] | None = None,
        batch_events_max: int = 5000,
    ) -> AsyncIterator[list[RecordedCommit]]:
        wanted = types_of(events)
        position = after
        is_caught_up = False
        while True:
            batch: list[RecordedCommit] = []
            count = 0
            while position < len(self._messages) and count < batch_events_max:
                stored = self._messages[position]
                position += 1
                if aggregate in (None, stored.aggregate):
                    batch.append(self._decode(position, stored, wanted=wanted))
                    count += len(batch[-1].events)
            if batch:
                yield batch
            if position >= len(self._messages):
                if not batch or not is_caught_up:
                    is_caught_up = True
                    yield []
                await self._wait_for_growth(position)

    async def last_position(self) -> int:
        return len(self._messages)

    async def _wait_for_growth(self, position: int) -> None:
        async with self._grown:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._grown.wait_for(lambda: len(self._messages) > position)
            except TimeoutError:
                return  # A heartbeat: the caller is told that there is nothing more to read.

    def _decode(
        self,
        position: int,
        stored: _Stored,
        *,
        wanted: Collection[str] | None = None,
        strict: bool = False,
    ) -> RecordedCommit:
        return decode(
            stored.payload,
            aggregate=stored.aggregate,
            aggregate_id=stored.aggregate_id,
            position=position,
            headers=stored.headers,
            wanted=wanted,
            strict=strict,
            keyring=self.keyring,
        )
