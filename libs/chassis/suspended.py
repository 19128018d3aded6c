"""Who is suspended, as every service that decides needs to know: kept from the log of `auth`.

suspended = SuspendedUsers(UserSuspended, UserReinstated)
owner = Owner(…, suspended=suspended)
async with asyncio.TaskGroup() as tasks:
    tasks.create_task(suspended.follow(await runtime.log("auth")))
    await suspended.known()
    await owner.run(…)
"""

from libs.eventlog.mirror import Mirror
from libs.kernel.messages import Event
from libs.kernel.recorded import Recorded


class SuspendedUsers(Mirror):
    """A set of user ids that follows the log, a moment behind it."""

    def __init__(self, suspended: type[Event], reinstated: type[Event]) -> None:
        """The two kinds of event; each names a user in its field `user_id`."""
        super().__init__("user", (suspended, reinstated))
        self._kind = suspended
        self._suspended: set[str] = set()

    def __contains__(self, user_id: object) -> bool:
        return user_id in self._suspended

    def __len__(self) -> int:
        return len(self._suspended)

    def apply(self, recorded: Recorded) -> None:
        """See `Mirror.apply`."""
        user_id: str = getattr(recorded.data, "user_id")  # noqa: B009  # Of a class we are only given.
        if isinstance(recorded.data, self._kind):
            self._suspended.add(user_id)
        else:
            self._suspended.discard(user_id)
