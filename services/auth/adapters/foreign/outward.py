"""The way out: what we ask of other people's servers over HTTPS, and how much of an answer we take.

Answers are JSON, bounded in size and in time. Redirects are never followed, compression is never
unpacked, proxies and passwords of the environment are never used. Plain http is for loopback alone.
"""

import asyncio
import ssl
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import orjson

from services.auth.adapters.foreign.errors import AnswerRefused, Misconfigured, Unreachable

ANSWER_BYTES_MAX: Final = 256 * 1024
ANSWER_SECONDS_MAX: Final = 10.0
CONNECT_SECONDS_MAX: Final = 5.0
URL_LENGTH_MAX: Final = 2048

HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "Backline",
}


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine and nowhere else."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def checked_url(url: object) -> str:
    """A URL that we may ask.

    raises   Misconfigured unless it is https, or http on loopback, and names a host and nobody's
             password
    """
    if not isinstance(url, str) or len(url) > URL_LENGTH_MAX or not url.isascii():
        raise Misconfigured("not a URL")
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise Misconfigured("not a URL") from None
    if not has_host or parts.username is not None or parts.fragment:
        raise Misconfigured("a URL without a host, or with a user or a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(url)):
        raise Misconfigured("not an https URL")
    return url


@cache
def _tls() -> ssl.SSLContext:
    """Whom this machine trusts; reading that takes some milliseconds, so it is done once."""
    return httpx2.create_ssl_context()


class Guarded(httpx2.AsyncBaseTransport):
    """A transport that only takes what this module promises."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport(verify=_tls())

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Ask, and read the whole answer. raises   Misconfigured, Unreachable, AnswerRefused"""
        checked_url(str(request.url))
        request.headers["Accept-Encoding"] = HEADERS["Accept-Encoding"]
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                response = await self._inner.handle_async_request(request)
                try:
                    body = await self._read(response)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx2.TransportError) as error:
            raise Unreachable(type(error).__name__) from None
        try:
            orjson.loads(body)
        except orjson.JSONDecodeError:
            raise AnswerRefused("not JSON") from None
        return httpx2.Response(
            response.status_code,
            headers={"Content-Type": "application/json"},
            content=body,
            request=request,
        )

    async def _read(self, response: httpx2.Response) -> bytes:
        if response.is_server_error or response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
            raise Unreachable(f"HTTP {response.status_code}")
        if response.is_redirect or response.status_code < httpx2.codes.OK:
            raise AnswerRefused("a redirect")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise AnswerRefused("compressed")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > ANSWER_BYTES_MAX:
                raise AnswerRefused("too large")
        return bytes(body)

    async def aclose(self) -> None:
        await self._inner.aclose()


def client_options() -> dict[str, Any]:
    """How every client here is made: guarded, and with nothing of the environment."""
    return {
        "transport": Guarded(),
        "timeout": httpx2.Timeout(ANSWER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
        "trust_env": False,
        "follow_redirects": False,
        "headers": HEADERS,
    }


async def get_json(url: str, *, bearer: str = "") -> Any:
    """What an address says.

    bearer   an access token to show
    returns  whatever the JSON holds
    raises   Misconfigured, Unreachable; AnswerRefused, also for any status but 200
    """
    headers: Mapping[str, str] = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    async with httpx2.AsyncClient(**client_options()) as client:
        response = await client.get(checked_url(url), headers=headers)
    if response.status_code != httpx2.codes.OK:
        raise AnswerRefused(f"HTTP {response.status_code}")
    return orjson.loads(response.content)


async def get_object(url: str, *, bearer: str = "") -> dict[str, Any]:
    """The same, where it must be a JSON object."""
    document = await get_json(url, bearer=bearer)
    if not isinstance(document, dict):
        raise AnswerRefused("not a JSON object")
    return document
