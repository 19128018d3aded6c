"""What the commands of `backline` share: the bus of the system that runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from libs.bus import Bus
from libs.chassis.connections import connect_nats
from libs.chassis.logs import configure_logs
from libs.chassis.secrets import Secrets
from libs.chassis.settings import LogLevel, ProcessSettings
from libs.kernel.errors import Unavailable

REACH_SECONDS: Final = 10.0


@asynccontextmanager
async def running_bus(user: str) -> AsyncIterator[Bus]:
    """The bus of the system that BACKLINE_NATS_URL names, or `backline up` runs, for the block.

    user     the service in whose name to speak
    raises   Unavailable when nobody is there; SettingsInvalid; SecretMissing
    """
    settings = ProcessSettings.load()
    configure_logs(settings.model_copy(update={"log_level": LogLevel.ERROR}))
    ended: list[Exception] = []
    try:
        async with asyncio.timeout(REACH_SECONDS):
            client = await connect_nats(user, settings, Secrets(settings.secrets), ended.append)
    except TimeoutError:
        raise Unavailable(
            f"nothing answers at {settings.nats_url}: is Backline running?"
            " If its data are elsewhere, say where: BACKLINE_DATA=DIR"
        ) from None
    try:
        yield Bus(client)
    finally:
        await client.close()
