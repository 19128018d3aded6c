"""Preparing NATS: what is made, what is kept, and that a toy service is one entry."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from libs.chassis.prepare import EPOCH, Outcome, Prepared, prepare, wanted
from libs.eventlog import JetStreamLog
from libs.eventlog.protocol import call
from libs.kernel.errors import Unavailable
from libs.stack.permissions import Access
from libs.testkit.stack import RunningNats, running_nats

SERVICES = {"toy": Access(), "gateway": Access(owns_log=False)}

pytestmark = pytest.mark.connected


@pytest.fixture
async def own_nats(tmp_path: Path) -> AsyncIterator[RunningNats]:
    with running_nats(tmp_path) as server:
        yield server


@pytest.fixture
async def deployer(own_nats: RunningNats) -> AsyncIterator[Client]:
    client = await own_nats.connect("deployer")
    yield client
    await client.close()


async def config_of(client: Client, name: str) -> dict[str, Any]:
    answer = await call(client, f"STREAM.INFO.{name}", b"", timeout_seconds=5)
    found: dict[str, Any] = answer["config"]
    return found


async def test_makes_everything_once_when_nothing_is_there(own_nats: RunningNats) -> None:
    first = await prepare(own_nats.url, own_nats.secrets, services=SERVICES)
    again = await prepare(own_nats.url, own_nats.secrets, services=SERVICES)
    names = ["EVT_TOY", "SNAP_TOY", "SCHED_TOY", "PARKED_TOY", "KV_MEMBERS", "KV_PERSONS"]
    assert first == [Prepared(name, Outcome.CREATED) for name in names]
    assert again == [Prepared(name, Outcome.UNCHANGED) for name in names]


async def test_keeps_the_epoch_when_something_else_changes(
    own_nats: RunningNats, deployer: Client
) -> None:
    await prepare(own_nats.url, own_nats.secrets, services=SERVICES)
    before = await config_of(deployer, "EVT_TOY")
    older = {**before, "max_msg_size": 1024}
    await call(deployer, "STREAM.UPDATE.EVT_TOY", older, timeout_seconds=5)
    done = await prepare(own_nats.url, own_nats.secrets, services=SERVICES)
    after = await config_of(deployer, "EVT_TOY")
    assert done[0] == Prepared("EVT_TOY", Outcome.CHANGED)
    assert after["max_msg_size"] == before["max_msg_size"]
    assert after["metadata"][EPOCH] == before["metadata"][EPOCH]


async def test_has_a_new_epoch_when_the_log_is_made_again(
    own_nats: RunningNats, deployer: Client
) -> None:
    await prepare(own_nats.url, own_nats.secrets, services=SERVICES)
    before = await config_of(deployer, "EVT_TOY")
    await call(deployer, "STREAM.DELETE.EVT_TOY", b"", timeout_seconds=5)
    await prepare(own_nats.url, own_nats.secrets, services=SERVICES)
    after = await config_of(deployer, "EVT_TOY")
    assert after["metadata"][EPOCH] != before["metadata"][EPOCH]


async def test_agrees_on_one_epoch_when_two_prepare_at_once(own_nats: RunningNats) -> None:
    both = [prepare(own_nats.url, own_nats.secrets, services=SERVICES) for _ in range(2)]
    outcomes = await asyncio.gather(*both)
    assert [done[0].outcome for done in outcomes].count(Outcome.CREATED) == 1


async def test_leaves_nothing_to_be_made_again_when_nats_is_killed_and_comes_back(
    own_nats: RunningNats,
) -> None:
    await prepare(own_nats.url, own_nats.secrets, services=SERVICES)
    own_nats.server.child.kill()
    own_nats.server.start()
    again = await prepare(own_nats.url, own_nats.secrets, services=SERVICES)
    assert {each.outcome for each in again} == {Outcome.UNCHANGED}


async def test_serves_the_service_when_it_opens_its_log(own_nats: RunningNats) -> None:
    await prepare(own_nats.url, own_nats.secrets, services=SERVICES)
    client = await own_nats.connect("toy")
    try:
        log = await JetStreamLog.open(client, "toy")
        assert log.epoch
        assert await log.last_position() == 0
    finally:
        await client.close()


async def test_is_unavailable_when_nats_is_away(
    own_nats: RunningNats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.chassis.prepare.REACH_SECONDS", 0.3)
    with pytest.raises(Unavailable, match="NATS is not there"):
        await prepare("nats://127.0.0.1:1", own_nats.secrets, services=SERVICES)


def test_copies_every_stream_when_there_are_replicas() -> None:
    assert {config["num_replicas"] for config in wanted(SERVICES, 3)} == {3}


def test_makes_a_bucket_for_the_keys_of_a_service_that_keeps_some() -> None:
    names = [config["name"] for config in wanted({"toy": Access(keys=True)}, 1)]
    assert "KV_KEYS_TOY" in names
    assert "KV_KEYS_TOY" not in [config["name"] for config in wanted({"toy": Access()}, 1)]
