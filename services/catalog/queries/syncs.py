"""Questions about syncs and quotas."""

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalog_syncs import (
    REFUSALS_MAX,
    GetSync,
    ListQuotas,
    ListSyncs,
    Partner,
    Quota,
    Quotas,
    SyncNotFound,
    SyncProgress,
    SyncRefusal,
    Syncs,
    SyncStatus,
)
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.catalog.domain.syncs import Target
from services.catalog.queries.pages import Order, next_cursor, rows_of, sorted_page, view_of
from services.catalog.tables import quotas, syncs

_LATEST_FIRST = Order(
    (syncs.c.position, syncs.c.sync_id), TypeAdapter(tuple[int, str]), descending=True
)


async def list_syncs(query: ListSyncs, _caller: Caller, connection: AsyncConnection) -> Syncs:
    """All syncs there have been, those that something happened to last first."""
    statement = select(syncs)
    if query.status is not None:
        statement = statement.where(syncs.c.status == query.status.value)
    page = sorted_page(statement, _LATEST_FIRST, query.limit, query.after)
    rows = await rows_of(connection, page)
    return Syncs(
        syncs=[_progress(row) for row in rows[: query.limit]],
        next=next_cursor(rows, _LATEST_FIRST, query.limit),
    )


async def get_sync(query: GetSync, _caller: Caller, connection: AsyncConnection) -> SyncProgress:
    """How a sync stands. raises SyncNotFound"""
    rows = await rows_of(connection, select(syncs).where(syncs.c.sync_id == query.sync_id))
    if not rows:
        raise SyncNotFound(query.sync_id)
    return _progress(rows[0])


async def list_quotas(_query: ListQuotas, _caller: Caller, connection: AsyncConnection) -> Quotas:
    """What is left of our requests to partners."""
    rows = await rows_of(connection, select(quotas).order_by(quotas.c.partner))
    return Quotas(quotas=[view_of(Quota, row, partner=Partner(row["partner"])) for row in rows])


def _progress(row: RowMapping) -> SyncProgress:
    target = Target.of(row["sync_id"])
    return view_of(
        SyncProgress,
        row,
        partner=target.partner,
        scope=target.scope,
        external_id=target.external_id,
        status=SyncStatus(row["status"]),
        refusals=[SyncRefusal(**refusal) for refusal in row["refusals"][:REFUSALS_MAX]],
    )


_READS = ("syncs",)

SYNCS: Queries = {
    ListSyncs: Reading(list_syncs, _READS),
    GetSync: Reading(get_sync, _READS),
    ListQuotas: Reading(list_quotas, _READS),
}
