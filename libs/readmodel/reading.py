"""Reading ahead: the next events are read and decoded while the last ones are being written.

What arrives while a transaction is under way waits here and goes into the next one, so that
transactions grow with the load, up to a bound; beyond it the log is read no further.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType
from typing import Self

from libs.eventlog import RecordedCommit

SILENCE_SECONDS_MAX = 1.0


class LogEnded(Exception):
    """A log is followed for ever; this one has stopped."""


class ReadAhead:
    """The batches of a followed log, taken together as far as they have arrived."""

    def __init__(self, batches: AsyncIterator[list[RecordedCommit]], *, events_max: int) -> None:
        """`events_max` events may wait, and one batch more; a commit without any counts as one."""
        self._batches = batches
        self._events_max = events_max
        self._waiting: list[RecordedCommit] = []
        self._count = 0
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def take(self) -> list[RecordedCommit]:
        """All that has arrived, oldest first; nothing when nothing came for a second.

        raises   what following the log raised; LogEnded
        """
        try:
            async with asyncio.timeout(SILENCE_SECONDS_MAX):
                await self._arrived.wait()
        except TimeoutError:
            return []
        if self._task is not None and self._task.done() and not self._waiting:
            self._task.result()
            raise LogEnded
        commits, self._waiting = self._waiting, []
        self._count = 0
        if self._task is not None and not self._task.done():
            self._arrived.clear()
        self._room.set()
        return commits

    async def _read(self) -> None:
        try:
            async for batch in self._batches:
                self._waiting += batch
                self._count += sum(max(1, len(commit.events)) for commit in batch)
                self._arrived.set()
                while self._count >= self._events_max:
                    self._room.clear()
                    await self._room.wait()
        finally:
            self._arrived.set()
            if isinstance(self._batches, AsyncGenerator):
                await self._batches.aclose()
