"""Questions to auth: who am I, and who is there."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError
from sqlalchemy import (
    Column,
    ColumnElement,
    RowMapping,
    Select,
    case,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.auth import (
    GetMe,
    ListUsers,
    User,
    UserKind,
    UserNotFound,
    UserRole,
    Users,
    UserStatus,
)
from contracts.auth_accounts import Export, ExportMe, ListEmails, OwnEmail, OwnEmails
from contracts.auth_acts import Act, ActKind, Acts, ListActs
from contracts.auth_identities import IdentityKind, ListIdentities, OwnIdentities, OwnIdentity
from contracts.auth_keys import ApiKey, ApiKeys, ListApiKeys, ListApiKeysOfUser
from contracts.auth_profile import (
    FindProfile,
    GetMyProfile,
    GetProfile,
    Link,
    OwnProfile,
    Profile,
)
from contracts.auth_sessions import (
    ListRevocations,
    ListSessions,
    OwnSession,
    OwnSessions,
    Revocation,
    Revocations,
    SignInMethod,
)
from libs.kernel.errors import Invalid
from libs.kernel.ids import Id
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.auth.tables import acts, api_keys, emails, identities, revocations, sessions, users

SESSIONS_MAX = 200
KEYS_MAX = 200
TOKEN_LIFE_MAX = timedelta(days=8)
SESSION_TOKEN_LIFE_MAX = timedelta(hours=2)

_SEEN = users.c.status.not_in([UserStatus.LEAVING, UserStatus.BANNED, UserStatus.ERASED])
Position = Annotated[int, Field(ge=0, lt=2**63)]

_ORDER = (users.c.registered_at, users.c.user_id)
_CURSOR: TypeAdapter[tuple[datetime, str]] = TypeAdapter(tuple[AwareDatetime, Id])
_ACT_ORDER = (acts.c.position, acts.c.act_id)
_ACT_CURSOR: TypeAdapter[tuple[int, str]] = TypeAdapter(tuple[Position, Id])


_USERS = select(users, emails.c.email, emails.c.verified).outerjoin(
    emails, (emails.c.user_id == users.c.user_id) & (emails.c.email_name == users.c.email_name)
)
"""Users, each with their primary address."""


async def get_me(_query: GetMe, caller: Caller, connection: AsyncConnection) -> User:
    """Who the caller is. raises   UserNotFound"""
    return _user(await _only(connection, users.c.user_id == caller.user_id))


async def get_my_profile(
    _query: GetMyProfile, caller: Caller, connection: AsyncConnection
) -> OwnProfile:
    """What the caller has said of themselves. raises   UserNotFound"""
    row = await _only(connection, users.c.user_id == caller.user_id)
    return OwnProfile(
        user_id=row["user_id"],
        status=UserStatus(row["status"]),
        username=row["username"],
        display_name=row["display_name"],
        bio=row["bio"],
        avatar=row["avatar"],
        links=_links(row),
        metadata=row["metadata"],
    )


async def get_profile(query: GetProfile, _caller: Caller, connection: AsyncConnection) -> Profile:
    """What others see of a user. raises   UserNotFound"""
    return _profile(await _only(connection, users.c.user_id == query.user_id, _SEEN))


async def find_profile(query: FindProfile, _caller: Caller, connection: AsyncConnection) -> Profile:
    """The same, by username. raises   UserNotFound"""
    is_theirs = func.lower(users.c.username) == query.username.lower()
    return _profile(await _only(connection, is_theirs, _SEEN))


async def _only(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> RowMapping:
    row = (await connection.execute(_USERS.where(*conditions))).mappings().one_or_none()
    if row is None:
        raise UserNotFound
    return row


async def list_users(query: ListUsers, _caller: Caller, connection: AsyncConnection) -> Users:
    """One page of users, the newest first. raises   Invalid for a cursor that is none of ours"""
    rows = (await connection.execute(_page(query))).mappings().all()
    listed = rows[: query.limit]
    return Users(
        users=[_user(row) for row in listed],
        next=_cursor(listed[-1], _ORDER) if len(rows) > query.limit else None,
    )


async def list_sessions(
    _query: ListSessions, caller: Caller, connection: AsyncConnection
) -> OwnSessions:
    """The caller's own, the newest first."""
    return OwnSessions(sessions=[_session(row) for row in await _sessions_of(caller, connection)])


async def list_revocations(
    query: ListRevocations, _caller: Caller, connection: AsyncConnection
) -> Revocations:
    """What was taken back while a token that it is about can still be shown."""
    of_session = revocations.c.session_id.is_not(None) | revocations.c.renewable
    life_max = case((of_session, SESSION_TOKEN_LIFE_MAX), else_=TOKEN_LIFE_MAX)
    newest = select(revocations).where(
        revocations.c.position > query.after, revocations.c.before > func.now() - life_max
    )
    found = (await connection.execute(newest.order_by(revocations.c.position))).mappings()
    return Revocations(
        revocations=[
            Revocation(
                user_id=row["user_id"],
                session_id=row["session_id"],
                before=row["before"],
                kept_session_id=row["kept_session_id"],
                renewable=row["renewable"],
            )
            for row in found
        ]
    )


async def list_api_keys(
    _query: ListApiKeys, caller: Caller, connection: AsyncConnection
) -> ApiKeys:
    """The caller's own, the newest first."""
    return await _keys_of(caller.user_id, connection)


async def list_api_keys_of_user(
    query: ListApiKeysOfUser, _caller: Caller, connection: AsyncConnection
) -> ApiKeys:
    """Somebody's, the newest first."""
    return await _keys_of(query.user_id, connection)


async def list_acts(query: ListActs, _caller: Caller, connection: AsyncConnection) -> Acts:
    """One page of acts, the newest first. raises   Invalid for a cursor that is none of ours"""
    statement = select(acts)
    if query.user_id is not None:
        statement = statement.where(acts.c.user_id == query.user_id)
    if query.after is not None:
        position, act_id = _read(_ACT_CURSOR, query.after)
        before = tuple_(literal(position), literal(act_id))
        statement = statement.where(tuple_(*_ACT_ORDER) < before)
    newest = statement.order_by(*(key.desc() for key in _ACT_ORDER)).limit(query.limit + 1)
    rows = (await connection.execute(newest)).mappings().all()
    listed = rows[: query.limit]
    return Acts(
        acts=[_act(row) for row in listed],
        next=_cursor(listed[-1], _ACT_ORDER) if len(rows) > query.limit else None,
    )


async def export_me(_query: ExportMe, caller: Caller, connection: AsyncConnection) -> Export:
    """All that auth holds of the caller. raises   UserNotFound"""
    row = await _only(connection, users.c.user_id == caller.user_id)
    user = _user(row)
    return Export(
        user_id=user.user_id,
        status=user.status,
        emails=(await list_emails(ListEmails(), caller, connection)).emails,
        identities=[
            {
                "kind": each.kind,
                "issuer": each.issuer,
                "label": each.label,
                "linked_at": each.linked_at.isoformat(),
            }
            for each in (await list_identities(ListIdentities(), caller, connection)).identities
        ],
        username=user.username,
        display_name=user.display_name,
        bio=row["bio"],
        avatar=row["avatar"],
        links=row["links"],
        metadata=row["metadata"],
        role=user.role,
        registered_at=user.registered_at,
        sessions=[
            {
                "session_id": row["session_id"],
                "method": row["method"],
                "device": row["device"],
                "opened_at": row["opened_at"].isoformat(),
                "renewed_at": row["renewed_at"].isoformat(),
            }
            for row in await _sessions_of(caller, connection)
        ],
        api_keys=[
            {
                "key_id": key.key_id,
                "name": key.name,
                "scopes": " ".join(key.scopes),
                "created_at": key.created_at.isoformat(),
                "expires_at": key.expires_at.isoformat(),
            }
            for key in (await _keys_of(caller.user_id, connection)).keys
        ],
    )


async def list_emails(_query: ListEmails, caller: Caller, connection: AsyncConnection) -> OwnEmails:
    """The caller's addresses, the oldest first."""
    mine = (
        select(emails, (emails.c.email_name == users.c.email_name).label("primary"))
        .join(users, users.c.user_id == emails.c.user_id)
        .where(emails.c.user_id == caller.user_id)
        .order_by(emails.c.position, emails.c.email_name)
    )
    rows = (await connection.execute(mine)).mappings()
    return OwnEmails(
        emails=[
            OwnEmail(
                email_id=row["email_name"],
                email=row["email"],
                verified=row["verified"],
                primary=bool(row["primary"]),
            )
            for row in rows
        ]
    )


async def list_identities(
    _query: ListIdentities, caller: Caller, connection: AsyncConnection
) -> OwnIdentities:
    """The caller's ways in beside addresses, the oldest first."""
    mine = select(identities).where(identities.c.user_id == caller.user_id)
    oldest = mine.order_by(identities.c.linked_at, identities.c.identity_id)
    rows = (await connection.execute(oldest)).mappings()
    return OwnIdentities(
        identities=[
            OwnIdentity(
                identity_id=row["identity_id"],
                kind=IdentityKind(row["kind"]),
                issuer=row["issuer"],
                label=row["label"],
                linked_at=row["linked_at"],
            )
            for row in rows
        ]
    )


async def _sessions_of(caller: Caller, connection: AsyncConnection) -> Sequence[RowMapping]:
    mine = select(sessions).where(sessions.c.user_id == caller.user_id)
    newest = mine.order_by(sessions.c.opened_at.desc()).limit(SESSIONS_MAX)
    return (await connection.execute(newest)).mappings().all()


def _session(row: RowMapping) -> OwnSession:
    return OwnSession(
        session_id=row["session_id"],
        method=SignInMethod(row["method"]),
        device=row["device"],
        opened_at=row["opened_at"],
        renewed_at=row["renewed_at"],
    )


async def _keys_of(user_id: str, connection: AsyncConnection) -> ApiKeys:
    theirs = select(api_keys).where(api_keys.c.user_id == user_id)
    newest = theirs.order_by(api_keys.c.created_at.desc(), api_keys.c.key_id).limit(KEYS_MAX)
    rows = (await connection.execute(newest)).mappings()
    return ApiKeys(keys=[_key(row) for row in rows])


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(
        key_id=row["key_id"],
        name=row["name"],
        scopes=row["scopes"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


def _act(row: RowMapping) -> Act:
    return Act(
        act_id=row["act_id"],
        kind=ActKind(row["kind"]),
        user_id=row["user_id"],
        actor=row["actor"],
        reason=row["reason"],
        detail=row["detail"],
        until=row["until"],
        at=row["at"],
    )


def _page(query: ListUsers) -> Select[Any]:
    """The page, and one row more when there are more."""
    statement = _USERS
    if query.search:
        part = query.search
        of_address = select(emails.c.user_id).where(emails.c.email.icontains(part, autoescape=True))
        statement = statement.where(
            users.c.user_id.in_(of_address)
            | users.c.username.icontains(part, autoescape=True)
            | users.c.display_name.icontains(part, autoescape=True)
        )
    if query.kind is not None:
        statement = statement.where(users.c.kind == query.kind)
    if query.role is not None:
        statement = statement.where(users.c.role == query.role)
    if query.suspended is not None:
        is_suspended = users.c.suspended_by.is_not(None)
        statement = statement.where(is_suspended if query.suspended else ~is_suspended)
    if query.status is not None:
        statement = statement.where(users.c.status == query.status)
    if query.after is not None:
        registered_at, user_id = _read(_CURSOR, query.after)
        before = tuple_(literal(registered_at), literal(user_id))
        statement = statement.where(tuple_(*_ORDER) < before)
    return statement.order_by(*(key.desc() for key in _ORDER)).limit(query.limit + 1)


def _cursor(row: RowMapping, order: Sequence[Column[Any]]) -> str:
    return urlsafe_b64encode(orjson.dumps([row[key.name] for key in order])).decode()


def _read[C](cursor: TypeAdapter[C], after: str) -> C:
    try:
        return cursor.validate_json(urlsafe_b64decode(after))
    except (ValueError, ValidationError):
        raise Invalid("after: not the `next` of a page of this list") from None


def _user(row: RowMapping) -> User:
    return User(
        user_id=row["user_id"],
        kind=UserKind(row["kind"]),
        display_name=row["display_name"],
        role=UserRole(row["role"]),
        suspended=row["suspended_by"] is not None,
        registered_at=row["registered_at"],
        banned=row["banned"],
        email=row["email"],
        email_verified=bool(row["verified"]),
        second_factor=row["second_factor"],
        status=UserStatus(row["status"]),
        username=row["username"],
        erased_at=row["erased_at"],
    )


def _profile(row: RowMapping) -> Profile:
    return Profile(
        user_id=row["user_id"],
        kind=UserKind(row["kind"]),
        username=row["username"],
        display_name=row["display_name"],
        bio=row["bio"],
        avatar=row["avatar"],
        links=_links(row),
        registered_at=row["registered_at"],
    )


def _links(row: RowMapping) -> list[Link]:
    return [Link(label=link["label"], url=link["url"]) for link in row["links"]]


QUERIES: Queries = {
    GetMe: Reading(get_me, ("users",)),
    GetMyProfile: Reading(get_my_profile, ("users",)),
    GetProfile: Reading(get_profile, ("users",)),
    FindProfile: Reading(find_profile, ("users",)),
    ListUsers: Reading(list_users, ("users",)),
    ListSessions: Reading(list_sessions, ("users",)),
    ListRevocations: Reading(list_revocations, ("users",)),
    ListEmails: Reading(list_emails, ("users",)),
    ListIdentities: Reading(list_identities, ("users",)),
    ListApiKeys: Reading(list_api_keys, ("users",)),
    ListApiKeysOfUser: Reading(list_api_keys_of_user, ("users",)),
    ListActs: Reading(list_acts, ("users",)),
    ExportMe: Reading(export_me, ("users",)),
}
