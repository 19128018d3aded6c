"""Snapshots: saved states that spare a long replay. Always safe to delete, and never trusted
blindly.

A snapshot is cut into chunks that fit a message and written in one atomic batch, each chunk naming
the snapshot it belongs to. A reader that meets chunks of two snapshots takes it as none at all.
"""

from dataclasses import dataclass

from nats.aio.client import Client

from libs.eventlog.model import Revision
from libs.eventlog.protocol import (
    BATCH_COMMIT,
    BATCH_ID,
    BATCH_SEQUENCE,
    Stored,
    raise_error,
    read_direct,
    request,
)
from libs.kernel.ids import new_id

CHUNK_BYTES = 512 * 1024
CHUNKS_MAX = 900
SNAPSHOT_TIMEOUT_SECONDS = 10.0

_ID = "Backline-Snapshot"
_REVISION = "Backline-Revision"
_CHUNKS = "Backline-Chunks"
_SCHEMA = "Backline-Schema"


@dataclass(slots=True)
class Snapshot:
    """A saved state.

    revision  of the stream when it was saved
    schema    names the shape of `state`; a reader that expects another ignores the snapshot
    state     its bytes
    """

    revision: Revision
    schema: str
    state: bytes


class SnapshotStore:
    """The snapshots of one service, the newest of each aggregate."""

    def __init__(self, client: Client, service: str) -> None:
        self._client = client
        self._service = service
        self._stream = f"SNAP_{service.upper()}"

    async def save(self, aggregate: str, aggregate_id: str, snapshot: Snapshot) -> bool:
        """Replace the snapshot of an aggregate. False when the state is too large to be worth it.

        raises   Unavailable
        """
        state = snapshot.state
        chunks = [state[at : at + CHUNK_BYTES] for at in range(0, len(state), CHUNK_BYTES)] or [b""]
        if len(chunks) > CHUNKS_MAX:
            return False
        snapshot_id = new_id()
        headers = {
            _ID: snapshot_id,
            _REVISION: str(snapshot.revision),
            _CHUNKS: str(len(chunks)),
            _SCHEMA: snapshot.schema,
        }
        for number, chunk in enumerate(chunks):
            await self._write(aggregate, aggregate_id, number, chunk, headers, snapshot_id)
        return True

    async def _write(
        self,
        aggregate: str,
        aggregate_id: str,
        number: int,
        chunk: bytes,
        headers: dict[str, str],
        batch_id: str,
    ) -> None:
        subject = self._subject(aggregate, aggregate_id, number)
        batch = {BATCH_ID: batch_id, BATCH_SEQUENCE: str(number + 1)}
        if number + 1 < int(headers[_CHUNKS]):
            await self._client.publish(subject, chunk, headers=headers | batch)
            return
        answer = await request(
            self._client,
            subject,
            chunk,
            headers | batch | {BATCH_COMMIT: "1"},
            timeout_seconds=SNAPSHOT_TIMEOUT_SECONDS,
        )
        raise_error(answer)

    async def load(self, aggregate: str, aggregate_id: str, schema: str) -> Snapshot | None:
        """The newest snapshot of an aggregate; None when there is none of this schema, or it is
        torn.

        raises   Unavailable
        """
        first = await self._read(self._subject(aggregate, aggregate_id, 0))
        if not first or first[0].headers.get(_SCHEMA) != schema:
            return None
        count = int(first[0].headers[_CHUNKS])
        chunks = first
        if count > 1:
            chunks = await self._read(self._subject(aggregate, aggregate_id, "*"))
        chunks = sorted(chunks, key=lambda chunk: int(chunk.subject.rsplit(".", 1)[1]))[:count]
        ids = {chunk.headers[_ID] for chunk in chunks}
        if len(chunks) != count or len(ids) != 1:
            return None
        state = b"".join(chunk.payload for chunk in chunks)
        return Snapshot(Revision(int(first[0].headers[_REVISION])), schema, state)

    async def _read(self, subject: str) -> list[Stored]:
        body = {"multi_last": [subject], "batch": CHUNKS_MAX + 1}
        return await read_direct(
            self._client, self._stream, body, timeout_seconds=SNAPSHOT_TIMEOUT_SECONDS
        )

    def _subject(self, aggregate: str, aggregate_id: str, number: int | str) -> str:
        return f"snap.{self._service}.{aggregate}.{aggregate_id}.{number}"
