"""Leaving: an account that is closed, and erased some time later unless its owner comes back.

Invariants  what somebody left is erased at the hour they were told and not before; until then
            nobody else may have their address or username.
"""

from collections.abc import Sequence

from contracts.auth import UserKind
from contracts.auth_accounts import MailKind, NoAccount
from contracts.auth_private import EraseUser
from contracts.auth_profile import Leave, UserLeft, UserReturned
from contracts.auth_profile_private import ReturnUser
from contracts.auth_sessions import SessionsEnded
from libs.kernel.ids import derive_id
from libs.kernel.messages import Event, Origin
from services.auth.domain.accounts import decide_account, wanted
from services.auth.domain.profile import Terms, retired_username
from services.auth.domain.state import User

type LeavingCommand = Leave | ReturnUser
type LeavingEvent = UserLeft | UserReturned


def decide_leaving(
    terms: Terms, command: LeavingCommand, user: User, origin: Origin
) -> Sequence[Event]:
    """The rules. raises   NoAccount for who has none, and so could not come back"""
    if user.is_erased or user.kind is not UserKind.NAMED:
        raise NoAccount
    is_leaving = user.erased_at is not None
    match command:
        case Leave():
            return [] if is_leaving else _leave(terms, user, origin)
        case ReturnUser():
            return [UserReturned(user_id=user.user_id)] if is_leaving else []


def _leave(terms: Terms, user: User, origin: Origin) -> Sequence[Event]:
    mail_id, name = derive_id(origin.command_id, "mail"), user.email_name
    return [
        UserLeft(user_id=user.user_id, erased_at=origin.at + terms.grace),
        SessionsEnded(user_id=user.user_id, kept_session_id=None, before=origin.at),
        *([wanted(user.user_id, mail_id, MailKind.LEFT, name, origin.at)] if name else []),
    ]


def decide_erasure(terms: Terms, command: EraseUser, user: User, origin: Origin) -> Sequence[Event]:
    """Erase, unless they have come back, or left anew, since it was planned. Their username rests
    then too: nobody is to be taken for the erased.
    """
    if command.due_at is not None and command.due_at != user.erased_at:
        return []
    erased = decide_account(command, user, origin)
    return [*(retired_username(terms, user, origin) if erased else ()), *erased]


def evolve_leaving(user: User, event: LeavingEvent) -> User:
    """What a fact does to a user."""
    match event:
        case UserLeft(erased_at=erased_at):
            user.erased_at = erased_at
        case UserReturned():
            user.erased_at = None
    return user
