"""Accounts: a user that can be signed in to by an e-mail address.

Invariants  an address belongs to one user; what a mail proves is used once, in time, and by whoever
            read it; what was set up before anybody had shown to read the mail (a password, other
            ways in, sessions) does not outlive the first who does, unless they completed that
            very sign-up.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from contracts.auth import ActorSuspended, Banned, UserKind, UserRegistered, UserRole
from contracts.auth_accounts import (
    AccountAlready,
    AccountOpened,
    EmailTaken,
    EmailVerified,
    NameClaimed,
    NameReleased,
    NoAccount,
    PasswordDropped,
    PasswordSet,
    PrimaryEmailSet,
    SignUpRepeated,
)
from contracts.auth_confirmation import SecondFactorTurnedOff
from contracts.auth_identities import IdentityUnlinked
from contracts.auth_identities_private import LinkIdentity
from contracts.auth_mail import MailKind, MailWanted, ProofFailed, ProofRefused, ProofUsed
from contracts.auth_private import (
    AddressTaken,
    ImportUser,
    OpenAccount,
    RehashPassword,
    SetPassword,
    UseProof,
    WantMail,
)
from contracts.auth_sessions import EndAllSessions, EndSessionsOfUser, SessionsEnded
from libs.kernel.messages import Event, Origin
from services.auth.domain.state import MAILS_AN_HOUR_MAX, Address, Mail, User

type AccountCommand = (
    ImportUser
    | RehashPassword
    | OpenAccount
    | WantMail
    | UseProof
    | SetPassword
    | EndAllSessions
    | EndSessionsOfUser
)
type AccountEvent = (
    AccountOpened
    | SignUpRepeated
    | PasswordSet
    | PasswordDropped
    | MailWanted
    | ProofUsed
    | ProofFailed
    | SessionsEnded
)

LIFETIMES: Final = {
    MailKind.VERIFY_EMAIL: timedelta(hours=24),
    MailKind.SIGN_IN: timedelta(minutes=10),
    MailKind.RESET_PASSWORD: timedelta(hours=1),
}
"""How long what a mail proves is good; the others prove nothing."""


def account_names(command: object, user: User) -> Sequence[str]:
    """The names a command is about."""
    match command:
        case OpenAccount(email_name=name) | ImportUser(email_name=name):
            return [name]
        case UseProof(mail_id=mail_id) if mail_id in user.mails:
            return [user.mails[mail_id].email_name]
        case _:
            return []


# ---------------------------------------------------------------------------------- deciding


def decide_account(command: AccountCommand, user: User, origin: Origin) -> Sequence[Event]:
    """The rules. raises the rejections of `contracts.auth_accounts`"""
    match command:
        case OpenAccount() | ImportUser() | RehashPassword() | SetPassword():
            return _decide_account(command, user, origin)
        case WantMail(mail_id=mail_id, kind=kind):
            return _want(mail_id, kind, user, origin)
        case UseProof():
            return _use(command, user, origin)
        case EndAllSessions() | EndSessionsOfUser():
            if user.kind is None:
                raise NoAccount
            if isinstance(command, EndAllSessions):
                return [_sessions_ended(user.user_id, origin.at, command.keep)]
            if origin.is_suspended:
                raise ActorSuspended
            ended = _sessions_ended(user.user_id, origin.at, None)
            return [replace(ended, actor=origin.actor, reason=command.reason)]


def _decide_account(
    command: OpenAccount | ImportUser | RehashPassword | SetPassword, user: User, origin: Origin
) -> Sequence[Event]:
    match command:
        case OpenAccount():
            return _open(command, user, origin)
        case ImportUser():
            return _import(command, user, origin)
        case RehashPassword(checked_hash=checked, password_hash=password_hash):
            is_same = checked == user.password_hash
            return [PasswordSet(user_id=user.user_id, hash=password_hash)] if is_same else []
        case SetPassword():
            return _set_password(command, user, origin)


def _open(command: OpenAccount, user: User, origin: Origin) -> Sequence[Event]:
    if command.mail_id in user.mails:
        return []
    if origin.is_suspended:
        raise ActorSuspended
    is_somebody = user.emails or user.identities or user.kind is UserKind.DEVELOPMENT
    if is_somebody or user.is_erased:
        raise AccountAlready
    holder = origin.holders[command.email_name]
    if holder is not None:
        return [SignUpRepeated(user_id=holder, visitor_id=command.user_id)]
    return [
        *registered(command, user, origin.at),
        AccountOpened(
            user_id=command.user_id,
            email=command.email,
            email_name=command.email_name,
            display_name=command.display_name or user.display_name,
        ),
        PasswordSet(user_id=command.user_id, hash=command.password_hash),
        wanted(
            command.user_id, command.mail_id, MailKind.VERIFY_EMAIL, command.email_name, origin.at
        ),
        NameClaimed(name=command.email_name, holder=command.user_id),
    ]


def registered(command: OpenAccount | LinkIdentity, user: User, at: datetime) -> Sequence[Event]:
    """Of somebody who was no user before, not even a guest."""
    if user.kind is not None:
        return []
    return [
        UserRegistered(
            user_id=command.user_id,
            kind=UserKind.NAMED,
            display_name=command.display_name,
            role=UserRole.MEMBER,
            registered_at=at,
        )
    ]


def _import(command: ImportUser, user: User, origin: Origin) -> Sequence[Event]:
    if user.kind is not None:
        return []
    if origin.holders[command.email_name] is not None:
        raise AddressTaken
    user_id, password_hash = command.user_id, command.password_hash
    return [
        UserRegistered(
            user_id=user_id,
            kind=UserKind.NAMED,
            display_name=command.display_name,
            role=UserRole.MEMBER,
            registered_at=command.registered_at,
        ),
        AccountOpened(
            user_id=user_id,
            email=command.email,
            email_name=command.email_name,
            display_name=command.display_name,
        ),
        *(
            [EmailVerified(user_id=user_id, email_name=command.email_name)]
            if command.email_verified
            else []
        ),
        *([PasswordSet(user_id=user_id, hash=password_hash)] if password_hash else []),
        NameClaimed(name=command.email_name, holder=user_id),
    ]


def _want(mail_id: str, kind: MailKind, user: User, origin: Origin) -> Sequence[Event]:
    name = user.email_name
    if name is None or user.is_erased or user.is_banned:
        return []
    if mail_id in user.mails or user.mails_lately(origin.at) >= MAILS_AN_HOUR_MAX:
        return []
    if kind is MailKind.ACCOUNT_EXISTS and not user.email_verified:
        kind = MailKind.VERIFY_EMAIL  # They may have lost the first one.
    return [wanted(user.user_id, mail_id, kind, name, origin.at)]


def wanted(user_id: str, mail_id: str, kind: MailKind, name: str, at: datetime) -> MailWanted:
    """That a mail is to go to the address of that name."""
    return MailWanted(
        user_id=user_id,
        mail_id=mail_id,
        kind=kind,
        email_name=name,
        wanted_at=at,
        expires_at=at + LIFETIMES.get(kind, timedelta()),
    )


def _use(command: UseProof, user: User, origin: Origin) -> Sequence[Event]:
    mail = user.mails.get(command.mail_id)
    if mail is None or user.is_erased or not mail.proves(command.kind, origin.at):
        raise ProofRefused
    address = user.emails.get(mail.email_name)
    if address is None:
        raise ProofRefused
    if user.is_banned:
        raise Banned
    if not command.is_right:
        return [ProofFailed(user_id=user.user_id, mail_id=command.mail_id)]
    events: list[Event] = [ProofUsed(user_id=user.user_id, mail_id=command.mail_id)]
    is_first = not address.is_verified and mail.email_name == user.email_name
    if is_first and mail.kind is not MailKind.VERIFY_EMAIL:
        events += _taken_back(user, origin.at, command.keep)
    if not address.is_verified:
        events += _verified(mail.email_name, user, origin)
    if command.password_hash is not None:
        keep = command.keep
        events += _password_set(user, command.password_hash, command.mail_id, origin.at, keep)
    return events


def _verified(name: str, user: User, origin: Origin) -> Sequence[Event]:
    """An address is confirmed, and belongs to this user from now on at the latest."""
    holder = origin.holders[name]
    if holder not in {None, user.user_id}:
        raise EmailTaken
    user_id = user.user_id
    is_only = user.email_name is None
    return [
        EmailVerified(user_id=user_id, email_name=name),
        *([PrimaryEmailSet(user_id=user_id, email_name=name)] if is_only else []),
        *([NameClaimed(name=name, holder=user_id)] if holder is None else []),
    ]


def _taken_back(user: User, at: datetime, keep: str | None) -> list[Event]:
    """What somebody has set up who never showed that they read the mail."""
    return [
        PasswordDropped(user_id=user.user_id),
        *(
            IdentityUnlinked(user_id=user.user_id, identity_id=identity_id)
            for identity_id in user.identities
        ),
        *([SecondFactorTurnedOff(user_id=user.user_id)] if user.second_factor else []),
        _sessions_ended(user.user_id, at, keep),
        *(NameReleased(name=name, holder=user.user_id) for name in user.identities),
    ]


def _set_password(command: SetPassword, user: User, origin: Origin) -> Sequence[Event]:
    if user.kind is not UserKind.NAMED or user.is_erased:
        raise NoAccount
    return _password_set(user, command.password_hash, command.mail_id, origin.at, command.keep)


def _password_set(
    user: User, password_hash: str, mail_id: str, at: datetime, keep: str | None
) -> list[Event]:
    """Another password: whoever signed in with the one before is out, and the owner is told."""
    told = (
        []
        if user.email_name is None
        else [
            wanted(user.user_id, f"{mail_id}-told", MailKind.PASSWORD_CHANGED, user.email_name, at)
        ]
    )
    return [
        PasswordSet(user_id=user.user_id, hash=password_hash),
        _sessions_ended(user.user_id, at, keep),
        *told,
    ]


def _sessions_ended(user_id: str, at: datetime, keep: str | None) -> SessionsEnded:
    return SessionsEnded(user_id=user_id, kept_session_id=keep, before=at)


# ---------------------------------------------------------------------------------- evolving


def evolve_account(user: User, event: AccountEvent) -> User:
    """What a fact does to a user."""
    match event:
        case AccountOpened():
            user.user_id, user.kind = event.user_id, UserKind.NAMED
            user.emails[event.email_name] = Address(event.email)
            user.email_name = event.email_name
            user.display_name = event.display_name
        case PasswordSet():
            user.password_hash = event.hash
        case PasswordDropped():
            user.password_hash = None
        case MailWanted():
            user.mails[event.mail_id] = Mail(
                event.kind, event.email_name, event.wanted_at, event.expires_at
            )
        case ProofUsed(mail_id=mail_id):
            user.mails[mail_id].is_used = True
        case ProofFailed(mail_id=mail_id):
            user.mails[mail_id].failures += 1
        case SessionsEnded():
            user.sessions_before, user.kept_session_id = event.before, event.kept_session_id
        case SignUpRepeated():
            pass
    return user
