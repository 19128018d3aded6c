"""API keys: one's own, and somebody's."""

from typing import Final

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.auth_keys import ApiKey, ApiKeys, ListApiKeys, ListApiKeysOfUser
from libs.kernel.messages import Caller
from services.auth.tables import api_keys

KEYS_MAX: Final = 200


async def list_api_keys(
    _query: ListApiKeys, caller: Caller, connection: AsyncConnection
) -> ApiKeys:
    """The caller's own, the newest first."""
    return await keys_of(caller.user_id, connection)


async def list_api_keys_of_user(
    query: ListApiKeysOfUser, _caller: Caller, connection: AsyncConnection
) -> ApiKeys:
    """Somebody's, the newest first."""
    return await keys_of(query.user_id, connection)


async def keys_of(user_id: str, connection: AsyncConnection) -> ApiKeys:
    """A user's keys, the newest first."""
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
