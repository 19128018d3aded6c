"""An impersonation: an administrator acts as a member, for a while.

Stream      evt.auth.impersonation.{session_id}
Invariants  who, why and until when are said before it begins; nobody acts as themselves. That the
            user is a member, and their account open, is looked up before (`adapters`), and again
            before the token is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from contracts.auth import ActorSuspended
from contracts.auth_acts import (
    EndImpersonation,
    ImpersonateUser,
    ImpersonationEnded,
    ImpersonationRefused,
    UserImpersonated,
)
from contracts.auth_sessions import SessionNotFound, SessionsReceipt
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin, registry

type ImpersonationCommand = ImpersonateUser | EndImpersonation
type ImpersonationEvent = UserImpersonated | ImpersonationEnded


@dataclass(slots=True)
class Impersonation:
    """The state. `until` is None before it begins."""

    session_id: str = ""
    user_id: str = ""
    actor: str = ""
    until: datetime | None = None
    is_over: bool = False


@dataclass(slots=True)
class Begun:
    """What a token is made for, once the facts are recorded."""

    session_id: str
    user_id: str
    actor: str
    until: datetime | None
    is_over: bool
    position: int = 0


def decide(
    command: ImpersonationCommand, impersonation: Impersonation, origin: Origin
) -> Sequence[ImpersonationEvent]:
    """The rules. raises ImpersonationRefused, SessionNotFound, ActorSuspended"""
    match command:
        case ImpersonateUser():
            return _begin(command, impersonation, origin)
        case EndImpersonation():
            if not _is_theirs(impersonation, origin):
                raise SessionNotFound
            return [] if impersonation.is_over else [_ended(impersonation)]
        case _:
            assert_never(command)


def _begin(
    command: ImpersonateUser, impersonation: Impersonation, origin: Origin
) -> Sequence[ImpersonationEvent]:
    if impersonation.until is not None:
        return []
    if origin.is_suspended:
        raise ActorSuspended
    if command.user_id == origin.actor:
        raise ImpersonationRefused
    return [
        UserImpersonated(
            session_id=_founded_by(command, origin),
            user_id=command.user_id,
            actor=origin.actor,
            reason=command.reason,
            until=origin.at + timedelta(minutes=command.minutes),
        )
    ]


def _founded_by(command: ImpersonateUser, origin: Origin) -> str:
    spec = registry.command_of[type(command)]
    session_id: str = spec.aggregate_id(command, origin.actor, origin.command_id)
    return session_id


def _is_theirs(impersonation: Impersonation, origin: Origin) -> bool:
    """Whether whoever really sent a command is the administrator, with either of their tokens."""
    return bool(impersonation.actor) and impersonation.actor == (
        origin.impersonator or origin.actor
    )


def _ended(impersonation: Impersonation) -> ImpersonationEnded:
    return ImpersonationEnded(
        session_id=impersonation.session_id,
        user_id=impersonation.user_id,
        actor=impersonation.actor,
    )


def evolve(impersonation: Impersonation, event: ImpersonationEvent) -> Impersonation:
    """What a fact does to an impersonation."""
    match event:
        case UserImpersonated():
            impersonation.session_id, impersonation.user_id = event.session_id, event.user_id
            impersonation.actor, impersonation.until = event.actor, event.until
        case ImpersonationEnded():
            impersonation.is_over = True
        case _:
            assert_never(event)
    return impersonation


def answer(
    command: ImpersonationCommand,
    events: Sequence[ImpersonationEvent],
    impersonation: Impersonation,
    origin: Origin,
) -> Begun | SessionsReceipt:
    """What the caller is told; of a session, all of it but the token."""
    del events, origin
    if isinstance(command, EndImpersonation):
        return SessionsReceipt(user_id=impersonation.user_id)
    return Begun(
        impersonation.session_id,
        impersonation.user_id,
        impersonation.actor,
        impersonation.until,
        impersonation.is_over,
    )


IMPERSONATION: Decider[ImpersonationCommand, ImpersonationEvent, Impersonation] = Decider(
    aggregate="impersonation",
    commands=members(ImpersonationCommand),
    events=members(ImpersonationEvent),
    state=Impersonation,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
