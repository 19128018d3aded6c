"""Users as the log has them at this moment: no read model says who may sign in."""

from typing import Any, Final

from libs.eventlog import EventLog
from libs.eventlog.states import States
from libs.kernel.decider import Decider
from libs.owner.names import look_up
from services.auth.domain.state import User

NOBODY: Final = "nobody"


class Users:
    """Reads streams of auth."""

    def __init__(self, log: EventLog, decider: Decider[Any, Any, User]) -> None:
        self._log = log
        self._decider = decider
        self._states = States(log, decider)

    async def of_name(self, name: str) -> User | None:
        """The user an address or another way in belongs to. raises   Unavailable"""
        assert self._decider.claims is not None
        standing = await look_up(self._log, self._decider.claims, name)
        user = await self.get(standing.holder or NOBODY)  # As long for nobody as for somebody.
        return None if standing.holder is None else user

    async def of_username(self, username_name: str) -> User | None:
        """The user who is known by a username now: not who had it once. raises   Unavailable"""
        user = await self.of_name(username_name)
        return user if user is not None and user.username_name == username_name else None

    async def get(self, user_id: str) -> User:
        """A user; of nobody, the state of nobody. raises   Unavailable"""
        return await self._states.get(user_id)

    async def is_mail_done(self, mail_id: str) -> bool:
        history = await self._log.load("mail", mail_id)
        return bool(history.commits)
