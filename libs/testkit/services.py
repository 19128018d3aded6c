"""Whole services in the process of a test, on the real servers of `libs.testkit.stack`.

async with running_services(["auth"], nats_server, database), bus_of("gateway", …) as bus:
    await bus.send(…)
"""

import asyncio
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from libs.bus import Bus
from libs.chassis.prepare import prepare
from libs.chassis.runner import run
from libs.chassis.settings import ProcessSettings
from libs.stack.ports import free_ports
from libs.testkit.stack import RunningDatabase, RunningNats

READY_SECONDS = 60.0
_LOOK_SECONDS = 0.05


@asynccontextmanager
async def running_services(
    specs: Sequence[str], nats_server: RunningNats, database: RunningDatabase
) -> AsyncIterator[ProcessSettings]:
    """Run services, or parts of them, during the block, which is entered once they are ready.

    They are strict: what NATS refuses them fails the test. Pages and the API, if any, are at
    `http://127.0.0.1:<settings.port>`.

    raises   whatever a part crashed with
    """
    port, health_port = free_ports(2)
    settings = ProcessSettings(
        nats_url=nats_server.url,
        database_url=database.url,
        secrets=nats_server.secrets,
        port=port,
        health_port=health_port,
        strict=True,
    )
    await prepare(settings.nats_url, settings.secrets)
    running = asyncio.create_task(run(specs, settings))
    try:
        async with asyncio.timeout(READY_SECONDS):
            while not running.done() and not await asyncio.to_thread(_is_ready, health_port):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
        if not running.done():
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


def _is_ready(health_port: int) -> bool:
    address = f"http://127.0.0.1:{health_port}/health/ready"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False
