"""What all live connections of one gateway share: the hub, the limits, and the way out."""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable
from contextvars import copy_context
from typing import Any, Protocol

from libs.kernel.clock import Clock
from libs.kernel.messages import Caller
from libs.live.errors import Draining, Full
from libs.live.hub import LiveHub
from libs.live.limits import Limits
from libs.live.patch import Json
from libs.live.question import Questions

logger = logging.getLogger(__name__)

CONNECTIONS_PER_TURN = 256
LOOK_STEPS = 20


class Identity(Protocol):
    """Whom a token names. `expires_at` is in seconds since 1970."""

    @property
    def caller(self) -> Caller: ...

    @property
    def expires_at(self) -> float: ...


Verify = Callable[[str, str], Coroutine[Any, Any, Identity]]
"""Whom a token or API key names, shown from an address. Raises Unauthenticated, RateLimited,
Unavailable.
"""


class SendCommand(Protocol):
    """Has a command carried out."""

    def __call__(
        self, name: str, args: Json, *, key: str | None, caller: Caller, address: str
    ) -> Coroutine[Any, Any, dict[str, Json]]:
        """The view it is answered with. Raises BacklineError with what it was refused with."""
        ...


class Connection(Protocol):
    """A live connection, of whatever transport."""

    def look(self, now: float) -> None:
        """Time has passed: see whether the other side is still there."""
        ...

    def drain(self) -> None:
        """The gateway stops: tell the other side to come back elsewhere."""
        ...


class Holder(Protocol):
    """Whoever shows something to somebody in the name of a token."""

    def on_revoked(self) -> None:
        """The token is not good any more."""
        ...


class LiveServer:
    """Accepts live connections until it drains."""

    def __init__(
        self,
        *,
        hub: LiveHub,
        questions: Questions,
        verify: Verify,
        send: SendCommand,
        clock: Clock,
        path: str,
        origins: Collection[str] = (),
        limits: Limits | None = None,
        proxies: int = 0,
    ) -> None:
        """Serves after `run` has begun.

        path     where WebSockets are opened
        origins  of pages that may connect, beside those of the gateway itself; `*` for any
        proxies  of our own, in front of us
        """
        self.hub = hub
        self.questions = questions
        self.verify = verify
        self.send = send
        self.clock = clock
        self.path = path
        self.proxies = proxies
        self.origins = frozenset(origins)
        self.limits = limits or Limits()
        self._connections: set[Connection] = set()
        self._holders: dict[str, dict[Holder, Identity]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_draining = False
        self._context = copy_context()

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Keep live queries true and look after connections, until cancelled."""
        self._context = copy_context()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._look_after_connections())
                tasks.create_task(self.hub.run(on_ready))
        finally:
            for task in self._tasks:
                task.cancel()

    async def drain(self) -> None:
        """Accept no more connections, and tell those there are to come back elsewhere."""
        self._is_draining = True
        await self._in_turns(lambda connection: connection.drain())

    # ------------------------------------------------------------------------------ connections

    def admit(self, connection: Connection) -> None:
        """Count a connection in. Raises Draining, Full."""
        if self._is_draining:
            raise Draining(retry_after_seconds=1)
        if len(self._connections) >= self.limits.connections_max:
            raise Full(retry_after_seconds=5)
        self._connections.add(connection)

    def leave(self, connection: Connection) -> None:
        """Count it out. May be repeated."""
        self._connections.discard(connection)

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._connections)

    # ------------------------------------------------------------------------------ tokens

    def hold(self, holder: Holder, identity: Identity) -> None:
        """From now on, tell a holder when its token is revoked; in place of any other it had."""
        for user_id in _about(identity):
            self._holders.setdefault(user_id, {})[holder] = identity

    def release(self, holder: Holder, identity: Identity) -> None:
        """Its token does not matter any more."""
        for user_id in _about(identity):
            holders = self._holders.get(user_id)
            if holders is not None:
                holders.pop(holder, None)
                if not holders:
                    del self._holders[user_id]

    def recheck(self, user_ids: Iterable[str], is_good: Callable[[Any], bool]) -> None:
        """Something was taken from these users: tell all whose tokens are not good any more."""
        for user_id in user_ids:
            for holder, identity in list(self._holders.get(user_id, {}).items()):
                if not is_good(identity):
                    holder.on_revoked()

    # ------------------------------------------------------------------------------ work

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do some work of a connection; what can be done without waiting is done at once.

        It is done for the service that `run` runs for, which a transport knows nothing of.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.Task(work, loop=loop, eager_start=True, context=self._context.copy())
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look_after_connections(self) -> None:
        """Look at each connection once every `ping_seconds`, not at all of them at once."""
        loop = asyncio.get_running_loop()
        while True:
            connections = list(self._connections)
            step = -(-len(connections) // LOOK_STEPS) or 1
            for number in range(LOOK_STEPS):
                await asyncio.sleep(self.limits.ping_seconds / LOOK_STEPS)
                for connection in connections[number * step : (number + 1) * step]:
                    if connection in self._connections:
                        connection.look(loop.time())

    async def _in_turns(self, act: Callable[[Connection], None]) -> None:
        connections = list(self._connections)
        for start in range(0, len(connections), CONNECTIONS_PER_TURN):
            for connection in connections[start : start + CONNECTIONS_PER_TURN]:
                act(connection)
            await asyncio.sleep(0)


def _about(identity: Identity) -> tuple[str, ...]:
    """The users whose standing a token rests on."""
    caller = identity.caller
    return (caller.user_id, caller.impersonator) if caller.impersonator else (caller.user_id,)
