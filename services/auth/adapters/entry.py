"""Entry: what every way in ends with, and every dangerous step begins with."""

from datetime import datetime
from typing import Any, Final

from contracts.auth import Banned
from contracts.auth_accounts import TooManyAttempts
from contracts.auth_private import OpenSession
from contracts.auth_profile_private import ReturnUser
from contracts.auth_sessions import RefreshRefused, SecondFactorNeeded, SignInMethod
from libs.bus import Bus
from libs.kernel.attempts import Attempts
from libs.kernel.ids import derive_id
from libs.kernel.messages import Command, Origin, registry, service_caller
from services.auth.adapters.digests import Digests
from services.auth.adapters.tickets import Step, Ticket, Tickets
from services.auth.adapters.tokens import Tokens
from services.auth.adapters.users import Users
from services.auth.domain.state import User

OURSELVES: Final = service_caller("auth")
TWO_FACTORS: Final = frozenset({SignInMethod.PASSKEY})
"""Ways in that show two factors at once: something one has, and how one unlocks it."""


class Entry:
    """Opens sessions, for whoever has shown enough."""

    def __init__(
        self, *, users: Users, bus: Bus, digests: Digests, tickets: Tickets, tokens: Tokens
    ) -> None:
        self.users = users
        self.digests = digests
        self.tickets = tickets
        self.tried = Attempts(TooManyAttempts, burst=8, seconds_each=60)
        """Guesses of passwords and codes, by whom they are about."""
        self._bus = bus
        self._tokens = tokens

    def open(
        self, command: Command[Any], origin: Origin, user: User, method: SignInMethod
    ) -> OpenSession:
        """The session of somebody who has shown one factor, or two.

        command  the sign-in: names the session, by its aggregate, and the device
        raises   Banned; SecondFactorNeeded, with what completes it
        """
        if user.is_banned:
            raise Banned
        session_id = aggregate_id(command, origin)
        device: str = getattr(command, "device", "")
        if user.second_factor is not None and method not in TWO_FACTORS:
            challenge_id = derived(origin, "second-factor")
            held = {"method": method, "device": device}
            ticket = Ticket(challenge_id, user.user_id, held)
            sealed = self.tickets.seal(Step.SECOND_FACTOR, ticket)
            raise SecondFactorNeeded(challenge_id, sealed)
        return OpenSession(
            session_id=session_id, user_id=user.user_id, method=method, device=device
        )

    async def complete(
        self, _command: object, opened: dict[str, Any], origin: Origin
    ) -> dict[str, Any]:
        """Add the tokens to a session, unless it or its user is no more.

        raises   RefreshRefused, Banned
        """
        if opened["is_over"]:
            raise RefreshRefused
        user = await self.users.get(opened["user_id"])
        if user.is_banned:
            raise Banned
        opened_at = datetime.fromisoformat(opened["opened_at"])
        if user.is_erased or user.has_over(opened["session_id"], opened_at):
            raise RefreshRefused
        if user.erased_at is not None:  # What they had open was ended: so they have signed in anew.
            returned = await self.say(ReturnUser(user_id=user.user_id), origin)
            opened = {**opened, "position": returned["position"]}
        session = self._tokens.session(opened, user, self.digests, origin.at)
        if opened["is_new"]:
            session["confirmation"] = self.tickets.confirmation(user.user_id)
        return session

    def confirmed(self, origin: Origin, confirmation: str) -> None:
        """Let a dangerous step pass. raises   ConfirmationNeeded"""
        self.tickets.confirmed(origin.actor, confirmation)

    async def say(self, command: Command[Any], origin: Origin) -> dict[str, Any]:
        """Have a command of ours carried out, once for the command at hand."""
        name = registry.command_of[type(command)].name
        return await self._bus.send(command, caller=OURSELVES, command_id=derived(origin, name))


def aggregate_id(command: Command[Any], origin: Origin) -> str:
    """What a command is about."""
    spec = registry.command_of[type(command)]
    found: str = spec.aggregate_id(command, origin.actor, origin.command_id)
    return found


def derived(origin: Origin, purpose: str) -> str:
    """An id that follows from the command at hand."""
    return derive_id(origin.command_id, purpose)
