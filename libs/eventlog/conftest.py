"""Every kind of log, on the real nats-server and in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client

from libs.chassis.prepare import prepare
from libs.eventlog import EventLog, JetStreamLog, MemoryLog
from libs.eventlog.vault import Vault
from libs.testkit.stack import TEST_SERVICES, RunningNats

SECRET = "a secret of these tests"


@asynccontextmanager
async def connected(nats_server: RunningNats) -> AsyncIterator[Client]:
    """The connection of the service `toy`, whose log, snapshots and members are prepared."""
    services = {"toy": TEST_SERVICES["toy"]}
    await prepare(nats_server.url, nats_server.secrets, services=services)
    client = await nats_server.connect("toy")
    yield client
    await client.close()


@pytest.fixture
async def client(nats_server: RunningNats) -> AsyncIterator[Client]:
    """See `connected`."""
    async with connected(nats_server) as client:
        yield client


@pytest.fixture(params=["memory", pytest.param("jetstream", marks=pytest.mark.connected)])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[EventLog]:
    """A log of the service `toy`. The one on JetStream is shared: name streams afresh."""
    if request.param == "memory":
        yield MemoryLog("toy")
        return
    async with connected(request.getfixturevalue("nats_server")) as client:
        yield await JetStreamLog.open(client, "toy", await Vault.open(client, SECRET))
