"""A log in memory that fails as a real one does, when it is told to."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from libs.eventlog import Commit, MemoryLog, Revision, StreamHistory
from libs.eventlog.model import NEW_STREAM
from libs.kernel.errors import Conflict, Unavailable


class Fault(StrEnum):
    LOST = "lost"
    """The append never arrives, and nobody can tell."""
    UNANSWERED = "unanswered"
    """It lands, but nobody can tell."""
    LATE = "late"
    """Nobody can tell, and it lands later, if its revision is still the expected one then."""
    OVERTAKEN = "overtaken"
    """Somebody else writes first (see `FaultyLog.foreign`)."""


@dataclass
class FaultyLog(MemoryLog):
    """Each fault strikes the next append, once.

    foreign   makes what somebody else writes before an append that is OVERTAKEN
    open      cleared while appends must wait; reading goes on
    loadable  cleared while loads must wait, having read
    """

    faults: deque[Fault] = field(default_factory=deque)
    foreign: Callable[[Commit], Sequence[Commit]] = lambda _: ()
    late: list[Sequence[Commit]] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    loadable: asyncio.Event = field(default_factory=asyncio.Event)
    appends: int = 0

    def __post_init__(self) -> None:
        self.open.set()
        self.loadable.set()

    async def append(self, commits: Sequence[Commit]) -> list[Revision]:
        self.appends += 1
        await self.open.wait()
        fault = self.faults.popleft() if self.faults else None
        match fault:
            case Fault.LOST:
                raise Unavailable("lost")
            case Fault.UNANSWERED:
                await super().append(commits)
                raise Unavailable("unanswered")
            case Fault.LATE:
                self.late.append(commits)
                raise Unavailable("late")
            case Fault.OVERTAKEN:
                for commit in commits:
                    await super().append(self.foreign(commit))
        return await super().append(commits)

    async def load(
        self, aggregate: str, aggregate_id: str, after: Revision = NEW_STREAM
    ) -> StreamHistory:
        found = await super().load(aggregate, aggregate_id, after)
        await self.loadable.wait()
        return found

    async def land_late(self) -> None:
        """What is late arrives now."""
        late, self.late = self.late, []
        for commits in late:
            try:
                await super().append(commits)
            except Conflict:
                continue  # Its revision is no longer the expected one.
