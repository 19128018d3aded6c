"""The tables of one projection in one schema, and the checkpoint that says how true they are.

The schema is the service's own, or a shadow in which new tables are filled beside those that serve
(`rebuilding`): writing to either is the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

import asyncpg
from sqlalchemy.schema import CreateIndex, CreateTable

from libs.eventlog import RecordedCommit
from libs.readmodel import checkpoints, statements
from libs.readmodel.checkpoints import Checkpoint
from libs.readmodel.database import OUTAGES
from libs.readmodel.errors import ProjectionFailed, ReadModelLost, Superseded
from libs.readmodel.projection import Projected, Projection, dialect


class Tables:
    """A projection's tables, written over one connection that sees their schema only."""

    def __init__(
        self,
        connection: asyncpg.Connection,
        schema: str,
        projection: Projection,
        checkpoint: Checkpoint,
    ) -> None:
        self.connection = connection
        self.schema = schema
        self.projection = projection
        self.checkpoint = checkpoint

    @classmethod
    async def open(
        cls, connection: asyncpg.Connection, schema: str, projection: Projection
    ) -> Self | None:
        """The tables as they are; None when there is no checkpoint, or one of them is gone."""
        checkpoint = await Checkpoint.load(connection, schema, projection.name)
        if checkpoint is None or not await _exist(connection, schema, checkpoint.tables):
            return None
        return cls(connection, schema, projection, checkpoint)

    @classmethod
    async def create(
        cls, connection: asyncpg.Connection, schema: str, projection: Projection, epoch: str
    ) -> Self:
        """Make them, empty and at position 0, in a schema where they are not.

        Plain indexes come later (`create_indexes`): to build one from a full table takes a
        fraction of the work of keeping it while the table fills.
        """
        checkpoint = Checkpoint(
            epoch=epoch,
            position=0,
            at=None,
            fingerprint=projection.fingerprint,
            tables=projection.table_names,
            generation=0,
            rebuild_requested=False,
            error=None,
        )
        await _add_extensions(connection, projection.extensions)
        for table in projection.tables.sorted_tables:
            await connection.execute(str(CreateTable(table).compile(dialect=dialect)))
            for index in table.indexes:
                if index.unique:
                    await connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
        await checkpoints.put(connection, schema, projection.name, checkpoint)
        return cls(connection, schema, projection, checkpoint)

    async def create_indexes(self) -> None:
        """Make the indexes that are still missing, and let the planner look at what is there."""
        for table in self.projection.tables.sorted_tables:
            for index in table.indexes:
                create = CreateIndex(index, if_not_exists=True)
                await self.connection.execute(str(create.compile(dialect=dialect)))
            await self.connection.execute(f"analyze {self.schema}.{table.name}")

    @property
    def position(self) -> int:
        return self.checkpoint.position

    async def advance(self, commits: Sequence[RecordedCommit]) -> Mapping[str, int]:
        """Project commits and move the checkpoint behind them, in one transaction.

        An event that cannot be projected stops the projection exactly there: those before it are
        written, by ever smaller transactions.

        commits  the next ones of the log, oldest first, at least one
        returns  the change keys
        raises   ProjectionFailed; Superseded when the checkpoint was moved, ReadModelLost when
                 tables are gone, and one of OUTAGES: nothing more was written then
        """
        try:
            return await self._advance_together(commits)
        except (Superseded, ReadModelLost, *OUTAGES):
            raise
        except Exception as error:
            if len(commits) == 1:
                raise ProjectionFailed(self._describe(commits[0], error)) from error
        half = len(commits) // 2
        return {**await self.advance(commits[:half]), **await self.advance(commits[half:])}

    async def _advance_together(self, commits: Sequence[RecordedCommit]) -> Mapping[str, int]:
        events = [event for commit in commits for event in commit.events]
        projected = self.projection.project(events) if events else Projected()
        name, position = self.projection.name, commits[-1].position
        at = events[-1].at if events else None
        try:
            async with self.connection.transaction():
                # First: of two who try, the later one waits here, and has then done nothing.
                await checkpoints.advance(
                    self.connection, self.schema, name, self.checkpoint, position, at
                )
                for write in projected.writes:
                    await statements.run(self.connection, write)
        except asyncpg.UndefinedTableError:
            if await self.are_there():
                raise  # A statement names a table that was never ours.
            raise ReadModelLost(f"tables of {name} are gone") from None
        self.checkpoint = replace(
            self.checkpoint, position=position, at=at or self.checkpoint.at, error=None
        )
        return projected.keys

    async def are_there(self) -> bool:
        """Whether all tables exist, the table of checkpoints among them."""
        names = [*self.checkpoint.tables, checkpoints.TABLE]
        return await _exist(self.connection, self.schema, names)

    def _describe(self, commit: RecordedCommit, error: Exception) -> str:
        types = ", ".join(sorted({event.type for event in commit.events}))
        stream = f"{commit.aggregate}/{commit.aggregate_id}"
        return (
            f"{self.projection.name} cannot project position {commit.position}"
            f" ({types} of {stream}): {type(error).__name__}: {error}"
        )


async def _add_extensions(connection: asyncpg.Connection, extensions: Sequence[str]) -> None:
    """Add what is not there. Two at once take turns: `if not exists` alone lets both try."""
    if not extensions:
        return
    async with connection.transaction():
        await connection.execute(
            "select pg_advisory_xact_lock(hashtextextended('backline extensions', 0))"
        )
        for name in extensions:
            await connection.execute(f'create extension if not exists "{name}" with schema public')


async def _exist(connection: asyncpg.Connection, schema: str, tables: Sequence[str]) -> bool:
    found = await connection.fetchval(
        "select count(*) from pg_tables where schemaname = $1 and tablename = any($2)",
        schema,
        list(tables),
    )
    return bool(found == len(set(tables)))
