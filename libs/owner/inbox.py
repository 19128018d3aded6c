"""What has arrived for an owner: messages with many commands each, checked, bounded, sorted into
bundles, and to be answered with one reply when the last of them is decided.

What a crowd sends is a great many small commands that are alike. So whatever is the same for many
of them is kept and done once: for a message (Request), or for those of its commands that are of one
class and about one aggregate (Bundle).
"""

import logging
import string
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from nats.aio.msg import Msg
from pydantic import ValidationError

from libs.bus.server import NUL_IN_JSON, describe, is_text_storable
from libs.kernel.admission import refuse_impersonated
from libs.kernel.decider import Decider
from libs.kernel.errors import (
    BacklineError,
    Forbidden,
    Invalid,
    Unauthenticated,
    Unavailable,
)
from libs.kernel.ids import ID_LENGTH_MAX, CommandId
from libs.kernel.messages import Access, Caller, CommandSpec, Origin
from libs.owner.aggregates import Landing
from libs.owner.names import Standing
from libs.owner.observed import Observed

logger = logging.getLogger(__name__)

BUNDLE_COMMANDS_MAX = 1000
BUNDLE_BYTES_MAX = 1024 * 1024
ENVELOPE_BYTES = 320
KNOWN_COMMANDS_MAX = 32_768
KNOWN_TEXT_MAX = 64
ID_CHARACTERS = (string.ascii_letters + string.digits + "_-").encode()
ITEM_FIELDS = 5
"""Of a command that its actor sent, neither traced nor set off by another message."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A resolver's word that there is nothing to decide: the command is answered with this view."""

    view: Any


Resolver = Callable[[Any, Origin], Awaitable[Any]]
"""Looks up what a command needs and turns it into the command that is decided, about the same
aggregate. May refuse it, or say that it is `Answered`.
"""

Completer = Callable[[Any, dict[str, Any], Origin], Awaitable[dict[str, Any]]]
"""Adds to the answer of a committed command what the log must not hold (a token, say)."""

Item = dict[str, Any]
"""A command as it came: see `libs.bus.wire`."""

Outcome = dict[str, Any]
"""{"answer": view} or {"problem": document}."""


class SlotFull(Unavailable):
    code = "slot-full"
    title = "More commands are waiting than this slot can hold; try again shortly."


class Checker:
    """Checks the arguments of one class of commands.

    A crowd says the same few things: arguments that were checked before are not checked again, and
    their senders share one command. (It is a value, and nobody changes it.)
    """

    def __init__(self, spec: CommandSpec) -> None:
        self._check = spec.validate
        self._known: dict[tuple[Any, ...], Any] = {}

    def check(self, arguments: Any) -> Any:
        """The command. raises   Invalid"""
        try:
            return self._known[(*arguments, *arguments.values())]
        except (KeyError, TypeError, AttributeError):  # Unknown, of lists, or no arguments at all.
            pass
        try:
            command = self._check(arguments)
        except ValidationError as error:
            raise Invalid(describe(error)) from None
        values = arguments.values()
        # Texts alone, as 1 and true would be the same key; and short ones, as many are kept.
        if all(type(value) is str and len(value) <= KNOWN_TEXT_MAX for value in values):
            if len(self._known) >= KNOWN_COMMANDS_MAX:
                self._known.clear()
            self._known[(*arguments, *values)] = command
        return command


@dataclass(frozen=True, slots=True)
class Route:
    """What happens to the commands of one class.

    is_alone   each shares no bundle: it is looked up, its answer completed, or it is about names
    """

    spec: CommandSpec
    decider: Decider[Any, Any, Any] | None
    resolver: Resolver | None
    completer: Completer | None
    checker: Checker = field(init=False)
    is_alone: bool = field(init=False)
    is_guarded: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "checker", Checker(self.spec))
        object.__setattr__(
            self,
            "is_alone",
            bool(self.resolver or self.completer or (self.decider and self.decider.claims)),
        )
        object.__setattr__(self, "is_guarded", self.spec.access > Access.SIGNED_IN)


@dataclass(slots=True)
class Request:
    """One message of commands: its answers so far, and how many are still missing.

    received_at          in seconds of the event loop's clock
    event_bytes          what one of its commands will add to a commit, about
    """

    message: Msg
    slot: int
    received_at: float
    answers: list[Any]
    missing: int
    event_bytes: int = 0

    def payload(self) -> bytes:
        """The reply. An answer that JSON has no word for is a bug, and becomes a problem."""
        try:
            return orjson.dumps(self.answers, option=orjson.OPT_UTC_Z)
        except TypeError:
            logger.exception("An answer cannot be said.")
        return orjson.dumps([_sayable(answer) for answer in self.answers], option=orjson.OPT_UTC_Z)


@dataclass(slots=True)
class Bundle:
    """Commands of one message, of one class and about one aggregate: decided one after the other,
    committed together.

    origin         of the command at hand; there is one for all, as deciders look at it and let go
    items          the commands as they came
    commands       what is decided, one for each item
    indexes        their places in the message
    outcomes       what has become of those decided so far
    repeated       the answers among them to what was recorded before, and with which commit
    recorded       how many recorded something
    attempts       how often the log refused what was decided
    standings      who holds the names its commands are about, as it was last looked up
    is_looked_up   what the command needed has been looked up
    """

    request: Request
    route: Route
    aggregate_id: str
    origin: Origin
    items: list[Item] = field(default_factory=list)
    commands: list[Any] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    repeated: list[tuple[Any, Landing]] = field(default_factory=list)
    recorded: int = 0
    attempts: int = 0
    standings: dict[str, Standing] = field(default_factory=dict)
    is_looked_up: bool = False

    def start_again(self, *, is_refused: bool) -> None:
        """Forget what was decided: the state it was decided on was thrown away.

        is_refused   since the log refused it
        """
        self.attempts += is_refused
        self.outcomes, self.repeated, self.recorded = [], [], 0
        self.standings = {}

    def drop(self, number: int) -> int:
        """Leave a command out; returns its place in the message."""
        del self.items[number], self.commands[number]
        return self.indexes.pop(number)


class Inbox:
    """The bundles waiting to be decided, oldest first, with a bound of commands for each slot."""

    def __init__(
        self, routes: Mapping[str, Route], slot_commands_max: int, observed: Observed
    ) -> None:
        self._routes = routes
        self._observed = observed
        self._slot_commands_max = slot_commands_max
        self._waiting_in_slot: dict[int, int] = {}
        self.waiting: deque[Bundle] = deque()

    @property
    def commands_waiting(self) -> int:
        """Commands that have arrived and are not answered yet."""
        return sum(self._waiting_in_slot.values())

    def receive(self, message: Msg, slot: int, at: datetime, received_at: float) -> Request | None:
        """Take a message in. Returns the request when it can be answered at once (all refused)."""
        try:
            items = orjson.loads(message.data)
            if not isinstance(items, list) or not items:
                raise TypeError
        except (orjson.JSONDecodeError, TypeError):
            refusals = self._refuse(Invalid("not a list of commands"), 1)
            return Request(message, slot, received_at, refusals, 0)
        count = len(items)
        request = Request(message, slot, received_at, [None] * count, count)
        waiting = self._waiting_in_slot.get(slot, 0)
        if waiting and waiting + count > self._slot_commands_max:
            request.answers = self._refuse(SlotFull(retry_after_seconds=0.5), count)
            return request
        self._waiting_in_slot[slot] = waiting + count
        if NUL_IN_JSON in message.data:
            items = [item if is_text_storable(item) else None for item in items]
        request.event_bytes = len(message.data) // count + ENVELOPE_BYTES
        self._sort(items, request, at)
        if request.missing:
            return None
        self.done(request)
        return request

    def done(self, request: Request) -> None:
        """A request is answered: its place in the slot's bound is free again."""
        self._waiting_in_slot[request.slot] -= len(request.answers)

    def _sort(self, items: list[Item], request: Request, at: datetime) -> None:
        """Check the commands of a message, and sort them into bundles that wait.

        Commands about different aggregates may overtake each other, those about one may not.
        """
        bundles: dict[str, Bundle] = {}
        commands_max = min(BUNDLE_COMMANDS_MAX, BUNDLE_BYTES_MAX // request.event_bytes)
        for index, item in enumerate(items):
            try:
                route, command, aggregate_id = self._read(item)
            except BacklineError as error:
                (request.answers[index],) = self._refuse(error, 1)
                request.missing -= 1
                continue
            bundle = bundles.get(aggregate_id)
            if (
                bundle is None
                or bundle.route is not route
                or route.is_alone
                or len(bundle.items) >= commands_max
            ):
                origin = Origin(CommandId(""), "", (), at)
                bundle = bundles[aggregate_id] = Bundle(request, route, aggregate_id, origin)
                self.waiting.append(bundle)
            bundle.items.append(item)
            bundle.commands.append(command)
            bundle.indexes.append(index)

    def _read(self, item: Item) -> tuple[Route, Any, str]:
        """Check one command of a message. raises what it must be refused with."""
        try:
            route = self._routes[item["command"]]
            actor, command_id, roles = item["actor"], item["id"], item["roles"]
            if not (isinstance(actor, str) and isinstance(command_id, str)):
                raise TypeError
            # Both will stand in events: what is no id there could not be read again.
            if (command_id + actor).encode().translate(None, ID_CHARACTERS):
                raise Invalid("id, actor: must be of letters, digits, _ and -")
            if not 0 < len(command_id) <= ID_LENGTH_MAX or len(actor) > ID_LENGTH_MAX:
                raise Invalid("id, actor: must be 1 to 64 characters")
            if len(item) > ITEM_FIELDS:
                _check_extras(item, route.spec)
            if route.is_guarded or not actor:
                _check_access(route.spec, actor, roles)
            command = route.checker.check(item["args"])
            spec = route.spec
            if spec.has_key_field:
                return route, command, getattr(command, spec.key)
            return route, command, spec.aggregate_id(command, actor, command_id)
        except (KeyError, TypeError):
            raise Invalid("not a command of this service, or holds the character NUL") from None

    def _refuse(self, error: BacklineError, count: int) -> list[Outcome]:
        problem = error.problem()
        self._observed.refused(problem, count)
        return [{"problem": problem}] * count


def _sayable(answer: Any) -> Any:
    try:
        orjson.dumps(answer)
    except TypeError:
        return {"problem": BacklineError().problem()}
    return answer


def _check_extras(item: Item, spec: CommandSpec) -> None:
    for name in ("trace", "correlation", "impersonator"):
        if not isinstance(item.get(name, ""), str):
            raise Invalid(f"{name}: must be text")
    impersonator = item.get("impersonator", "")
    if impersonator:
        if impersonator.encode().translate(None, ID_CHARACTERS):
            raise Invalid("impersonator: must be of letters, digits, _ and -")
        if len(impersonator) > ID_LENGTH_MAX:
            raise Invalid("impersonator: must be 1 to 64 characters")
        refuse_impersonated(spec)


def _check_access(spec: CommandSpec, actor: str, roles: Sequence[str]) -> None:
    if not spec.access.admits(Caller(user_id=actor, roles=tuple(roles))):
        raise (Forbidden if actor else Unauthenticated)(f"{spec.name} is not for you")
