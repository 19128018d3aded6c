"""Reading records that were merged as the one they are part of."""

from typing import Any

from sqlalchemy import ColumnElement, Text, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalog import Kind
from services.catalog.tables import aliases


def whole_of(kind: Kind, record_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """The id of what a record is part of; its own when it stands alone."""
    found = aliases.alias()
    into = select(found.c.into_id).where(found.c.kind == kind.value, found.c.record_id == record_id)
    return func.coalesce(into.scalar_subquery(), record_id)


def is_part_of(kind: Kind, record_id: ColumnElement[Any], whole: str | None) -> ColumnElement[bool]:
    """Whether a record is another, or was merged into it. (In a way that indexes serve.)"""
    found = aliases.alias()
    merged = select(found.c.record_id).where(found.c.kind == kind.value, found.c.into_id == whole)
    return record_id.in_(union_all(select(literal(whole, Text)), merged))


def stands_alone(kind: Kind, record_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a record is not part of another."""
    found = aliases.alias()
    merged = select(literal(1)).where(
        found.c.kind == kind.value, found.c.record_id == record_id, found.c.into_id.is_not(None)
    )
    return ~merged.exists()


async def whole_id(connection: AsyncConnection, kind: Kind, record_id: str) -> str:
    """The id of what a record is part of; its own when it stands alone."""
    found = await connection.execute(select(whole_of(kind, literal(record_id))))
    whole: str = found.scalar_one()
    return whole
