"""Events of auth as rows, one after the other: what happens to one user or session in one
transaction is little, and its order matters.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.expression import UpdateBase

from contracts.auth import (
    GuestRegistered,
    RoleSet,
    UserBanned,
    UserKind,
    UserRegistered,
    UserReinstated,
    UserRole,
    UserSuspended,
    UserUnbanned,
)
from contracts.auth_accounts import (
    AccountOpened,
    EmailAdded,
    EmailRemoved,
    EmailVerified,
    PrimaryEmailSet,
    UserErased,
)
from contracts.auth_acts import ImpersonationEnded, UserImpersonated
from contracts.auth_confirmation import SecondFactorTurnedOff, SecondFactorTurnedOn
from contracts.auth_identities import IdentityLinked, IdentityUnlinked
from contracts.auth_keys import ApiKeyCreated, ApiKeyRevoked
from contracts.auth_profile import (
    ProfileChanged,
    UserLeft,
    UsernameChosen,
    UsernameRetired,
    UserReturned,
)
from contracts.auth_sessions import SessionEnded, SessionOpened, SessionRenewed, SessionsEnded
from libs.eventlog import Recorded
from libs.kernel.messages import Event
from libs.readmodel import Projected, Projection, Write
from services.auth.domain.acts import act_of
from services.auth.tables import (
    acts,
    api_keys,
    emails,
    identities,
    metadata,
    revocations,
    sessions,
    users,
)

EVENTS = (
    GuestRegistered,
    UserRegistered,
    AccountOpened,
    EmailAdded,
    EmailVerified,
    PrimaryEmailSet,
    EmailRemoved,
    IdentityLinked,
    IdentityUnlinked,
    SecondFactorTurnedOn,
    SecondFactorTurnedOff,
    ProfileChanged,
    UsernameChosen,
    UsernameRetired,
    UserLeft,
    UserReturned,
    RoleSet,
    UserSuspended,
    UserReinstated,
    UserBanned,
    UserUnbanned,
    UserErased,
    SessionOpened,
    SessionRenewed,
    SessionEnded,
    SessionsEnded,
    ApiKeyCreated,
    ApiKeyRevoked,
    UserImpersonated,
    ImpersonationEnded,
)

_SHOWN = (
    ProfileChanged,
    UsernameChosen,
    UsernameRetired,
    UserLeft,
    UserReturned,
    UserBanned,
    UserUnbanned,
    UserErased,
)
"""After these, others see something else of a user who may have a username."""

_OF_PROFILES = (*_SHOWN, GuestRegistered, UserRegistered, AccountOpened)

_ADD_USER = upsert(users).on_conflict_do_nothing()


def _set(*columns: str) -> UpdateBase:
    """Set columns of the user `of`."""
    values = {name: bindparam(f"new_{name}", type_=users.c[name].type) for name in columns}
    return update(users).where(users.c.user_id == bindparam("of")).values(values)


_OPEN_ACCOUNT = _set("kind", "email_name", "display_name", "pending")
_SET_KIND = _set("kind", "pending")
_SET_PENDING = _set("pending")
_SET_PRIMARY = _set("email_name")
_SET_SECOND_FACTOR = _set("second_factor")
_SAY = _set("display_name", "bio", "avatar", "links", "metadata")
_SET_USERNAME = _set("username")
_SET_ERASED_AT = _set("erased_at")
_SET_ROLE = _set("role")
_SET_SUSPENDED = _set("suspended_by")
_SET_BANNED = _set("banned")
_NOTHING: dict[str, Any] = {
    "display_name": None,
    "bio": "",
    "avatar": "",
    "links": [],
    "metadata": {},
}
_ERASE = _set("erased", "erased_at", "email_name", "second_factor", "username", *_NOTHING)
_ADD_EMAIL = upsert(emails).on_conflict_do_nothing()
_OF_EMAIL = (emails.c.user_id == bindparam("of")) & (emails.c.email_name == bindparam("named"))
_VERIFY = update(emails).where(_OF_EMAIL).values(verified=True)
_REMOVE_EMAIL = delete(emails).where(_OF_EMAIL)
_NO_PRIMARY = (
    update(users)
    .where(users.c.user_id == bindparam("of"), users.c.email_name == bindparam("named"))
    .values(email_name=None)
)
_ERASE_EMAILS = delete(emails).where(emails.c.user_id == bindparam("of"))
_LINK = upsert(identities).on_conflict_do_nothing()
_UNLINK = delete(identities).where(
    identities.c.user_id == bindparam("of"), identities.c.identity_id == bindparam("named")
)
_ERASE_IDENTITIES = delete(identities).where(identities.c.user_id == bindparam("of"))
_ADD_KEY = upsert(api_keys).on_conflict_do_nothing()
_DROP_KEY = delete(api_keys).where(api_keys.c.key_id == bindparam("of"))
_DROP_KEYS = delete(api_keys).where(api_keys.c.user_id == bindparam("of"))
_ERASED_WITH = (_ERASE_EMAILS, _ERASE_IDENTITIES, _DROP_KEYS)
_ADD_ACT = upsert(acts).on_conflict_do_nothing()
_OPEN_SESSION = upsert(sessions).on_conflict_do_nothing()
_RENEW_SESSION = (
    update(sessions)
    .where(sessions.c.session_id == bindparam("of"))
    .values(renewed_at=bindparam("at", type_=sessions.c.renewed_at.type))
)
_END_SESSION = delete(sessions).where(sessions.c.session_id == bindparam("of"))
_END_SESSIONS = delete(sessions).where(
    sessions.c.user_id == bindparam("of"),
    sessions.c.opened_at < bindparam("before_at", type_=sessions.c.opened_at.type),
    sessions.c.session_id != bindparam("kept"),
)
_REVOKE = upsert(revocations)
_REVOKE = _REVOKE.on_conflict_do_update(
    index_elements=[revocations.c.what],
    set_={
        "before": _REVOKE.excluded.before,
        "kept_session_id": _REVOKE.excluded.kept_session_id,
        "position": _REVOKE.excluded.position,
    },
)


def project(events: Sequence[Recorded]) -> Projected:
    """The rows that these events add and change, and the change keys they touch."""
    writes: list[Write] = []
    keys: dict[str, int] = {}
    for recorded in events:
        done = [*_writes(recorded), *_acts(recorded)]
        writes += done
        keys[f"user.{_user_of(recorded.data)}"] = keys["users"] = recorded.position
        if isinstance(recorded.data, _OF_PROFILES):
            keys[f"profile.{_user_of(recorded.data)}"] = recorded.position
        if isinstance(recorded.data, _SHOWN):
            keys["profiles"] = recorded.position
        if any(write.statement is _REVOKE for write in done):
            keys["revocations"] = recorded.position
        if any(write.statement is _ADD_ACT for write in done):
            keys["acts"] = recorded.position
    return Projected(_together(writes), keys)


def _together(writes: Sequence[Write]) -> list[Write]:
    """The same writes, those of one statement that follow each other as one."""
    found: list[Write] = []
    for write in writes:
        if found and found[-1].statement is write.statement:
            found[-1] = Write(write.statement, [*found[-1].rows, *write.rows])
        else:
            found.append(write)
    return found


def _user_of(event: Event) -> str:
    user_id: str = getattr(event, "user_id")  # noqa: B009  # All events of auth have it.
    return user_id


def _writes(recorded: Recorded) -> list[Write]:
    match event := recorded.data:
        case GuestRegistered():
            return [_added(event, UserKind.GUEST, UserRole.MEMBER)]
        case UserRegistered():
            return [_added(event, event.kind, event.role)]
        case UserErased(user_id=user_id):
            nothing = {
                "email_name": None,
                "second_factor": False,
                "username": None,
                "erased_at": None,
                **_NOTHING,
            }
            erased = _change(_ERASE, event, erased=True, **nothing)
            gone = [Write(each, [{"of": user_id}]) for each in _ERASED_WITH]
            return [erased, *gone, *_all_ended(recorded, recorded.at, None)]
        case SessionsEnded(before=before, kept_session_id=kept):
            return _all_ended(recorded, before, kept)
        case SessionOpened() | SessionRenewed() | SessionEnded():
            return _session_writes(recorded)
        case AccountOpened() | EmailAdded() | EmailVerified() | EmailRemoved() | PrimaryEmailSet():
            return _email_writes(recorded)
        case IdentityLinked() | IdentityUnlinked():
            return _identity_writes(event)
        case SecondFactorTurnedOn() | SecondFactorTurnedOff():
            is_on = isinstance(event, SecondFactorTurnedOn)
            return [_change(_SET_SECOND_FACTOR, event, second_factor=is_on)]
        case ProfileChanged() | UsernameChosen() | UsernameRetired() | UserLeft() | UserReturned():
            return [_profile_write(event)]
        case ApiKeyCreated() | ApiKeyRevoked() | UserImpersonated() | ImpersonationEnded():
            return _narrowed_writes(recorded)
        case _:
            return _standing_writes(recorded)


def _email_writes(recorded: Recorded) -> list[Write]:
    match event := recorded.data:
        case AccountOpened(email_name=email_name, display_name=name):
            opened = _change(
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
            return [verified, _change(_SET_PENDING, event, pending=False)]
        case PrimaryEmailSet(email_name=name):
            return [_change(_SET_PRIMARY, event, email_name=name)]
        case EmailRemoved(user_id=user_id, email_name=name):
            row = {"of": user_id, "named": name}
            return [Write(_REMOVE_EMAIL, [row]), Write(_NO_PRIMARY, [row])]
        case other:
            raise TypeError(f"{type(other).__name__} is no event of an address")


def _email_added(event: AccountOpened | EmailAdded, recorded: Recorded) -> Write:
    row = {
        "user_id": event.user_id,
        "email_name": event.email_name,
        "email": event.email,
        "verified": False,
        "position": recorded.position,
    }
    return Write(_ADD_EMAIL, [row])


def _identity_writes(event: IdentityLinked | IdentityUnlinked) -> list[Write]:
    user_id, identity_id = event.user_id, event.identity_id
    if isinstance(event, IdentityUnlinked):
        return [Write(_UNLINK, [{"of": user_id, "named": identity_id}])]
    row = {
        "user_id": user_id,
        "identity_id": identity_id,
        "kind": event.kind,
        "issuer": event.issuer,
        "label": event.label,
        "linked_at": event.linked_at,
    }
    return [_change(_SET_KIND, event, kind=UserKind.NAMED, pending=False), Write(_LINK, [row])]


def _profile_write(
    event: ProfileChanged | UsernameChosen | UsernameRetired | UserLeft | UserReturned,
) -> Write:
    match event:
        case ProfileChanged():
            said = {name: getattr(event, name) for name in _NOTHING}
            known = {name: value for name, value in said.items() if value is not None}
            return _change(_SAY, event, **{**_NOTHING, **known})
        case UsernameChosen(username=username):
            return _change(_SET_USERNAME, event, username=username)
        case UsernameRetired():
            return _change(_SET_USERNAME, event, username=None)
        case UserLeft(erased_at=hour):
            return _change(_SET_ERASED_AT, event, erased_at=hour)
        case UserReturned():
            return _change(_SET_ERASED_AT, event, erased_at=None)


def _standing_writes(recorded: Recorded) -> list[Write]:
    match event := recorded.data:
        case RoleSet():
            return [_change(_SET_ROLE, event, role=event.role), _out_of_date(recorded)]
        case UserSuspended():
            return [_change(_SET_SUSPENDED, event, suspended_by=event.by), _out_of_date(recorded)]
        case UserReinstated():
            return [_change(_SET_SUSPENDED, event, suspended_by=None)]
        case UserBanned():
            banned = _change(_SET_BANNED, event, banned=True)
            return [banned, *_all_ended(recorded, recorded.at, None)]
        case UserUnbanned():
            return [_change(_SET_BANNED, event, banned=False)]
        case other:
            raise TypeError(f"{type(other).__name__} is no event of auth")


def _session_writes(recorded: Recorded) -> list[Write]:
    match event := recorded.data:
        case SessionOpened():
            row = {
                "session_id": event.session_id,
                "user_id": event.user_id,
                "method": event.method,
                "device": event.device,
                "opened_at": event.opened_at,
                "renewed_at": event.opened_at,
            }
            return [Write(_OPEN_SESSION, [row])]
        case SessionRenewed(session_id=session_id, renewed_at=renewed_at):
            return [Write(_RENEW_SESSION, [{"of": session_id, "at": renewed_at}])]
        case SessionEnded(session_id=session_id):
            return [Write(_END_SESSION, [{"of": session_id}]), _ended(recorded, session_id)]
        case other:
            raise TypeError(f"{type(other).__name__} is no event of a session")


def _narrowed_writes(recorded: Recorded) -> list[Write]:
    """Of what makes tokens that are less than their user."""
    match event := recorded.data:
        case ApiKeyCreated():
            row = {
                "key_id": event.key_id,
                "user_id": event.user_id,
                "name": event.name,
                "scopes": event.scopes,
                "created_at": event.created_at,
                "expires_at": event.expires_at,
            }
            return [Write(_ADD_KEY, [row])]
        case ApiKeyRevoked(key_id=key_id):
            return [Write(_DROP_KEY, [{"of": key_id}]), _ended(recorded, key_id)]
        case ImpersonationEnded(session_id=session_id):
            return [_ended(recorded, session_id)]
        case _:
            return []  # Nothing but the act.


def _acts(recorded: Recorded) -> list[Write]:
    act = act_of(recorded.data)
    if act is None:
        return []
    row = {
        "act_id": recorded.id,
        "position": recorded.position,
        "kind": act.kind,
        "user_id": act.user_id,
        "actor": act.actor,
        "reason": act.reason,
        "detail": act.detail,
        "until": act.until,
        "at": recorded.at,
    }
    return [Write(_ADD_ACT, [row])]


def _added(event: GuestRegistered | UserRegistered, kind: UserKind, role: UserRole) -> Write:
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


def _change(statement: UpdateBase, event: Event, **values: Any) -> Write:
    new = {f"new_{name}": value for name, value in values.items()}
    return Write(statement, [{"of": _user_of(event), **new}])


def _all_ended(recorded: Recorded, before: datetime, kept: str | None) -> list[Write]:
    user_id = _user_of(recorded.data)
    row = {"of": user_id, "before_at": before, "kept": kept or ""}
    revoked = _revoked(recorded, f"user:{user_id}", before, kept=kept)
    return [Write(_END_SESSIONS, [row]), revoked]


def _ended(recorded: Recorded, session_id: str) -> Write:
    """Tokens that bear this id are not good any more: of a session, or of a key."""
    return _revoked(recorded, f"session:{session_id}", recorded.at, session_id=session_id)


def _out_of_date(recorded: Recorded) -> Write:
    """What tokens say of the user's roles is not so any more."""
    what = f"standing:{_user_of(recorded.data)}"
    return _revoked(recorded, what, recorded.at, renewable=True)


def _revoked(
    recorded: Recorded,
    what: str,
    before: datetime,
    *,
    session_id: str | None = None,
    kept: str | None = None,
    renewable: bool = False,
) -> Write:
    row = {
        "what": what,
        "user_id": _user_of(recorded.data),
        "session_id": session_id,
        "before": before,
        "kept_session_id": kept,
        "renewable": renewable,
        "position": recorded.position,
    }
    return Write(_REVOKE, [row])


USERS = Projection(name="users", log="auth", tables=metadata, events=EVENTS, project=project)
