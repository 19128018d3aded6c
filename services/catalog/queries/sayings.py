"""Questions about who says what of a record, and where sources disagree."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, Select, case, column, func, literal, select, true, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalog import PEOPLE, Kind, id_of
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
from services.catalog.domain.precedence import DIFFERING, rank
from services.catalog.queries.names import names_of
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
    best = _best(query.kind, said)
    values = [(name, each["value"]) for row in said for name, each in row["fields"].items()]
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
        names=await names_of(connection, _mentioned([(query.kind, query.record_id, values)])),
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


def _best(kind: Kind, said: Iterable[RowMapping]) -> dict[str, str]:
    """The source of each field whose word is held to be so."""
    spoken: dict[str, dict[str, str]] = {}
    for row in said:
        for name, saying in row["fields"].items():
            spoken.setdefault(name, {})[row["source"]] = saying["at"]
    return {name: _most_trusted(kind, name, said_at) for name, said_at in spoken.items()}


def _most_trusted(kind: Kind, field: str, said_at: Mapping[str, str]) -> str:
    """Of sources that speak of a field; among those of one rank the one that spoke last."""
    latest_first = sorted(said_at, key=lambda source: said_at[source], reverse=True)
    return min(latest_first, key=lambda source: rank(kind, field, source))


_DIFFERING: Final = [(kind.value, name) for kind, name in sorted(DIFFERING)]
_REFERRING: Final = {"artist_id": Kind.ARTIST, "venue_id": Kind.VENUE}


def _mentioned(
    spoken: Iterable[tuple[Kind, str, Iterable[tuple[str, Any]]]],
) -> dict[Kind, list[str]]:
    """The records that are spoken of: kind and id of each, and fields with what is said of them."""
    found: dict[Kind, list[str]] = {}
    for kind, record_id, said in spoken:
        found.setdefault(kind, []).append(record_id)
        for field, value in said:
            if field in _REFERRING:
                found.setdefault(_REFERRING[field], []).append(value)
            elif kind is Kind.SETLIST and field == "sets":
                played = [song["song_id"] for part in value for song in part["songs"]]
                found.setdefault(Kind.SONG, []).extend(played)
    return found


def _disputed() -> Select[Any]:
    """The fields of records of which sources say different things, with all that they say; without
    those that a person has settled, and those of which they may.
    """
    each = func.jsonb_each(sayings.c.fields).table_valued(
        column("key"), column("value", JSONB), name="each"
    )
    value, said_at = each.c.value["value"], each.c.value["at"]
    return (
        select(
            sayings.c.kind,
            sayings.c.record_id,
            each.c.key.label("field"),
            func.jsonb_object_agg(sayings.c.source, value).label("said"),
            func.jsonb_object_agg(sayings.c.source, said_at).label("said_at"),
        )
        .select_from(sayings.join(each, true()))
        .where(_has_company(), _is_shown(), tuple_(sayings.c.kind, each.c.key).not_in(_DIFFERING))
        .group_by(sayings.c.kind, sayings.c.record_id, each.c.key)
        .having(func.count(value.distinct()) > 1, ~func.bool_or(sayings.c.source == PEOPLE))
    )


def _is_shown() -> Any:
    """Whether a record was not merged into another. (A setlist goes with its show.)"""
    kind = case((sayings.c.kind == Kind.SETLIST.value, Kind.SHOW.value), else_=sayings.c.kind)
    merged = select(literal(1)).where(
        aliases.c.kind == kind,
        aliases.c.record_id == sayings.c.record_id,
        aliases.c.into_id.is_not(None),
    )
    return ~merged.exists()


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
    page = rows[: query.limit]
    spoken = [
        (Kind(row["kind"]), row["record_id"], [(row["field"], it) for it in row["said"].values()])
        for row in page
    ]
    names = await names_of(connection, _mentioned(spoken))
    return Disputes(
        disputes=[
            Dispute(
                kind=kind,
                record_id=record_id,
                field=row["field"],
                sayings=row["said"],
                said_at=row["said_at"],
                held=_most_trusted(kind, row["field"], row["said_at"]),
                names=_only(names, _mentioned([(kind, record_id, said)])),
            )
            for row, (kind, record_id, said) in zip(page, spoken, strict=True)
        ],
        next=next_cursor(rows, order, query.limit),
    )


def _only(names: Mapping[str, str], mentioned: Mapping[Kind, Iterable[str]]) -> dict[str, str]:
    return {of: names[of] for ids in mentioned.values() for of in ids if of in names}


_READS = ("records",)

SAYINGS: Queries = {
    GetSayings: Reading(get_sayings, _READS),
    ListDisputes: Reading(list_disputes, _READS),
}
