"""A catalog that runs: its real parts in this process, on the real servers, with an empty log."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import stamina

from contracts.catalog import ListArtists
from libs.bus import Bus
from libs.eventlog import JetStreamLog
from libs.eventlog.protocol import call, log_name
from libs.kernel.errors import RemoteProblem
from libs.kernel.messages import NOBODY
from libs.stack.permissions import DEPLOYER
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats

READY_SECONDS = 20


@dataclass(frozen=True, slots=True)
class RunningCatalog:
    """bus, log: as the service itself sees them."""

    bus: Bus
    log: JetStreamLog


@pytest.fixture
async def catalog(
    nats_server: RunningNats, database: RunningDatabase
) -> AsyncIterator[RunningCatalog]:
    """The catalog with an empty log, for one test."""
    await _delete_log(nats_server)
    async with (
        running_services(["catalog"], nats_server, database),
        bus_of("catalog", nats_server) as bus,
    ):
        log = await JetStreamLog.open(bus.connection, "catalog")
        await _until_it_answers(bus, log)
        yield RunningCatalog(bus, log)


async def _delete_log(nats_server: RunningNats) -> None:
    client = await nats_server.connect(DEPLOYER)
    try:
        await call(client, f"STREAM.DELETE.{log_name('catalog')}", b"", timeout_seconds=5)
    finally:
        await client.close()


class _Before(Exception):
    """The tables are still those of the log before."""


async def _until_it_answers(bus: Bus, log: JetStreamLog) -> None:
    """Wait until the tables are built from this log."""
    async for attempt in stamina.retry_context(
        on=(RemoteProblem, _Before),
        attempts=None,
        timeout=READY_SECONDS,
        wait_initial=0.05,
        wait_max=0.2,
    ):
        with attempt:
            answer = await bus.ask(ListArtists(), caller=NOBODY)
            if answer.epoch != log.epoch:
                raise _Before
