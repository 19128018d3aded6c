"""The asking side of the bus.

Commands for one slot that are sent while an earlier message is under way travel together in the
next one, so batching grows with load and an idle system does not wait. A command is sent again,
with the same id, until it is answered or its deadline passes: the owner knows it by its id, so it
is never counted twice.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

from libs.bus.wire import OWNER_MOVED, command_item, command_subject, query_subject
from libs.eventlog.protocol import Watching
from libs.kernel.errors import Invalid, NotFound, RemoteProblem, TooLarge, Unavailable
from libs.kernel.ids import new_id
from libs.kernel.messages import Caller, Command, Query, registry
from libs.kernel.slots import slot_of

COMMAND_DEADLINE_SECONDS = 10.0
ATTEMPT_SECONDS = (1.0, 1.0, 1.0, 2.0, 4.0)
"""How long to wait for an answer before asking again; the last one holds for all later attempts. A
message may have gone to an owner that is suspended, or down with the server: that is soon asked
again. An owner that only takes its time is asked less often.
"""
QUERY_DEADLINE_SECONDS = 5.0
RETRY_PAUSE_SECONDS = 0.05
ITEMS_PER_MESSAGE_MAX = 2000
MESSAGE_BYTES_MAX = 4 * 1024 * 1024
COMMAND_BYTES_MAX = 1024 * 1024
MESSAGES_IN_FLIGHT_MAX = 2
CALLS_WAITING_MAX = 20_000
"""For one slot, beyond what is under way."""

logger = logging.getLogger(__name__)


class CommandTooLarge(TooLarge):
    code = "command-too-large"
    title = "A command of this size cannot be carried out."


class TooManyWaiting(Unavailable):
    code = "too-many-waiting"
    title = "More commands are waiting to be sent than we can hold; try again shortly."


class NobodyAnswers(Unavailable):
    code = "nobody-answers"
    title = "The service did not answer in time; the request may or may not have been carried out."


@dataclass(slots=True)
class Answer:
    """The answer to a query, true at `position` of the log whose epoch is named."""

    position: int
    epoch: str
    result: dict[str, Any]


@dataclass(slots=True)
class _Call:
    item: bytes
    future: asyncio.Future[dict[str, Any]]
    deadline: float


class Bus:
    """One connection's way to every service."""

    def __init__(self, connection: Client) -> None:
        self.connection = connection
        self._slots: dict[tuple[str, int], _Slot] = {}

    async def send(
        self,
        command: Command[Any],
        *,
        caller: Caller,
        command_id: str | None = None,
        traceparent: str | None = None,
        correlation: str | None = None,
    ) -> dict[str, Any]:
        """Send a command and await its answer: the view it is answered with, as a dict.

        command_id   the same for a retry; drawn when None
        correlation  the correlation id of what set it off; its own id when None
        raises       what the owner refused it with (RemoteProblem); Unavailable when nobody
                     answered before the deadline: the command may then have been carried out all
                     the same
        """
        spec = registry.command_of[type(command)]
        args = orjson.loads(orjson.dumps(command))
        return await self.send_raw(
            spec.name,
            args,
            caller=caller,
            command_id=command_id,
            traceparent=traceparent,
            correlation=correlation,
        )

    async def send_raw(
        self,
        name: str,
        args: dict[str, Any],
        *,
        caller: Caller,
        command_id: str | None = None,
        traceparent: str | None = None,
        correlation: str | None = None,
    ) -> dict[str, Any]:
        """Send a command by its name; `args` are its fields as JSON values. Otherwise as `send`."""
        spec = registry.commands.get(name)
        if spec is None:
            raise NotFound(f"there is no command {name}")
        command_id = command_id or new_id()
        key = spec.aggregate_id(args, caller.user_id, command_id)
        if not isinstance(key, str) or not key:
            raise Invalid(f"{spec.key} is missing")
        item = command_item(
            name,
            args,
            command_id=command_id,
            actor=caller.user_id,
            roles=caller.roles,
            trace=traceparent,
            correlation=correlation,
            impersonator=caller.impersonator,
        )
        encoded = orjson.dumps(item)
        if len(encoded) > COMMAND_BYTES_MAX:
            raise CommandTooLarge(f"{len(encoded)} bytes")
        loop = asyncio.get_running_loop()
        call = _Call(encoded, loop.create_future(), loop.time() + COMMAND_DEADLINE_SECONDS)
        self._slot(spec.service, slot_of(key)).add(call)
        return await call.future

    def _slot(self, service: str, slot: int) -> "_Slot":
        found = self._slots.get((service, slot))
        if found is None:
            found = _Slot(self.connection, command_subject(service, slot))
            self._slots[service, slot] = found
        return found

    async def ask(self, query: Query[Any], *, caller: Caller, after: int | None = None) -> Answer:
        """Ask a query.

        after   a position its answer must include (read your own writes)
        raises  what it was refused with (RemoteProblem); Unavailable
        """
        spec = registry.query_of[type(query)]
        args = orjson.loads(orjson.dumps(query))
        return await self.ask_raw(spec.name, args, caller=caller, after=after)

    async def ask_raw(
        self, name: str, args: dict[str, Any], *, caller: Caller, after: int | None = None
    ) -> Answer:
        """Ask a query by its name; `args` are its fields as JSON values. Otherwise as `ask`."""
        if name not in registry.queries:
            raise NotFound(f"there is no query {name}")
        body = {"args": args, "actor": caller.user_id, "roles": caller.roles, "after": after}
        reply = orjson.loads(await self._request_query(query_subject(name), orjson.dumps(body)))
        if "problem" in reply:
            raise RemoteProblem(reply["problem"])
        return Answer(reply["position"], reply["epoch"], reply["result"])

    async def _request_query(self, subject: str, payload: bytes) -> bytes:
        """Ask until somebody answers or it is too late: to ask twice does no harm."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + QUERY_DEADLINE_SECONDS
        while True:
            try:
                async with Watching(self.connection):
                    remaining = max(0.05, deadline - loop.time())
                    reply = await self.connection.request(subject, payload, timeout=remaining)
            except (NatsError, TimeoutError):
                if loop.time() >= deadline or self.connection.is_closed:
                    raise NobodyAnswers(retry_after_seconds=1) from None
                await asyncio.sleep(RETRY_PAUSE_SECONDS)
            else:
                return reply.data


class _Slot:
    """The calls for one slot: those waiting, and the messages under way."""

    def __init__(self, connection: Client, subject: str) -> None:
        self._connection = connection
        self._subject = subject
        self._waiting: deque[_Call] = deque()
        self._in_flight = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._flush_is_due = False
        self._expiry: asyncio.TimerHandle | None = None

    def add(self, call: _Call) -> None:
        """Have a call sent. raises   TooManyWaiting"""
        if len(self._waiting) >= CALLS_WAITING_MAX:
            raise TooManyWaiting(retry_after_seconds=0.5)
        self._waiting.append(call)
        loop = asyncio.get_running_loop()
        if self._in_flight >= MESSAGES_IN_FLIGHT_MAX:
            if self._expiry is None:
                self._expiry = loop.call_at(call.deadline, self._expire)
        elif not self._flush_is_due:
            self._flush_is_due = True
            loop.call_soon(self._flush)

    def _expire(self) -> None:
        """Tell those who have waited for too long. The first one waiting is the first to expire."""
        self._expiry = None
        now = asyncio.get_running_loop().time()
        while self._waiting and (call := self._waiting[0]).deadline <= now:
            self._waiting.popleft()
            _give_up(call)
        if self._waiting:
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_at(self._waiting[0].deadline, self._expire)

    def _flush(self) -> None:
        self._flush_is_due = False
        while self._waiting and self._in_flight < MESSAGES_IN_FLIGHT_MAX:
            calls = self._next_message()
            self._in_flight += 1
            task = asyncio.get_running_loop().create_task(self._deliver(calls))
            self._tasks.add(task)
            task.add_done_callback(self._on_delivered)

    def _next_message(self) -> list[_Call]:
        """As many of those waiting as fit into one message."""
        calls: list[_Call] = []
        size = 0
        while self._waiting and len(calls) < ITEMS_PER_MESSAGE_MAX:
            size += len(self._waiting[0].item) + 1
            if size > MESSAGE_BYTES_MAX:
                break
            calls.append(self._waiting.popleft())
        return calls

    def _on_delivered(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._in_flight -= 1
        self._flush()

    async def _deliver(self, calls: list[_Call]) -> None:
        """Send calls until every one is answered or out of time."""
        silences = 0
        try:
            while calls := _drop_late(calls):
                seconds = ATTEMPT_SECONDS[min(silences, len(ATTEMPT_SECONDS) - 1)]
                calls, was_silent = await self._attempt(calls, seconds)
                silences += was_silent
                if calls:
                    await asyncio.sleep(RETRY_PAUSE_SECONDS)
        except Exception:
            logger.exception("An answer cannot be read.", extra={"subject": self._subject})
        finally:
            for call in calls:
                _give_up(call)

    async def _attempt(
        self, calls: list[_Call], timeout_seconds: float
    ) -> tuple[list[_Call], bool]:
        """Send once; returns the calls to send again, and whether that is for want of an answer."""
        payload = b"[%s]" % b",".join([call.item for call in calls])
        left = calls[-1].deadline - asyncio.get_running_loop().time()
        try:
            async with Watching(self._connection):
                reply = await self._connection.request(
                    self._subject, payload, timeout=min(timeout_seconds, max(left, 0.01))
                )
        except (NatsTimeoutError, TimeoutError):
            return calls, True
        except NatsError:
            return calls, False
        again = []
        for call, answer in zip(calls, orjson.loads(reply.data), strict=True):
            problem = answer.get("problem")
            if problem is not None and problem["code"] == OWNER_MOVED:
                again.append(call)
            elif call.future.done():
                continue  # The caller has gone away.
            elif problem is not None:
                call.future.set_exception(RemoteProblem(problem))
            else:
                call.future.set_result(answer["answer"])
        return again, False


def _give_up(call: _Call) -> None:
    if not call.future.done():
        call.future.set_exception(NobodyAnswers(retry_after_seconds=1))


def _drop_late(calls: list[_Call]) -> list[_Call]:
    """Those whose callers still wait and have time; who is out of time is told."""
    now = asyncio.get_running_loop().time()
    kept = []
    for call in calls:
        if now >= call.deadline:
            _give_up(call)
        elif not call.future.done():
            kept.append(call)
    return kept
