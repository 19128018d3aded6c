"""The sandbox as an application: each partner below its name, and `/_sandbox` to play with it.

PUT /_sandbox/faults    {"partner": "setlistfm", "fault": "limited", "times": 2, "match": "p=2"}
PUT /_sandbox/changes   {"partner": "setlistfm", "id": "63de4613", "change": {…} or null}
GET /_sandbox/requests  what has been asked, oldest first
DELETE /_sandbox        no more faults, changes and requests
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from pydantic import TypeAdapter, ValidationError

from services.catalog.cli.sandboxes.luma import Ics, Luma
from services.catalog.cli.sandboxes.serving import (
    Changes,
    Fault,
    Faults,
    Json,
    Now,
    Order,
    Request,
    Response,
    StandIn,
)
from services.catalog.cli.sandboxes.setlistfm import SetlistFm
from services.catalog.cli.sandboxes.spotify import Spotify
from services.catalog.cli.sandboxes.ticketmaster import Ticketmaster

BODY_BYTES_MAX: Final = 1_000_000
REQUESTS_KEPT_MAX: Final = 10_000
LARGE_BYTES: Final = 10 * 1024 * 1024
CONTROL: Final = "_sandbox"

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_ORDER = TypeAdapter(Order)


class Sandbox:
    """An ASGI application that stands in for all partners."""

    def __init__(self, now: Now) -> None:
        """`now`: the moment it is in this world, whenever somebody asks."""
        self.partners: dict[str, StandIn] = {
            "setlistfm": SetlistFm(now),
            "ticketmaster": Ticketmaster(now),
            "spotify": Spotify(),
            "luma": Luma(now),
            "ics": Ics(now),
        }
        self.faults = Faults()
        self.changes = {name: Changes() for name in self.partners}
        self.requests: deque[Json] = deque(maxlen=REQUESTS_KEPT_MAX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _body(receive)
        headers = {
            name.decode("latin-1"): text.decode("latin-1") for name, text in scope["headers"]
        }
        first, _, rest = scope["path"].lstrip("/").partition("/")
        query = scope["query_string"].decode()
        form = dict(parse_qsl(body.decode(errors="replace")))
        request = Request(scope["method"], f"/{rest}", dict(parse_qsl(query)), headers, form)
        if first == CONTROL:
            await _send(send, self._control(request, body))
        elif first in self.partners:
            await self._answer(first, request, f"{request.path}?{query}", send)
        else:
            await _send(send, Response.json({"partners": sorted(self.partners)}, 404))

    async def _answer(self, name: str, request: Request, address: str, send: Send) -> None:
        partner = self.partners[name]
        order = self.faults.next(name, address)
        if order is not None and order.fault is Fault.SLOW:
            await asyncio.sleep(order.seconds)
        response = partner.answer(request, self.changes[name])
        if order is not None:
            response = _faulty(order, partner, response)
        self.requests.append(
            {
                "partner": name,
                "path": request.path,
                "params": dict(request.params),
                "conditional": "if-none-match" in request.headers,
                "status": response.status,
                "fault": None if order is None else order.fault.value,
            }
        )
        cut = order is not None and order.fault is Fault.TRUNCATED
        await _send(send, response, is_cut=cut)

    def _control(self, request: Request, body: bytes) -> Response:
        try:
            match request.method, request.path:
                case "PUT", "/faults":
                    asked = orjson.loads(body)
                    partner = self._known(asked.pop("partner"))
                    self.faults.ask(partner, _ORDER.validate_python(asked))
                case "PUT", "/changes":
                    asked = orjson.loads(body)
                    self.changes[self._known(asked["partner"])].put(asked["id"], asked["change"])
                case "GET", "/requests":
                    return Response.json({"requests": list(self.requests)})
                case "DELETE", _:
                    self.faults.clear()
                    self.requests.clear()
                    self.changes = {name: Changes() for name in self.partners}
                case _:
                    return Response.json({"message": "no such thing"}, 404)
        except (orjson.JSONDecodeError, KeyError, AttributeError, ValidationError) as error:
            return Response.json({"message": str(error)}, 400)
        return Response(204)

    def _known(self, name: str) -> str:
        if name not in self.partners:
            raise KeyError(f"there is no partner {name}: {', '.join(self.partners)}")
        return name


def _faulty(order: Order, partner: StandIn, response: Response) -> Response:
    match order.fault:
        case Fault.LIMITED:
            return partner.limited(order.retry_after)
        case Fault.BROKEN:
            return Response.json({"message": "Internal Server Error"}, 500)
        case Fault.HTML:
            page = b"<!doctype html><title>We will be right back</title>"
            return Response(200, page, {"content-type": "text/html"})
        case Fault.GARBAGE:
            return Response.json(dict.fromkeys(orjson.loads(response.body or b"{}"), 7))
        case Fault.LARGE:
            padding = b" " * LARGE_BYTES
            return Response(200, padding + response.body, {"content-type": "application/json"})
        case _:
            return response


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body") or len(body) > BODY_BYTES_MAX:
            return body


async def _send(send: Send, response: Response, *, is_cut: bool = False) -> None:
    """Send an answer; one that is cut says that it is whole, and ends in the middle."""
    body = response.body[: len(response.body) // 2] if is_cut else response.body
    headers = [(name.encode(), text.encode()) for name, text in response.headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
