"""Checkpoints: how far each projection has come, saved by the transaction that took it there.

One row per projection, in the table `checkpoint` of the schema that also holds its tables:

    epoch, position    of the newest commit whose effects are in the tables; without an epoch what
                       is in the tables is not true, and nobody may read it
    at                 when the newest event was recorded
    fingerprint        of the definition the tables were built by
    tables             their names, to be dropped when others replace them
    generation         how often the tables were replaced
    rebuild_requested  someone wants them built anew
    error              why the projection stands still; null while it does not

Every advance is guarded by the position, epoch and fingerprint it starts from, so of two runners of
one projection only one can ever write: the other finds nothing to update, and nothing is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

import asyncpg

from libs.readmodel.errors import ReadModelLost, Superseded

TABLE: Final = "checkpoint"
ERROR_LENGTH_MAX: Final = 2000

_COLUMNS = "epoch, position, at, fingerprint, tables, generation, rebuild_requested, error"


def create_table(schema: str) -> str:
    """The SQL that makes the table of checkpoints."""
    return f"""
        create table if not exists {schema}.{TABLE} (
            projection text primary key,
            epoch text not null,
            position bigint not null,
            at timestamptz,
            fingerprint text not null,
            tables text[] not null,
            generation integer not null,
            rebuild_requested boolean not null default false,
            error text
        )"""


def progress_channel(schema: str) -> str:
    """Where PostgreSQL announces each advance, as `<projection> <position>`."""
    return f"backline_{schema}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A row of the table; see above."""

    epoch: str
    position: int
    at: datetime | None
    fingerprint: str
    tables: Sequence[str]
    generation: int
    rebuild_requested: bool
    error: str | None

    @classmethod
    async def load(
        cls, connection: asyncpg.Connection, schema: str, projection: str, *, lock: bool = False
    ) -> Self | None:
        """The checkpoint of a projection; None when there is none.

        lock     keep others from moving it until the transaction ends
        raises   ReadModelLost when the table is gone
        """
        query = f"select {_COLUMNS} from {schema}.{TABLE} where projection = $1"
        try:
            row = await connection.fetchrow(f"{query} for update" if lock else query, projection)
        except asyncpg.UndefinedTableError as error:
            raise ReadModelLost(str(error)) from None
        return None if row is None else cls(**dict(row))


async def load_all(connection: asyncpg.Connection, schema: str) -> dict[str, Checkpoint]:
    """Every checkpoint of a schema, by projection."""
    rows = await connection.fetch(f"select projection, {_COLUMNS} from {schema}.{TABLE}")
    return {row["projection"]: Checkpoint(**dict(list(row.items())[1:])) for row in rows}


async def advance(
    connection: asyncpg.Connection,
    schema: str,
    projection: str,
    start: Checkpoint,
    position: int,
    at: datetime | None,
) -> None:
    """Move a checkpoint on, within the transaction that writes what happened in between.

    What is written then is found by its keys. Plans are kept from when a table was empty, and then
    reading all of it is the cheapest: so it is not offered in this transaction (nor is compiling
    what then seems dear, where nothing else is possible).

    start    where it must still be
    at       when the newest event was recorded; None keeps the time there is
    raises   Superseded when it is somewhere else
    """
    moved = await connection.fetchval(
        f"""
        with advanced as (
            update {schema}.{TABLE} set position = $1, at = coalesce($2, at), error = null
            where projection = $3 and epoch = $4 and fingerprint = $5 and position = $6
            returning 1
        )
        select
            pg_notify($7, $8) is not null,
            set_config('enable_seqscan', 'off', true),
            set_config('jit', 'off', true)
        from advanced""",
        position,
        at,
        projection,
        start.epoch,
        start.fingerprint,
        start.position,
        progress_channel(schema),
        f"{projection} {position}",
    )
    if moved is None:
        raise Superseded(f"{projection} is not at {start.position} any more")


async def put(
    connection: asyncpg.Connection, schema: str, projection: str, checkpoint: Checkpoint
) -> None:
    """Write a whole checkpoint in place of the one there is."""
    await connection.execute(
        f"""
        insert into {schema}.{TABLE} (projection, {_COLUMNS})
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (projection) do update set ({_COLUMNS}) = row(
            excluded.epoch, excluded.position, excluded.at, excluded.fingerprint,
            excluded.tables, excluded.generation, excluded.rebuild_requested, excluded.error
        )""",
        projection,
        checkpoint.epoch,
        checkpoint.position,
        checkpoint.at,
        checkpoint.fingerprint,
        list(checkpoint.tables),
        checkpoint.generation,
        checkpoint.rebuild_requested,
        checkpoint.error,
    )
    await connection.execute(
        "select pg_notify($1, $2)",
        progress_channel(schema),
        f"{projection} {checkpoint.position}",
    )


async def disown(connection: asyncpg.Connection, schema: str, projection: str) -> None:
    """Say that what the tables hold is not true: nobody reads them until they are replaced."""
    await connection.execute(
        f"update {schema}.{TABLE} set epoch = '', position = 0, at = null where projection = $1",
        projection,
    )


async def note_error(
    connection: asyncpg.Connection, schema: str, projection: str, error: str
) -> None:
    """Leave word of why a projection stands still, for people. The next advance removes it."""
    await connection.execute(
        f"update {schema}.{TABLE} set error = $2 where projection = $1",
        projection,
        error[:ERROR_LENGTH_MAX],
    )


async def request_rebuild(
    connection: asyncpg.Connection, schema: str, projection: str, *, is_wanted: bool = True
) -> None:
    """Ask whoever runs the projection to build it anew; or no longer."""
    await connection.execute(
        f"update {schema}.{TABLE} set rebuild_requested = $2 where projection = $1",
        projection,
        is_wanted,
    )
