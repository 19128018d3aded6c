"""Questions to auth: who am I, and who is there."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import RowMapping, Select, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.auth import GetMe, ListUsers, User, UserKind, UserNotFound, UserRole, Users
from libs.kernel.errors import Invalid
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.auth.tables import users

_ORDER = (users.c.registered_at, users.c.user_id)
_CURSOR: TypeAdapter[tuple[datetime, str]] = TypeAdapter(tuple[datetime, str])


async def get_me(_query: GetMe, caller: Caller, connection: AsyncConnection) -> User:
    """The caller's own row. raises   UserNotFound"""
    statement = select(users).where(users.c.user_id == caller.user_id)
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise UserNotFound
    return _user(row)


async def list_users(query: ListUsers, _caller: Caller, connection: AsyncConnection) -> Users:
    """One page of users, the newest first. raises   Invalid for a cursor that is none of ours"""
    rows = (await connection.execute(_page(query))).mappings().all()
    listed = rows[: query.limit]
    return Users(
        users=[_user(row) for row in listed],
        next=_cursor(listed[-1]) if len(rows) > query.limit else None,
    )


def _page(query: ListUsers) -> Select[Any]:
    """The page, and one row more when there are more."""
    statement = select(users)
    if query.kind is not None:
        statement = statement.where(users.c.kind == query.kind)
    if query.role is not None:
        statement = statement.where(users.c.role == query.role)
    if query.suspended is not None:
        is_suspended = users.c.suspended_by.is_not(None)
        statement = statement.where(is_suspended if query.suspended else ~is_suspended)
    if query.after is not None:
        before = tuple_(*map(literal, _read_cursor(query.after)))
        statement = statement.where(tuple_(*_ORDER) < before)
    return statement.order_by(*(key.desc() for key in _ORDER)).limit(query.limit + 1)


def _cursor(row: RowMapping) -> str:
    return urlsafe_b64encode(orjson.dumps([row["registered_at"], row["user_id"]])).decode()


def _read_cursor(after: str) -> tuple[datetime, str]:
    try:
        return _CURSOR.validate_json(urlsafe_b64decode(after))
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
    )


QUERIES: Queries = {
    GetMe: Reading(get_me, ("users",)),
    ListUsers: Reading(list_users, ("users",)),
}
