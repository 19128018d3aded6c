"""Whole services in the process of a test, on the real servers of `libs.testkit.stack`.

async with running_services(["auth"], nats_server, database):
    …
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from libs.bus import Bus
from libs.chassis.prepare import prepare
from libs.chassis.runner import run
from libs.chassis.settings import ProcessSettings
from libs.testkit.stack import RunningDatabase, RunningNats


@asynccontextmanager
async def running_services(
    specs: Sequence[str], nats_server: RunningNats, database: RunningDatabase, *, port: int = 0
) -> AsyncIterator[ProcessSettings]:
    """Run services, or parts of them, during the block; strictly: what NATS refuses fails the test.

    They may not be ready when the block is entered. Those who ask over the bus need not care: it
    asks again until somebody answers.
    """
    settings = ProcessSettings(
        nats_url=nats_server.url,
        database_url=database.url,
        secrets=nats_server.secrets,
        port=port,
        strict=True,
    )
    await prepare(settings.nats_url, settings.secrets)
    running = asyncio.create_task(run(specs, settings))
    try:
        yield settings
        if running.done():
            running.result()
    finally:
        running.cancel()
        await asyncio.wait({running})


@asynccontextmanager
async def bus_of(user: str, nats_server: RunningNats) -> AsyncIterator[Bus]:
    """The bus as a service sees it, during the block."""
    client = await nats_server.connect(user)
    try:
        yield Bus(client)
    finally:
        await client.close()
