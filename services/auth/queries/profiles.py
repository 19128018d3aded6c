"""What users say of themselves: to others, and to themselves."""

from sqlalchemy import RowMapping, func
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.auth import UserKind, UserStatus
from contracts.auth_profile import (
    FindProfile,
    GetMyProfile,
    GetProfile,
    Link,
    OwnProfile,
    Profile,
)
from libs.kernel.messages import Caller
from services.auth.queries.users import the_user
from services.auth.tables import users

_SEEN = users.c.status.not_in([UserStatus.LEAVING, UserStatus.BANNED, UserStatus.ERASED])


async def get_my_profile(
    _query: GetMyProfile, caller: Caller, connection: AsyncConnection
) -> OwnProfile:
    """What the caller has said of themselves. raises   UserNotFound"""
    row = await the_user(connection, users.c.user_id == caller.user_id)
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
    return _profile(await the_user(connection, users.c.user_id == query.user_id, _SEEN))


async def find_profile(query: FindProfile, _caller: Caller, connection: AsyncConnection) -> Profile:
    """The same, by username. raises   UserNotFound"""
    is_theirs = func.lower(users.c.username) == query.username.lower()
    return _profile(await the_user(connection, is_theirs, _SEEN))


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
