"""Who is suspended, as every service that decides needs to know: kept from the log of `auth`.

suspended = SuspendedUsers(UserSuspended, UserReinstated)
owner = Owner(…, suspended=suspended)
async with asyncio.TaskGroup() as tasks:
    tasks.create_task(suspended.follow(await runtime.log("auth")))
    await suspended.known()
    await owner.run(…)
"""

import asyncio
from typing import Final

from libs.eventlog import EventLog
from libs.kernel.messages import Event

KNOWN_SECONDS_MAX: Final = 60.0


class SuspendedUsers:
    """A set of user ids that follows the log, a moment behind it."""

    def __init__(self, suspended: type[Event], reinstated: type[Event]) -> None:
        """The two kinds of event; each names a user in its field `user_id`."""
        self._kinds = (suspended, reinstated)
        self._suspended: set[str] = set()
        self._caught_up = asyncio.Event()

    def __contains__(self, user_id: object) -> bool:
        return user_id in self._suspended

    def __len__(self) -> int:
        return len(self._suspended)

    async def known(self) -> None:
        """Return once the log has been read to its end. raises   TimeoutError"""
        async with asyncio.timeout(KNOWN_SECONDS_MAX):
            await self._caught_up.wait()

    async def follow(self, log: EventLog) -> None:
        """Read the log from its beginning and go on as it grows. Never ends."""
        async for commits in log.follow(after=0, aggregate="user", events=self._kinds):
            for commit in commits:
                for recorded in commit.events:
                    self._apply(recorded.data)
            if not commits:
                self._caught_up.set()

    def _apply(self, event: Event) -> None:
        suspended, _ = self._kinds
        user_id: str = getattr(event, "user_id")  # noqa: B009  # Of a class we are only given.
        if isinstance(event, suspended):
            self._suspended.add(user_id)
        else:
            self._suspended.discard(user_id)
