"""Building a projection's tables from the log: beside those that serve, then switched at once.

Every read model begins like this, also the very first one, so a half-filled table is never seen.
The new tables are filled in a schema of their own, `<service>__rebuild_<projection>`, by the same
code as the live ones; a rebuild that was cut short goes on from its own checkpoint. The switch is
one transaction: it holds the live checkpoint still, reads the few events that are missing, drops
the old tables, and moves the new ones and their checkpoint to where those were. Readers lock what
they read before they look (`queries`), so they see all of the old tables or all of the new ones.
"""

import asyncio
import logging
from dataclasses import replace
from typing import Final

import asyncpg

from libs.eventlog import EventLog
from libs.readmodel import checkpoints
from libs.readmodel.backoff import Backoff
from libs.readmodel.checkpoints import Checkpoint
from libs.readmodel.database import Database
from libs.readmodel.errors import ProjectionFailed, Superseded
from libs.readmodel.projection import Projection
from libs.readmodel.reading import ReadAhead
from libs.readmodel.tables import Tables

BATCH_EVENTS_MAX: Final = 10_000
COMMAND_TIMEOUT_SECONDS: Final = 3600.0
"""An index of a large table takes its time."""

LOCK_TIMEOUT_SECONDS: Final = 1
"""A switch that would wait longer for a slow reader gives way: other readers wait behind it."""

SWITCH_TIMEOUT_SECONDS: Final = 10.0

logger = logging.getLogger(__name__)


def shadow_schema(service: str, projection: str) -> str:
    """Where a projection is built anew."""
    return f"{service}__rebuild_{projection}"


async def rebuild(
    database: Database,
    projection: Projection,
    log: EventLog,
    *,
    resume_failed: bool,
) -> None:
    """Build a projection's tables from position 0 and switch to them. Returns when they serve.

    Only whoever holds the projection's turn does this (`runner`).

    resume_failed  go on where an earlier rebuild failed, rather than from the beginning
    raises         ProjectionFailed, with the error noted in the shadow; one of OUTAGES
    """
    building = _Rebuild(database, projection, log, resume_failed=resume_failed)
    backoff = Backoff(first_seconds=0.5, most_seconds=30.0)
    while True:
        try:
            await building.attempt()
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            pause = backoff.next_seconds()
            logger.info(
                "A switch gives way to readers and tries again.",
                extra={"projection": projection.name, "pause_seconds": pause},
            )
            await asyncio.sleep(pause)
        else:
            return


class _Rebuild:
    def __init__(
        self,
        database: Database,
        projection: Projection,
        log: EventLog,
        *,
        resume_failed: bool,
    ) -> None:
        self._database = database
        self._projection = projection
        self._log = log
        self._resume_failed = resume_failed
        self._live = database.service
        self._shadow = shadow_schema(database.service, projection.name)

    async def attempt(self) -> None:
        async with self._database.connect(
            self._shadow,
            f"rebuild {self._projection.name}",
            command_timeout_seconds=COMMAND_TIMEOUT_SECONDS,
        ) as connection:
            # What a crash of PostgreSQL takes back is read again: the checkpoint goes with it.
            await connection.execute("set synchronous_commit = off")
            tables = await self._prepare(connection)
            try:
                await self._fill(tables)
            except ProjectionFailed as error:
                name = self._projection.name
                await checkpoints.note_error(connection, self._shadow, name, str(error))
                raise

    async def _prepare(self, connection: asyncpg.Connection) -> Tables:
        """What an earlier rebuild has left for us to go on with, or empty tables."""
        found = await Tables.open(connection, self._shadow, self._projection)
        if found is not None and self._is_worth_resuming(found.checkpoint):
            return found
        async with connection.transaction():
            await connection.execute(f"drop schema {self._shadow} cascade")
            await connection.execute(f"create schema {self._shadow}")
            await connection.execute(checkpoints.create_table(self._shadow))
            return await Tables.create(connection, self._shadow, self._projection, self._log.epoch)

    def _is_worth_resuming(self, checkpoint: Checkpoint) -> bool:
        return (
            checkpoint.epoch == self._log.epoch
            and checkpoint.fingerprint == self._projection.fingerprint
            and (checkpoint.error is None or self._resume_failed)
        )

    async def _fill(self, tables: Tables) -> None:
        commits = self._log.follow(
            after=tables.position,
            events=self._projection.events,
            batch_events_max=BATCH_EVENTS_MAX,
        )
        async with ReadAhead(commits, events_max=BATCH_EVENTS_MAX) as ahead:
            await self._advance(tables, ahead, await self._log.last_position())
            await tables.create_indexes()
            await self._advance(tables, ahead, await self._log.last_position())
            async with asyncio.timeout(SWITCH_TIMEOUT_SECONDS):
                await self._switch(tables, ahead)

    async def _advance(self, tables: Tables, ahead: ReadAhead, target: int) -> None:
        while tables.position < target:
            commits = await ahead.take()
            if commits:
                await tables.advance(commits)

    async def _switch(self, tables: Tables, ahead: ReadAhead) -> None:
        connection, name = tables.connection, self._projection.name
        async with connection.transaction():
            await connection.execute("set local synchronous_commit = on")
            await connection.execute(f"set local lock_timeout = '{LOCK_TIMEOUT_SECONDS}s'")
            shadow = await Checkpoint.load(connection, self._shadow, name, lock=True)
            if shadow is None or shadow.position != tables.position:
                raise Superseded(f"someone else builds {name}")
            live = await Checkpoint.load(connection, self._live, name, lock=True)
            if live is not None and live.epoch == tables.checkpoint.epoch:
                await self._advance(tables, ahead, live.position)
            await self._drop_replaced(connection, live)
            for table in self._projection.table_names:
                await connection.execute(
                    f"alter table {self._shadow}.{table} set schema {self._live}"
                )
            generation = 1 if live is None else live.generation + 1
            checkpoint = replace(tables.checkpoint, generation=generation)
            await checkpoints.put(connection, self._live, name, checkpoint)
            await connection.execute(f"drop table {self._shadow}.{checkpoints.TABLE}")
            await connection.execute(f"drop schema {self._shadow}")

    async def _drop_replaced(self, connection: asyncpg.Connection, live: Checkpoint | None) -> None:
        """Drop the tables of the old definition, and whatever stands where a new one must go."""
        names = {*self._projection.table_names, *(live.tables if live is not None else ())}
        for other, checkpoint in (await checkpoints.load_all(connection, self._live)).items():
            if other != self._projection.name:
                names -= set(checkpoint.tables)
        found = await connection.fetch(
            "select tablename from pg_tables where schemaname = $1 and tablename = any($2)"
            " order by tablename",
            self._live,
            list(names),
        )
        if found:
            tables = ", ".join(f"{self._live}.{row['tablename']}" for row in found)
            await connection.execute(f"lock table {tables} in access exclusive mode")
            await connection.execute(f"drop table {tables}")
