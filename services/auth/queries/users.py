"""Who somebody is, and who is there."""

from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, TypeAdapter
from sqlalchemy import ColumnElement, RowMapping, Select, literal, select, tuple_
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
from libs.kernel.ids import Id
from libs.kernel.messages import Caller
from libs.readmodel.paging import read_cursor, write_cursor
from services.auth.tables import emails, users

_ORDER = (users.c.registered_at, users.c.user_id)
_CURSOR: TypeAdapter[tuple[datetime, str]] = TypeAdapter(tuple[AwareDatetime, Id])

_USERS = select(users, emails.c.email, emails.c.verified).outerjoin(
    emails, (emails.c.user_id == users.c.user_id) & (emails.c.email_name == users.c.email_name)
)
"""Users, each with their primary address."""


async def get_me(_query: GetMe, caller: Caller, connection: AsyncConnection) -> User:
    """Who the caller is. raises   UserNotFound"""
    return as_user(await the_user(connection, users.c.user_id == caller.user_id))


async def list_users(query: ListUsers, _caller: Caller, connection: AsyncConnection) -> Users:
    """One page of users, the newest first. raises   Invalid for a cursor that is none of ours"""
    rows = (await connection.execute(_page(query))).mappings().all()
    listed = rows[: query.limit]
    has_more = len(rows) > query.limit
    return Users(
        users=[as_user(row) for row in listed],
        next=write_cursor([listed[-1][key.name] for key in _ORDER]) if has_more else None,
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
        registered_at, user_id = read_cursor(_CURSOR, query.after)
        before = tuple_(literal(registered_at), literal(user_id))
        statement = statement.where(tuple_(*_ORDER) < before)
    return statement.order_by(*(key.desc() for key in _ORDER)).limit(query.limit + 1)


async def the_user(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> RowMapping:
    """The one of whom that is so. raises   UserNotFound"""
    row = (await connection.execute(_USERS.where(*conditions))).mappings().one_or_none()
    if row is None:
        raise UserNotFound
    return row


def as_user(row: RowMapping) -> User:
    """A row of `the_user`, told."""
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
        primary_way_in=row["primary_way_in"],
        status=UserStatus(row["status"]),
        username=row["username"],
        erased_at=row["erased_at"],
    )
