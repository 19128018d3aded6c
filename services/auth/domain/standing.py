"""Standing: what users are trusted with, and whether they may act.

Invariants  nobody changes their own standing, so an installation that has an administrator keeps
            one; a suspended user grants nothing; what an administrator did, only an administrator
            undoes.
"""

from collections.abc import Sequence

from contracts.auth import ActorSuspended, UserRole, UserUnknown
from contracts.auth_standing import (
    BanUser,
    OwnStanding,
    RankTooLow,
    ReinstateUser,
    RoleSet,
    SetRole,
    SuspendedByAdmin,
    SuspendUser,
    UnbanUser,
    UserBanned,
    UserReinstated,
    UserSuspended,
    UserUnbanned,
)
from libs.kernel.messages import Access, Event, Origin
from services.auth.domain.state import User

type StandingCommand = SetRole | SuspendUser | ReinstateUser | BanUser | UnbanUser
type StandingEvent = RoleSet | UserSuspended | UserReinstated | UserBanned | UserUnbanned


# ---------------------------------------------------------------------------------- deciding


def decide_standing(command: StandingCommand, user: User, origin: Origin) -> Sequence[Event]:
    """The rules. raises   UserUnknown, ActorSuspended, OwnStanding, RankTooLow, SuspendedByAdmin"""
    if user.kind is None:
        raise UserUnknown
    if origin.is_suspended:
        raise ActorSuspended
    if origin.actor == user.user_id:
        raise OwnStanding
    match command:
        case SetRole(role=role, reason=reason):
            return role_set(user, role, origin.actor, reason)
        case SuspendUser():
            return _suspend(command, user, origin)
        case ReinstateUser():
            return _reinstate(command, user, origin)
        case BanUser(reason=reason):
            banned = UserBanned(user_id=user.user_id, actor=origin.actor, reason=reason)
            return [] if user.is_banned else [banned]
        case UnbanUser(reason=reason):
            unbanned = UserUnbanned(user_id=user.user_id, actor=origin.actor, reason=reason)
            return [unbanned] if user.is_banned else []


def role_set(
    user: User, role: UserRole, actor: str, reason: str | None = None
) -> Sequence[RoleSet]:
    """That a user has that role from now on, if it is another one."""
    if role is user.role:
        return []
    return [RoleSet(user_id=user.user_id, role=role, actor=actor, reason=reason)]


def _suspend(command: SuspendUser, user: User, origin: Origin) -> Sequence[Event]:
    by = _standing_of(origin)
    if user.role is not UserRole.MEMBER and by is not UserRole.ADMIN:
        raise RankTooLow
    if user.suspended_by in {by, UserRole.ADMIN}:
        return []
    # An administrator's word on top of a moderator's: the moderator may not lift it any more.
    actor, reason = origin.actor, command.reason
    return [UserSuspended(user_id=user.user_id, by=by, actor=actor, reason=reason)]


def _reinstate(command: ReinstateUser, user: User, origin: Origin) -> Sequence[Event]:
    if user.suspended_by is None:
        return []
    if user.suspended_by is UserRole.ADMIN and _standing_of(origin) is not UserRole.ADMIN:
        raise SuspendedByAdmin
    return [UserReinstated(user_id=user.user_id, actor=origin.actor, reason=command.reason)]


def _standing_of(origin: Origin) -> UserRole:
    """Moderator or administrator: nobody else gets as far as asking."""
    is_admin = Access.ADMIN.admits(origin.caller)
    return UserRole.ADMIN if is_admin else UserRole.MODERATOR


# ---------------------------------------------------------------------------------- evolving


def evolve_standing(user: User, event: StandingEvent) -> User:
    """What a fact does to a user."""
    match event:
        case RoleSet(role=role):
            user.role = role
        case UserSuspended(by=by):
            user.suspended_by = by
        case UserReinstated():
            user.suspended_by = None
        case UserBanned():
            user.is_banned = True
        case UserUnbanned():
            user.is_banned = False
    return user
