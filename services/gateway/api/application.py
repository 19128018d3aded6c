"""The gateway as an ASGI application: everything under /v1, and the description of it."""

from importlib.metadata import version
from typing import Any, cast

import orjson
import structlog
from litestar import Litestar, Request, Response, asgi
from litestar.exceptions import HTTPException

from contracts.documents.openapi import openapi_document
from contracts.gateway import MethodNotAllowed, RouteUnknown
from libs.chassis.asgi import Application, Scope, Send
from libs.kernel.errors import BacklineError, Invalid
from libs.kernel.messages import Registry
from services.gateway.api.answers import HTML, JSON, Reply, problem_reply
from services.gateway.api.documentation import documentation_page
from services.gateway.api.routes import Routes

PREFIXES = ("/v1", "/docs", "/openapi.json")
"""The paths the gateway answers; all others are somebody else's."""

logger = structlog.get_logger(__name__)


def create_application(messages: Registry, routes: Routes) -> Application:
    """Put the routes and the documents made from the contracts together."""
    document = openapi_document(messages, version=version("backline"))
    pages = {
        "/openapi.json": Reply(200, JSON, orjson.dumps(document)),
        "/docs": Reply(200, HTML, documentation_page(document).encode()),
    }

    @asgi("/v1", is_mount=True, copy_scope=False)
    async def v1(scope: Any, receive: Any, send: Any) -> None:
        await routes(scope, receive, send)

    @asgi(["/docs", "/openapi.json"], copy_scope=False)
    async def page(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001
        await _answer_page(pages, scope, send)

    application = Litestar(
        [v1, page],
        exception_handlers={HTTPException: _on_http_error, Exception: _on_bug},
        openapi_config=None,
        logging_config=None,
    )
    return cast(Application, application)


async def _answer_page(pages: dict[str, Reply], scope: Scope, send: Send) -> None:
    method = scope["method"]
    if method in {"GET", "HEAD"}:
        reply = pages[scope["raw_path"].decode("latin-1").rstrip("/")]
    else:
        reply = problem_reply(MethodNotAllowed(), ((b"allow", b"GET, HEAD"),))
    await reply.send(send, (), without_body=method == "HEAD")


def _on_http_error(_: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework refuses before it reaches us: a path that is none."""
    return _response(RouteUnknown() if error.status_code == 404 else Invalid(error.detail))


def _on_bug(_: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    logger.error("A request failed.", exc_info=error)
    return _response(BacklineError())


def _response(error: BacklineError) -> Response[bytes]:
    reply = problem_reply(error)
    return Response(
        content=reply.body,
        status_code=reply.status,
        media_type=reply.content_type.decode(),
        headers={name.decode(): value.decode() for name, value in reply.headers},
    )
