"""What has arrived for an owner: messages with many commands each, checked, bounded, and to be
answered with one reply when the last of them is decided.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from nats.aio.msg import Msg
from pydantic import ValidationError

from libs.bus.server import describe
from libs.kernel.decider import Decider
from libs.kernel.errors import (
    BacklineError,
    Forbidden,
    Invalid,
    Problem,
    Unauthenticated,
    Unavailable,
)
from libs.kernel.ids import ID_LENGTH_MAX, CommandId
from libs.kernel.messages import Access, Caller, CommandSpec, Event, Origin
from libs.owner.aggregates import Answered

Resolver = Callable[[Any, Origin], Awaitable[Any]]
"""Looks up what a command needs and turns it into the command that is decided. May refuse it."""

Completer = Callable[[Any, dict[str, Any], Origin], Awaitable[dict[str, Any]]]
"""Adds to the answer of a committed command what the log must not hold (a token, say)."""


class SlotFull(Unavailable):
    code = "slot-full"
    title = "More commands are waiting than this slot can hold; try again shortly."


@dataclass(frozen=True, slots=True)
class Route:
    """What happens to the commands of one class."""

    spec: CommandSpec
    decider: Decider[Any, Any, Any] | None
    resolver: Resolver | None
    completer: Completer | None


@dataclass(slots=True)
class Request:
    """One message of commands: its answers so far, and how many are still missing.

    received_at   in seconds of the event loop's clock
    """

    message: Msg
    slot: int
    received_at: float
    answers: list[Any]
    missing: int

    def payload(self) -> bytes:
        return orjson.dumps(self.answers, option=orjson.OPT_UTC_Z)


@dataclass(slots=True)
class Pending(Origin):
    """A command on its way: what it is, where its answer goes, and what has become of it so far.

    request   None once it is answered
    events    what it recorded; empty for a refusal or a repeat
    answer    the view it will be answered with once its commit is acknowledged
    problem   or its refusal
    position  of its commit; 0 before
    first     the earlier command with the same id, whose answer it shares
    """

    route: Route = None  # type: ignore[assignment]  # Always given; it follows a default of Origin.
    command: Any = None
    aggregate_id: str = ""
    request: Request | None = None
    index: int = 0
    size: int = 0
    trace: str | None = None
    correlation: str | None = None
    attempts: int = 0
    events: Sequence[Event] = ()
    answer: Any = None
    problem: Problem | None = None
    position: int = 0
    first: Answered | None = None


class Inbox:
    """The commands waiting to be decided, oldest first, with a bound for each slot."""

    def __init__(self, routes: Mapping[str, Route], slot_commands_max: int) -> None:
        self._routes = routes
        self._slot_commands_max = slot_commands_max
        self._waiting_in_slot: dict[int, int] = {}
        self.waiting: deque[Pending] = deque()

    def receive(self, message: Msg, slot: int, at: datetime, received_at: float) -> Request | None:
        """Take a message in. Returns the request when it can be answered at once (all refused)."""
        try:
            items = orjson.loads(message.data)
            if not isinstance(items, list) or not items:
                raise TypeError
        except (orjson.JSONDecodeError, TypeError):
            refusal = _refusal(Invalid("not a list of commands"))
            return Request(message, slot, received_at, [refusal], 0)
        count = len(items)
        request = Request(message, slot, received_at, [None] * count, count)
        waiting = self._waiting_in_slot.get(slot, 0)
        if waiting and waiting + count > self._slot_commands_max:
            request.answers = [_refusal(SlotFull(retry_after_seconds=0.5))] * count
            return request
        self._waiting_in_slot[slot] = waiting + count
        size = len(message.data) // count
        for index, item in enumerate(items):
            try:
                self.waiting.append(self._read(item, request, index, size, at))
            except BacklineError as error:
                request.answers[index] = _refusal(error)
                request.missing -= 1
        if request.missing:
            return None
        self.done(request)
        return request

    def done(self, request: Request) -> None:
        """A request is answered: its place in the slot's bound is free again."""
        self._waiting_in_slot[request.slot] -= len(request.answers)

    def _read(self, item: Any, request: Request, index: int, size: int, at: datetime) -> Pending:
        """Check one command of a message. raises what it must be refused with."""
        try:
            route = self._routes[item["command"]]
            spec = route.spec
            actor: str = item["actor"]
            roles = item["roles"]
            access = spec.access
            if access > Access.SIGNED_IN or not actor:
                _check_access(spec, actor, roles)
            command_id = item["id"]
            if not 0 < len(command_id) <= ID_LENGTH_MAX:
                raise Invalid("id: must be 1 to 64 characters")
            command = spec.validate(item["args"])
            if spec.has_key_field:
                aggregate_id = getattr(command, spec.key)
            else:
                aggregate_id = spec.aggregate_id(command, actor, command_id)
            return Pending(
                CommandId(command_id),
                actor,
                roles,
                at,
                False,
                route,
                command,
                aggregate_id,
                request,
                index,
                size,
                item.get("trace"),
                item.get("correlation"),
            )
        except ValidationError as error:
            raise Invalid(describe(error)) from None
        except (KeyError, TypeError):
            raise Invalid("not a command of this service") from None


def _check_access(spec: CommandSpec, actor: str, roles: Sequence[str]) -> None:
    if not spec.access.admits(Caller(user_id=actor, roles=tuple(roles))):
        raise (Forbidden if actor else Unauthenticated)(f"{spec.name} is not for you")


def _refusal(error: BacklineError) -> dict[str, Problem]:
    return {"problem": error.problem()}
