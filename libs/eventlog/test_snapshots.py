"""Snapshots: found as they were saved, and taken as none when in doubt."""

import os

import pytest
from nats.aio.client import Client

from libs.eventlog import Revision
from libs.eventlog import snapshots as under_test
from libs.eventlog.protocol import read_last
from libs.eventlog.snapshots import CHUNK_BYTES, Snapshot, SnapshotStore
from libs.kernel.ids import new_id

pytestmark = pytest.mark.connected

SCHEMA = "shape-1"


@pytest.fixture
def store(client: Client) -> SnapshotStore:
    return SnapshotStore(client, "toy")


def snapshot(revision: int, state: bytes, schema: str = SCHEMA) -> Snapshot:
    return Snapshot(Revision(revision), schema, state)


async def test_finds_none_when_none_was_saved(store: SnapshotStore) -> None:
    assert await store.load("raffle", new_id(), SCHEMA) is None


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 12 * CHUNK_BYTES + 7]
)
async def test_finds_the_state_as_it_was_when_it_was_saved(store: SnapshotStore, size: int) -> None:
    raffle, saved = new_id(), snapshot(7, os.urandom(size))
    assert await store.save("raffle", raffle, saved)
    assert await store.load("raffle", raffle, SCHEMA) == saved


async def test_finds_all_of_it_when_it_is_more_than_is_read_at_a_time(store: SnapshotStore) -> None:
    raffle, saved = new_id(), snapshot(7, os.urandom(CHUNK_BYTES) * 150)
    assert await store.save("raffle", raffle, saved)
    assert await store.load("raffle", raffle, SCHEMA) == saved


@pytest.mark.parametrize("sizes", [(3, 1), (1, 3), (5, 3, 4)])
async def test_finds_the_newest_when_several_were_saved(
    store: SnapshotStore, sizes: tuple[int, ...]
) -> None:
    raffle = new_id()
    for number, chunks in enumerate(sizes):
        saved = snapshot(number, os.urandom(chunks * CHUNK_BYTES - 1))
        await store.save("raffle", raffle, saved)
        assert await store.load("raffle", raffle, SCHEMA) == saved


async def test_finds_none_when_it_is_of_another_schema(store: SnapshotStore) -> None:
    raffle = new_id()
    await store.save("raffle", raffle, snapshot(7, b"{}", "shape-2"))
    assert await store.load("raffle", raffle, SCHEMA) is None


@pytest.mark.parametrize("missing", [0, 1, 2])
async def test_finds_none_when_it_is_torn(
    store: SnapshotStore, client: Client, missing: int
) -> None:
    raffle = new_id()
    await store.save("raffle", raffle, snapshot(7, os.urandom(3 * CHUNK_BYTES)))
    other = new_id()
    await store.save("raffle", other, snapshot(9, os.urandom(3 * CHUNK_BYTES)))
    # Put a chunk of another snapshot into its place, as two writers might whose batches were not
    # atomic.
    [chunk] = await read_last(
        client, "SNAP_TOY", f"snap.toy.raffle.{other}.{missing}", timeout_seconds=5
    )
    headers = {name: value for name, value in chunk.headers.items() if name.startswith("Backline-")}
    await client.request(
        f"snap.toy.raffle.{raffle}.{missing}", chunk.payload, headers=headers, timeout=5
    )
    assert await store.load("raffle", raffle, SCHEMA) is None


async def test_saves_nothing_when_the_state_is_too_large(
    store: SnapshotStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "CHUNKS_MAX", 2)
    raffle = new_id()
    assert not await store.save("raffle", raffle, snapshot(7, os.urandom(3 * CHUNK_BYTES)))
    assert await store.load("raffle", raffle, SCHEMA) is None
