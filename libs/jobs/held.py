"""What a worker holds: tasks that were handed out ahead of their time, or that it has no place for.

Tasks whose times are close together begin together, so that the scheduler can record their
beginnings in one commit. What is due and finds no place within a moment is handed back: another
worker may have one.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Never

import orjson

from libs.eventlog.work import Piece
from libs.kernel.clock import Clock
from libs.kernel.errors import Unavailable
from libs.telemetry.names import TRACEPARENT

HELD_MAX: Final = 4096
TOGETHER_SECONDS: Final = 0.05
"""Times within the same twentieth of a second are taken for one: the end of it."""
PATIENCE_SECONDS: Final = 0.5
HAND_BACK_SECONDS: Final = 2.0
KEEP_SECONDS: Final = 2.5

Key = tuple[str, int]
"""An attempt: (run, number)."""

logger = logging.getLogger(__name__)


class Page:
    """What a worker was given at once: some tasks, acknowledged together once each is seen to."""

    def __init__(self, piece: Piece) -> None:
        self._piece = piece
        notes = orjson.loads(piece.body)
        if isinstance(notes, dict):  # Handed out alone, as all were at first.
            notes = [{"trace": piece.headers.get(TRACEPARENT, ""), **notes}]
        self.tasks = [_task(note, self) for note in notes]
        self._open = len(self.tasks)
        self._is_left = False
        self._kept_at = asyncio.get_running_loop().time()

    async def settle(self) -> None:
        """One of its tasks is seen to: it has begun, or is not ours to begin."""
        self._open -= 1
        if self._open or self._is_left:
            return
        try:
            await self._piece.acknowledge()
        except Unavailable as error:  # Then it comes again, and none of it is ours to begin.
            logger.warning("Work was not acknowledged.", extra={"detail": str(error)})

    @property
    def is_open(self) -> bool:
        """Whether some of its tasks are to be seen to here."""
        return self._open > 0 and not self._is_left

    async def keep(self) -> None:
        """See to it that it does not come again while we have it."""
        now = asyncio.get_running_loop().time()
        if now - self._kept_at < KEEP_SECONDS:
            return
        self._kept_at = now
        try:
            await self._piece.keep()
        except Unavailable as error:  # Then it comes again, and is refused or begins elsewhere.
            logger.warning("Work was not kept.", extra={"detail": str(error)})

    def leave(self) -> None:
        """One of its tasks is not seen to here: the page is to come again."""
        self._is_left = True

    async def hand_back(self) -> None:
        """Have it come again at once, here or elsewhere. What has begun of it refuses to."""
        if self._is_left:
            return
        self._is_left = True
        try:
            await self._piece.hand_back()
        except Unavailable as error:  # Then it comes again by itself, a little later.
            logger.warning("Work was not handed back.", extra={"detail": str(error)})


@dataclass(frozen=True, slots=True)
class Task:
    """An attempt that a worker may begin.

    at     its time, in seconds since 1970
    trace  the `traceparent` of what handed it out, or nothing
    page   with which it came
    """

    key: Key
    job: str
    at: float
    trace: str
    page: Page


def _task(note: dict[str, Any], page: Page) -> Task:
    at = datetime.fromisoformat(note["at"]).timestamp() if "at" in note else 0.0
    return Task((note["run_id"], note["attempt"]), note["job"], at, note.get("trace", ""), page)


class Held:
    """The tasks that a worker holds."""

    def __init__(self, clock: Clock, has_place: Callable[[], bool]) -> None:
        """`has_place` says whether one more attempt may begin now."""
        self._clock = clock
        self._has_place = has_place
        self._ahead: dict[int, list[Task]] = {}  # By the number of their twentieth of a second.
        self._due: deque[tuple[float, Task]] = deque()  # With the time until which they wait.
        self._keys: set[Key] = set()
        self._woken = asyncio.Event()

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def due(self) -> int:
        """How many of them have no place."""
        return len(self._due)

    def put(self, task: Task) -> None:
        """Hold a task until it may begin. One that is held already was handed out again."""
        if task.key in self._keys:
            task.page.leave()
            return
        self._keys.add(task.key)
        if task.at <= self._now():
            self._fall_due([task])
        else:
            self._ahead.setdefault(math.ceil(task.at / TOGETHER_SECONDS), []).append(task)
        self.look()

    def look(self) -> None:
        """There may be a place for what is due."""
        self._woken.set()

    async def run(self, begin: Callable[[Task], None]) -> Never:
        """Begin what is due while there are places for it. When cancelled, hand everything back.

        begin   takes a task, and with it a place
        """
        try:
            while True:
                self._woken.clear()
                self._take_turn(begin)
                await self._hand_back_overdue()
                await self._wait()
        finally:
            left = [task for tasks in self._ahead.values() for task in tasks]
            left += [task for _, task in self._due]
            try:
                async with asyncio.timeout(HAND_BACK_SECONDS):
                    for task in left:
                        await task.page.hand_back()
            except TimeoutError:
                logger.warning("Work could not be handed back; it comes again by itself.")

    def _take_turn(self, begin: Callable[[Task], None]) -> None:
        now = self._now()
        for number in [each for each in self._ahead if each * TOGETHER_SECONDS <= now]:
            self._fall_due(self._ahead.pop(number))
        while self._due and self._has_place():
            _, task = self._due.popleft()
            self._keys.discard(task.key)
            begin(task)

    def _fall_due(self, tasks: list[Task]) -> None:
        until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        self._due.extend((until, task) for task in tasks)

    async def _hand_back_overdue(self) -> None:
        while self._due and self._due[0][0] <= asyncio.get_running_loop().time():
            _, task = self._due.popleft()
            self._keys.discard(task.key)
            await task.page.hand_back()

    async def _wait(self) -> None:
        """Until a task falls due, has waited for long enough, or somebody has us look."""
        seconds = [number * TOGETHER_SECONDS - self._now() for number in self._ahead]
        if self._due:
            seconds.append(self._due[0][0] - asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(max(0.0, min(seconds)) if seconds else None):
                await self._woken.wait()
        except TimeoutError:
            pass

    def _now(self) -> float:
        return self._clock().timestamp()
