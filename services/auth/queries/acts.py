"""What was done to users, by whom and why."""

from typing import Annotated

from pydantic import Field, TypeAdapter
from sqlalchemy import RowMapping, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.auth_acts import Act, ActKind, Acts, ListActs
from libs.kernel.ids import Id
from libs.kernel.messages import Caller
from libs.readmodel.paging import read_cursor, write_cursor
from services.auth.tables import acts

Position = Annotated[int, Field(ge=0, lt=2**63)]

_ORDER = (acts.c.position, acts.c.act_id)
_CURSOR: TypeAdapter[tuple[int, str]] = TypeAdapter(tuple[Position, Id])


async def list_acts(query: ListActs, _caller: Caller, connection: AsyncConnection) -> Acts:
    """One page of acts, the newest first. raises   Invalid for a cursor that is none of ours"""
    statement = select(acts)
    if query.user_id is not None:
        statement = statement.where(acts.c.user_id == query.user_id)
    if query.after is not None:
        position, act_id = read_cursor(_CURSOR, query.after)
        before = tuple_(literal(position), literal(act_id))
        statement = statement.where(tuple_(*_ORDER) < before)
    newest = statement.order_by(*(key.desc() for key in _ORDER)).limit(query.limit + 1)
    rows = (await connection.execute(newest)).mappings().all()
    listed = rows[: query.limit]
    has_more = len(rows) > query.limit
    return Acts(
        acts=[_act(row) for row in listed],
        next=write_cursor([listed[-1][key.name] for key in _ORDER]) if has_more else None,
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
