"""The gateway, put together."""

import asyncio
import resource

import structlog

from contracts import all as contracts
from contracts.gateway import GetViewers
from libs.bus import Answer, Bus, serve_queries
from libs.chassis.revocations import Revocations
from libs.chassis.service import App, Part, Runtime
from libs.kernel.ids import new_id
from libs.kernel.messages import Caller, Registry
from libs.live.cursor import CursorSigner
from libs.live.hub import LiveHub
from libs.live.listening import listening_on
from libs.live.question import Questions
from libs.live.server import LiveServer
from libs.live.viewers import ViewerCounts
from libs.live.websocket import LiveWebSocket
from services.gateway.adapters import Desk, RevocationFeed
from services.gateway.api.application import PREFIXES, create_application
from services.gateway.api.cross_origin import CrossOrigin
from services.gateway.api.routes import LIVE_PATH, Routes
from services.gateway.settings import Settings

SERVICE = "gateway"

logger = structlog.get_logger(__name__)


def create_app(settings: Settings) -> App:
    """Build the service: one part, which answers everything that clients say."""
    messages = contracts.load()

    async def run_http(runtime: Runtime) -> None:
        await _Gateway(settings, messages, runtime, await runtime.bus()).run()

    return App(SERVICE, [Part("http", run_http)])


class _Gateway:
    """The pieces of a running gateway."""

    def __init__(self, settings: Settings, messages: Registry, runtime: Runtime, bus: Bus) -> None:
        self._runtime = runtime
        self._bus = bus
        listen = listening_on(bus)
        limits = settings.limits()
        questions = Questions(messages, asked_by=SERVICE)
        self._revocations = Revocations(runtime.clock)
        desk = Desk(bus, messages, runtime.clock, self._revocations)
        hub = LiveHub(bus, listen, CursorSigner(_cursor_secret(runtime)), limits)
        self._live = LiveServer(
            hub=hub,
            questions=questions,
            verify=desk.identify,
            send=desk.send,
            clock=runtime.clock,
            path=LIVE_PATH,
            origins=settings.listed_origins(),
            limits=limits,
            proxies=runtime.settings.proxies,
        )
        self._viewers = ViewerCounts(
            gateway=new_id("gw_"),
            service=SERVICE,
            hub=hub,
            questions=questions,
            publish=bus.connection.publish,
            listen=listen,
        )
        self._feed = RevocationFeed(bus, listen, self._revocations, self._on_revoked)
        hub.answer_here(SERVICE, self._viewers)
        routes = Routes(
            messages,
            desk,
            self._live,
            cross_origin=CrossOrigin(settings.listed_origins()),
            body_bytes_max=settings.body_bytes_max,
        )
        self._application = create_application(messages, routes)

    async def run(self) -> None:
        """Serve until cancelled."""
        _allow_many_connections()
        has_begun = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._live.run(has_begun.set))
            await has_begun.wait()
            tasks.create_task(self._feed.run())
            tasks.create_task(self._viewers.run())
            tasks.create_task(
                serve_queries(self._bus.connection, {GetViewers: self._answer_viewers})
            )
            tasks.create_task(self._drain_in_the_end())
            await self._runtime.http(
                self._application, prefixes=PREFIXES, websocket_class=self._websocket_class()
            )

    def _on_revoked(self, user_ids: set[str]) -> None:
        self._live.recheck(user_ids, self._revocations.is_good)

    async def _answer_viewers(self, query: GetViewers, caller: Caller, _: int | None) -> Answer:
        args = {"query": query.query, "args": query.args}
        return await self._viewers.ask_raw("gateway.get-viewers", args, caller=caller)

    async def _drain_in_the_end(self) -> None:
        await self._runtime.stopping.wait()
        await self._live.drain()

    def _websocket_class(self) -> type[LiveWebSocket]:
        class GatewayWebSocket(LiveWebSocket):
            server = self._live

        return GatewayWebSocket


def _cursor_secret(runtime: Runtime) -> bytes:
    secret = runtime.secret("gateway.cursor")
    if secret is None:
        logger.warning("Without a secret for cursors, they are good at this gateway alone.")
        return new_id().encode()
    return secret.encode()


def _allow_many_connections() -> None:
    """A connection takes a file descriptor, and the usual limit is 1,024 of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
