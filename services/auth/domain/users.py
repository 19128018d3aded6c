"""Users: how they come to be, and which rules decide what is said of them.

Stream      evt.auth.user.{user_id}
Invariants  a user is registered once, and is of one kind; what else holds is said where it is
            decided: `standing`, `accounts`, `emails`, `identities`, `second_factor`, `profile`,
            `leaving`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from contracts.auth import (
    DevelopmentUsersOff,
    GuestRegistered,
    NameTaken,
    RefreshSession,
    RegisterUser,
    RoleNotOffered,
    SessionAlreadyStarted,
    StartDevelopmentSession,
    StartGuestSession,
    UserKind,
    UserReceipt,
    UserRegistered,
    UserRole,
    UserUnknown,
)
from contracts.auth_accounts import AccountReceipt, MailReceipt, NameClaimed
from contracts.auth_confirmation import BackupCodes
from contracts.auth_identities_private import BeginEmail, ReplaceBackupCodes, SetSecondFactor
from contracts.auth_private import ImportOutcome, ImportReceipt, ImportUser, OpenAccount, WantMail
from contracts.auth_profile import Leave, LeaveReceipt, UserLeft
from contracts.auth_sessions import EndAllSessions, EndSessionsOfUser, SessionsReceipt
from contracts.auth_standing import BanUser, ReinstateUser, SetRole, SuspendUser, UnbanUser
from libs.kernel.claims import Claims
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Event, Origin, registry
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
    decide_leaving,
    evolve_leaving,
    names_on_leaving,
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
from services.auth.domain.standing import (
    StandingCommand,
    StandingEvent,
    decide_standing,
    evolve_standing,
    role_set,
)
from services.auth.domain.state import User
from services.auth.domain.wallets import (
    WalletCommand,
    WalletEvent,
    decide_wallet,
    evolve_wallet,
)

type EntryCommand = StartGuestSession | StartDevelopmentSession | RefreshSession | RegisterUser
type AnyAccountCommand = (
    AccountCommand | EmailCommand | IdentityCommand | FactorCommand | WalletCommand
)
type UserCommand = (
    EntryCommand | StandingCommand | AnyAccountCommand | ProfileCommand | LeavingCommand
)
type EntryEvent = GuestRegistered | UserRegistered
type AnyAccountEvent = AccountEvent | EmailEvent | IdentityEvent | FactorEvent | WalletEvent
type UserEvent = EntryEvent | StandingEvent | AnyAccountEvent | ProfileEvent | LeavingEvent

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


def deciders(
    development_role_max: UserRole | None, terms: Terms
) -> dict[type, Callable[[Any, User, Origin], Sequence[Event]]]:
    """Which rules decide each command.

    development_role_max   the most a development user may be trusted with; None: there are none
    """
    return {
        **dict.fromkeys(members(EntryCommand), partial(decide_entry, development_role_max)),
        **dict.fromkeys(members(StandingCommand), decide_standing),
        **dict.fromkeys(members(AccountCommand), decide_account),
        **dict.fromkeys(members(EmailCommand), decide_email),
        **dict.fromkeys(members(IdentityCommand), decide_identity),
        **dict.fromkeys(members(FactorCommand), decide_factor),
        **dict.fromkeys(members(WalletCommand), decide_wallet),
        **dict.fromkeys(members(ProfileCommand), partial(decide_profile, terms)),
        **dict.fromkeys(members(LeavingCommand), partial(decide_leaving, terms)),
    }


def names(command: object, user: User) -> Sequence[str]:
    """The names a command is about."""
    return [
        *account_names(command, user),
        *email_names(command, user),
        *identity_names(command, user),
        *names_of_profile(command),
        *names_on_leaving(command, user),
    ]


def decide_entry(
    development_role_max: UserRole | None, command: EntryCommand, user: User, origin: Origin
) -> Sequence[Event]:
    """Who comes to be a user. raises   the rejections of each command"""
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
        return role_set(user, role, command.name)
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
        return role_set(user, command.role, origin.actor)
    return [
        UserRegistered(
            user_id=command.user_id,
            kind=UserKind.NAMED,
            display_name=command.display_name,
            role=command.role,
            registered_at=origin.at,
        )
    ]


# ---------------------------------------------------------------------------------- evolving


def evolve_entry(user: User, event: EntryEvent) -> User:
    """What a fact does to a user."""
    user.user_id, user.display_name = event.user_id, event.display_name
    user.registered_at = event.registered_at
    match event:
        case GuestRegistered():
            user.kind = UserKind.GUEST
        case UserRegistered(kind=kind, role=role):
            user.kind, user.role = kind, role
    return user


_EVOLVERS: Final[dict[type, Callable[[User, Any], User]]] = {
    **dict.fromkeys(members(EntryEvent), evolve_entry),
    **dict.fromkeys(members(StandingEvent), evolve_standing),
    **dict.fromkeys(members(AccountEvent), evolve_account),
    **dict.fromkeys(members(EmailEvent), evolve_email),
    **dict.fromkeys(members(IdentityEvent), evolve_identity),
    **dict.fromkeys(members(FactorEvent), evolve_factor),
    **dict.fromkeys(members(WalletEvent), evolve_wallet),
    **dict.fromkeys(members(ProfileEvent), evolve_profile),
    **dict.fromkeys(members(LeavingEvent), evolve_leaving),
}


def evolve(user: User, event: UserEvent) -> User:
    """What a fact does to a user."""
    return _EVOLVERS[type(event)](user, event)


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
    rules = deciders(development_role_max, terms or Terms())

    def decide(command: UserCommand, user: User, origin: Origin) -> Sequence[Event]:
        return rules[type(command)](command, user, origin)

    return Decider(
        aggregate="user",
        commands=tuple(rules),
        events=tuple(_EVOLVERS),
        state=User,
        decide=decide,
        evolve=evolve,
        answer=answer,
        claims=Claims(names, NameClaimed),
    )
