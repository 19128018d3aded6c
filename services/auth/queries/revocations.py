"""What was taken back, for gateways."""

from datetime import timedelta
from typing import Final

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.auth_sessions import ListRevocations, Revocation, Revocations
from libs.kernel.messages import Caller
from services.auth.tables import revocations

TOKEN_LIFE_MAX: Final = timedelta(days=8)
SESSION_TOKEN_LIFE_MAX: Final = timedelta(hours=2)


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
