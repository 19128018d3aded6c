"""The answering side of queries. (Commands are answered by `libs.owner`.)"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from pydantic import ValidationError

from libs.bus.client import Answer
from libs.bus.wire import query_subject
from libs.eventlog.protocol import reached
from libs.kernel.errors import BacklineError, Forbidden, Invalid, Unauthenticated, Unavailable
from libs.kernel.messages import Caller, Query, QuerySpec, registry

logger = logging.getLogger(__name__)

QUERIES_IN_FLIGHT_MAX = 512
NUL_IN_JSON = b"\\u0000"
"""Where it is not in a message, there is no NUL in it either."""
REACH_SECONDS = 2.0
PAUSE_SECONDS = 0.1

Handler = Callable[[Any, Caller, int | None], Awaitable[Answer]]
"""(query, caller, after) -> Answer. `after` is a position that the answer must include."""


async def serve_queries(
    connection: Client,
    handlers: Mapping[type[Query[Any]], Handler],
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Answer a service's queries until cancelled; `on_ready` is called once questions reach us.

    Readers of one service share the work: each question goes to one of them. Beyond
    QUERIES_IN_FLIGHT_MAX questions at once they are refused with Unavailable, at once.
    """
    server = _QueryServer()
    subscriptions = []
    async with asyncio.TaskGroup() as tasks:
        for cls, handler in handlers.items():
            spec = registry.query_of[cls]

            async def on_message(
                message: Msg, spec: QuerySpec = spec, handler: Handler = handler
            ) -> None:
                tasks.create_task(server.answer(message, spec, handler))

            subscriptions.append(
                await connection.subscribe(query_subject(spec.name), queue="readers", cb=on_message)
            )
        try:
            await _until_heard(connection)
            on_ready()
            await asyncio.get_running_loop().create_future()
        finally:
            for subscription in subscriptions:
                with suppress(NatsError):  # It went with its connection.
                    await subscription.unsubscribe()


async def _until_heard(connection: Client) -> None:
    """Return once the server has taken our subscriptions, however long it is away."""
    while not connection.is_closed:
        try:
            await reached(connection, timeout_seconds=REACH_SECONDS)
        except Unavailable:
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            return


class _QueryServer:
    def __init__(self) -> None:
        self._in_flight = 0

    async def answer(self, message: Msg, spec: QuerySpec, handler: Handler) -> None:
        self._in_flight += 1
        try:
            reply = await self._reply(message, spec, handler)
        finally:
            self._in_flight -= 1
        if message.reply:
            await _respond(message, spec, reply)

    async def _reply(self, message: Msg, spec: QuerySpec, handler: Handler) -> dict[str, Any]:
        try:
            if self._in_flight > QUERIES_IN_FLIGHT_MAX:
                raise Unavailable("too many questions at once", retry_after_seconds=0.5)
            answer = await self._ask(message, spec, handler)
        except BacklineError as error:
            return {"problem": error.problem()}
        except Exception:
            logger.exception("A query failed.", extra={"query": spec.name})
            return {"problem": BacklineError().problem()}
        return {"position": answer.position, "epoch": answer.epoch, "result": answer.result}

    async def _ask(self, message: Msg, spec: QuerySpec, handler: Handler) -> Answer:
        try:
            body = orjson.loads(message.data)
            args, after = body["args"], body["after"]
            if NUL_IN_JSON in message.data and not is_text_storable(args):
                raise TypeError
            caller = Caller(user_id=body["actor"], roles=tuple(body["roles"]))
            if not isinstance(after, int | None) or not isinstance(caller.user_id, str):
                raise TypeError
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Invalid("not a query, or holds the character NUL") from None
        if not spec.access.admits(caller):
            raise (Forbidden if caller.user_id else Unauthenticated)(f"{spec.name} is not for you")
        try:
            query = spec.adapter.validate_python(args)
        except ValidationError as error:
            raise Invalid(describe(error)) from None
        return await handler(query, caller, after)


async def _respond(message: Msg, spec: QuerySpec, reply: dict[str, Any]) -> None:
    """Send a reply. What goes wrong with one question is no harm to others."""
    try:
        await message.respond(orjson.dumps(reply, option=orjson.OPT_UTC_Z))
    except (TypeError, MaxPayloadError):
        logger.exception("An answer cannot be said.", extra={"query": spec.name})
        with suppress(NatsError):
            await message.respond(orjson.dumps({"problem": BacklineError().problem()}))
    except NatsError:
        logger.warning("An answer was lost; its caller will ask again.")


def is_text_storable(value: Any) -> bool:
    """Whether no text in a JSON value holds the character NUL.

    PostgreSQL has no place for it: one in an event would stop every projection that reads it.
    """
    match value:
        case str():
            return "\0" not in value
        case list():
            return all(map(is_text_storable, value))
        case dict():
            return all(
                is_text_storable(key) and is_text_storable(each) for key, each in value.items()
            )
        case _:
            return True


def describe(error: ValidationError) -> str:
    """What is wrong with the input, without repeating the input."""
    parts = []
    for item in error.errors(include_url=False, include_input=False, include_context=False)[:5]:
        where = ".".join(str(part) for part in item["loc"]) or "body"
        parts.append(f"{where}: {item['msg']}")
    return "; ".join(parts)
