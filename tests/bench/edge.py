"""The edge as fans meet it: a gateway, all that stands behind it, and fans who vote through it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from libs.chassis.tokens import Signer
from libs.kernel.clock import system_clock
from libs.kernel.ids import new_id
from libs.stack.readiness import answers_ok
from libs.testkit.waiting import eventually
from tests.bench.bus import open_ballots
from tests.bench.stack import BenchStack, bench_stack

EDGE = (
    ("voting.owner", ("voting.owner",)),
    ("readers", ("voting.projections", "voting.queries", "catalog", "auth")),
    ("gateway", ("gateway",)),
)


@asynccontextmanager
async def edge(shows: int, **settings: str) -> AsyncIterator[tuple[BenchStack, list[str]]]:
    """Everything between a fan and the log, with open ballots that can be watched."""
    names = [f"show_{number}" for number in range(shows)]
    async with bench_stack(EDGE, with_database=True, settings=settings) as stack:
        wire = await stack.wire("gateway")
        await open_ballots(wire, names)
        wire.close()
        tally = f"{stack.gateway}/v1/voting/get-tally?show_id="
        for show in names:
            await eventually(partial(asyncio.to_thread, answers_ok, tally + show))
        yield stack, names


def tokens_of(stack: BenchStack, count: int) -> list[str]:
    """Tokens of as many members, signed as auth signs them."""
    secret = Path(stack.directory, "secrets", "auth.signing").read_text()
    signer = Signer.from_secret(secret)
    now = system_clock()
    return [
        signer.sign(new_id("usr_"), ("member",), "guest", at=now, ttl_seconds=3600)[0]
        for _ in range(count)
    ]


def _request(token: str, show: str, song: str) -> bytes:
    body = orjson.dumps({"show_id": show, "song_id": song})
    return (
        b"POST /v1/voting/cast-vote HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
    ) % (token.encode(), len(body), body)


class HttpVoter:
    """One fan on one kept connection."""

    def __init__(self, stack: BenchStack, token: str) -> None:
        self._port = stack.port
        self.token = token

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def vote(self, show: str, song: str) -> dict[str, Any]:
        """Vote, and await the receipt."""
        self._writer.write(_request(self.token, show, song))
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        body = await self._reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(body.decode())
        receipt: dict[str, Any] = orjson.loads(body)
        return receipt

    async def timed(self, show: str, song: str) -> float:
        """Vote; how many seconds it took."""
        sent_at = time.perf_counter()
        await self.vote(show, song)
        return time.perf_counter() - sent_at

    def close(self) -> None:
        self._writer.close()
