"""ASGI, as far as the chassis speaks it: its types, a whole response, a lifespan.

source    https://asgi.readthedocs.io/en/latest/specs/
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LIFESPAN_SECONDS: Final = 30.0

logger = structlog.get_logger(__name__)


class StartFailed(Exception):
    """An application refused to start."""


async def respond(
    send: Send,
    status: int,
    content_type: str,
    body: bytes,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    """Send a whole response."""
    length = str(len(body)).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", content_type.encode()),
                (b"content-length", length),
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def lifespan(application: Application) -> AsyncIterator[None]:
    """Start an application, run the block, and stop it.

    An application that does not know the protocol ends at once, by an error as a rule: that is
    logged, and it is served without.

    raises   StartFailed; TimeoutError when a step takes longer than LIFESPAN_SECONDS
    """
    asked: asyncio.Queue[Message] = asyncio.Queue()
    answered: asyncio.Queue[Message] = asyncio.Queue()
    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}}
    running = asyncio.ensure_future(application(scope, asked.get, answered.put))
    try:
        await _step("startup", asked, answered, running)
        yield
        await _step("shutdown", asked, answered, running)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _step(
    name: str,
    asked: asyncio.Queue[Message],
    answered: asyncio.Queue[Message],
    running: asyncio.Future[None],
) -> None:
    if running.done():
        return
    await asked.put({"type": f"lifespan.{name}"})
    answer = asyncio.ensure_future(answered.get())
    both: set[asyncio.Future[Any]] = {answer, running}
    try:
        async with asyncio.timeout(LIFESPAN_SECONDS):
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if answer.done() and answer.result()["type"] == f"lifespan.{name}.failed":
            raise StartFailed(answer.result().get("message", ""))
        if not answer.done():
            logger.info("An application knows no lifespan.", exc_info=running.exception())
    finally:
        answer.cancel()
