"""What a service is made of, and what its parts are handed.

def create_app(settings: Settings) -> App:
    return App("voting", [Part("owner", run_owner), Part("projections", run_projections)])

async def run_owner(runtime: Runtime) -> None:
    owner = Owner("voting", await runtime.connection(), await runtime.log(), …)
    await owner.run(lambda: runtime.ready("owner"))
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import stamina
from nats.aio.client import Client
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.bus import Bus
from libs.chassis.asgi import Application
from libs.chassis.process import Process
from libs.chassis.settings import ProcessSettings
from libs.eventlog import JetStreamLog
from libs.eventlog.vault import Vault
from libs.kernel.clock import Clock, system_clock
from libs.kernel.errors import Unavailable
from libs.stack.permissions import SERVICES, Access, keys_bucket

_WITHOUT_SECRETS = "an installation without secrets"


class Runtime:
    """What the parts of one service get from the process they run in.

    service    whose parts they are: its role, its schema, its user and its inbox
    settings   of the process
    clock      the only one there is
    """

    def __init__(self, process: Process, service: str, *, clock: Clock = system_clock) -> None:
        self.service = service
        self.settings: ProcessSettings = process.settings
        self.clock = clock
        self._process = process
        self._bus: Bus | None = None
        self._vault: Vault | None = None

    def ready(self, part: str) -> None:
        """Report that a part serves. May be repeated."""
        self._process.health.report_ready(f"{self.service}.{part}")

    @property
    def stopping(self) -> asyncio.Event:
        """Set when the process begins to stop: time to end what would otherwise go on for ever."""
        return self._process.stopping

    async def connection(self) -> Client:
        """The service's connection to NATS, shared by its parts. Waits until NATS is there."""
        return await self._process.connection(self.service)

    async def bus(self) -> Bus:
        """The service's way to all services. Waits until NATS is there."""
        connection = await self.connection()
        if self._bus is None:
            self._bus = Bus(connection)
        return self._bus

    async def log(self, service: str | None = None) -> JetStreamLog:
        """The log of this service, or of another that it may follow, as it is now.

        Waits until it is there. Ask again after an interruption: a log that was recreated meanwhile
        has another epoch.
        """
        connection = await self.connection()
        async for attempt in stamina.retry_context(
            on=Unavailable, attempts=None, timeout=None, wait_initial=0.1, wait_max=2.0
        ):
            with attempt:
                return await JetStreamLog.open(
                    connection, service or self.service, await self.vault()
                )
        raise AssertionError("stamina retries for ever")

    async def vault(self) -> Vault | None:
        """The keys of persons, or the service's own; None for a service that has neither."""
        access = SERVICES.get(self.service, Access())
        bucket = keys_bucket(self.service, access)
        if bucket is None:
            return None
        if self._vault is None:
            name = "persons.key" if access.persons else f"{self.service}.keys"
            secret = self.secret(name) or _WITHOUT_SECRETS
            self._vault = await Vault.open(await self.connection(), secret, bucket)
        return self._vault

    def database(self) -> AsyncEngine:
        """The service's connections to PostgreSQL, in its own schema. Made when first used."""
        return self._process.database(self.service)

    def secret(self, name: str) -> str | None:
        """A secret of the installation (`gateway.cursor`); None when it has no directory of them.

        raises   SecretMissing when it has one, and the secret is not in it
        """
        return self._process.secrets.read(name)

    async def http(
        self,
        application: Application,
        *,
        prefixes: Sequence[str],
        websocket_class: type[asyncio.Protocol] | None = None,
        part: str = "http",
    ) -> None:
        """Serve an ASGI application until cancelled; the whole of a part that answers HTTP.

        prefixes          paths it serves: `/v1` is `/v1` and all below it, `/` all the rest
        websocket_class   uvicorn's kind of protocol class, for the process's WebSockets
        part              reported ready once requests reach it
        raises            PortTaken; StartFailed when its lifespan says so
        """
        async with self._process.mounted(
            application,
            prefixes=prefixes,
            service=self.service,
            websocket_class=websocket_class,
        ):
            self.ready(part)
            await asyncio.get_running_loop().create_future()


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a service that can run on its own.

    name   owner, projections, queries, process-managers, http, …
    run    runs until cancelled; reports `runtime.ready(name)` once it serves
    """

    name: str
    run: Callable[[Runtime], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class App:
    """A service: its name and its parts."""

    service: str
    parts: Sequence[Part]

    def __post_init__(self) -> None:
        names = [part.name for part in self.parts]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.service} has two parts of one name: {names}")
