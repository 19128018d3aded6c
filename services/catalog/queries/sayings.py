"""Questions about who says what of a record, and where sources disagree."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, column, func, literal, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalog import Kind, id_of
from contracts.catalog_identity import (
    Dispute,
    Disputes,
    FieldSaying,
    GetSayings,
    ListDisputes,
    Sayings,
    SourceSaying,
)
from contracts.catalog_syncs import Partner
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.catalog.domain.precedence import rank
from services.catalog.queries.pages import Order, next_cursor, rows_of, sorted_page
from services.catalog.tables import aliases, identities, sayings

MUSICBRAINZ = "musicbrainz"


async def get_sayings(query: GetSayings, _caller: Caller, connection: AsyncConnection) -> Sayings:
    """Who says what of a record; of one that nobody has told of, nothing."""
    said = await rows_of(
        connection,
        select(sayings)
        .where(sayings.c.kind == query.kind.value, sayings.c.record_id == query.record_id)
        .order_by(sayings.c.source),
    )
    called = await _called(query, connection)
    into = select(aliases.c.into_id).where(
        aliases.c.kind == query.kind.value, aliases.c.record_id == query.record_id
    )
    merged = (
        select(aliases.c.record_id)
        .where(aliases.c.kind == query.kind.value, aliases.c.into_id == query.record_id)
        .order_by(aliases.c.record_id)
    )
    best = _best(query.kind, [(row["source"], set(row["fields"])) for row in said])
    return Sayings(
        kind=query.kind,
        record_id=query.record_id,
        into_id=(await connection.execute(into)).scalar_one_or_none(),
        merged=list((await connection.execute(merged)).scalars()),
        sources=[
            SourceSaying(
                source=row["source"],
                external_id=called.get(row["source"]),
                own_id=_own_id(query.kind, row["source"], called),
                fields=[
                    FieldSaying(
                        field=name,
                        value=saying["value"],
                        said_at=saying["at"],
                        is_held=best[name] == row["source"],
                    )
                    for name, saying in sorted(row["fields"].items())
                ],
            )
            for row in said
        ],
    )


def _own_id(kind: Kind, source: str, called: Mapping[str, str]) -> str | None:
    """The record that a source's own words would make: by its id for the thing, or by that of
    MusicBrainz, where it has its artists from.
    """
    is_by_musicbrainz = kind is Kind.ARTIST and source == Partner.SETLISTFM
    authority = MUSICBRAINZ if is_by_musicbrainz and MUSICBRAINZ in called else source
    external_id = called.get(authority)
    return None if external_id is None else id_of(kind, authority, external_id)


async def _called(query: GetSayings, connection: AsyncConnection) -> dict[str, str]:
    """What each source calls a record; a setlist is called as its show is."""
    kind = Kind.SHOW if query.kind is Kind.SETLIST else query.kind
    statement = (
        select(identities)
        .where(identities.c.kind == kind.value, identities.c.record_id == query.record_id)
        .order_by(identities.c.external_id)
    )
    rows = await rows_of(connection, statement)
    return {row["source"]: row["external_id"] for row in rows}


def _best(kind: Kind, said: list[tuple[str, set[str]]]) -> dict[str, str]:
    """The most trusted source of each field."""
    best: dict[str, str] = {}
    for source, names in said:
        for name in names:
            other = best.get(name)
            if other is None or rank(kind, name, source) < rank(kind, name, other):
                best[name] = source
    return best


def _disputed() -> Select[Any]:
    """The fields of records of which sources say different things, with all that they say."""
    each = func.jsonb_each(sayings.c.fields).table_valued(
        column("key"), column("value", JSONB), name="each"
    )
    value = each.c.value["value"]
    return (
        select(
            sayings.c.kind,
            sayings.c.record_id,
            each.c.key.label("field"),
            func.jsonb_object_agg(sayings.c.source, value).label("said"),
        )
        .select_from(sayings.join(each, true()))
        .where(_has_company())
        .group_by(sayings.c.kind, sayings.c.record_id, each.c.key)
        .having(func.count(value.distinct()) > 1)
    )


def _has_company() -> Any:
    """Whether another source speaks of the same record: most have one source alone."""
    other = sayings.alias()
    return (
        select(literal(1))
        .where(
            other.c.kind == sayings.c.kind,
            other.c.record_id == sayings.c.record_id,
            other.c.source != sayings.c.source,
        )
        .exists()
    )


async def list_disputes(
    query: ListDisputes, _caller: Caller, connection: AsyncConnection
) -> Disputes:
    """Where sources disagree, by record."""
    found = _disputed().subquery()
    order = Order(
        (found.c.kind, found.c.record_id, found.c.field), TypeAdapter(tuple[str, str, str])
    )
    statement = select(found)
    if query.kind is not None:
        statement = statement.where(found.c.kind == query.kind.value)
    rows = await rows_of(connection, sorted_page(statement, order, query.limit, query.after))
    return Disputes(
        disputes=[
            Dispute(
                kind=Kind(row["kind"]),
                record_id=row["record_id"],
                field=row["field"],
                sayings=row["said"],
            )
            for row in rows[: query.limit]
        ],
        next=next_cursor(rows, order, query.limit),
    )


_READS = ("records",)

SAYINGS: Queries = {
    GetSayings: Reading(get_sayings, _READS),
    ListDisputes: Reading(list_disputes, _READS),
}
