"""`POST /hooks/<partner>/<endpoint>`, and the GET with which Meta asks whether it is ours.

202 (Meta: 200)  the delivery is in the log
400              signed, but not JSON; or the request is broken
401              the signature is missing, wrong, or of another time
403              asked with the wrong token
404              nobody expects webhooks here
413              the body is too large
503              it could not be recorded; send it again

Nobody's headers or body make this a 500: what is not foreseen is a 503, logged whole, so that the
partner sends it again.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import orjson
import structlog
from litestar import Litestar, asgi

from contracts.ingress import (
    ChallengeRefused,
    DeliveryMalformed,
    DeliveryNotTaken,
    DeliveryTooLarge,
    EndpointUnknown,
    HookMethodNotAllowed,
    Profile,
)
from libs.chassis.asgi import Application, Receive, Scope, Send, respond
from libs.kernel.errors import BacklineError
from libs.telemetry import edge_span, names
from libs.telemetry.metrics import DELIVERIES, HTTP_REQUESTS, HTTP_SECONDS
from services.ingress.adapters.acceptance import Acceptance
from services.ingress.adapters.endpoints import Endpoint, Endpoints
from services.ingress.adapters.signatures import is_token

PREFIX: Final = "/hooks"
"""The paths that ingress answers."""

_PATH: Final = re.compile(r"/hooks/([a-z0-9-]{1,20})/([a-z0-9-]{1,20})/?")
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_FIELDS_MAX: Final = 16
_EVERY_ANSWER: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
_OK_OF: Final = {Profile.META: 200}

logger = structlog.get_logger(__name__)

_seconds = HTTP_SECONDS.labels("ingress")


class _Gone(Exception):
    """The partner hung up before its body was whole: there is nobody to answer."""


@dataclass(slots=True)
class _Reply:
    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Hooks:
    """An ASGI application for everything under /hooks."""

    def __init__(
        self,
        endpoints: Endpoints,
        acceptance: Acceptance,
        *,
        body_bytes_max: int,
        body_seconds_max: float,
    ) -> None:
        self._endpoints = endpoints
        self._acceptance = acceptance
        self._body_bytes_max = body_bytes_max
        self._body_seconds_max = body_seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        with _seconds.time():
            endpoint = self._endpoint(scope)
            place = "" if endpoint is None else f"/{endpoint.partner}/{endpoint.name}"
            attributes = {names.HTTP_METHOD: scope["method"], names.HTTP_ROUTE: PREFIX + place}
            # A trace of our own: a partner's `traceparent` is not for us to go on with.
            with edge_span(f"{scope['method']} {PREFIX}{place}", attributes=attributes) as span:
                try:
                    reply = await _guarded(self._answer(endpoint, scope, receive))
                except _Gone:
                    return
                span.set_attribute(names.HTTP_STATUS, reply.status)
            HTTP_REQUESTS.labels("ingress", f"{reply.status // 100}xx").inc()
            if endpoint is not None:
                DELIVERIES.labels(endpoint.partner, endpoint.name, str(reply.status)).inc()
            headers = (*_EVERY_ANSWER, *reply.headers)
            await respond(send, reply.status, reply.content_type, reply.body, headers)

    def _endpoint(self, scope: Scope) -> Endpoint | None:
        found = _PATH.fullmatch(scope["raw_path"].decode("latin-1"))
        return None if found is None else self._endpoints.get((found[1], found[2]))

    async def _answer(self, endpoint: Endpoint | None, scope: Scope, receive: Receive) -> _Reply:
        if endpoint is None:
            raise EndpointUnknown
        if scope["method"] == "GET" and endpoint.profile is Profile.META:
            return _challenge(endpoint, scope["query_string"])
        if scope["method"] != "POST":
            raise HookMethodNotAllowed
        headers = _headers(scope)
        body = await self._body(headers, receive)
        delivery_id = await self._acceptance.accept(endpoint, headers, body)
        told = ((b"backline-delivery", delivery_id.encode()),)
        return _Reply(_OK_OF.get(endpoint.profile, 202), headers=told)

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """The whole body. raises   DeliveryTooLarge, DeliveryMalformed, _Gone"""
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._body_bytes_max:
            raise DeliveryTooLarge(f"at most {self._body_bytes_max} bytes")
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._body_seconds_max):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._body_bytes_max:
                        raise DeliveryTooLarge(f"at most {self._body_bytes_max} bytes")
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise DeliveryMalformed("the body did not arrive in time") from None


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """The headers by name. raises   DeliveryMalformed for one that signs and is there twice"""
    found = scope["headers"]
    for name, count in Counter(name for name, _ in found).items():
        if count > 1 and (b"signature" in name or name.endswith((b"-id", b"-timestamp"))):
            raise DeliveryMalformed("a header that signs is there more than once")
    return dict(found)


def _challenge(endpoint: Endpoint, query_string: bytes) -> _Reply:
    """What Meta asks before it sends anything. raises   ChallengeRefused"""
    try:
        pairs = parse_qsl(query_string.decode("latin-1"), max_num_fields=_FIELDS_MAX)
    except ValueError:
        raise ChallengeRefused from None
    asked = dict(pairs)
    challenge = asked.get("hub.challenge", "")
    is_ours = is_token(endpoint, asked.get("hub.verify_token", "").encode("utf-8", "replace"))
    if asked.get("hub.mode") != "subscribe" or not is_ours or not _CHALLENGE.fullmatch(challenge):
        raise ChallengeRefused
    return _Reply(200, challenge.encode())


async def _guarded(answering: Awaitable[_Reply]) -> _Reply:
    try:
        return await answering
    except BacklineError as error:
        return _problem(error)
    except _Gone:
        raise
    except Exception:
        logger.exception("A delivery could not be taken.")
        return _problem(DeliveryNotTaken(retry_after_seconds=5))


def _problem(error: BacklineError) -> _Reply:
    problem = error.problem()
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(error, HookMethodNotAllowed):
        headers = ((b"allow", b"POST"),)
    if "retry_after" in problem:
        headers = ((b"retry-after", b"%d" % max(1, round(problem["retry_after"]))),)
    return _Reply(
        int(problem["status"]), orjson.dumps(problem), "application/problem+json", headers
    )


def create_application(hooks: Hooks) -> Application:
    """The hooks as an application of their own."""

    @asgi(PREFIX, is_mount=True, copy_scope=False)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await hooks(scope, receive, send)

    application = Litestar([mounted], openapi_config=None, logging_config=None)
    return cast(Application, application)
