"""The log on JetStream: one fsynced publish per commit, an atomic batch where several streams
agree.

What the server promises and what it does not is measured in docs/adr/0004 and docs/adr/0005; in
short: a publish with an expected revision lands at most once, an answer that never came says
nothing, and only the leader of the stream knows what is in it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from nats.aio.client import Client

from libs.eventlog.codec import decode, encode
from libs.eventlog.keyring import Keyring, persons_in, persons_of
from libs.eventlog.model import (
    APPEND_STREAMS_MAX,
    NEW_STREAM,
    Commit,
    LogRecreated,
    RecordedCommit,
    Revision,
    StreamHistory,
    check,
)
from libs.eventlog.protocol import (
    COMMIT_ID,
    EXPECTED_REVISION,
    Stored,
    Unanswered,
    call,
    last_message,
    log_name,
    publish_batch,
    raise_error,
    read_direct,
    request,
)
from libs.eventlog.reading import follow
from libs.eventlog.vault import Vault
from libs.kernel.errors import Conflict, Unavailable
from libs.kernel.ids import new_id

APPEND_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 1.5
"""Short, since a question that goes down with its connection is never answered: ask again."""
LAG_SECONDS_MAX = 5.0
LOAD_MESSAGES_MAX = 1000
LOAD_BYTES_MAX = 1024 * 1024
ADOPT_DEADLINE_SECONDS = 10.0


class JetStreamLog:
    """One service's log on a NATS connection that is allowed to use it."""

    def __init__(
        self, client: Client, service: str, epoch: str, vault: Vault | None = None
    ) -> None:
        """`vault` is for what is personal; without, it cannot be written, and is read as None."""
        self.service = service
        self.epoch = epoch
        self._client = client
        self._stream = log_name(service)
        self._vault = vault

    @classmethod
    async def open(cls, client: Client, service: str, vault: Vault | None = None) -> "JetStreamLog":
        """Open an existing log.

        raises   Unavailable when it does not exist (yet) or cannot be reached
        """
        answer = await _describe(client, service)
        return cls(client, service, answer["config"]["metadata"]["backline_epoch"], vault)

    def subject(self, aggregate: str, aggregate_id: str) -> str:
        """The subject of a stream."""
        return f"evt.{self.service}.{aggregate}.{aggregate_id}"

    async def append(self, commits: Sequence[Commit]) -> list[Revision]:
        check(commits)
        if len(commits) > APPEND_STREAMS_MAX:
            raise ValueError(f"at most {APPEND_STREAMS_MAX} streams in one append")
        commit_id = new_id()
        if self._vault is not None:
            await self._vault.prepare(persons_in(commits))
        payloads = [encode(commit.events, self._keyring) for commit in commits]
        try:
            if len(commits) == 1:
                return [await self._publish(commits[0], payloads[0], commit_id)]
            return await self._publish_batch(commits, payloads, commit_id)
        except Unanswered:
            return await self._adopt(commits, commit_id)

    @property
    def _keyring(self) -> Keyring | None:
        return None if self._vault is None else self._vault.keyring

    async def _publish(self, commit: Commit, payload: bytes, commit_id: str) -> Revision:
        headers = _headers(commit, commit_id)
        subject = self.subject(commit.aggregate, commit.aggregate_id)
        answer = await request(
            self._client, subject, payload, headers, timeout_seconds=APPEND_TIMEOUT_SECONDS
        )
        raise_error(answer)
        return Revision(answer["seq"])

    async def _publish_batch(
        self, commits: Sequence[Commit], payloads: list[bytes], commit_id: str
    ) -> list[Revision]:
        """Several streams in one atomic batch, named by the commit's id: never used twice."""
        messages = [
            (
                self.subject(commit.aggregate, commit.aggregate_id),
                payload,
                _headers(commit, commit_id),
            )
            for commit, payload in zip(commits, payloads, strict=True)
        ]
        last = await publish_batch(
            self._client, messages, commit_id, timeout_seconds=APPEND_TIMEOUT_SECONDS
        )
        return _revisions(last - len(commits) + 1, len(commits))

    async def _adopt(self, commits: Sequence[Commit], commit_id: str) -> list[Revision]:
        """After an append without an answer: look whether it is there, through the leader.

        One of its streams tells for all of them: they were written together, one after the other.

        raises   Conflict when the streams have moved on without it; Unavailable when it is not
                 there, or nobody could tell. It may still land later; the expected revision then
                 refuses whoever comes second, so a retry is safe.
        """
        deadline = time.monotonic() + ADOPT_DEADLINE_SECONDS
        for index, commit in enumerate(commits):
            last = await self._last_until(commit, deadline)
            if last is not None and last.headers.get(COMMIT_ID) == commit_id:
                return _revisions(last.sequence - index, len(commits))
            if (NEW_STREAM if last is None else last.sequence) == commit.expected:
                raise Unavailable("the append did not land", retry_after_seconds=0.2)
        raise Conflict("every stream of the append has moved on")

    async def _last_until(self, commit: Commit, deadline: float) -> Stored | None:
        """The leader's newest message of a stream, asked until it answers or time is up."""
        subject = self.subject(commit.aggregate, commit.aggregate_id)
        while True:
            try:
                return await last_message(
                    self._client, self._stream, subject, timeout_seconds=APPEND_TIMEOUT_SECONDS
                )
            except Unavailable:
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.1)

    async def load(
        self, aggregate: str, aggregate_id: str, after: Revision = NEW_STREAM
    ) -> StreamHistory:
        subject = self.subject(aggregate, aggregate_id)
        last = await last_message(
            self._client, self._stream, subject, timeout_seconds=READ_TIMEOUT_SECONDS
        )
        if last is None:
            return StreamHistory([], NEW_STREAM)
        commits: list[RecordedCommit] = []
        position = after
        deadline = time.monotonic() + LAG_SECONDS_MAX
        while position < last.sequence:
            page = await self._read_page(subject, position, last)
            if page:
                if self._vault is not None:
                    await self._vault.fetch(persons_of(message.payload for message in page))
                commits += [self._recorded(message, aggregate, aggregate_id) for message in page]
                position = Revision(page[-1].sequence)
                deadline = time.monotonic() + LAG_SECONDS_MAX
            elif time.monotonic() > deadline:
                raise Unavailable("a replica of the log lags too far behind")
            else:
                await asyncio.sleep(0.05)
        return StreamHistory(commits, Revision(last.sequence))

    def _recorded(self, message: Stored, aggregate: str, aggregate_id: str) -> RecordedCommit:
        return decode(
            message.payload,
            aggregate=aggregate,
            aggregate_id=aggregate_id,
            position=message.sequence,
            headers=message.headers,
            strict=True,
            keyring=self._keyring,
        )

    async def _read_page(self, subject: str, after: int, last: Stored) -> list[Stored]:
        """The stream's next messages after a position, up to the newest one its leader named.

        A page is small enough to be decoded without holding up everybody else. It may be served by
        a replica that lags: what it does not have yet is missing at the end, and asked again.
        """
        body = {
            "seq": after + 1,
            "next_by_subj": subject,
            "batch": LOAD_MESSAGES_MAX,
            "max_bytes": LOAD_BYTES_MAX,
        }
        page = await read_direct(
            self._client, self._stream, body, timeout_seconds=READ_TIMEOUT_SECONDS
        )
        return [message for message in page if message.sequence <= last.sequence]

    async def confirm_epoch(self) -> None:
        """Make sure that this is still the log that was opened.

        raises   LogRecreated; Unavailable
        """
        answer = await _describe(self._client, self.service)
        if answer["config"]["metadata"]["backline_epoch"] != self.epoch:
            raise LogRecreated(f"the log of {self.service} was recreated")

    def follow(
        self,
        *,
        after: int,
        aggregate: str | None = None,
        events: Collection[type] | None = None,
        batch_events_max: int = 5000,
    ) -> AsyncIterator[list[RecordedCommit]]:
        return follow(
            self._client,
            self.service,
            after=after,
            aggregate=aggregate,
            events=events,
            batch_events_max=batch_events_max,
            confirm_epoch=self.confirm_epoch,
            vault=self._vault,
        )

    async def last_position(self) -> int:
        answer = await _describe(self._client, self.service)
        position: int = answer["state"]["last_seq"]
        return position


async def _describe(client: Client, service: str) -> dict[str, Any]:
    answer = await call(
        client, f"STREAM.INFO.{log_name(service)}", b"", timeout_seconds=READ_TIMEOUT_SECONDS
    )
    raise_error(answer)
    return answer


def _revisions(first: int, count: int) -> list[Revision]:
    """Of messages that were stored one after the other."""
    return [Revision(first + number) for number in range(count)]


def _headers(commit: Commit, commit_id: str) -> dict[str, str]:
    return {
        **commit.headers,
        EXPECTED_REVISION: str(commit.expected),
        COMMIT_ID: commit_id,
    }
