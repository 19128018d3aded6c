"""The audience: guests who sign in, viewers who watch, voters who vote, over HTTP and WebSocket.

Voters share a bounded number of connections, each taking its turn under its own name, as a phone
does that signs in and votes. A vote is sent again, with the same key, until it is answered: that is
what a client must do, and what the proof at the end relies on.
"""

import asyncio
import random  # noqa: TID251  # A crowd is not a domain.
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from libs.kernel.ids import new_id
from services.voting.cli.figures import Figures
from services.voting.cli.watching import Viewers

HTTP_CONNECTIONS = 32
SOCKETS = 32
ANSWER_SECONDS_MAX = 15.0
ATTEMPTS_MAX = 40
RETRY_PAUSE_SECONDS = 0.25
SETTLE_SECONDS_MAX = 15.0


class CrowdFailed(Exception):
    """The crowd could not play; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the crowd is to do. Rates in votes a second, shares from 0 to 1."""

    gateway: str
    show_id: str
    voters: int
    rate: float
    viewers: int
    repeat_share: float
    http_share: float

    @property
    def live_url(self) -> str:
        return self.gateway.replace("http", "ws", 1) + "/v1/live"


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody with a session."""

    user_id: str
    token: str


@dataclass(frozen=True, slots=True)
class Ballot:
    """What can be voted for."""

    song_ids: list[str]


class Audience:
    """Plays one crowd."""

    def __init__(self, plan: Plan, figures: Figures) -> None:
        self._plan = plan
        self._figures = figures
        self._chance = random.Random(plan.show_id)  # noqa: S311  # The same crowd every time.
        limits = httpx2.Limits(max_connections=HTTP_CONNECTIONS)
        self._http = httpx2.AsyncClient(
            base_url=plan.gateway, limits=limits, timeout=ANSWER_SECONDS_MAX
        )
        self._sockets: asyncio.Queue[VotingSocket] = asyncio.Queue()
        self._viewers = Viewers(plan.live_url, plan.show_id, plan.viewers, figures)
        self._acknowledged: dict[str, str] = {}

    async def play(self) -> dict[str, str]:
        """Sign in, watch, vote, and wait until the viewers have seen it all.

        returns  the acknowledged votes: voter id -> vote id
        raises   CrowdFailed
        """
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._http)
            ballot = await self._ballot()
            guests = await self._sign_in()
            await stack.enter_async_context(self._viewers)
            for _ in range(min(SOCKETS, len(guests))):
                socket = await stack.enter_async_context(_socket(self._plan.live_url))
                self._sockets.put_nowait(socket)
            await self._vote(guests, ballot)
            await self._settle()
        self._figures.stage = "over"
        return self._acknowledged

    async def _ballot(self) -> Ballot:
        self._figures.stage = "looking at the ballot"
        answer = await self._get("/v1/voting/get-ballot", {"show_id": self._plan.show_id})
        if answer["status"] != "open":
            raise CrowdFailed(f"the ballot of this show is {answer['status']}, not open")
        return Ballot([song["song_id"] for song in answer["candidates"]])

    async def _get(self, path: str, parameters: dict[str, str]) -> dict[str, Any]:
        try:
            response = await self._http.get(path, params=parameters)
        except httpx2.TransportError as error:
            raise CrowdFailed(f"no gateway answers at {self._plan.gateway}: {error}") from None
        document: dict[str, Any] = orjson.loads(response.content)
        if response.status_code != httpx2.codes.OK:
            raise CrowdFailed(f"{path} answers {response.status_code}: {document.get('title')}")
        return document

    async def _sign_in(self) -> list[Guest]:
        self._figures.stage = "signing in"
        turns = asyncio.Semaphore(HTTP_CONNECTIONS)

        async def sign_in() -> Guest:
            async with turns:
                answer = await self._post("/v1/auth/start-guest-session", {}, new_id(), None)
                self._figures.signed_in += 1
                return Guest(answer["user_id"], answer["token"])

        async with asyncio.TaskGroup() as tasks:
            signing = [tasks.create_task(sign_in()) for _ in range(self._plan.voters)]
        return [task.result() for task in signing]

    async def _vote(self, guests: list[Guest], ballot: Ballot) -> None:
        """Send the votes at the planned rate, however long their answers take."""
        self._figures.stage = "voting"
        self._figures.began_at = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number, guest in enumerate(guests):
                due = self._figures.began_at + number / self._plan.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                song_id = self._choose(ballot.song_ids)
                tasks.create_task(self._cast(guest, song_id, new_id()))
        self._figures.ended_at = time.monotonic()

    def _choose(self, song_ids: list[str]) -> str:
        """Favourites come first: song number n is about n times less likely than the first."""
        rank = int(len(song_ids) ** self._chance.random()) - 1
        return song_ids[rank]

    async def _cast(self, guest: Guest, song_id: str, key: str) -> None:
        self._figures.sent += 1
        sent_at = time.monotonic()
        by_http = self._chance.random() < self._plan.http_share
        again = self._chance.random() < self._plan.repeat_share
        answer = await self._send(guest, song_id, key, by_http=by_http)
        if answer is None:
            return
        self._figures.on_acknowledged(time.monotonic() - sent_at)
        self._acknowledged[guest.user_id] = answer["vote_id"]
        self._viewers.expect(answer["position"], sent_at)
        if again:
            same_key = self._chance.random() < 0.5  # Half of them.
            await self._repeat(guest, song_id, key if same_key else new_id(), answer["vote_id"])

    async def _repeat(self, guest: Guest, song_id: str, key: str, vote_id: str) -> None:
        answer = await self._send(guest, song_id, key, by_http=False)
        if answer is None or answer["vote_id"] != vote_id:
            raise CrowdFailed(f"a repeated vote was answered with {answer}, not {vote_id}")
        self._figures.repeated += 1

    async def _send(
        self, guest: Guest, song_id: str, key: str, *, by_http: bool
    ) -> dict[str, Any] | None:
        """Send a vote, again and again under the same key until it is answered.

        returns  its receipt; None when it was refused
        raises   CrowdFailed when nobody answers any more
        """
        args = {"show_id": self._plan.show_id, "song_id": song_id}
        for _ in range(ATTEMPTS_MAX):
            try:
                if by_http:
                    return await self._post("/v1/voting/cast-vote", args, key, guest.token)
                return await self._send_by_socket(guest, args, key)
            except _TryAgain:
                self._figures.retried += 1
                await asyncio.sleep(RETRY_PAUSE_SECONDS)
            except _Refused:
                self._figures.refused += 1
                return None
        raise CrowdFailed("a vote was never answered")

    async def _post(
        self, path: str, body: dict[str, Any], key: str, token: str | None
    ) -> dict[str, Any]:
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            response = await self._http.post(path, content=orjson.dumps(body), headers=headers)
        except httpx2.TransportError as error:
            raise _TryAgain(str(error)) from None
        document: dict[str, Any] = orjson.loads(response.content)
        if response.status_code == httpx2.codes.OK:
            return document
        raise _problem(document)

    async def _send_by_socket(self, guest: Guest, args: dict[str, str], key: str) -> dict[str, Any]:
        socket = await self._sockets.get()
        try:
            return await socket.vote(guest.token, args, key)
        finally:
            self._sockets.put_nowait(socket)

    async def _settle(self) -> None:
        """Wait until every viewer has seen the last vote."""
        self._figures.stage = "waiting for the viewers"
        try:
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                await self._viewers.caught_up()
        except TimeoutError:
            raise CrowdFailed("some viewers never saw the last vote") from None


class _TryAgain(Exception):
    """No answer, or one that says: later."""


class _Refused(Exception):
    """A vote was refused for good."""


def _problem(document: dict[str, Any]) -> Exception:
    if document.get("kind") in {"unavailable", "rate-limited"} or document.get("status", 0) >= 500:
        return _TryAgain(document.get("code", ""))
    return _Refused(document.get("code", ""))


class VotingSocket:
    """A WebSocket that votes in the name of whoever has it; reconnects when it is lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: ClientConnection | None = None

    async def vote(self, token: str, args: dict[str, str], key: str) -> dict[str, Any]:
        """Sign in and vote. raises   _TryAgain, _Refused"""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                if self._connection is None:
                    self._connection = await connect(self._url, compression=None)
                return await self._exchange(self._connection, token, args, key)
        except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError) as error:
            await self.close()
            raise _TryAgain(str(error)) from None

    async def _exchange(
        self, connection: ClientConnection, token: str, args: dict[str, str], key: str
    ) -> dict[str, Any]:
        command = {
            "op": "command",
            "id": 1,
            "command": "voting.cast-vote",
            "args": args,
            "key": key,
        }
        await connection.send(orjson.dumps({"op": "auth", "token": token}), text=True)
        await connection.send(orjson.dumps(command), text=True)
        while True:
            frame = orjson.loads(await connection.recv())
            if frame["op"] == "reply":
                result: dict[str, Any] = frame["result"]
                return result
            if frame["op"] == "error":
                raise _problem(frame["problem"])

    async def close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


@asynccontextmanager
async def _socket(url: str) -> AsyncIterator[VotingSocket]:
    socket = VotingSocket(url)
    try:
        yield socket
    finally:
        await socket.close()
