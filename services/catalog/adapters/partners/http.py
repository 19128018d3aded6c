"""Asking a partner over HTTP: paced, within its quota, with patience, and not twice for the same.

What a partner says about being asked too often is believed: `Retry-After` in seconds or as a date,
and Ticketmaster's `Rate-Limit-Reset`. Redirects are not followed, nor addresses that come in
answers: where to ask is our business.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx2
import orjson

from contracts.catalog_syncs import PageMark
from libs.kernel.clock import Clock
from services.catalog.adapters.partners.trouble import (
    Absent,
    Away,
    Denied,
    Garbled,
    Limited,
    PartnerTrouble,
)

BODY_BYTES_MAX: Final = 8 * 1024 * 1024
ATTEMPTS_MAX: Final = 4
WAIT_SECONDS_MAX: Final = 30.0
"""A partner that asks for more patience is asked again by the next run, and not by this one."""

RETRY_SECONDS_MAX: Final = 86_400.0
_BROKEN_FROM: Final = 500

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a partner answered.

    is_unchanged  it is as it was when we last asked; there is no body
    """

    body: bytes
    headers: Mapping[str, str]
    is_unchanged: bool = False

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. raises Garbled"""
        try:
            value = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            if self.body.lstrip()[:1] == b"<":
                raise Garbled("a page of HTML or XML instead of JSON") from None
            raise Garbled(f"not JSON: {error.msg} at byte {error.pos}") from None
        if not isinstance(value, dict):
            raise Garbled("not a JSON object")
        return value

    def mark(self) -> PageMark:
        """What to remember of this state of the page."""
        return PageMark(
            etag=_short(self.headers.get("etag"), 300),
            last_modified=_short(self.headers.get("last-modified"), 100),
        )


class Pace:
    """So many requests a second, evenly: what each partner asks of us."""

    def __init__(self, per_second: float) -> None:
        self._seconds_each = 1 / per_second
        self._free_at = 0.0

    async def wait(self) -> None:
        """Return when the next request may be sent."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._free_at)
        self._free_at = at + self._seconds_each
        if at > now:
            await asyncio.sleep(at - now)


@dataclass(frozen=True, slots=True)
class Manners:
    """How a partner is asked.

    per_second     requests
    take           counts a request among those of the day; raises Limited when there are no more
    close          is told how long a partner takes no more requests
    retry_seconds  before the second attempt; doubled from one to the next
    """

    per_second: float
    take: Callable[[], Awaitable[None]]
    close: Callable[[float], Awaitable[None]]
    retry_seconds: float = 0.5


class Http:
    """One partner's way of being asked."""

    def __init__(self, client: httpx2.AsyncClient, manners: Manners, clock: Clock) -> None:
        self._client = client
        self._manners = manners
        self._pace = Pace(manners.per_second)
        self._clock = clock

    async def get(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        mark: PageMark | None = None,
        check: Callable[[Reply], object] = Reply.json,
    ) -> Reply:
        """Ask for a page. What fails is asked again, a few times.

        path    below the partner's address
        mark    of the page as it was read before: then only for what has changed
        check   raises Garbled for an answer that is none
        raises  the troubles
        """
        asked = dict(headers or {})
        if mark is not None and mark.etag is not None:
            asked["if-none-match"] = mark.etag
        if mark is not None and mark.last_modified is not None:
            asked["if-modified-since"] = mark.last_modified
        request = self._client.build_request("GET", path, params=dict(params or {}), headers=asked)
        return await self._patiently(request, check)

    async def post_form(
        self, path: str, form: Mapping[str, str], auth: tuple[str, str]
    ) -> dict[str, Any]:
        """Send a form with a name and password, for a token. raises the troubles"""
        basic = httpx2.BasicAuth(*auth)
        request = self._client.build_request("POST", path, data=dict(form))
        request = next(basic.sync_auth_flow(request))
        return (await self._patiently(request, Reply.json)).json()

    async def _patiently(self, request: httpx2.Request, check: Callable[[Reply], object]) -> Reply:
        wait = self._manners.retry_seconds
        for attempt in range(1, ATTEMPTS_MAX + 1):
            await self._manners.take()
            await self._pace.wait()
            try:
                reply = await self._once(request)
                if not reply.is_unchanged:
                    check(reply)
                return reply
            except (Away, Limited, Garbled) as trouble:
                seconds = trouble.retry_after_seconds or wait
                if attempt == ATTEMPTS_MAX or seconds > WAIT_SECONDS_MAX:
                    if isinstance(trouble, Limited):
                        await self._manners.close(seconds)
                    raise
                logger.info(
                    "A partner is asked again.",
                    extra={"partner": request.url.host, "reason": trouble.reason},
                )
                await asyncio.sleep(seconds)
                wait *= 2
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, request: httpx2.Request) -> Reply:
        where = f"{request.url.host}{request.url.path}"
        async with _reaching(where), _streamed(self._client, request) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            if response.status_code == httpx2.codes.NOT_MODIFIED:
                return Reply(b"", headers, is_unchanged=True)
            body = await _body(response)
            if response.status_code != httpx2.codes.OK:
                raise self._trouble(response.status_code, headers, body, where)
            return Reply(body, headers)

    def _trouble(
        self, status: int, headers: Mapping[str, str], body: bytes, where: str
    ) -> PartnerTrouble:
        said = said_in_error(body)
        reason = f"{where}: {status}{f', {said}' if said else ''}"
        after = self._retry_after(headers)
        if status == httpx2.codes.TOO_MANY_REQUESTS:
            return Limited(reason, retry_after_seconds=after)
        if status in {httpx2.codes.NOT_FOUND, httpx2.codes.GONE}:
            return Absent(reason)
        if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
            return Denied(reason)
        if status >= _BROKEN_FROM or status == httpx2.codes.REQUEST_TIMEOUT:
            return Away(reason, retry_after_seconds=after)
        return Denied(reason)

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        """Seconds from now; None when nothing that makes sense is said."""
        now = self._clock()
        seconds = _seconds(headers.get("retry-after"), now)
        if seconds is None and "rate-limit-reset" in headers:
            seconds = _until_reset(headers["rate-limit-reset"], now)
        if seconds is None:
            return None
        return min(max(seconds, 0.0), RETRY_SECONDS_MAX)


def said_in_error(body: bytes) -> str:
    """What an error says of itself, in any of the shapes that partners use; "" when nothing.

    setlist.fm `{message}`, Ticketmaster `{errors: [{detail}]}` and `{fault: {faultstring}}`,
    Spotify `{error: {message}}`, OAuth `{error, error_description}`.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(value, dict):
        return ""
    errors = value.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    for holder, name in (
        (first, "detail"),
        (value.get("fault"), "faultstring"),
        (value.get("error"), "message"),
        (value, "error_description"),
        (value, "message"),
        (value, "error"),
    ):
        if isinstance(holder, dict) and isinstance(holder.get(name), str):
            return " ".join(holder[name].split())[:200]
    return ""


@asynccontextmanager
async def _streamed(
    client: httpx2.AsyncClient, request: httpx2.Request
) -> AsyncIterator[httpx2.Response]:
    response = await client.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


@asynccontextmanager
async def _reaching(where: str) -> AsyncIterator[None]:
    """Turn what the client raises into our troubles."""
    try:
        yield
    except httpx2.TimeoutException:
        raise Away(f"{where}: no answer in time") from None
    except httpx2.ConnectError as error:
        # httpx tells a failed handshake from a closed door in its words alone.
        kind = "no secure connection" if "SSL" in str(error) else "not reachable"
        raise Away(f"{where}: {kind}: {error}") from None
    except (httpx2.RemoteProtocolError, httpx2.ReadError) as error:
        raise Away(f"{where}: the answer broke off: {error}") from None
    except httpx2.DecodingError as error:
        raise Garbled(f"{where}: {error}") from None
    except httpx2.RequestError as error:
        raise Away(f"{where}: {type(error).__name__}: {error}") from None


async def _body(response: httpx2.Response) -> bytes:
    """The whole body. raises Garbled when there is more than we are willing to read"""
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise Garbled(f"more than {BODY_BYTES_MAX} bytes")
    return bytes(body)


def _seconds(text: str | None, now: datetime) -> float | None:
    """`Retry-After`: seconds, or a date."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()


def _until_reset(text: str, now: datetime) -> float | None:
    """`Rate-Limit-Reset`: milliseconds since 1970."""
    if not text.strip().isdecimal():
        return None
    return int(text) / 1000 - now.timestamp()


def _short(text: str | None, length_max: int) -> str | None:
    return text if text is not None and len(text) <= length_max else None
