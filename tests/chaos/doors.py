"""Ways to cast a vote: over the bus, by HTTP, by WebSocket. Each tries once; who was told nothing
asks again with the same key, anywhere.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import httpx2
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from contracts.voting import CastVote
from libs.bus import Bus
from libs.chassis.tokens import Signer
from libs.kernel.clock import system_clock
from libs.kernel.errors import RemoteProblem, Unavailable
from libs.kernel.messages import Caller, Role

ANSWER_SECONDS_MAX = 4.0
CONNECT_SECONDS_MAX = 2.0
RECONNECT_SECONDS = 0.1
TOKEN_SECONDS = 24 * 3600.0
PASSING = frozenset({"unavailable", "rate-limited", "conflict"})
"""Kinds of problems that say nothing about what became of the vote."""


class Unanswered(Exception):
    """Nobody said what became of it."""


class Refused(Exception):
    """Somebody said no, to a vote that was in order."""


@dataclass(frozen=True, slots=True)
class Voter:
    """Somebody who may vote. `token` says so to a gateway."""

    voter_id: str
    token: str


class Door(Protocol):
    """A way in."""

    async def cast(self, voter: Voter, show_id: str, song_id: str, key: str) -> dict[str, Any]:
        """Send a vote once.

        returns  its receipt
        raises   Unanswered; Refused
        """
        ...


class BusDoor:
    """Straight to the owner, as the gateway does it."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def cast(self, voter: Voter, show_id: str, song_id: str, key: str) -> dict[str, Any]:
        vote = CastVote(show_id=show_id, song_id=song_id)
        caller = Caller(user_id=voter.voter_id, roles=(Role.MEMBER,))
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await self._bus.send(vote, caller=caller, command_id=key)
        except (Unavailable, TimeoutError) as error:
            raise Unanswered(str(error)) from None
        except RemoteProblem as error:
            raise _judge(error.document) from None


class HttpDoor:
    """By a gateway's HTTP API."""

    def __init__(self, client: httpx2.AsyncClient, address: str) -> None:
        self._client = client
        self._url = f"{address}/v1/voting/cast-vote"

    async def cast(self, voter: Voter, show_id: str, song_id: str, key: str) -> dict[str, Any]:
        headers = {
            "Authorization": f"Bearer {voter.token}",
            "Idempotency-Key": key,
            "Content-Type": "application/json",
        }
        body = orjson.dumps({"show_id": show_id, "song_id": song_id})
        try:
            response = await self._client.post(self._url, content=body, headers=headers)
            document: dict[str, Any] = orjson.loads(response.content)
        except (httpx2.TransportError, orjson.JSONDecodeError) as error:
            raise Unanswered(repr(error)) from None
        if response.status_code != httpx2.codes.OK:
            raise _judge(document)
        return document


class SocketDoor:
    """By one WebSocket that many voters share, each speaking in their own name."""

    def __init__(self, address: str) -> None:
        self._url = live_url(address)
        self._numbers = count(1)
        self._turn = asyncio.Lock()
        self._waiting: dict[int | None, asyncio.Future[dict[str, Any]]] = {}
        self._connection: ClientConnection | None = None

    async def cast(self, voter: Voter, show_id: str, song_id: str, key: str) -> dict[str, Any]:
        number = next(self._numbers)
        command = {
            "op": "command",
            "id": number,
            "command": "voting.cast-vote",
            "args": {"show_id": show_id, "song_id": song_id},
            "key": key,
        }
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                async with self._turn:
                    # Until it is said who we are now, a command would be the last voter's.
                    await self._ask(None, {"op": "auth", "token": voter.token})
                    answer = await self._send(number, command)
                frame = await answer
        except (ConnectionClosed, TimeoutError) as error:
            raise Unanswered(repr(error)) from None
        finally:
            self._waiting.pop(number, None)
        result: dict[str, Any] = _result_of(frame)["result"]
        return result

    async def _ask(self, number: int | None, frame: dict[str, Any]) -> None:
        try:
            _result_of(await (await self._send(number, frame)))
        finally:
            self._waiting.pop(number, None)

    async def _send(
        self, number: int | None, frame: dict[str, Any]
    ) -> "asyncio.Future[dict[str, Any]]":
        """Send a frame; its answer is the next with this number, `ready` having none."""
        if self._connection is None:
            raise Unanswered("not connected")
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._connection.send(orjson.dumps(frame), text=True)
        return answer

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            try:
                async with connect(
                    self._url, compression=None, open_timeout=CONNECT_SECONDS_MAX
                ) as connection:
                    self._connection = connection
                    async for message in connection:
                        self._take(orjson.loads(message))
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
                pass
            finally:
                self._connection = None
                for waiting in self._waiting.values():
                    if not waiting.done():
                        waiting.set_exception(Unanswered("the connection was lost"))
            await asyncio.sleep(RECONNECT_SECONDS)

    def _take(self, frame: dict[str, Any]) -> None:
        waiting = self._waiting.get(frame.get("id"))
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)


def _result_of(frame: dict[str, Any]) -> dict[str, Any]:
    if frame["op"] == "error":
        raise _judge(frame["problem"])
    return frame


class Doors:
    """Several ways in, one of them chosen each time."""

    def __init__(self, doors: Sequence[Door], chance: random.Random, signer: Signer) -> None:
        self._doors = doors
        self._chance = chance
        self._signer = signer

    async def cast(self, voter: Voter, show_id: str, song_id: str, key: str) -> dict[str, Any]:
        """As `Door.cast`."""
        return await self._chance.choice(self._doors).cast(voter, show_id, song_id, key)

    def voter(self, voter_id: str) -> Voter:
        """Somebody new, whom every gateway knows by the installation's own signature."""
        roles, now = [Role.MEMBER.value], system_clock()
        token, _ = self._signer.sign(voter_id, roles, "guest", at=now, ttl_seconds=TOKEN_SECONDS)
        return Voter(voter_id, token)


@asynccontextmanager
async def doors_of(
    gateways: Sequence[str], bus: Bus, chance: random.Random, signer: Signer
) -> AsyncIterator[Doors]:
    """The doors of an installation: those of its gateways, or the bus when it has none."""
    if not gateways:
        yield Doors([BusDoor(bus)], chance, signer)
        return
    timeout = httpx2.Timeout(ANSWER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx2.AsyncClient(timeout=timeout))
        sockets = [SocketDoor(address) for address in gateways for _ in range(2)]
        running = [asyncio.create_task(socket.run()) for socket in sockets]
        try:
            yield Doors([*sockets, *(HttpDoor(client, each) for each in gateways)], chance, signer)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


def live_url(address: str) -> str:
    """Where a gateway's WebSocket is."""
    return address.replace("http", "ws", 1) + "/v1/live"


def _judge(problem: dict[str, Any]) -> Exception:
    text = f"{problem['code']}: {problem.get('detail')}"
    return Unanswered(text) if problem["kind"] in PASSING else Refused(text)
