"""Users: who they are, what they are trusted with, and whether they may act.

Stream      evt.auth.user.{user_id}
Invariants  a user is registered once; nobody changes their own standing, so an installation that
            has an administrator keeps one; a suspended user grants nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, assert_never

from contracts.auth import (
    ActorSuspended,
    BanUser,
    DevelopmentUsersOff,
    GuestRegistered,
    NameTaken,
    OwnStanding,
    RankTooLow,
    RefreshSession,
    RegisterUser,
    ReinstateUser,
    RoleNotOffered,
    RoleSet,
    SessionAlreadyStarted,
    SetRole,
    StartDevelopmentSession,
    StartGuestSession,
    SuspendedByAdmin,
    SuspendUser,
    UnbanUser,
    UserBanned,
    UserKind,
    UserReceipt,
    UserRegistered,
    UserReinstated,
    UserRole,
    UserSuspended,
    UserUnbanned,
    UserUnknown,
)
from contracts.auth_accounts import AccountReceipt, MailReceipt, NameClaimed
from contracts.auth_confirmation import BackupCodes
from contracts.auth_identities_private import BeginEmail, ReplaceBackupCodes, SetSecondFactor
from contracts.auth_private import (
    EraseUser,
    ImportOutcome,
    ImportReceipt,
    ImportUser,
    OpenAccount,
    WantMail,
)
from contracts.auth_profile import (
    Leave,
    LeaveReceipt,
    UserLeft,
)
from contracts.auth_profile_private import FreeUsername, ReturnUser, SetProfile
from contracts.auth_sessions import EndAllSessions, EndSessionsOfUser, SessionsReceipt
from libs.kernel.claims import Claims
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Access, Event, Origin, registry
from services.auth.domain.accounts import (
    AccountCommand,
    AccountEvent,
    account_names,
    decide_account,
    evolve_account,
)
from services.auth.domain.emails import (
    EmailCommand,
    EmailEvent,
    decide_email,
    email_names,
    evolve_email,
)
from services.auth.domain.identities import (
    IdentityCommand,
    IdentityEvent,
    decide_identity,
    evolve_identity,
    identity_names,
)
from services.auth.domain.leaving import (
    LeavingCommand,
    LeavingEvent,
    decide_erasure,
    decide_leaving,
    evolve_leaving,
)
from services.auth.domain.profile import (
    ProfileCommand,
    ProfileEvent,
    Terms,
    decide_profile,
    evolve_profile,
    names_of_profile,
)
from services.auth.domain.second_factor import (
    FactorCommand,
    FactorEvent,
    decide_factor,
    evolve_factor,
)
from services.auth.domain.state import User

type EntryCommand = StartGuestSession | StartDevelopmentSession | RefreshSession | RegisterUser
type StandingCommand = SetRole | SuspendUser | ReinstateUser | BanUser | UnbanUser
type AnyAccountCommand = AccountCommand | EmailCommand | IdentityCommand | FactorCommand
type UserCommand = (
    EntryCommand | StandingCommand | AnyAccountCommand | ProfileCommand | LeavingCommand
)
type StandingEvent = RoleSet | UserSuspended | UserReinstated | UserBanned | UserUnbanned
type AnyAccountEvent = AccountEvent | EmailEvent | IdentityEvent | FactorEvent
type UserEvent = (
    GuestRegistered | UserRegistered | StandingEvent | AnyAccountEvent | ProfileEvent | LeavingEvent
)

GUEST_RETRY: Final = timedelta(minutes=10)
"""How long the id of the command that made a guest can still be used to become that guest."""

type Answer = (
    Admission
    | UserReceipt
    | MailReceipt
    | AccountReceipt
    | BackupCodes
    | ImportReceipt
    | SessionsReceipt
    | LeaveReceipt
)

_RANKS: Final = tuple(UserRole)


@dataclass(slots=True)
class Admission:
    """What a session is made from, once the facts are recorded: a token is added outside."""

    user_id: str
    kind: UserKind
    display_name: str | None
    roles: list[UserRole]
    position: int = 0


# ---------------------------------------------------------------------------------- deciding


def decide(
    development_role_max: UserRole | None,
    terms: Terms,
    command: UserCommand,
    user: User,
    origin: Origin,
) -> Sequence[Event]:
    """The rules. raises the rejections of `contracts.auth`.

    development_role_max   the most a development user may be trusted with; None: there are none
    """
    match command:
        case StartGuestSession():
            return _start_guest(command, user, origin)
        case StartDevelopmentSession():
            return _start_development(development_role_max, command, user, origin)
        case RegisterUser():
            return _register(command, user, origin)
        case RefreshSession():
            if user.kind is None:
                raise UserUnknown
            return []
        case SetRole() | SuspendUser() | ReinstateUser() | BanUser() | UnbanUser():
            return _change_standing(command, user, origin)
        case SetProfile() | FreeUsername():
            return decide_profile(terms, command, user, origin)
        case Leave() | ReturnUser():
            return decide_leaving(terms, command, user, origin)
        case EraseUser():
            return decide_erasure(terms, command, user, origin)
        case _:
            decided: Sequence[Event] = _DECIDERS[type(command)](command, user, origin)
            return decided


_DECIDERS: Final[dict[type, Callable[[Any, User, Origin], Sequence[Event]]]] = {
    **dict.fromkeys(members(AccountCommand), decide_account),
    **dict.fromkeys(members(EmailCommand), decide_email),
    **dict.fromkeys(members(IdentityCommand), decide_identity),
    **dict.fromkeys(members(FactorCommand), decide_factor),
}


def names(command: object, user: User) -> Sequence[str]:
    """The names a command is about."""
    return [
        *account_names(command, user),
        *email_names(command, user),
        *identity_names(command, user),
        *names_of_profile(command),
    ]


def _start_guest(command: StartGuestSession, user: User, origin: Origin) -> Sequence[UserEvent]:
    if user.registered_at is not None:
        if origin.at - user.registered_at > GUEST_RETRY:
            raise SessionAlreadyStarted
        return []
    return [
        GuestRegistered(
            user_id=_founded_by(command, origin),
            display_name=command.display_name,
            registered_at=origin.at,
        )
    ]


def _founded_by(command: StartGuestSession, origin: Origin) -> str:
    spec = registry.command_of[type(command)]
    user_id: str = spec.aggregate_id(command, origin.actor, origin.command_id)
    return user_id


def _start_development(
    role_max: UserRole | None, command: StartDevelopmentSession, user: User, origin: Origin
) -> Sequence[UserEvent]:
    if role_max is None:
        raise DevelopmentUsersOff
    if user.kind not in {None, UserKind.DEVELOPMENT}:
        raise NameTaken
    role = command.role or user.role
    if _RANKS.index(role) > _RANKS.index(role_max):
        raise RoleNotOffered
    if user.kind is not None:
        return _set_role(user, role, command.name)
    return [
        UserRegistered(
            user_id=command.name,
            kind=UserKind.DEVELOPMENT,
            display_name=command.name,
            role=role,
            registered_at=origin.at,
        )
    ]


def _register(command: RegisterUser, user: User, origin: Origin) -> Sequence[UserEvent]:
    if user.kind not in {None, UserKind.NAMED}:
        raise NameTaken
    if user.kind is not None:
        return _set_role(user, command.role, origin.actor)
    return [
        UserRegistered(
            user_id=command.user_id,
            kind=UserKind.NAMED,
            display_name=command.display_name,
            role=command.role,
            registered_at=origin.at,
        )
    ]


def _change_standing(command: StandingCommand, user: User, origin: Origin) -> Sequence[UserEvent]:
    if user.kind is None:
        raise UserUnknown
    if origin.is_suspended:
        raise ActorSuspended
    if origin.actor == user.user_id:
        raise OwnStanding
    match command:
        case SetRole(role=role, reason=reason):
            return _set_role(user, role, origin.actor, reason)
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
        case _:
            assert_never(command)


def _set_role(
    user: User, role: UserRole, actor: str, reason: str | None = None
) -> Sequence[UserEvent]:
    if role is user.role:
        return []
    return [RoleSet(user_id=user.user_id, role=role, actor=actor, reason=reason)]


def _suspend(command: SuspendUser, user: User, origin: Origin) -> Sequence[UserEvent]:
    by = _standing_of(origin)
    if user.role is not UserRole.MEMBER and by is not UserRole.ADMIN:
        raise RankTooLow
    if user.suspended_by in {by, UserRole.ADMIN}:
        return []
    # An administrator's word on top of a moderator's: the moderator may not lift it any more.
    actor, reason = origin.actor, command.reason
    return [UserSuspended(user_id=user.user_id, by=by, actor=actor, reason=reason)]


def _reinstate(command: ReinstateUser, user: User, origin: Origin) -> Sequence[UserEvent]:
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


def evolve(user: User, event: UserEvent) -> User:
    """What a fact does to a user."""
    match event:
        case GuestRegistered():
            user.user_id, user.kind = event.user_id, UserKind.GUEST
            user.display_name = event.display_name
            user.registered_at = event.registered_at
        case UserRegistered():
            user.user_id, user.kind = event.user_id, event.kind
            user.display_name, user.role = event.display_name, event.role
            user.registered_at = event.registered_at
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
        case _:
            evolved: User = _EVOLVERS[type(event)](user, event)
            return evolved
    return user


_EVOLVERS: Final[dict[type, Callable[[User, Any], User]]] = {
    **dict.fromkeys(members(AccountEvent), evolve_account),
    **dict.fromkeys(members(EmailEvent), evolve_email),
    **dict.fromkeys(members(IdentityEvent), evolve_identity),
    **dict.fromkeys(members(FactorEvent), evolve_factor),
    **dict.fromkeys(members(ProfileEvent), evolve_profile),
    **dict.fromkeys(members(LeavingEvent), evolve_leaving),
}


# ---------------------------------------------------------------------------------- answering


def answer(command: UserCommand, events: Sequence[UserEvent], user: User, origin: Origin) -> Answer:
    """What the caller is told; for a session, all of it but the token.

    A session says what its user is trusted with now, also to a late retry: it must not bring back
    what was taken away since.
    """
    del origin
    match command:
        case StartGuestSession() | StartDevelopmentSession() | RefreshSession() | RegisterUser():
            return admit(user)
        case SetRole(user_id=user_id, role=role):
            return _receipt(user_id, role, user, suspended=user.suspended_by is not None)
        case SuspendUser(user_id=user_id):
            return _receipt(user_id, user.role, user, suspended=True)
        case ReinstateUser(user_id=user_id):
            return _receipt(user_id, user.role, user, suspended=False)
        case BanUser(user_id=user_id) | UnbanUser(user_id=user_id):
            return _receipt(user_id, user.role, user, suspended=user.suspended_by is not None)
        case OpenAccount() | WantMail() | BeginEmail():
            return MailReceipt()
        case SetSecondFactor() | ReplaceBackupCodes():
            return BackupCodes(codes=[])
        case ImportUser():
            outcome = ImportOutcome.NEW if events else ImportOutcome.UNCHANGED
            return ImportReceipt(user_id=user.user_id, outcome=outcome)
        case EndAllSessions() | EndSessionsOfUser():
            return SessionsReceipt(user_id=user.user_id)
        case Leave():
            return LeaveReceipt(user_id=user.user_id, erased_at=_hour_of_erasure(events, user))
        case _:
            return AccountReceipt(user_id=user.user_id)


def _hour_of_erasure(events: Sequence[UserEvent], user: User) -> datetime:
    """As it was told to them when they left, even if they have come back since."""
    told = (event.erased_at for event in events if isinstance(event, UserLeft))
    hour = next(told, user.erased_at)
    assert hour is not None, "who had left already is still leaving"
    return hour


def _receipt(user_id: str, role: UserRole, user: User, *, suspended: bool) -> UserReceipt:
    return UserReceipt(user_id=user_id, role=role, suspended=suspended, banned=user.is_banned)


def admit(user: User) -> Admission:
    """What a registered user's next token says. A suspended one is trusted with nothing special."""
    assert user.kind is not None
    role = user.role if user.suspended_by is None else UserRole.MEMBER
    return Admission(user.user_id, user.kind, user.display_name, [role])


def user_decider(
    development_role_max: UserRole | None, terms: Terms | None = None
) -> Decider[UserCommand, UserEvent, User]:
    """The aggregate, in an installation that trusts development users so far, or has none.

    terms   how long it waits; None: as long as most do
    """
    return Decider(
        aggregate="user",
        commands=(
            *members(EntryCommand),
            *members(StandingCommand),
            *_DECIDERS,
            *members(ProfileCommand),
            *members(LeavingCommand),
        ),
        events=(
            GuestRegistered,
            UserRegistered,
            *members(StandingEvent),
            *_EVOLVERS,
        ),
        state=User,
        decide=partial(decide, development_role_max, terms or Terms()),
        evolve=evolve,
        answer=answer,
        claims=Claims(names, NameClaimed),
    )
