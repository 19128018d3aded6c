"""Lanes: work of one key in order, work of different keys side by side."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Work = Callable[[], Awaitable[None]]


class Lanes:
    """Runs work in the tasks of a group, with a bound on what is unfinished.

    Work that raises ends the whole group: what can be coped with is coped with inside.
    """

    def __init__(self, tasks: asyncio.TaskGroup, work_max: int) -> None:
        self._tasks = tasks
        self._places = asyncio.Semaphore(work_max)
        self._lanes: dict[str, deque[Work]] = {}

    async def put(self, key: str, work: Work) -> None:
        """Queue work behind what its key has to do; waits while too much is unfinished."""
        await self._places.acquire()
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append(work)
            return
        self._lanes[key] = deque([work])
        self._tasks.create_task(self._run(key))

    async def _run(self, key: str) -> None:
        lane = self._lanes[key]
        while lane:
            await lane[0]()
            lane.popleft()
            self._places.release()
        del self._lanes[key]
