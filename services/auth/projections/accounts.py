"""Users as they come, and their ways in: addresses, identities, the second factor."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.auth import GuestRegistered, UserKind, UserRegistered, UserRole
from contracts.auth_accounts import (
    AccountOpened,
    EmailAdded,
    EmailRemoved,
    EmailVerified,
    PrimaryEmailSet,
)
from contracts.auth_confirmation import (
    SecondFactorReset,
    SecondFactorTurnedOff,
    SecondFactorTurnedOn,
)
from contracts.auth_identities import IdentityLinked, IdentityUnlinked, PrimaryWayInSet
from libs.eventlog import Recorded
from libs.readmodel import Write
from services.auth.projections.writing import change, setting
from services.auth.tables import emails, identities, users

type EntryEvent = GuestRegistered | UserRegistered
type EmailEvent = AccountOpened | EmailAdded | EmailVerified | PrimaryEmailSet | EmailRemoved
type IdentityEvent = IdentityLinked | IdentityUnlinked | PrimaryWayInSet
type FactorEvent = SecondFactorTurnedOn | SecondFactorTurnedOff | SecondFactorReset

_ADD_USER = upsert(users).on_conflict_do_nothing()

_OPEN_ACCOUNT = setting("kind", "email_name", "display_name", "pending")
_SET_PENDING = setting("pending")
_SET_PRIMARY = setting("email_name")
_ADD_EMAIL = upsert(emails).on_conflict_do_nothing()
_OF_EMAIL = (emails.c.user_id == bindparam("of")) & (emails.c.email_name == bindparam("named"))
_VERIFY = update(emails).where(_OF_EMAIL).values(verified=True)
_REMOVE_EMAIL = delete(emails).where(_OF_EMAIL)
_NO_PRIMARY = (
    update(users)
    .where(users.c.user_id == bindparam("of"), users.c.email_name == bindparam("named"))
    .values(email_name=None)
)

_SET_WAY = setting("primary_way_in")
_NO_WAY = (
    update(users)
    .where(users.c.user_id == bindparam("of"), users.c.primary_way_in == bindparam("named"))
    .values(primary_way_in=None)
)
_SET_KIND = setting("kind", "pending")
_LINK = upsert(identities).on_conflict_do_nothing()
_UNLINK = delete(identities).where(
    identities.c.user_id == bindparam("of"), identities.c.identity_id == bindparam("named")
)

_SET_SECOND_FACTOR = setting("second_factor")


def of_entry(event: EntryEvent, _recorded: Recorded) -> Sequence[Write]:
    """Who has come."""
    match event:
        case GuestRegistered():
            return [_added(event, UserKind.GUEST, UserRole.MEMBER)]
        case UserRegistered(kind=kind, role=role):
            return [_added(event, kind, role)]


def _added(event: EntryEvent, kind: UserKind, role: UserRole) -> Write:
    row = {
        "user_id": event.user_id,
        "kind": kind,
        "display_name": event.display_name,
        "email_name": None,
        "second_factor": False,
        "role": role,
        "suspended_by": None,
        "banned": False,
        "registered_at": event.registered_at,
    }
    return Write(_ADD_USER, [row])


def of_email(event: EmailEvent, recorded: Recorded) -> Sequence[Write]:
    """Addresses, and which is the primary one."""
    match event:
        case AccountOpened(email_name=email_name, display_name=name):
            opened = change(
                _OPEN_ACCOUNT,
                event,
                kind=UserKind.NAMED,
                email_name=email_name,
                display_name=name,
                pending=True,
            )
            return [_email_added(event, recorded), opened]
        case EmailAdded():
            return [_email_added(event, recorded)]
        case EmailVerified(user_id=user_id, email_name=name):
            verified = Write(_VERIFY, [{"of": user_id, "named": name}])
            return [verified, change(_SET_PENDING, event, pending=False)]
        case PrimaryEmailSet(email_name=name):
            return [change(_SET_PRIMARY, event, email_name=name)]
        case EmailRemoved(user_id=user_id, email_name=name):
            row = {"of": user_id, "named": name}
            return [Write(each, [row]) for each in (_REMOVE_EMAIL, _NO_PRIMARY, _NO_WAY)]


def _email_added(event: AccountOpened | EmailAdded, recorded: Recorded) -> Write:
    row = {
        "user_id": event.user_id,
        "email_name": event.email_name,
        "email": event.email,
        "verified": False,
        "position": recorded.position,
    }
    return Write(_ADD_EMAIL, [row])


def of_identity(event: IdentityEvent, _recorded: Recorded) -> Sequence[Write]:
    """Ways in beside addresses: whoever has one is no guest."""
    if isinstance(event, PrimaryWayInSet):
        return [change(_SET_WAY, event, primary_way_in=event.way_id)]
    user_id, identity_id = event.user_id, event.identity_id
    if isinstance(event, IdentityUnlinked):
        gone = {"of": user_id, "named": identity_id}
        return [Write(_UNLINK, [gone]), Write(_NO_WAY, [gone])]
    row = {
        "user_id": user_id,
        "identity_id": identity_id,
        "kind": event.kind,
        "issuer": event.issuer,
        "label": event.label,
        "linked_at": event.linked_at,
    }
    return [change(_SET_KIND, event, kind=UserKind.NAMED, pending=False), Write(_LINK, [row])]


def of_factor(event: FactorEvent, _recorded: Recorded) -> Sequence[Write]:
    """Whether a code is asked for as well."""
    is_on = isinstance(event, SecondFactorTurnedOn)
    return [change(_SET_SECOND_FACTOR, event, second_factor=is_on)]
