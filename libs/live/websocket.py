"""The WebSocket protocol class that uvicorn hands upgrade requests to.

`websockets` reads (handshake, frames, fragments, masks); we write. A broadcast puts the same bytes,
made once, straight into every transport: neither ASGI nor a task per viewer stands in between.
source    docs/adr/0006, https://www.rfc-editor.org/rfc/rfc6455
"""

import asyncio
import logging
import socket
from http import HTTPStatus
from typing import Any, ClassVar, Protocol, cast
from urllib.parse import urlsplit

import orjson
from websockets.frames import CloseCode as StandardCode
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from libs.kernel.addresses import network_of
from libs.kernel.errors import BacklineError, Invalid, Problem
from libs.live.errors import CloseCode, OriginRefused, PathUnknown
from libs.live.frames import PING
from libs.live.server import LiveServer
from libs.live.session import Session
from libs.telemetry.metrics import LIVE_CONNECTIONS

_quiet = logging.getLogger(f"{__name__}.protocol")
_quiet.setLevel(logging.WARNING)  # Connections come and go by the thousand.
_open_sockets = LIVE_CONNECTIONS.labels("websocket")


class HandshakeInvalid(Invalid):
    code = "live.handshake-invalid"
    title = "This is not how a WebSocket is opened."


class ServerState(Protocol):
    """What uvicorn keeps about its connections: each has a `shutdown` that it calls at the end."""

    connections: set[Any]


class LiveWebSocket(asyncio.Protocol):
    """One WebSocket. Subclass it with a `server` to get the class that uvicorn wants."""

    server: ClassVar[LiveServer]

    def __init__(
        self,
        config: object,  # noqa: ARG002  # The signature is uvicorn's.
        server_state: ServerState,
        app_state: object,  # noqa: ARG002
    ) -> None:
        """As uvicorn calls it; only its set of connections is of use to us."""
        limits = self.server.limits
        self._reader = ServerProtocol(max_size=limits.frame_bytes_max, logger=_quiet)
        self._peers = server_state.connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._session: Session | None = None
        self._fragments: list[bytes] = []
        self._holds: set[str] = set()
        self._heard_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    # ------------------------------------------------------------------------------ the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection exists; its request is about to come."""
        self._transport = cast("asyncio.Transport", transport)
        self._peers.add(self)
        most = self.server.limits.buffer_bytes_max
        self._transport.set_write_buffer_limits(high=most, low=most // 4)
        # What the kernel would buffer for a slow reader is as stale as what we would.
        self._transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, most
        )

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The connection is no more."""
        self._end_session()
        self._peers.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes have come, from the request on."""
        self._heard_at = self._loop.time()
        self._reader.receive_data(data)
        for event in self._reader.events_received():
            if isinstance(event, Frame):
                if self._session is not None:
                    self._on_frame(event)
            elif isinstance(event, Request):
                self._on_request(event)
        if self._reader.handshake_exc is not None and not self._transport.is_closing():
            self._answer(HTTPStatus.BAD_REQUEST, HandshakeInvalid().problem())
        self._write_what_is_due()

    def eof_received(self) -> None:
        """The other side writes no more, so we need not either."""
        self._end_session()

    def pause_writing(self) -> None:
        """More is waiting to be sent than we want to hold."""
        if self._session is not None:
            self._session.pause()
            self.hold("writing", on=True)
            self._start_timer(
                self.server.limits.slow_seconds_max, lambda: self.close(CloseCode.SLOW)
            )

    def resume_writing(self) -> None:
        """The other side has read most of it."""
        if self._session is not None:
            self._stop_timer()
            self.hold("writing", on=False)
            self._session.resume()

    # ------------------------------------------------------------------------------ the handshake

    def _on_request(self, request: Request) -> None:
        try:
            self._check(request)
            self.server.admit(self)
        except BacklineError as error:
            self._answer(HTTPStatus(error.status), error.problem())
            return
        response = self._reader.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self.server.leave(self)
            problem = HandshakeInvalid(str(self._reader.handshake_exc)).problem()
            self._answer(HTTPStatus(response.status_code), problem)
            return
        self._reader.send_response(response)
        self._session = Session(self.server, self, self._address(request))
        _open_sockets.inc()

    def _address(self, request: Request) -> str:
        peer = self._transport.get_extra_info("peername") or ("",)
        forwarded = ",".join(request.headers.get_all("X-Forwarded-For"))
        return network_of(str(peer[0]), forwarded, self.server.proxies)

    def _check(self, request: Request) -> None:
        if request.path.partition("?")[0] != self.server.path:
            raise PathUnknown(f"WebSockets are opened at {self.server.path}")
        origins, hosts = request.headers.get_all("Origin"), request.headers.get_all("Host")
        for origin in origins:
            is_listed = not self.server.origins.isdisjoint((origin, "*"))
            if not is_listed and [urlsplit(origin).netloc] != hosts:
                raise OriginRefused(f"not from {origin[:200]!r}")

    def _answer(self, status: HTTPStatus, problem: Problem) -> None:
        """Answer the request with a problem in place of a WebSocket, and close."""
        body = orjson.dumps({**problem, "status": status.value})
        retry_after = problem.get("retry_after")
        again = "" if retry_after is None else f"Retry-After: {round(retry_after)}\r\n"
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "Content-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\n"
            f"{again}"
            "Connection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self._transport.close()

    # ------------------------------------------------------------------------------ frames

    def _on_frame(self, frame: Frame) -> None:
        session = self._session
        assert session is not None
        if frame.opcode is Opcode.TEXT and frame.fin:
            self._on_text(session, frame.data)
        elif frame.opcode in {Opcode.TEXT, Opcode.CONT}:
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                text, self._fragments = b"".join(self._fragments), []
                self._on_text(session, text)
        elif frame.opcode is Opcode.BINARY:
            self.close(CloseCode.UNREADABLE)

    def _on_text(self, session: Session, text: Any) -> None:
        try:
            session.receive(text)
        except UnicodeDecodeError:
            self._end_session()
            self._reader.fail(StandardCode.INVALID_DATA, "not UTF-8")

    def _write_what_is_due(self) -> None:
        """Write what the reader wants written: the handshake, pongs, an answer to a close frame."""
        for data in self._reader.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._say_no_more()
        if self._session is not None and self._reader.state is not OPEN:
            self._end_session()

    def _say_no_more(self) -> None:
        """Nothing follows the close frame. What still comes is read, lest it reset the connection
        and take the close frame with it.
        """
        if not self._transport.is_closing():
            self._transport.write_eof()
            self._start_timer(self.server.limits.goodbye_seconds, self._transport.abort)

    # ------------------------------------------------------------------------------ for the session

    def write(self, payload: bytes) -> None:
        """Write bytes that are framed already."""
        self._transport.write(payload)

    def close(self, code: CloseCode) -> None:
        """Say goodbye and end the session; a connection that does not answer is cut off."""
        if self._session is None:
            return
        self._end_session()
        if self._reader.state is OPEN:
            self._reader.send_close(code, code.reason)
            self._write_what_is_due()
        self._start_timer(self.server.limits.goodbye_seconds, self._transport.abort)

    def hold(self, reason: str, *, on: bool) -> None:
        """Stop reading for a reason, or read on when it was the last one."""
        was_held = bool(self._holds)
        if on:
            self._holds.add(reason)
        else:
            self._holds.discard(reason)
        if bool(self._holds) != was_held and not self._transport.is_closing():
            (self._transport.pause_reading if self._holds else self._transport.resume_reading)()

    # ------------------------------------------------------------------------------ for the server

    def look(self, now: float) -> None:
        """Ping a silent client; let go of one that has been silent for too long."""
        limits = self.server.limits
        silence = now - self._heard_at
        if "writing" in self._holds:
            return  # It has more to read than it takes; `pause_writing` set its deadline.
        if silence > limits.silence_seconds_max:
            self.close(CloseCode.SILENT)
        elif silence >= limits.ping_seconds / 2:
            self._transport.write(PING)

    def drain(self) -> None:
        """The gateway stops."""
        self.close(CloseCode.DRAINING)

    shutdown = drain  # As uvicorn calls it.

    # ------------------------------------------------------------------------------ the end

    def _end_session(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.end()
            self.server.leave(self)
            _open_sockets.dec()
            self._holds.clear()
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def _start_timer(self, seconds: float, act: Any) -> None:
        self._stop_timer()
        self._timer = self._loop.call_later(seconds, act)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
