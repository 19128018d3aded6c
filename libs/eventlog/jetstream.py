"""The log on JetStream: one fsynced publish per commit, an atomic batch where several streams
agree.

What the server promises and what it does not is measured in docs/adr/0004 and docs/adr/0005; in
short: a publish with an expected revision lands at most once, an answer that never came says
nothing, and only the leader of the stream knows what is in it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Sequence

import orjson
from nats.aio.client import Client

from libs.eventlog.codec import decode, encode
from libs.eventlog.model import NEW_STREAM, Commit, RecordedCommit, Revision, StreamHistory
from libs.eventlog.protocol import (
    BATCH_COMMIT,
    BATCH_ID,
    BATCH_SEQUENCE,
    COMMIT_ID,
    EXPECTED_REVISION,
    Stored,
    Unanswered,
    call,
    last_message,
    log_name,
    raise_error,
    read_direct,
    request,
)
from libs.eventlog.reading import follow
from libs.kernel.errors import Conflict, Unavailable
from libs.kernel.ids import new_id

APPEND_TIMEOUT_SECONDS = 2.0
READ_TIMEOUT_SECONDS = 5.0
LOAD_BATCH_MAX = 256
ADOPT_DEADLINE_SECONDS = 10.0
BATCH_MESSAGES_MAX = 1000


class JetStreamLog:
    """One service's log on a NATS connection that is allowed to use it."""

    def __init__(self, client: Client, service: str, epoch: str) -> None:
        self.service = service
        self.epoch = epoch
        self._client = client
        self._stream = log_name(service)

    @classmethod
    async def open(cls, client: Client, service: str) -> "JetStreamLog":
        """Open an existing log.

        raises   Unavailable when it does not exist (yet) or cannot be reached
        """
        answer = await call(
            client,
            f"STREAM.INFO.{log_name(service)}",
            b"",
            timeout_seconds=READ_TIMEOUT_SECONDS,
        )
        raise_error(answer)
        return cls(client, service, answer["config"]["metadata"]["backline_epoch"])

    def subject(self, aggregate: str, aggregate_id: str) -> str:
        """The subject of a stream."""
        return f"evt.{self.service}.{aggregate}.{aggregate_id}"

    async def append(self, commits: Sequence[Commit]) -> list[Revision]:
        if len(commits) > BATCH_MESSAGES_MAX:
            raise ValueError(f"at most {BATCH_MESSAGES_MAX} streams in one append")
        commit_id = new_id()
        payloads = [encode(commit.events) for commit in commits]
        try:
            if len(commits) == 1:
                return [await self._publish(commits[0], payloads[0], commit_id)]
            return await self._publish_batch(commits, payloads, commit_id)
        except Unanswered:
            return await self._adopt(commits, commit_id)

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
        count = len(commits)
        messages = [
            (
                self.subject(commit.aggregate, commit.aggregate_id),
                payload,
                _headers(commit, commit_id) | {BATCH_ID: commit_id, BATCH_SEQUENCE: str(number)},
            )
            for number, (commit, payload) in enumerate(zip(commits, payloads, strict=True), 1)
        ]
        for subject, payload, headers in messages[:-1]:
            await self._client.publish(subject, payload, headers=headers)
        subject, payload, headers = messages[-1]
        headers[BATCH_COMMIT] = "1"
        answer = await request(
            self._client, subject, payload, headers, timeout_seconds=APPEND_TIMEOUT_SECONDS
        )
        raise_error(answer)
        last = answer["seq"]
        return [Revision(last - count + number) for number in range(1, count + 1)]

    async def _adopt(self, commits: Sequence[Commit], commit_id: str) -> list[Revision]:
        """After an append without an answer: look whether it is there, through the leader.

        raises   Conflict when the streams have moved on without it; Unavailable when it is not
                 there, or nobody could tell. It may still land later; the expected revision then
                 refuses whoever comes second, so a retry is safe.
        """
        revisions = []
        deadline = time.monotonic() + ADOPT_DEADLINE_SECONDS
        for commit in commits:
            last = await self._last_until(commit, deadline)
            sequence = NEW_STREAM if last is None else last.sequence
            if last is not None and last.headers.get(COMMIT_ID) == commit_id:
                revisions.append(Revision(sequence))
            elif sequence == commit.expected:
                raise Unavailable("the append did not land", retry_after_seconds=0.2)
            else:
                raise Conflict(f"{commit.aggregate}/{commit.aggregate_id} has moved on")
        return revisions

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
        stored = await self._read_stream(subject, after, last)
        commits = [
            decode(
                message.payload,
                aggregate=aggregate,
                aggregate_id=aggregate_id,
                position=message.sequence,
                headers=message.headers,
                strict=True,
            )
            for message in stored
        ]
        return StreamHistory(commits, Revision(last.sequence))

    async def _read_stream(self, subject: str, after: int, last: Stored) -> list[Stored]:
        """The stream's messages after a position, up to the newest one that its leader named.

        Direct reads may be served by a replica that lags: what it does not have yet is asked again.
        """
        stored: list[Stored] = []
        position = after
        deadline = time.monotonic() + READ_TIMEOUT_SECONDS
        while position < last.sequence:
            body = {"batch": LOAD_BATCH_MAX, "seq": position + 1, "next_by_subj": subject}
            page = await read_direct(
                self._client, self._stream, body, timeout_seconds=READ_TIMEOUT_SECONDS
            )
            page = [message for message in page if message.sequence <= last.sequence]
            if page:
                stored += page
                position = page[-1].sequence
            elif time.monotonic() > deadline:
                raise Unavailable("a replica of the log lags too far behind")
            else:
                await asyncio.sleep(0.05)
        return stored

    def follow(
        self, *, after: int, events: Collection[type] | None = None, batch_events_max: int = 5000
    ) -> AsyncIterator[list[RecordedCommit]]:
        return follow(
            self._client,
            self.service,
            after=after,
            events=events,
            batch_events_max=batch_events_max,
        )

    async def last_position(self) -> int:
        answer = await call(
            self._client,
            f"STREAM.INFO.{self._stream}",
            orjson.dumps({}),
            timeout_seconds=READ_TIMEOUT_SECONDS,
        )
        raise_error(answer)
        position: int = answer["state"]["last_seq"]
        return position


def _headers(commit: Commit, commit_id: str) -> dict[str, str]:
    return {
        **commit.headers,
        EXPECTED_REVISION: str(commit.expected),
        COMMIT_ID: commit_id,
    }
