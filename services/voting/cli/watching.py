"""The viewers of a crowd: each watches the tally live, comes back after a lost connection with its
cursor, and applies every change, as a browser does.
"""

import asyncio
import time
from bisect import bisect_left
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from services.voting.cli.figures import Figures

MEASURED_VIEWERS_MAX = 20
CONNECTING_AT_ONCE = 50
RECONNECT_PAUSE_SECONDS = 0.25
START_SECONDS_MAX = 60.0


class Viewers:
    """Some viewers of one show."""

    def __init__(self, url: str, show_id: str, count: int, figures: Figures) -> None:
        self._url = url
        self._show_id = show_id
        self._figures = figures
        self._positions = [0] * count
        self._sights = [Sight() for _ in range(min(count, MEASURED_VIEWERS_MAX))]
        self._last_expected = 0
        self._connecting = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self._moved = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._figures.stage = "seating the viewers"
        self._tasks = [
            asyncio.create_task(self._watch(number)) for number in range(len(self._positions))
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS_MAX):
                await self._until(lambda: self._figures.watching >= len(self._positions))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def expect(self, position: int, sent_at: float) -> None:
        """A vote sent at a moment was recorded at a position: see when the viewers see it."""
        self._last_expected = max(self._last_expected, position)
        for sight in self._sights:
            sight.expect(position, sent_at)
            self._take_from(sight)

    async def caught_up(self) -> None:
        """Wait until every viewer has reached the position of the last vote."""
        last = self._last_expected
        await self._until(lambda: all(position >= last for position in self._positions))

    async def _until(self, condition: Any) -> None:
        while not condition():
            self._moved.clear()
            await self._moved.wait()

    async def _watch(self, number: int) -> None:
        cursor: str | None = None
        while True:
            try:
                cursor = await self._stay(number, cursor)
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
                self._figures.watching -= 1 if self._positions[number] else 0
                await asyncio.sleep(RECONNECT_PAUSE_SECONDS)

    async def _stay(self, number: int, cursor: str | None) -> str | None:
        subscribe = {
            "op": "subscribe",
            "id": 1,
            "query": "voting.get-tally",
            "args": {"show_id": self._show_id},
            "cursor": cursor,
        }
        async with self._connecting:
            connection = await connect(self._url, compression=None)
        async with connection:
            await connection.send(orjson.dumps(subscribe), text=True)
            counted = False
            async for message in connection:
                frame = orjson.loads(message)
                if frame["op"] not in {"result", "change", "resumed"}:
                    continue
                if not counted:
                    self._figures.watching += 1
                    counted = True
                cursor = frame["cursor"]
                self._on_frame(number, frame)
        return cursor

    def _on_frame(self, number: int, frame: dict[str, Any]) -> None:
        self._figures.frames += 1
        self._positions[number] = frame["position"]
        if number == 0 and frame["op"] == "result":
            self._figures.tally_total = frame["result"]["total"]
        elif number == 0 and frame["op"] == "change":
            for step in frame["patch"]:
                if step["path"] == "/total":
                    self._figures.tally_total = step["value"]
        if number < len(self._sights):
            self._sights[number].see(frame["position"], time.monotonic())
            self._take_from(self._sights[number])
        self._moved.set()

    def _take_from(self, sight: "Sight") -> None:
        for seconds in sight.measured:
            self._figures.to_viewer.add(seconds)
        sight.measured.clear()


class Sight:
    """What one viewer has seen when: from sending a vote to the frame that includes it.

    measured   durations in seconds, until they are taken
    """

    def __init__(self) -> None:
        self.measured: list[float] = []
        self._positions: list[int] = []
        self._times: list[float] = []
        self._expected: list[tuple[int, float]] = []

    def expect(self, position: int, sent_at: float) -> None:
        """A vote was recorded. Its frame may have come before its acknowledgement."""
        at = bisect_left(self._positions, position)
        if at < len(self._positions):
            self.measured.append(self._times[at] - sent_at)
        else:
            self._expected.append((position, sent_at))

    def see(self, position: int, at: float) -> None:
        """A frame came that is true at a position."""
        if self._positions and position <= self._positions[-1]:
            return
        self._positions.append(position)
        self._times.append(at)
        waiting = []
        for expected, sent_at in self._expected:
            if expected <= position:
                self.measured.append(at - sent_at)
            else:
                waiting.append((expected, sent_at))
        self._expected = waiting
