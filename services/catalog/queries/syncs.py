"""Questions about syncs and quotas."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalog import Kind
from contracts.catalog_sync_views import (
    GetSync,
    ListQuotas,
    ListSyncs,
    Quota,
    Quotas,
    SyncProgress,
    SyncRefusal,
    Syncs,
)
from contracts.catalog_syncs import REFUSALS_MAX, Partner, Scope, SyncNotFound, SyncStatus
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.catalog.domain.syncs import Target
from services.catalog.queries.names import names_of
from services.catalog.queries.pages import Order, next_cursor, rows_of, sorted_page, view_of
from services.catalog.queries.sayings import MUSICBRAINZ
from services.catalog.tables import identities, quotas, syncs

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
    names = await _names(connection, rows[: query.limit])
    return Syncs(
        syncs=[_progress(row, names) for row in rows[: query.limit]],
        next=next_cursor(rows, _LATEST_FIRST, query.limit),
    )


async def get_sync(query: GetSync, _caller: Caller, connection: AsyncConnection) -> SyncProgress:
    """How a sync stands. raises SyncNotFound"""
    rows = await rows_of(connection, select(syncs).where(syncs.c.sync_id == query.sync_id))
    if not rows:
        raise SyncNotFound(query.sync_id)
    return _progress(rows[0], await _names(connection, rows))


async def list_quotas(_query: ListQuotas, _caller: Caller, connection: AsyncConnection) -> Quotas:
    """What is left of our requests to partners."""
    rows = await rows_of(connection, select(quotas).order_by(quotas.c.partner))
    return Quotas(quotas=[view_of(Quota, row, partner=Partner(row["partner"])) for row in rows])


async def _names(connection: AsyncConnection, rows: Sequence[RowMapping]) -> dict[str, str]:
    """What the artists and shows of syncs are called, as far as the catalog knows, by sync."""
    records = {row["sync_id"]: row["artist_id"] for row in rows if row["artist_id"] is not None}
    targets = {row["sync_id"]: Target.of(row["sync_id"]) for row in rows}
    called = {
        _called(target): sync_id
        for sync_id, target in targets.items()
        if sync_id not in records and target.scope is not Scope.CALENDAR
    }
    key = (identities.c.kind, identities.c.source, identities.c.external_id)
    known = select(*key, identities.c.record_id).where(tuple_(*key).in_(list(called)))
    for kind, source, external_id, record_id in await connection.execute(known):
        records[called[kind, source, external_id]] = record_id
    ids = list(records.values())
    names = await names_of(connection, {Kind.ARTIST: ids, Kind.SHOW: ids})
    return {sync_id: names[of] for sync_id, of in records.items() if of in names}


def _called(target: Target) -> tuple[Any, ...]:
    """Kind, source and external id by which the catalog knows the artist or show of a sync."""
    if target.scope is Scope.SETLIST:
        return (Kind.SHOW.value, target.partner.value, target.external_id)
    source = MUSICBRAINZ if target.partner is Partner.SETLISTFM else target.partner.value
    return (Kind.ARTIST.value, source, target.external_id)


def _progress(row: RowMapping, names: dict[str, str]) -> SyncProgress:
    target = Target.of(row["sync_id"])
    return view_of(
        SyncProgress,
        row,
        partner=target.partner,
        scope=target.scope,
        external_id=target.external_id,
        name=names.get(row["sync_id"]),
        status=SyncStatus(row["status"]),
        refusals=[SyncRefusal(**refusal) for refusal in row["refusals"][:REFUSALS_MAX]],
    )


_READS = ("syncs", "records")

SYNCS: Queries = {
    ListSyncs: Reading(list_syncs, _READS),
    GetSync: Reading(get_sync, _READS),
    ListQuotas: Reading(list_quotas, ("syncs",)),
}
