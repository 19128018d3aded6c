"""Leaving: an account that is closed, and erased some time later unless its owner comes back.

Invariants  what somebody left is erased at the hour they were told and not before; until then
            nobody else may have their address or username.
"""

from collections.abc import Sequence

from contracts.auth import UserKind
from contracts.auth_accounts import NameReleased, NoAccount, UserErased
from contracts.auth_mail import MailKind
from contracts.auth_private import EraseUser
from contracts.auth_profile import Leave, UserLeft, UserReturned
from contracts.auth_profile_private import ReturnUser
from contracts.auth_sessions import SessionsEnded
from libs.kernel.ids import derive_id
from libs.kernel.messages import Event, Origin
from services.auth.domain.accounts import wanted
from services.auth.domain.profile import Terms, retired_username
from services.auth.domain.state import Profile, User

type LeavingCommand = Leave | ReturnUser | EraseUser
type LeavingEvent = UserLeft | UserReturned | UserErased


def names_on_leaving(command: object, user: User) -> Sequence[str]:
    """The names a command is about."""
    return user.claimed() if isinstance(command, EraseUser) else []


# ---------------------------------------------------------------------------------- deciding


def decide_leaving(
    terms: Terms, command: LeavingCommand, user: User, origin: Origin
) -> Sequence[Event]:
    """The rules. raises   NoAccount for who has none: could not come back, or was never here"""
    match command:
        case Leave():
            return _leave(terms, user, origin)
        case ReturnUser():
            return [UserReturned(user_id=user.user_id)] if _is_leaving(user) else []
        case EraseUser(due_at=due_at):
            # Not if they have come back, or left anew, since it was planned.
            is_due = due_at is None or due_at == user.erased_at
            return _erase(terms, user, origin) if is_due else []


def _is_leaving(user: User) -> bool:
    """Whether they may still come back. raises   NoAccount"""
    if user.is_erased or user.kind is not UserKind.NAMED:
        raise NoAccount
    return user.erased_at is not None


def _leave(terms: Terms, user: User, origin: Origin) -> Sequence[Event]:
    if _is_leaving(user):
        return []
    mail_id, name = derive_id(origin.command_id, "mail"), user.email_name
    return [
        UserLeft(user_id=user.user_id, erased_at=origin.at + terms.grace),
        SessionsEnded(user_id=user.user_id, kept_session_id=None, before=origin.at),
        *([wanted(user.user_id, mail_id, MailKind.LEFT, name, origin.at)] if name else []),
    ]


def _erase(terms: Terms, user: User, origin: Origin) -> Sequence[Event]:
    """The username rests then too: nobody is to be taken for the erased."""
    if user.kind is None:
        raise NoAccount
    if user.is_erased:
        return []
    return [
        *retired_username(terms, user, origin),
        UserErased(user_id=user.user_id),
        *(NameReleased(name=name, holder=user.user_id) for name in user.claimed()),
    ]


# ---------------------------------------------------------------------------------- evolving


def evolve_leaving(user: User, event: LeavingEvent) -> User:
    """What a fact does to a user."""
    match event:
        case UserLeft(erased_at=erased_at):
            user.erased_at = erased_at
        case UserReturned():
            user.erased_at = None
        case UserErased():
            user.is_erased = True
            user.display_name = user.password_hash = user.email_name = user.second_factor = None
            user.mails, user.emails, user.identities, user.app_wallets = {}, {}, {}, {}
            user.primary_way_in = None
            user.profile, user.erased_at = Profile(), None
    return user
