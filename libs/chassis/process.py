"""What the parts of one process share: connections, servers, health, and its end.

Everything here is made when it is first asked for, and closed in order by `close`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.asgi import Application, lifespan
from libs.chassis.connections import DRAIN_SECONDS, connect_nats
from libs.chassis.database import database_engine
from libs.chassis.health import Health, Probe
from libs.chassis.http import HttpServer, Mounts, listen
from libs.chassis.secrets import Secrets
from libs.chassis.settings import ProcessSettings

HEALTH_PREFIXES: Final = ("/health", "/metrics")

_SELECT_ONE: Final = text("SELECT 1")

logger = structlog.get_logger(__name__)


class Process:
    """One process and what its parts have in common.

    stopping   set when the process begins to stop: time to end what would otherwise go on for ever
    """

    def __init__(self, settings: ProcessSettings) -> None:
        self.settings = settings
        self.secrets = Secrets(settings.secrets)
        self.health = Health()
        self.stopping = asyncio.Event()
        self._mounts = Mounts(dict.fromkeys(HEALTH_PREFIXES, self.health))
        self._pages: HttpServer | None = None
        self._pages_wanted = asyncio.Event()
        self._connections: dict[str, Client] = {}
        self._connecting: dict[str, asyncio.Lock] = {}
        self._engines: dict[str, AsyncEngine] = {}
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        socket = listen(settings.host, settings.health_port, "BACKLINE_HEALTH_PORT")
        self.health_server = HttpServer(self.health, socket)

    # ------------------------------------------------------------------ connections

    async def connection(self, service: str) -> Client:
        """The connection to NATS of a service, once it stands."""
        async with self._connecting.setdefault(service, asyncio.Lock()):
            found = self._connections.get(service)
            if found is None:
                found = await connect_nats(service, self.settings, self.secrets, self.break_off)
                self._connections[service] = found
                self.health.add_probe(f"nats as {service}", _nats_probe(found))
        return found

    def database(self, service: str) -> AsyncEngine:
        """The pool of connections to PostgreSQL of a service."""
        found = self._engines.get(service)
        if found is None:
            found = database_engine(service, self.settings, self.secrets)
            self._engines[service] = found
            self.health.add_probe(f"database as {service}", _database_probe(found))
        return found

    # ------------------------------------------------------------------ pages

    async def serve_pages(self) -> None:
        """Serve what is mounted, from the first mount until `stop_pages`."""
        await self._pages_wanted.wait()
        if self._pages is not None:
            await self._pages.serve()

    def stop_pages(self) -> None:
        """Accept no more requests; `serve_pages` ends when those under way have."""
        self._pages_wanted.set()
        if self._pages is not None:
            self._pages.stop()

    @property
    def health_port(self) -> int:
        """The port of health and metrics."""
        return self.health_server.port

    @property
    def port(self) -> int | None:
        """The port of pages and APIs, once something is mounted."""
        return None if self._pages is None else self._pages.port

    @asynccontextmanager
    async def mounted(
        self,
        application: Application,
        *,
        prefixes: Sequence[str],
        service: str,
        websocket_class: type[asyncio.Protocol] | None,
    ) -> AsyncIterator[None]:
        """Serve an application during the block, which is entered once requests reach it.

        raises   PortTaken, StartFailed
        """
        async with lifespan(application):
            with self._mounts.mount(application, prefixes, service):
                server = self._page_server()
                if websocket_class is not None:
                    server.speak_websockets_with(websocket_class)
                await server.started()
                yield

    def _page_server(self) -> HttpServer:
        if self._pages is None:
            settings = self.settings
            socket = listen(settings.host, settings.port, "BACKLINE_PORT")
            self._pages = HttpServer(self._mounts, socket)
            self._pages_wanted.set()
            logger.info("Serving pages.", host=settings.host, port=self._pages.port)
        return self._pages

    # ------------------------------------------------------------------ the end

    def break_off(self, error: Exception) -> None:
        """Something is broken that no waiting mends: end the process."""
        if not self._broken.done():
            self._broken.set_exception(error)

    async def until_broken(self) -> None:
        """Never returns. raises   what `break_off` was told"""
        await asyncio.shield(self._broken)

    async def close(self) -> None:
        """Send what is still to be sent, and close every connection, each within DRAIN_SECONDS."""
        await asyncio.gather(*map(_close_connection, self._connections.values()))
        await asyncio.gather(*(engine.dispose() for engine in self._engines.values()))
        self.health_server.close()
        if not self._broken.done():
            self._broken.cancel()


async def _close_connection(client: Client) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS + 1):
            await (client.drain() if client.is_connected else client.close())
    except (NatsError, OSError) as error:  # A TimeoutError is an OSError.
        logger.warning("A connection to NATS did not drain.", detail=str(error))


def _nats_probe(client: Client) -> Probe:
    async def probe() -> None:
        if not client.is_connected:
            raise ConnectionError

    return probe


def _database_probe(engine: AsyncEngine) -> Probe:
    async def probe() -> None:
        async with engine.connect() as connection:
            await connection.execute(_SELECT_ONE)

    return probe
