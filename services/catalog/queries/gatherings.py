"""Questions about gatherings. What is not published is shown to nobody."""

from dataclasses import replace
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalog import Kind, When
from contracts.catalog_gatherings import (
    Gathering,
    GatheringNotFound,
    Gatherings,
    GatheringStatus,
    GetGathering,
    ListGatherings,
    Registration,
)
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.catalog.queries.merged import stands_alone
from services.catalog.queries.pages import Order, next_cursor, rows_of, sorted_page, view_of
from services.catalog.tables import gatherings

_ENDS = func.coalesce(gatherings.c.ends_at, gatherings.c.starts_at)
_NOW = text("now()")
_SHOWN = select(gatherings).where(
    gatherings.c.is_published.is_not(False),
    stands_alone(Kind.GATHERING, gatherings.c.gathering_id),
)
_LATER_THAN_ALL = text("timestamptz '9999-12-31 00:00:00Z'")
_BY_START = Order(
    (func.coalesce(gatherings.c.starts_at, _LATER_THAN_ALL), gatherings.c.gathering_id),
    TypeAdapter(tuple[datetime, str]),
)
_BY_START_DOWN = replace(_BY_START, descending=True)


async def list_gatherings(
    query: ListGatherings, _caller: Caller, connection: AsyncConnection
) -> Gatherings:
    """Published gatherings of one calendar or of all, by their beginning."""
    statement, order = _SHOWN, _BY_START_DOWN
    if query.calendar is not None:
        statement = statement.where(gatherings.c.calendar == query.calendar)
    if query.when is When.UPCOMING:
        statement, order = statement.where(_ENDS >= _NOW), _BY_START
    elif query.when is When.PAST:
        statement = statement.where(_ENDS < _NOW)
    rows = await rows_of(connection, sorted_page(statement, order, query.limit, query.after))
    return Gatherings(
        gatherings=[_gathering(row) for row in rows[: query.limit]],
        next=next_cursor(rows, order, query.limit),
    )


async def get_gathering(
    query: GetGathering, _caller: Caller, connection: AsyncConnection
) -> Gathering:
    """A published gathering. raises GatheringNotFound"""
    statement = _SHOWN.where(gatherings.c.gathering_id == query.gathering_id)
    rows = await rows_of(connection, statement)
    if not rows:
        raise GatheringNotFound(query.gathering_id)
    return _gathering(rows[0])


def _gathering(row: RowMapping) -> Gathering:
    registration = row["registration"]
    return view_of(
        Gathering,
        row,
        hosts=row["hosts"] or [],
        registration=None if registration is None else Registration(registration),
        is_featured=bool(row["is_featured"]),
        status=GatheringStatus(row["status"]),
        is_listed=row["is_listed"] is not False,
    )


_READS = ("records",)

GATHERINGS: Queries = {
    ListGatherings: Reading(list_gatherings, _READS),
    GetGathering: Reading(get_gathering, _READS),
}
