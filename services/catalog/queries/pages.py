"""Lists by page, and rows as views.

A page begins behind the sort keys of the row before it, which its cursor holds. So it neither skips
nor repeats a row when others come and go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, RowMapping, Select, literal, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.readmodel.paging import read_cursor, write_cursor


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list.

    keys        what its rows are sorted by; the last is unique
    cursor      reads the keys of a row out of JSON
    descending  whether all of them are sorted downwards
    """

    keys: tuple[ColumnElement[Any], ...]
    cursor: TypeAdapter[Any]
    descending: bool = False


def sorted_page(
    statement: Select[Any], order: Order, limit: int, after: str | None = None
) -> Select[Any]:
    """One page of a list, its rows with their sort keys, and one row more when there are more.

    raises   Invalid when `after` is no cursor of this list
    """
    statement = statement.add_columns(
        *(key.label(f"sort_{number}") for number, key in enumerate(order.keys))
    )
    if after is not None:
        before = [literal(value) for value in read_cursor(order.cursor, after)]
        keys = tuple_(*order.keys)
        statement = statement.where(
            keys < tuple_(*before) if order.descending else keys > tuple_(*before)
        )
    by = [key.desc() if order.descending else key for key in order.keys]
    return statement.order_by(*by).limit(limit + 1)


def next_cursor(rows: Sequence[RowMapping], order: Order, limit: int) -> str | None:
    """The cursor behind the last row of a page; None at the end of the list."""
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    return write_cursor([last[f"sort_{number}"] for number in range(len(order.keys))])


async def rows_of(connection: AsyncConnection, statement: Select[Any]) -> Sequence[RowMapping]:
    """What a statement finds."""
    rows: Sequence[RowMapping] = (await connection.execute(statement)).mappings().all()
    return rows


def view_of[V](cls: type[V], row: RowMapping, **more: Any) -> V:
    """A view out of the columns that have the names of its fields."""
    names = [item.name for item in fields(cls)]  # type: ignore[arg-type]
    return cls(**{name: row[name] for name in names if name not in more}, **more)
