"""Live queries over server-sent events: one query per stream, as an ASGI response that goes on.

source    https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from libs.live.frames import KEEP_ALIVE, to_event
from libs.live.question import Question
from libs.live.server import Identity, LiveServer
from libs.live.watcher import Watcher
from libs.telemetry.metrics import LIVE_CONNECTIONS

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]

KEEP_ALIVE_SECONDS: Final = 15.0
HEADERS: Final[tuple[Header, ...]] = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)

_RECONNECT_SOON: Final = b"retry: 1000\n\n"
_SUBSCRIPTION_ID: Final = b"1"
_open_streams = LIVE_CONNECTIONS.labels("events")


class EventStream:
    """One viewer's stream."""

    def __init__(self, server: LiveServer, receive: Receive, send: Send) -> None:
        self._server = server
        self._receive = receive
        self._send = send
        self._due = [_RECONNECT_SOON]
        self._woken = asyncio.Event()
        self._woken.set()
        self._is_over = False
        self._has_failed = False

    async def run(
        self,
        question: Question,
        *,
        cursor: str | None,
        identity: Identity | None,
        headers: Iterable[Header] = (),
    ) -> None:
        """Stream until the viewer leaves or has to come back.

        identity  who watches: the stream ends when their token does
        headers   of the response, beside those of every stream
        raises    Draining, Full; then nothing was sent yet
        """
        self._server.admit(self)
        try:
            watcher = Watcher(to_event, _SUBSCRIPTION_ID, self._write, self._on_failed)
            watched = self._server.hub.watch(question, watcher, cursor)
            expiry = self._end_with(identity)
            if identity is not None:
                self._server.hold(self, identity)
            leaving = asyncio.ensure_future(self._until_disconnected())
            _open_streams.inc()
            try:
                await self._begin(headers)
                while not self._is_over or self._due:
                    await self._wait()
                    watcher.is_paused = True
                    await self._flush()
                    if not self._is_over:
                        watcher.is_paused = False
                        watched.query.catch_up(watcher)  # With what came while we were sending.
                await self._send({"type": "http.response.body", "body": b""})
            finally:
                _open_streams.dec()
                leaving.cancel()
                if expiry is not None:
                    expiry.cancel()
                if identity is not None:
                    self._server.release(self, identity)
                if not self._has_failed:
                    watched.query.detach(watcher)
        finally:
            self._server.leave(self)

    # ------------------------------------------------------------------------------ sending

    async def _begin(self, headers: Iterable[Header]) -> None:
        await self._send(
            {"type": "http.response.start", "status": 200, "headers": [*HEADERS, *headers]}
        )

    async def _wait(self) -> None:
        """Until there is something to send, if only to keep the way open."""
        try:
            async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                await self._woken.wait()
        except TimeoutError:
            self._due.append(KEEP_ALIVE)
        self._woken.clear()

    async def _flush(self) -> None:
        """Send what is due. Takes as long as the viewer takes to read."""
        payload, self._due = b"".join(self._due), []
        if payload:
            await self._send({"type": "http.response.body", "body": payload, "more_body": True})

    def _write(self, payload: bytes) -> None:
        self._due.append(payload)
        self._woken.set()

    # ------------------------------------------------------------------------------ the end

    async def _until_disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._due.clear()
        self._end()

    def _on_failed(self, _: Watcher) -> None:
        """The live query ended by itself, and has said why."""
        self._has_failed = True
        self._end()

    def _end_with(self, identity: Identity | None) -> asyncio.TimerHandle | None:
        if identity is None:
            return None
        remaining = identity.expires_at - self._server.clock().timestamp()
        return asyncio.get_running_loop().call_later(max(0.0, remaining), self._end)

    def on_revoked(self) -> None:
        """The viewer's token was taken back."""
        self._end()

    def _end(self) -> None:
        self._is_over = True
        self._woken.set()

    # ------------------------------------------------------------------------------ for the server

    def look(self, now: float) -> None:
        """Nothing to do: a stream keeps itself open, and uvicorn tells when its viewer leaves."""

    def drain(self) -> None:
        """The gateway stops."""
        self._end()
