"""Which pages of other origins may read our answers (CORS).

source    https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Collection, Mapping
from typing import Final

from services.gateway.api.answers import Header, Reply

_EXPOSED: Final = b"Backline-Position, Retry-After"
_ACCEPTED: Final = (
    b"Authorization, Content-Type, Idempotency-Key, Backline-After, Last-Event-ID, traceparent"
)
_REMEMBER_SECONDS: Final = b"7200"


class CrossOrigin:
    """The origins that are listed; `*` lists all."""

    def __init__(self, origins: Collection[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)
        self._is_open = b"*" in self._origins

    def headers(self, request: Mapping[bytes, bytes]) -> tuple[Header, ...]:
        """What an answer to a request with these headers must say, for its page to read it."""
        origin = request.get(b"origin")
        if origin is None or not (self._is_open or origin in self._origins):
            return ()
        return (
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", _EXPOSED),
            (b"vary", b"Origin"),
        )

    def preflight(self, request: Mapping[bytes, bytes], allowed: bytes) -> Reply:
        """The answer to OPTIONS: `allowed` methods for all, the rest for listed origins alone."""
        headers: tuple[Header, ...] = ((b"allow", allowed),)
        if b"access-control-request-method" in request and self.headers(request):
            headers = (
                *headers,
                (b"access-control-allow-methods", allowed),
                (b"access-control-allow-headers", _ACCEPTED),
                (b"access-control-max-age", _REMEMBER_SECONDS),
            )
        return Reply(204, b"text/plain", b"", headers)
