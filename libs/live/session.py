"""What a client says over a WebSocket, and what is done about it, as docs/live-protocol.md has it.

A session knows nothing of bytes on the wire: `websocket.py` hands it whole texts and writes what it
is given.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Annotated, Any, Literal, Protocol

import orjson
from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from libs.bus.server import describe
from libs.kernel.errors import BacklineError, Problem
from libs.kernel.messages import NOBODY, Access, Caller
from libs.live.errors import (
    CloseCode,
    FrameInvalid,
    OpUnknown,
    SubscriptionExists,
    SubscriptionUnknown,
    TooManySubscriptions,
)
from libs.live.frames import PONG, error_frame, reply_frame, text_message, to_websocket
from libs.live.hub import Watched
from libs.live.patch import Json
from libs.live.question import Question
from libs.live.server import Identity, LiveServer
from libs.live.watcher import Watcher
from libs.telemetry import edge_span, names
from libs.telemetry.metrics import LIVE_COMMAND_SECONDS

logger = logging.getLogger(__name__)

NO_ID = b"null"

FrameId = (
    Annotated[int, Field(strict=True, ge=0, lt=2**53)]
    | Annotated[str, StringConstraints(strict=True, max_length=64)]
)
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$")]
_CLOSED = ConfigDict(extra="forbid")


@dataclass(slots=True)
class Auth:
    __pydantic_config__ = _CLOSED
    op: Literal["auth"]
    token: str | None


@dataclass(slots=True)
class Subscribe:
    __pydantic_config__ = _CLOSED
    op: Literal["subscribe"]
    id: FrameId
    query: str
    args: dict[str, Any] | None = None
    cursor: str | None = None


@dataclass(slots=True)
class Unsubscribe:
    __pydantic_config__ = _CLOSED
    op: Literal["unsubscribe"]
    id: FrameId


@dataclass(slots=True)
class SendCommand:
    __pydantic_config__ = _CLOSED
    op: Literal["command"]
    id: FrameId
    command: str
    args: dict[str, Any] | None = None
    key: IdempotencyKey | None = None


@dataclass(slots=True)
class Ping:
    __pydantic_config__ = _CLOSED
    op: Literal["ping"]


_read_auth = TypeAdapter(Auth).validate_python
_read_subscribe = TypeAdapter(Subscribe).validate_python
_read_unsubscribe = TypeAdapter(Unsubscribe).validate_python
_read_command = TypeAdapter(SendCommand).validate_python
_read_ping = TypeAdapter(Ping).validate_python


class Wire(Protocol):
    """The connection that a session speaks through."""

    def write(self, payload: bytes) -> None:
        """Write bytes that are framed already."""
        ...

    def close(self, code: CloseCode) -> None:
        """Say goodbye and end the session."""
        ...

    def hold(self, reason: str, *, on: bool) -> None:
        """Stop reading for a reason, or read on when it was the last one."""
        ...


@dataclass(slots=True)
class Subscription:
    """A live query that this session watches."""

    question: Question
    watcher: Watcher
    watched: Watched


@dataclass(slots=True)
class _Standing:
    """Who the client has shown to be, and the end of that."""

    caller: Caller = NOBODY
    identity: Identity | None = None
    expiry: asyncio.TimerHandle | None = field(default=None)


class Session:
    """One client's operations, in the order they come."""

    def __init__(self, server: LiveServer, wire: Wire, address: str) -> None:
        """`address` is where the client is (`libs.kernel.addresses`)."""
        self._address = address
        self._server = server
        self._wire = wire
        self._standing = _Standing()
        self._subscriptions: dict[bytes, Subscription] = {}
        self._commands = 0
        self._is_paused = False
        self._is_ended = False
        self._is_authenticating = False
        self._later: deque[bytes] = deque()
        self._operations: dict[str, Callable[[Any], None]] = {
            "auth": self._on_auth,
            "subscribe": self._on_subscribe,
            "unsubscribe": self._on_unsubscribe,
            "command": self._on_command,
            "ping": self._on_ping,
        }

    # ------------------------------------------------------------------------------ the wire

    def receive(self, text: bytes) -> None:
        """A whole text message has come. Raises UnicodeDecodeError when it is not UTF-8."""
        if self._is_authenticating:
            self._later.append(text)
            return
        try:
            frame = orjson.loads(text)
        except orjson.JSONDecodeError:
            bytes(text).decode()
            frame = None
        op = frame.get("op") if isinstance(frame, dict) else None
        if not isinstance(op, str):
            self._wire.close(CloseCode.UNREADABLE)
            return
        try:
            operation = self._operations.get(op)
            if operation is None:
                raise OpUnknown(f"there is no operation {op[:40]!r}")
            operation(frame)
        except ValidationError as error:
            self._refuse(_id_of(frame), FrameInvalid(describe(error)).problem())
        except BacklineError as error:
            self._refuse(_id_of(frame), error.problem())

    def pause(self) -> None:
        """More is written than the client reads: leave changes out."""
        self._is_paused = True
        for subscription in self._subscriptions.values():
            subscription.watcher.is_paused = True

    def resume(self) -> None:
        """The client has read: tell it what it missed."""
        self._is_paused = False
        for subscription in list(self._subscriptions.values()):
            subscription.watcher.is_paused = False
        for subscription in list(self._subscriptions.values()):
            if self._is_paused:  # Writing may have paused us again.
                return
            subscription.watched.query.catch_up(subscription.watcher)

    def end(self) -> None:
        """The connection is gone, or about to be."""
        self._is_ended = True
        self._later.clear()
        self._give_up(self._standing)
        for subscription in self._subscriptions.values():
            subscription.watched.query.detach(subscription.watcher)
        self._subscriptions.clear()

    def _say(self, payload: bytes) -> None:
        if not self._is_ended:
            self._wire.write(text_message(payload))

    def _refuse(self, frame_id: bytes, problem: Problem) -> None:
        self._say(error_frame(problem).json(frame_id))

    # ------------------------------------------------------------------------------ who it is

    def _on_auth(self, frame: Any) -> None:
        token = _read_auth(frame).token
        if token is None:
            self._become(None)
            return
        self._is_authenticating = True
        self._server.start(self._authenticate(token))
        if self._is_authenticating:
            self._wire.hold("authenticating", on=True)

    async def _authenticate(self, token: str) -> None:
        try:
            self._become(await self._server.verify(token, self._address))
        except BacklineError as error:
            self._refuse(NO_ID, error.problem())
        except Exception:
            logger.exception("A token could not be checked.")
            self._refuse(NO_ID, BacklineError().problem())
        finally:
            self._is_authenticating = False
            self._wire.hold("authenticating", on=False)
        while self._later and not self._is_authenticating:
            self.receive(self._later.popleft())

    def _become(self, identity: Identity | None) -> None:
        if self._is_ended:
            return
        before = self._standing
        self._give_up(before)
        self._standing = self._standing_of(identity)
        self._say(_ready(identity))
        if before.caller != self._standing.caller:
            self._ask_again_in_the_new_name()

    def _standing_of(self, identity: Identity | None) -> _Standing:
        if identity is None:
            return _Standing()
        remaining = identity.expires_at - self._server.clock().timestamp()
        expiry = asyncio.get_running_loop().call_later(
            max(0.0, remaining), self._wire.close, CloseCode.TOKEN_EXPIRED
        )
        self._server.hold(self, identity)
        return _Standing(identity.caller, identity, expiry)

    def _give_up(self, standing: _Standing) -> None:
        """What somebody was does not hold any more."""
        if standing.expiry is not None:
            standing.expiry.cancel()
        if standing.identity is not None:
            self._server.release(self, standing.identity)

    def on_revoked(self) -> None:
        """Their token was taken back: whoever this is must show another one."""
        self._wire.close(CloseCode.TOKEN_EXPIRED)

    def _ask_again_in_the_new_name(self) -> None:
        is_narrowed = self._standing.caller.scope is not None
        for frame_id, subscription in list(self._subscriptions.items()):
            spec = subscription.question.spec
            if is_narrowed or spec.private or spec.access > Access.PUBLIC:
                self._forget(frame_id)
                try:
                    self._watch(frame_id, spec.name, subscription.question.args, None)
                except BacklineError as error:
                    self._refuse(frame_id, error.problem())

    # ------------------------------------------------------------------------------ live queries

    def _on_subscribe(self, frame: Any) -> None:
        wanted = _read_subscribe(frame)
        frame_id = orjson.dumps(wanted.id)
        if frame_id in self._subscriptions:
            raise SubscriptionExists
        if len(self._subscriptions) >= self._server.limits.subscriptions_max:
            raise TooManySubscriptions(f"at most {self._server.limits.subscriptions_max}")
        self._watch(frame_id, wanted.query, wanted.args or {}, wanted.cursor)

    def _watch(self, frame_id: bytes, query: str, args: Json, cursor: str | None) -> None:
        question = self._server.questions.of(query, args, self._standing.caller)
        watcher = Watcher(to_websocket, frame_id, self._wire.write, self._on_end)
        watcher.is_paused = self._is_paused
        watched = self._server.hub.watch(question, watcher, cursor)
        self._subscriptions[frame_id] = Subscription(question, watcher, watched)

    def _on_end(self, watcher: Watcher) -> None:
        """The live query ended by itself, and has said why."""
        self._subscriptions.pop(watcher.subscription_id, None)

    def _on_unsubscribe(self, frame: Any) -> None:
        frame_id = orjson.dumps(_read_unsubscribe(frame).id)
        if frame_id not in self._subscriptions:
            raise SubscriptionUnknown
        self._forget(frame_id)

    def _forget(self, frame_id: bytes) -> None:
        subscription = self._subscriptions.pop(frame_id)
        subscription.watched.query.detach(subscription.watcher)

    # ------------------------------------------------------------------------------ commands

    def _on_command(self, frame: Any) -> None:
        command = _read_command(frame)
        self._commands += 1
        if self._commands >= self._server.limits.commands_max:
            self._wire.hold("commands", on=True)
        self._server.start(self._carry_out(command, self._standing.caller))

    async def _carry_out(self, command: SendCommand, caller: Caller) -> None:
        frame_id = orjson.dumps(command.id)
        began_at = perf_counter()
        try:
            with edge_span("receive command", attributes={names.COMMAND: command.command[:100]}):
                result = await self._server.send(
                    command.command,
                    command.args or {},
                    key=command.key,
                    caller=caller,
                    address=self._address,
                )
            self._say(reply_frame(result.get("position"), result).json(frame_id))
        except BacklineError as error:
            self._refuse(frame_id, error.problem())
        except Exception:
            logger.exception("A command failed.", extra={"command": command.command[:100]})
            self._refuse(frame_id, BacklineError().problem())
        finally:
            LIVE_COMMAND_SECONDS.observe(perf_counter() - began_at)
            self._commands -= 1
            if self._commands < self._server.limits.commands_max:
                self._wire.hold("commands", on=False)

    def _on_ping(self, frame: Any) -> None:
        _read_ping(frame)
        self._say(PONG)


def _id_of(frame: Json) -> bytes:
    """The id of a frame that may be wrong in any way, to answer with."""
    frame_id = frame.get("id")
    if isinstance(frame_id, str):
        return orjson.dumps(frame_id[:64])
    if isinstance(frame_id, int) and not isinstance(frame_id, bool):
        return orjson.dumps(frame_id)
    return NO_ID


def _ready(identity: Identity | None) -> bytes:
    session = None
    if identity is not None:
        session = {
            "user_id": identity.caller.user_id,
            "roles": identity.caller.roles,
            "expires_at": int(identity.expires_at),
        }
    return orjson.dumps({"op": "ready", "session": session})
