"""Keeping tables true: one projection follows its log while it has its turn.

Each transaction takes what has arrived, and is followed by a notice of what it changed. Besides,
once a second, the projection shows that it lives (a heartbeat), looks how far behind it is, and
whether somebody wants it rebuilt.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from libs.eventlog import EventLog, RecordedCommit
from libs.readmodel import checkpoints
from libs.readmodel.checkpoints import Checkpoint
from libs.readmodel.database import Database
from libs.readmodel.errors import ProjectionFailed, Superseded
from libs.readmodel.notices import Notices
from libs.readmodel.observed import Observed
from libs.readmodel.reading import ReadAhead
from libs.readmodel.rebuilding import rebuild
from libs.readmodel.tables import Tables
from libs.telemetry import batch_span, inject, names

BATCH_EVENTS_MAX: Final = 5000
TICK_SECONDS: Final = 1.0

logger = logging.getLogger(__name__)


class Following:
    """One stretch of following, from a checkpoint until something ends it."""

    def __init__(
        self,
        tables: Tables,
        log: EventLog,
        *,
        database: Database,
        notices: Notices,
        observed: Observed,
        on_steady: Callable[[], None],
    ) -> None:
        """`on_steady` is called once a second while all is well."""
        self._tables = tables
        self._log = log
        self._database = database
        self._notices = notices
        self._observed = observed
        self._on_steady = on_steady
        self._projection = tables.projection
        self._rebuild: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Follow the log. Never returns.

        raises   Superseded when the tables were replaced or someone else writes them;
                 ReadModelLost, ProjectionFailed, one of OUTAGES; LogRecreated
        """
        self._observed.reached(self._tables.position, self._tables.checkpoint.at)
        commits = self._log.follow(
            after=self._tables.position,
            events=self._projection.events,
            batch_events_max=BATCH_EVENTS_MAX,
        )
        try:
            async with ReadAhead(commits, events_max=BATCH_EVENTS_MAX) as ahead:
                await self._follow(ahead)
        except ProjectionFailed as error:
            await checkpoints.note_error(
                self._tables.connection, self._tables.schema, self._projection.name, str(error)
            )
            raise
        finally:
            await self._end_rebuild()

    async def _follow(self, ahead: ReadAhead) -> None:
        loop = asyncio.get_running_loop()
        next_tick = loop.time()
        while True:
            if loop.time() >= next_tick:
                next_tick = loop.time() + TICK_SECONDS
                await self._tick()
            commits = await ahead.take()
            if commits:
                await self._project(commits)

    async def _project(self, commits: Sequence[RecordedCommit]) -> None:
        callers = [
            commit.headers[names.TRACEPARENT]
            for commit in commits
            if names.TRACEPARENT in commit.headers
        ]
        events = sum(len(commit.events) for commit in commits)
        attributes: dict[str, str | int | float | bool] = {
            names.PROJECTION: self._projection.name,
            names.POSITION: commits[-1].position,
            names.EVENTS: events,
        }
        with batch_span(f"project {self._projection.name}", callers, attributes=attributes):
            with self._observed.transaction():
                keys = await self._tables.advance(commits)
            await self._notices.tell(self._tables.position, keys, inject())
        self._observed.reached(self._tables.position, self._tables.checkpoint.at)
        self._observed.projected(events)

    async def _tick(self) -> None:
        await self._notices.tell(self._tables.position, {})
        await self._observed.look(self._log)
        tables = self._tables
        now = await Checkpoint.load(tables.connection, tables.schema, self._projection.name)
        if now is None or now.generation != tables.checkpoint.generation:
            raise Superseded("the tables were replaced")
        await self._see_to_rebuild(is_wanted=now.rebuild_requested)
        self._on_steady()

    async def _see_to_rebuild(self, *, is_wanted: bool) -> None:
        """Begin the rebuild that somebody asked for, or see how it ended."""
        if self._rebuild is None:
            if is_wanted:
                logger.info("A rebuild begins.", extra={"projection": self._projection.name})
                self._rebuild = asyncio.create_task(
                    rebuild(self._database, self._projection, self._log, resume_failed=False)
                )
        elif self._rebuild.done():
            ended, self._rebuild = self._rebuild, None
            try:
                ended.result()
            except ProjectionFailed:
                # What serves is as good as before. The error waits in the shadow for who asked.
                logger.exception("A rebuild failed.", extra={"projection": self._projection.name})
                await checkpoints.request_rebuild(
                    self._tables.connection,
                    self._tables.schema,
                    self._projection.name,
                    is_wanted=False,
                )
            else:
                raise Superseded("the tables were rebuilt")

    async def _end_rebuild(self) -> None:
        if self._rebuild is not None:
            self._rebuild.cancel()
            await asyncio.wait({self._rebuild})
