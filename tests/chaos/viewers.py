"""Those who watch: each holds what its live queries told it, and whether that was ever untrue.

A viewer does what docs/live-protocol.md asks of a client: it applies every change, keeps the newest
cursor, and comes back with it, at any gateway, when its connection is lost.
"""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import jsonpatch
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.chaos.doors import CONNECT_SECONDS_MAX, PASSING, RECONNECT_SECONDS, live_url

TALLY = "voting.get-tally"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was on a screen, from a moment (of the monotonic clock) on."""

    at: float
    position: int
    result: Any


@dataclass(slots=True)
class Screen:
    """One live query as one viewer has it.

    frames    since the last look at them
    problems  frames that cannot be, in words
    """

    query: str
    args: Mapping[str, str]
    result: Any = None
    position: int = -1
    cursor: str | None = None
    frames: list[Seen] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    resumed: int = 0
    is_first_frame: bool = True

    def take(self, frame: dict[str, Any]) -> None:
        """Believe a frame, if it can be believed."""
        operation, position = frame["op"], frame["position"]
        if self.is_first_frame and operation not in {"result", "resumed"}:
            self.problems.append(f"the first frame is {operation}")
        self.is_first_frame = False
        match operation:
            case "result":
                self.result = frame["result"]
            case "resumed":
                self.resumed += 1
                if self.cursor is None:
                    self.problems.append("resumed without a cursor")
            case "change":
                if position <= self.position:
                    self.problems.append(f"a change from {self.position} back to {position}")
                patch = orjson.dumps(frame["patch"]).decode()
                self.result = jsonpatch.apply_patch(self.result, patch)
        self.position, self.cursor = position, frame["cursor"]
        self.frames.append(Seen(time.monotonic(), position, self.result))

    def take_frames(self) -> list[Seen]:
        """The frames since the last time."""
        taken, self.frames = self.frames, []
        return taken


class Viewer:
    """One connection, with several live queries on it."""

    def __init__(
        self,
        gateways: Sequence[str],
        screens: Sequence[Screen],
        chance: random.Random,
        token: str | None = None,
    ) -> None:
        """`token` says who watches, where that matters."""
        self.screens = screens
        self.reconnects = 0
        self._gateways = gateways
        self._chance = chance
        self._token = token
        self._later: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            address = live_url(self._chance.choice(self._gateways))
            try:
                async with connect(
                    address, compression=None, open_timeout=CONNECT_SECONDS_MAX
                ) as connection:
                    await self._watch(connection)
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
                self.reconnects += 1
            finally:
                for task in self._later:
                    task.cancel()
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _watch(self, connection: ClientConnection) -> None:
        if self._token is not None:
            await connection.send(orjson.dumps({"op": "auth", "token": self._token}), text=True)
            if orjson.loads(await connection.recv())["op"] != "ready":
                return
        for number in range(len(self.screens)):
            await self._subscribe(connection, number)
        async for message in connection:
            frame = orjson.loads(message)
            if frame["op"] in {"result", "change", "resumed"}:
                self.screens[frame["id"]].take(frame)
            elif frame["op"] == "error":
                self._on_error(connection, frame["id"], frame["problem"])

    def _on_error(self, connection: ClientConnection, number: int, problem: dict[str, Any]) -> None:
        """What may pass is asked again after the time we are told."""
        if problem["kind"] not in PASSING:
            self.screens[number].problems.append(f"told {problem}")
        pause = float(problem.get("retry_after", 1.0))
        task = asyncio.create_task(self._subscribe_later(connection, number, pause))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _subscribe_later(
        self, connection: ClientConnection, number: int, pause_seconds: float
    ) -> None:
        await asyncio.sleep(pause_seconds)
        with suppress(ConnectionClosed):
            await self._subscribe(connection, number)

    async def _subscribe(self, connection: ClientConnection, number: int) -> None:
        screen = self.screens[number]
        screen.is_first_frame = True
        frame = {
            "op": "subscribe",
            "id": number,
            "query": screen.query,
            "args": screen.args,
            "cursor": screen.cursor,
        }
        await connection.send(orjson.dumps(frame), text=True)
