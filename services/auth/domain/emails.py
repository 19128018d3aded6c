"""The addresses of one account: another one, one less, the one that mails go to.

Invariants  an address counts, and belongs to its user, once a mail to it was read; the primary one
            is confirmed, but for the one somebody signed up with; a last way in stays.
"""

from collections.abc import Sequence

from contracts.auth import ActorSuspended, UserKind
from contracts.auth_accounts import (
    EmailAdded,
    EmailNotFound,
    EmailRemoved,
    EmailVerified,
    LastWayIn,
    NameReleased,
    NoAccount,
    PrimaryEmailSet,
    RemoveEmail,
    SetPrimaryEmail,
    TooManyEmails,
)
from contracts.auth_identities_private import BeginEmail
from contracts.auth_mail import MailKind
from libs.kernel.messages import Event, Origin
from services.auth.domain.accounts import wanted
from services.auth.domain.state import EMAILS_MAX, MAILS_AN_HOUR_MAX, Address, User

type EmailCommand = BeginEmail | RemoveEmail | SetPrimaryEmail
type EmailEvent = EmailAdded | EmailVerified | EmailRemoved | PrimaryEmailSet


def email_names(command: object, user: User) -> Sequence[str]:
    """The names a command is about."""
    match command:
        case RemoveEmail(email_id=name) if name in user.emails:
            return [name]
        case _:
            return []


def decide_email(command: EmailCommand, user: User, origin: Origin) -> Sequence[Event]:
    """The rules. raises   EmailNotFound, LastWayIn, TooManyEmails, NoAccount, ActorSuspended"""
    match command:
        case BeginEmail():
            return _begin(command, user, origin)
        case RemoveEmail(email_id=name):
            return _remove(name, user)
        case SetPrimaryEmail(email_id=name):
            if name not in user.emails or not user.emails[name].is_verified:
                raise EmailNotFound
            same = name == user.email_name
            return [] if same else [PrimaryEmailSet(user_id=user.user_id, email_name=name)]


def _begin(command: BeginEmail, user: User, origin: Origin) -> Sequence[Event]:
    if origin.is_suspended:
        raise ActorSuspended
    if user.kind is not UserKind.NAMED or user.is_erased:
        raise NoAccount
    name, mail_id = command.email_name, command.mail_id
    known = user.emails.get(name)
    is_too_soon = user.mails_lately(origin.at) >= MAILS_AN_HOUR_MAX
    if mail_id in user.mails or (known is not None and (known.is_verified or is_too_soon)):
        return []
    if known is None and len(user.emails) >= EMAILS_MAX:
        raise TooManyEmails
    added = EmailAdded(user_id=user.user_id, email=command.email, email_name=name)
    mail = wanted(user.user_id, mail_id, MailKind.VERIFY_EMAIL, name, origin.at)
    return [*([added] if known is None else []), *([] if is_too_soon else [mail])]


def _remove(name: str, user: User) -> Sequence[Event]:
    address = user.emails.get(name)
    if address is None:
        raise EmailNotFound
    if user.ways_in() - address.is_verified < 1:
        raise LastWayIn
    events: list[Event] = [EmailRemoved(user_id=user.user_id, email_name=name)]
    good = (each for each, other in user.emails.items() if other.is_verified and each != name)
    heir = next(good, None)
    if name == user.email_name and heir is not None:
        events.append(PrimaryEmailSet(user_id=user.user_id, email_name=heir))
    if name in user.claimed():
        events.append(NameReleased(name=name, holder=user.user_id))
    return events


def evolve_email(user: User, event: EmailEvent) -> User:
    """What a fact does to a user."""
    name = event.email_name
    match event:
        case EmailAdded():
            user.emails[name] = Address(event.email)
        case EmailVerified():
            user.emails[name].is_verified = True
        case PrimaryEmailSet():
            user.email_name = name
        case EmailRemoved():
            del user.emails[name]
            user.email_name = None if user.email_name == name else user.email_name
            user.primary_way_in = None if user.primary_way_in == name else user.primary_way_in
    return user
