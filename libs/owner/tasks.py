"""The side tasks of an owner: kept, so that none is lost, and ended with it."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """Tasks that run beside the lane. Each deals with its own errors."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it, and keep it until it is done."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def end(self) -> None:
        """Cancel what is still running, and wait until it has ended."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
