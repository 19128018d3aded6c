"""What all partners of the sandbox have in common: a request, an answer, and faults on request."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import orjson

Json = dict[str, Any]
Now = Callable[[], datetime]
"""The moment it is in the sandbox, in UTC."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks a partner. `path` is below the partner's own address."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Response:
    """What a partner answers."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Json, status: int = 200, **headers: str) -> "Response":
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status, orjson.dumps(value), {"content-type": "application/json", **named})


class StandIn(Protocol):
    """One partner in the sandbox."""

    def answer(self, request: Request, changes: "Changes") -> Response:
        """Answer a request as the partner would."""
        ...

    def limited(self, retry_after: int) -> Response:
        """How the partner says that it was asked too often."""
        ...


class Changes:
    """What somebody has changed in what a partner tells, by id: fields, or None for disappeared."""

    def __init__(self) -> None:
        self._of: dict[str, Json | None] = {}

    def put(self, key: str, change: Json | None) -> None:
        self._of[key] = change

    def applied(self, items: list[tuple[str, Json]]) -> list[Json]:
        """The items as they are by now: changed, left out, and those that were added."""
        known = {key for key, _ in items}
        found = []
        for key, item in items:
            change = self._of.get(key, {})
            if change is not None:
                found.append({**item, **change})
        found += [
            change for key, change in self._of.items() if key not in known and change is not None
        ]
        return found


class Fault(StrEnum):
    """What can be asked for.

    limited    429, and when to come back
    broken     500
    slow       the answer takes a while
    truncated  the answer ends in the middle
    html       a page for people, with 200
    garbage    JSON of another shape
    large      more than anybody would read
    """

    LIMITED = "limited"
    BROKEN = "broken"
    SLOW = "slow"
    TRUNCATED = "truncated"
    HTML = "html"
    GARBAGE = "garbage"
    LARGE = "large"


@dataclass(slots=True)
class Order:
    """A fault that was asked for: for the next so many requests whose address contains `match`."""

    fault: Fault
    times: int = 1
    match: str = ""
    retry_after: int = 1
    seconds: float = 1.0


class Faults:
    """The faults that are still to happen, by partner."""

    def __init__(self) -> None:
        self._orders: dict[str, list[Order]] = {}

    def ask(self, partner: str, order: Order) -> None:
        self._orders.setdefault(partner, []).append(order)

    def clear(self) -> None:
        self._orders.clear()

    def next(self, partner: str, address: str) -> Order | None:
        """The fault that this request meets; None when it meets none."""
        for order in self._orders.get(partner, []):
            if order.times > 0 and order.match in address:
                order.times -= 1
                return order
        return None


def tagged(request: Request, response: Response) -> Response:
    """The answer with its tag; without a body, when the asker has this state of it already."""
    tag = f'"{hashlib.blake2b(response.body, digest_size=8).hexdigest()}"'
    response.headers["etag"] = tag
    if request.headers.get("if-none-match") == tag:
        return Response(304, b"", {"etag": tag})
    return response


def number(text: str | None, default: int, most: int) -> int:
    """A number among the parameters of an address."""
    return min(int(text), most) if text is not None and text.isdecimal() else default
