"""What a service must know of a log at every moment, kept in memory.

class Suspended(Mirror):
    def apply(self, recorded: Recorded) -> None: ...

suspended = Suspended("user", (UserSuspended, UserReinstated))
async with asyncio.TaskGroup() as tasks:
    tasks.create_task(suspended.follow(log))
    await suspended.known()
    …
"""

import asyncio
from abc import ABC, abstractmethod
from typing import Final

from libs.eventlog.model import EventLog
from libs.kernel.messages import Event
from libs.kernel.recorded import Recorded

KNOWN_SECONDS_MAX: Final = 60.0


class Mirror(ABC):
    """A part of a log, a moment behind it."""

    def __init__(self, aggregate: str, events: tuple[type[Event], ...]) -> None:
        """Of streams of this aggregate these events count, and no others are read."""
        self._aggregate = aggregate
        self._events = events
        self._caught_up = asyncio.Event()

    @abstractmethod
    def apply(self, recorded: Recorded) -> None:
        """Take in one event."""

    async def known(self) -> None:
        """Return once the log has been read to its end. raises   TimeoutError"""
        async with asyncio.timeout(KNOWN_SECONDS_MAX):
            await self._caught_up.wait()

    async def follow(self, log: EventLog) -> None:
        """Read the log from its beginning and go on as it grows. Never ends."""
        async for commits in log.follow(after=0, aggregate=self._aggregate, events=self._events):
            for commit in commits:
                for recorded in commit.events:
                    self.apply(recorded)
            if not commits:
                self._caught_up.set()
