"""The cookie that keeps somebody signed in, and what is done with it.

    POST /session/<way>   sign in: the answer holds the access token, the cookie the refresh token
    POST /session/renew   the next tokens, for the cookie
    POST /session/end     forget the cookie

No script can read the cookie, it goes to these addresses only, and only pages of our own may ask:
`SameSite=Strict`, and whatever the browser says of where a request comes from is looked at.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from libs.kernel.addresses import network_of
from libs.kernel.attempts import Attempts
from libs.kernel.errors import (
    BacklineError,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Unauthenticated,
)
from libs.kernel.ids import derive_id

COOKIE: Final = "backline-session"
COOKIE_SECONDS: Final = 400 * 24 * 3600
"""As long as browsers keep any. The session itself may end before."""

BODY_BYTES_MAX: Final = 32_768
KEY_LENGTH_MIN: Final = 20
DEVICE_LENGTH_MAX: Final = 200

WAYS: Final = {
    "sign-in": "auth.sign-in",
    "username": "auth.sign-in-with-username",
    "proof": "auth.sign-in-with-proof",
    "code": "auth.sign-in-with-code",
    "reset": "auth.reset-password",
    "passkey": "auth.sign-in-with-passkey",
    "wallet": "auth.sign-in-with-wallet",
    "provider": "auth.sign-in-with-provider",
    "second-factor": "auth.sign-in-with-second-factor",
}

Send = Callable[[str, dict[str, Any], str | None], Awaitable[dict[str, Any]]]
"""Has a command carried out in nobody's name: its name, its fields, its id."""

AnyRequest = Request[Any, Any, Any]


class CrossSite(Forbidden):
    code = "web.cross-site"
    title = "This can be asked for by our own pages only."


class NotSignedIn(Unauthenticated):
    code = "web.not-signed-in"
    title = "This browser is not signed in."


class TooManySignIns(RateLimited):
    code = "web.too-many-sign-ins"
    title = "Too many attempts from where you are; wait a moment."


def session_handlers(send: Send, proxies: int) -> list[HTTPRouteHandler]:
    """The handlers of everything below /session. `proxies` of our own stand in front of us."""
    attempts = Attempts.by_address(TooManySignIns)

    @post("/session/{way:str}", status_code=200)
    async def open_session(request: AnyRequest, way: FromPath[str]) -> Response[bytes]:
        try:
            _refuse_others(request)
            if way == "renew":
                return await _renewed(request, send)
            if way == "end":
                return _forgotten(request, Response(b"{}", media_type="application/json"))
            attempts.take(f"{way} {_address(request, proxies)}")
            return await _signed_in(request, way, send)
        except BacklineError as error:
            return _problem(request, error)

    return [open_session]


async def _signed_in(request: AnyRequest, way: str, send: Send) -> Response[bytes]:
    command = WAYS.get(way)
    if command is None:
        raise NotFound(f"there is no way in called {way[:40]!r}")
    device = request.headers.get("user-agent", "")[:DEVICE_LENGTH_MAX]
    args = {**_fields(await request.body()), "device": device}
    return _answer(request, await send(command, args, _command_id(request, way)))


async def _renewed(request: AnyRequest, send: Send) -> Response[bytes]:
    session_id, _, refresh_token = request.cookies.get(COOKIE, "").partition(".")
    if not refresh_token:
        raise NotSignedIn
    args = {"session_id": session_id, "refresh_token": refresh_token}
    return _answer(request, await send("auth.renew-session", args, _command_id(request, "renew")))


def _answer(request: AnyRequest, session: dict[str, Any]) -> Response[bytes]:
    """What the page may know; what it may not goes into the cookie."""
    refresh_token = session.pop("refresh_token")
    response = Response(orjson.dumps(session), media_type="application/json")
    response.headers["cache-control"] = "no-store"
    value = f"{session['session_id']}.{refresh_token}"
    return _with_cookie(request, response, value, COOKIE_SECONDS)


def _forgotten(request: AnyRequest, response: Response[bytes]) -> Response[bytes]:
    return _with_cookie(request, response, "", 0)


def _with_cookie(
    request: AnyRequest, response: Response[bytes], value: str, seconds: int
) -> Response[bytes]:
    response.set_cookie(
        COOKIE,
        value,
        max_age=seconds,
        path="/session",
        secure=_is_https(request),
        httponly=True,
        samesite="strict",
    )
    return response


def _problem(request: AnyRequest, error: BacklineError) -> Response[bytes]:
    problem = error.problem()
    response = Response(
        orjson.dumps(problem),
        status_code=int(problem["status"]),
        media_type="application/problem+json",
    )
    is_over = request.url.path == "/session/renew" and problem["status"] in {401, 403}
    return _forgotten(request, response) if is_over else response


def _refuse_others(request: AnyRequest) -> None:
    """Let our own pages pass. raises   CrossSite when the browser says that it is another site's"""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    host = request.headers.get("host", "")
    is_ours = site == "same-origin" if site is not None else origin in _origins(host)
    if not is_ours or request.content_type[0] != "application/json":
        raise CrossSite


def _address(request: AnyRequest, proxies: int) -> str:
    peer = request.client.host if request.client else ""
    return network_of(peer, request.headers.get("x-forwarded-for", ""), proxies)


def _origins(host: str) -> tuple[str, str]:
    return f"http://{host}", f"https://{host}"


def _is_https(request: AnyRequest) -> bool:
    """Also where something in front of us speaks TLS for us."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))


def _fields(body: bytes) -> dict[str, Any]:
    if len(body) > BODY_BYTES_MAX:
        raise Invalid("too long")
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Invalid("not JSON") from None
    if not isinstance(fields, dict):
        raise Invalid("not an object")
    return fields


def _command_id(request: AnyRequest, way: str) -> str | None:
    """The same for a request that comes again because its answer got lost."""
    key = request.headers.get("idempotency-key", "")
    return derive_id("web", way, key) if len(key) >= KEY_LENGTH_MIN else None
