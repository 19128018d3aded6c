"""Everything under /v1: commands, queries and event streams, each as its contract declares it.

    POST /v1/<service>/<command>      GET /v1/<service>/<query>      GET /v1/live

This is the hot path: one request costs a few dictionary look-ups beside what the bus does. (A
handler with the framework's own parsing cost ten times as much: docs/benchmarks.)
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog
from opentelemetry.trace import Span

from contracts.gateway import (
    BodyNotJson,
    BodyTooLarge,
    HeaderInvalid,
    MediaTypeUnsupported,
    MethodNotAllowed,
    RouteUnknown,
)
from libs.chassis.asgi import Receive, Scope, Send
from libs.chassis.tokens import Identity, TokenInvalid
from libs.kernel.addresses import network_of
from libs.kernel.admission import admit
from libs.kernel.errors import BacklineError
from libs.kernel.messages import NOBODY, Caller, CommandSpec, QuerySpec, Registry
from libs.live.events import EventStream
from libs.live.question import ArgumentsInvalid
from libs.live.server import LiveServer
from libs.telemetry import edge_span, is_tracing, names
from libs.telemetry.metrics import HTTP_REQUESTS, HTTP_SECONDS
from services.gateway.adapters import Desk
from services.gateway.api.answers import Reply, json_reply, problem_reply
from services.gateway.api.cross_origin import CrossOrigin
from services.gateway.api.parameters import Parameters, json_value, pairs

PREFIX: Final = "/v1/"
LIVE_PATH: Final = "/v1/live"
POSITION_MAX: Final = 2**63 - 1
_KEY: Final = re.compile(rb"[\x21-\x7e]{1,128}")
_POSITION: Final = re.compile(rb"[0-9]{1,19}")
_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")

logger = structlog.get_logger(__name__)

_seconds = HTTP_SECONDS.labels("gateway")
_requests = {name: HTTP_REQUESTS.labels("gateway", name) for name in _CLASSES}


@dataclass(frozen=True, slots=True)
class Request:
    """What handlers look at. `headers` are in lower case; of one that is repeated, the last."""

    method: str
    headers: Mapping[bytes, bytes]
    query_string: bytes
    peer: str
    receive: Receive


Handler = Callable[[Request], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Route:
    """What a path stands for. `name` is for traces and people: `/v1/voting/cast-vote`."""

    name: str
    methods: tuple[str, ...]
    answer: Handler

    @property
    def allowed(self) -> bytes:
        return ", ".join((*self.methods, "OPTIONS")).encode()


class Routes:
    """An ASGI application for all paths under /v1."""

    def __init__(
        self,
        messages: Registry,
        desk: Desk,
        live: LiveServer,
        *,
        cross_origin: CrossOrigin,
        body_bytes_max: int,
    ) -> None:
        self._desk = desk
        self._live = live
        self._cross_origin = cross_origin
        self._body_bytes_max = body_bytes_max
        self._routes: dict[str, Route] = {}
        for command in messages.commands.values():
            self._add(command.name, ("POST",), self._command_handler(command))
        for query in messages.queries.values():
            self._add(query.name, ("GET", "HEAD"), self._query_handler(query))

    def _add(self, name: str, methods: tuple[str, ...], answer: Handler) -> None:
        path = PREFIX + name.replace(".", "/", 1)
        self._routes[path] = Route(path, methods, answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Whatever comes in, the answer is a result or a problem."""
        headers = dict(scope["headers"])
        path = scope["raw_path"].decode("latin-1")
        peer = scope["client"][0] if scope.get("client") else ""
        request = Request(scope["method"], headers, scope["query_string"], peer, receive)
        more = self._cross_origin.headers(headers)
        if path == LIVE_PATH and request.method == "GET":
            await self._stream(request, send, more)
            return
        with _seconds.time():
            reply = await self._answer(path, request)
            _requests[_CLASSES[reply.status // 100 - 1]].inc()
            await reply.send(send, more, without_body=request.method == "HEAD")

    async def _answer(self, path: str, request: Request) -> Reply:
        route = self._routes.get(path)
        if route is None:
            return self._answer_elsewhere(path, request)
        if request.method not in route.methods:
            if request.method == "OPTIONS":
                return self._cross_origin.preflight(request.headers, route.allowed)
            return problem_reply(MethodNotAllowed(), ((b"allow", route.allowed),))
        if not is_tracing():
            return await _guarded(route.answer(request))
        parent = request.headers.get(b"traceparent", b"").decode("latin-1")
        attributes = {names.HTTP_METHOD: request.method, names.HTTP_ROUTE: route.name}
        with edge_span(
            f"{request.method} {route.name}", parent=parent, attributes=attributes
        ) as span:
            reply = await _guarded(route.answer(request), span)
            span.set_attribute(names.HTTP_STATUS, reply.status)
            return reply

    def _answer_elsewhere(self, path: str, request: Request) -> Reply:
        if path != LIVE_PATH:
            return problem_reply(RouteUnknown(f"nothing is at {path[:200]}"))
        if request.method == "OPTIONS":
            return self._cross_origin.preflight(request.headers, b"GET, OPTIONS")
        return problem_reply(MethodNotAllowed(), ((b"allow", b"GET, OPTIONS"),))

    # ------------------------------------------------------------------------------ commands

    def _command_handler(self, spec: CommandSpec) -> Handler:
        async def answer(request: Request) -> Reply:
            caller = _caller(await self._identify(request))
            admit(spec, caller)
            key = _idempotency_key(request)
            args = _json_object(await self._body(request))
            result = await self._desk.send(
                spec.name, args, key=key, caller=caller, address=self._address(request)
            )
            return json_reply(result, result.get("position"))

        return answer

    def _address(self, request: Request) -> str:
        forwarded = request.headers.get(b"x-forwarded-for", b"").decode("latin-1")
        return network_of(request.peer, forwarded, self._live.proxies)

    async def _body(self, request: Request) -> bytes:
        """The whole body, which says that it is JSON unless it is empty."""
        length = request.headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._body_bytes_max:
            raise BodyTooLarge(f"at most {self._body_bytes_max} bytes")
        parts, size = [], 0
        while True:
            message = await request.receive()
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > self._body_bytes_max:
                raise BodyTooLarge(f"at most {self._body_bytes_max} bytes")
            if not message.get("more_body", False):
                break
        media_type = request.headers.get(b"content-type", b"").partition(b";")[0]
        if size and media_type.strip().lower() != b"application/json":
            raise MediaTypeUnsupported
        return b"".join(parts)

    # ------------------------------------------------------------------------------ queries

    def _query_handler(self, spec: QuerySpec) -> Handler:
        parameters = Parameters.of(spec)

        async def answer(request: Request) -> Reply:
            caller = _caller(await self._identify(request))
            admit(spec, caller)
            after = _after(request)
            args = parameters.read(request.query_string)
            question = self._live.questions.of(spec.name, args, caller)
            answer = await self._desk.ask(question, caller, after)
            return json_reply(answer.result, answer.position)

        return answer

    # ------------------------------------------------------------------------------ streams

    async def _stream(
        self, request: Request, send: Send, headers: tuple[tuple[bytes, bytes], ...]
    ) -> None:
        """Answer with an event stream, or with what is wrong before one began."""
        has_begun = False

        async def send_on(message: Any) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            identity = await self._identify(request)
            asked = _asked(request)
            question = self._live.questions.of(asked.query, asked.args, _caller(identity))
            stream = EventStream(self._live, request.receive, send_on)
            await stream.run(question, cursor=asked.cursor, identity=identity, headers=headers)
        except BacklineError as error:
            if has_begun:
                raise
            await problem_reply(error).send(send, headers, without_body=False)

    # ------------------------------------------------------------------------------ who asks

    async def _identify(self, request: Request) -> Identity | None:
        header = request.headers.get(b"authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(b" ")
        if scheme.lower() != b"bearer":
            raise TokenInvalid("the header is not of the form: Bearer <token>")
        return await self._desk.identify(token.strip().decode("latin-1"), self._address(request))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an event stream is to show."""

    query: str
    args: Any
    cursor: str | None


def _asked(request: Request) -> _Asked:
    given: dict[str, str] = {}
    for name, text in pairs(request.query_string):
        if name not in {"query", "args", "cursor"} or name in given:
            raise ArgumentsInvalid("there are query, args and cursor, each at most once")
        given[name] = text
    if "query" not in given:
        raise ArgumentsInvalid("query: missing")
    cursor = request.headers.get(b"last-event-id", b"").decode("latin-1") or given.get("cursor")
    return _Asked(given["query"], json_value("args", given.get("args") or "{}"), cursor)


async def _guarded(answering: Awaitable[Reply], span: Span | None = None) -> Reply:
    """The answer, or what went wrong as one."""
    try:
        return await answering
    except BacklineError as error:
        if span is not None:
            span.set_attribute(names.ERROR_CODE, str(error.problem()["code"]))
        return problem_reply(error)
    except Exception as error:
        logger.exception("A request failed.")
        if span is not None:
            span.record_exception(error)
        return problem_reply(BacklineError())


def _caller(identity: Identity | None) -> Caller:
    return NOBODY if identity is None else identity.caller


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get(b"idempotency-key")
    if key is None:
        return None
    if _KEY.fullmatch(key) is None:
        raise HeaderInvalid("Idempotency-Key: 1 to 128 visible ASCII characters")
    return key.decode("ascii")


def _after(request: Request) -> int | None:
    text = request.headers.get(b"backline-after")
    if text is None:
        return None
    if _POSITION.fullmatch(text) is None or int(text) > POSITION_MAX:
        raise HeaderInvalid("Backline-After: a position, in digits")
    return int(text)


def _json_object(body: bytes) -> dict[str, Any]:
    """The body as a JSON object; an empty body as an empty one."""
    if not body:
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BodyNotJson from None
    if not isinstance(value, dict):
        raise BodyNotJson
    return value
