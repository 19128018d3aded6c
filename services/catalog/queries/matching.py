"""Finding the records that things are: by ids that sources have for them, or by what they are.

In this order: what an administrator merged; a record with an id that this source or another has for
the thing; a record that is the same by what it is (`domain.matching`); and else the record that the
source's own id makes. A record that the source calls by another id is never the same, unless an
administrator says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalog import Kind
from contracts.catalog_identity import Match, Matches, MatchRecords, Probe
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.catalog.domain.matching import Place, contradict, is_same_place, only
from services.catalog.domain.names import fold
from services.catalog.queries.merged import is_part_of, stands_alone, whole_of
from services.catalog.queries.pages import rows_of
from services.catalog.tables import (
    aliases,
    artists,
    gatherings,
    identities,
    shows,
    songs,
    venues,
)

_TABLES: Mapping[Kind, Table] = {
    Kind.ARTIST: artists,
    Kind.VENUE: venues,
    Kind.SONG: songs,
    Kind.SHOW: shows,
    Kind.SETLIST: shows,
    Kind.GATHERING: gatherings,
}


@dataclass(frozen=True, slots=True)
class _Standing:
    """What administrators have said of a probe's own record."""

    into_id: str | None = None
    not_id: str | None = None


async def match_records(
    query: MatchRecords, _caller: Caller, connection: AsyncConnection
) -> Matches:
    """Find the records of some things."""
    standing = await _standing(query.probes, connection)
    called = await _called(query.probes, connection)
    matches = []
    for probe in query.probes:
        said = standing.get((probe.kind, probe.record_id), _Standing())
        found = said.into_id
        if found is None:
            found = await _by_ids(probe, said, called, connection)
        if found is None and not await _exists(probe, connection):
            found = await _by_what_it_is(probe, said, connection)
        matches.append(await _match(found or probe.record_id, probe, connection))
    return Matches(matches=matches)


async def _match(record_id: str, probe: Probe, connection: AsyncConnection) -> Match:
    if record_id == probe.record_id:
        return Match(record_id=record_id, is_spoken=False)
    ids = await _ids_of(probe.kind, record_id, connection)
    mine = probe.external_ids.get(probe.source)
    return Match(record_id=record_id, is_spoken=ids.get(probe.source, mine) != mine)


async def _standing(
    probes: Sequence[Probe], connection: AsyncConnection
) -> dict[tuple[Kind, str], _Standing]:
    own = [(probe.kind.value, probe.record_id) for probe in probes]
    statement = select(aliases).where(tuple_(aliases.c.kind, aliases.c.record_id).in_(own))
    return {
        (Kind(row["kind"]), row["record_id"]): _Standing(row["into_id"], row["not_id"])
        for row in await rows_of(connection, statement)
    }


async def _called(
    probes: Sequence[Probe], connection: AsyncConnection
) -> dict[tuple[str, str, str], str]:
    """Records by what sources call them: (kind, source, id) -> record."""
    names = {
        (probe.kind.value, source, external_id)
        for probe in probes
        for source, external_id in probe.external_ids.items()
    }
    if not names:
        return {}
    key = tuple_(identities.c.kind, identities.c.source, identities.c.external_id)
    rows = await rows_of(connection, select(identities).where(key.in_(sorted(names))))
    return {(row["kind"], row["source"], row["external_id"]): row["record_id"] for row in rows}


async def _by_ids(
    probe: Probe,
    said: _Standing,
    called: Mapping[tuple[str, str, str], str],
    connection: AsyncConnection,
) -> str | None:
    """A record with an id that a source has for the thing: the thing's own source first."""
    ours = sorted(probe.external_ids.items(), key=lambda item: item[0] != probe.source)
    for source, external_id in ours:
        found = called.get((probe.kind.value, source, external_id))
        if found is None:
            continue
        whole = whole_of(probe.kind, literal(found))
        record_id: str = (await connection.execute(select(whole))).scalar_one()
        if record_id == said.not_id or not await _is_of_artist(probe, record_id, connection):
            continue
        ids = await _ids_of(probe.kind, record_id, connection)
        if source == probe.source or not contradict(probe.external_ids, ids):
            return record_id
    return None


async def _is_of_artist(probe: Probe, record_id: str, connection: AsyncConnection) -> bool:
    """Some sources call a song by its title alone, which other artists have songs of too."""
    if probe.kind is not Kind.SONG:
        return True
    of_artist = select(songs.c.song_id).where(
        songs.c.song_id == record_id,
        _of_artist(songs, probe),
    )
    return (await connection.execute(of_artist)).first() is not None


async def _exists(probe: Probe, connection: AsyncConnection) -> bool:
    """Whether the record that the thing would have on its own is there already."""
    table = _TABLES[probe.kind]
    key = table.primary_key.columns[0]
    statement = select(key).where(key == probe.record_id)
    return (await connection.execute(statement)).first() is not None


async def _ids_of(kind: Kind, record_id: str, connection: AsyncConnection) -> dict[str, str]:
    table = _TABLES[kind]
    statement = select(table.c.external_ids).where(table.primary_key.columns[0] == record_id)
    found: dict[str, str] | None = (await connection.execute(statement)).scalar_one_or_none()
    return found or {}


async def _by_what_it_is(probe: Probe, said: _Standing, connection: AsyncConnection) -> str | None:
    """The only record that is the same by what it is, and that this source does not speak of."""
    statement = _like(probe)
    if statement is None:
        return None
    table = _TABLES[probe.kind]
    key = table.primary_key.columns[0]
    statement = statement.where(
        stands_alone(probe.kind, key), ~table.c.external_ids.has_key(probe.source)
    )
    rows = await rows_of(connection, statement)
    same = (
        row[key.name]
        for row in rows
        if not contradict(probe.external_ids, row["external_ids"])
        and (probe.kind is not Kind.VENUE or is_same_place(_place(probe), _place_of(row)))
    )
    found = only(same)
    return None if found == said.not_id else found


def _like(probe: Probe) -> Select[Any] | None:
    """Records that may be the same; None when too little is known to say."""
    name = None if probe.name is None else fold(probe.name)
    match probe.kind:
        case Kind.ARTIST if name is not None:
            return select(artists).where(artists.c.name_key == name)
        case Kind.VENUE if name is not None:
            return select(venues).where(venues.c.name_key == name)
        case Kind.SONG if name is not None and probe.artist_id is not None:
            return select(songs).where(songs.c.title_key == name, _of_artist(songs, probe))
        case Kind.SHOW if probe.artist_id is not None and probe.local_date is not None:
            return _like_show(probe)
        case Kind.GATHERING if name is not None and probe.starts_at is not None:
            return select(gatherings).where(
                gatherings.c.name_key == name, gatherings.c.starts_at == probe.starts_at
            )
        case _:
            return None


def _like_show(probe: Probe) -> Select[Any]:
    """Shows of the artist on that day; of the same place and number, as far as both are known."""
    found = select(shows).where(shows.c.local_date == probe.local_date, _of_artist(shows, probe))
    if probe.venue_id is not None:
        place = whole_of(Kind.VENUE, shows.c.venue_id)
        found = found.where(or_(place.is_(None), place == probe.venue_id))
    if probe.number_that_day is not None:
        number = shows.c.number_that_day
        found = found.where(or_(number.is_(None), number == probe.number_that_day))
    return found


def _of_artist(table: Table, probe: Probe) -> ColumnElement[bool]:
    return is_part_of(Kind.ARTIST, table.c.artist_id, probe.artist_id)


def _place(probe: Probe) -> Place:
    return Place(_folded(probe.name), _folded(probe.city), probe.latitude, probe.longitude)


def _place_of(row: Any) -> Place:
    return Place(row["name_key"], _folded(row["city"]), row["latitude"], row["longitude"])


def _folded(text: str | None) -> str | None:
    return None if text is None else fold(text)


MATCHING: Queries = {MatchRecords: Reading(match_records, ("records",))}
