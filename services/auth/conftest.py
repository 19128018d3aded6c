"""Auth as it runs, for the tests of this room."""

from collections.abc import AsyncIterator

import pytest

from libs.bus import Bus
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats


@pytest.fixture
async def bus(nats_server: RunningNats, database: RunningDatabase) -> AsyncIterator[Bus]:
    """The gateway's bus to a running auth."""
    async with (
        running_services(["auth"], nats_server, database),
        bus_of("gateway", nats_server) as bus,
    ):
        yield bus
