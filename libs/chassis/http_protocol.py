"""HTTP on one connection: uvicorn's own protocol, with manners of ours where a request is none.

What cannot be read as HTTP is refused with a problem document like everything else, and the head of
a request is bounded: the parser would go on collecting a header for ever.
"""

import asyncio
from typing import Any, Final

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from libs.kernel.errors import BacklineError, Invalid, TooLarge

HEAD_BYTES_MAX: Final = 64 * 1024
GOODBYE_SECONDS: Final = 1.0


class RequestUnreadable(Invalid):
    code = "request-unreadable"
    title = "This is not HTTP/1.1 as we know it."


class HeadTooLarge(TooLarge):
    status, code = 431, "head-too-large"
    title = "The address and headers are larger than we are willing to read."


class HttpProtocol(HttpToolsProtocol):
    """One connection of the HTTP server."""

    def __init__(
        self,
        config: Any,
        server_state: Any,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_bytes: int | None = None  # None outside of a head.
        self._has_refused = False

    def on_message_begin(self) -> None:
        """A request begins with what the parser is reading just now."""
        super().on_message_begin()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """The head has been read."""
        self._head_bytes = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        if self._has_refused:
            return
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(HeadTooLarge(f"at most {HEAD_BYTES_MAX} bytes"))
                return
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # Nothing a caller could use.
        """Answer what the parser gave up on."""
        self._refuse(RequestUnreadable())

    def _refuse(self, error: BacklineError) -> None:
        """Answer, and read on for a moment: a close now would reset the connection, and the answer
        would be lost.
        """
        self._has_refused = True
        body = orjson.dumps(error.problem())
        phrase = "Bad Request" if error.status == 400 else "Request Header Fields Too Large"
        head = (
            f"HTTP/1.1 {error.status} {phrase}\r\n"
            "content-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.write_eof()
        self.loop.call_later(GOODBYE_SECONDS, self.transport.abort)
