"""The HTTP servers of a process: one for all its pages and APIs, one for health and metrics.

Applications share the first by path: each is mounted under prefixes, and the longest that fits gets
the request. WebSockets are spoken by the protocol class that one of them brings along.
"""

import asyncio
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import orjson
import uvicorn

from libs.chassis.asgi import Application, Receive, Scope, Send, respond
from libs.chassis.http_protocol import HttpProtocol
from libs.kernel.errors import BacklineError, NotFound, Unavailable
from libs.telemetry import acting_for

BACKLOG: Final = 4096
KEEP_ALIVE_SECONDS: Final = 75
REQUESTS_FINISH_SECONDS: Final = 3
START_SECONDS: Final = 10.0


class PortTaken(Exception):
    """Something else listens on the port we were told to use."""


class Mounts:
    """An ASGI application made of others, each under its prefixes.

    fixed   applications of the process itself, by prefix
    """

    def __init__(self, fixed: Mapping[str, Application]) -> None:
        self._fixed = frozenset(fixed)
        self._mounted = {prefix: ("", application) for prefix, application in fixed.items()}
        self._by_length = sorted(self._mounted, key=len, reverse=True)

    @contextmanager
    def mount(
        self, application: Application, prefixes: Sequence[str], service: str
    ) -> Iterator[None]:
        """Serve an application under prefixes (`/v1`, or `/` for all the rest) during the block."""
        taken = [prefix for prefix in prefixes if prefix in self._mounted]
        if taken:
            raise ValueError(f"{taken[0]} is already served by {self._mounted[taken[0]][0]}")
        self._mounted.update(dict.fromkeys(prefixes, (service, application)))
        self._sort()
        try:
            yield
        finally:
            for prefix in prefixes:
                del self._mounted[prefix]
            self._sort()

    def _sort(self) -> None:
        self._by_length = sorted(self._mounted, key=len, reverse=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        for prefix in self._by_length:
            if prefix == "/" or path == prefix or path.startswith(prefix + "/"):
                service, application = self._mounted[prefix]
                with acting_for(service):
                    await application(scope, receive, send)
                return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4404})
            return
        is_starting = self._mounted.keys() == self._fixed
        error = Unavailable(retry_after_seconds=1) if is_starting else NotFound()
        await _refuse(send, error)


async def _refuse(send: Send, error: BacklineError) -> None:
    body = orjson.dumps(error.problem())
    await respond(send, error.status, "application/problem+json", body)


def listen(host: str, port: int, variable: str) -> socket.socket:
    """Bind a port.

    variable  the setting it comes from, for the message
    raises    PortTaken
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortTaken(f"{variable}: cannot listen on {host}:{port}: {error.strerror}") from None
    return bound


class HttpServer:
    """One uvicorn server on one socket, without the signal handlers it would bring along."""

    def __init__(self, application: Application, bound: socket.socket) -> None:
        self._socket = bound
        self._config = uvicorn.Config(
            application,
            http=HttpProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=REQUESTS_FINISH_SECONDS,
        )
        self._server = _Server(self._config)
        self.port: int = bound.getsockname()[1]

    def speak_websockets_with(self, protocol: type[asyncio.Protocol]) -> None:
        """Let a protocol class of uvicorn's kind take over connections that become WebSockets.

        raises   ValueError when another one does already
        """
        current: Any = getattr(self._config, "ws_protocol_class", None)
        if current not in {None, protocol}:
            raise ValueError("one process speaks WebSockets in one way")
        if not self._config.loaded:
            self._config.load()
        self._config.ws_protocol_class = protocol

    async def serve(self) -> None:
        """Accept connections until stopped; then let requests finish, and end those that do not."""
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            # Cancelled rather than stopped, uvicorn leaves its listeners open.
            for server in getattr(self._server, "servers", ()):
                server.close()
            self._socket.close()

    async def started(self) -> None:
        """Return once connections are accepted. raises   TimeoutError"""
        async with asyncio.timeout(START_SECONDS):
            await self._server.has_started.wait()

    def close(self) -> None:
        """Let go of the port, for a server that never served."""
        self._socket.close()

    def stop(self) -> None:
        """Accept no more: `serve` ends when the requests under way have, or their time is over."""
        self._server.should_exit = True


class _Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, and with a way to wait for its start."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.has_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.has_started.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
