"""Acting as somebody else: whether it may be, and the token for it."""

from datetime import datetime
from typing import Any

from contracts.auth import UserRole, UserUnknown
from contracts.auth_acts import ImpersonateUser, ImpersonationOver, ImpersonationRefused
from libs.kernel.messages import Origin
from libs.owner import Completer, Resolver
from services.auth.adapters.entry import Entry
from services.auth.adapters.tokens import Tokens
from services.auth.domain.state import User


class Impersonations:
    """What is looked up and shown around the rules of impersonation."""

    def __init__(self, *, entry: Entry, tokens: Tokens) -> None:
        self._entry = entry
        self._users = entry.users
        self._tokens = tokens

    def resolvers(self) -> dict[type, Resolver]:
        """Each by the command it is for."""
        return {ImpersonateUser: self.begin}

    def completers(self) -> dict[type, Completer]:
        """What answers to give more, by the command they are for."""
        return {ImpersonateUser: self.complete}

    async def begin(self, command: ImpersonateUser, origin: Origin) -> ImpersonateUser:
        """The same command. raises   ConfirmationNeeded; as `_member`"""
        self._entry.confirmed(origin, command.confirmation)
        await self._member(command.user_id)
        return command

    async def complete(
        self, _command: object, begun: dict[str, Any], origin: Origin
    ) -> dict[str, Any]:
        """Add the token, unless the user has become something else since, or it is over.

        raises   UserUnknown, ImpersonationRefused, ImpersonationOver
        """
        until = datetime.fromisoformat(begun["until"])
        if begun["is_over"] or until <= origin.at:
            raise ImpersonationOver
        user = await self._member(begun["user_id"])
        made = self._tokens.narrowed(
            user,
            at=origin.at,
            until=until,
            session_id=begun["session_id"],
            impersonator=begun["actor"],
        )
        return {
            "user_id": user.user_id,
            "kind": made.admitted.kind,
            "display_name": user.display_name,
            "roles": made.admitted.roles,
            "token": made.token,
            "expires_at": made.expires_at,
            "session_id": begun["session_id"],
            "impersonated_by": begun["actor"],
            "position": begun["position"],
        }

    async def _member(self, user_id: str) -> User:
        """A user who may be acted as. raises   UserUnknown, ImpersonationRefused"""
        user = await self._users.get(user_id)
        if user.kind is None or user.is_erased:
            raise UserUnknown
        if user.role is not UserRole.MEMBER or user.is_banned:
            raise ImpersonationRefused
        return user
