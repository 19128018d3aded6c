"""Snapshots: saved states that spare a long replay. Always safe to delete, and never trusted
blindly.

A snapshot is cut into chunks that fit a message and written in one atomic batch, each chunk naming
the snapshot it belongs to. A reader that meets chunks of two snapshots takes it as none at all.
"""

from dataclasses import dataclass

from nats.aio.client import Client

from libs.eventlog.model import Revision
from libs.eventlog.protocol import publish_batch, read_last
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
        messages = [
            (self._subject(aggregate, aggregate_id, number), chunk, dict(headers))
            for number, chunk in enumerate(chunks)
        ]
        await publish_batch(
            self._client, messages, snapshot_id, timeout_seconds=SNAPSHOT_TIMEOUT_SECONDS
        )
        return True

    async def load(self, aggregate: str, aggregate_id: str, schema: str) -> Snapshot | None:
        """The newest snapshot of an aggregate; None when there is none of this schema, or it is
        torn.

        raises   Unavailable
        """
        found = await read_last(
            self._client,
            self._stream,
            self._subject(aggregate, aggregate_id, "*"),
            timeout_seconds=SNAPSHOT_TIMEOUT_SECONDS,
        )
        # A longer snapshot from before may have left chunks behind the end of this one.
        chunks = {int(chunk.subject.rsplit(".", 1)[1]): chunk for chunk in found}
        first = chunks.get(0)
        if first is None or first.headers[_SCHEMA] != schema:
            return None
        whole = [chunks.get(number) for number in range(int(first.headers[_CHUNKS]))]
        pieces = [
            chunk.payload
            for chunk in whole
            if chunk is not None and chunk.headers[_ID] == first.headers[_ID]
        ]
        if len(pieces) != len(whole):
            return None
        return Snapshot(Revision(int(first.headers[_REVISION])), schema, b"".join(pieces))

    def _subject(self, aggregate: str, aggregate_id: str, number: int | str) -> str:
        return f"snap.{self._service}.{aggregate}.{aggregate_id}.{number}"
