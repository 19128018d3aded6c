"""Runs projections: from the log into their tables, for ever, whatever goes away in between.

One runner of a projection has its turn, the others stand by. The turn is an advisory lock of the
very session that writes, so it ends with that session: when the process dies, or has said nothing
for ten seconds. It only saves work; that no two write is the doing of the checkpoint's guard.

What happens, and what a runner does about it:

    PostgreSQL or log away   tries again for ever, with pauses
    database, schema or      made again, and the tables built from the log
    tables gone
    log recreated            the tables are not true: nobody reads them until they are rebuilt
    definition changed       rebuilt beside the live tables, which serve until the switch
    rebuild requested        the same, while the live tables go on growing (`following`)
    an event fails           stops there and raises the alarm; tries again now and then, never skips
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Final

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.eventlog import EventLog
from libs.kernel.clock import Clock, system_clock
from libs.kernel.errors import Unavailable
from libs.readmodel import checkpoints
from libs.readmodel.backoff import Backoff
from libs.readmodel.database import OUTAGES, Database
from libs.readmodel.errors import ProjectionFailed, ReadModelLost, Superseded
from libs.readmodel.following import Following
from libs.readmodel.notices import Notices, Publish
from libs.readmodel.observed import Observed
from libs.readmodel.projection import Projection
from libs.readmodel.reading import LogEnded
from libs.readmodel.rebuilding import rebuild
from libs.readmodel.tables import Tables

STANDBY_SECONDS: Final = 0.5
KEEP_TURN_SECONDS: Final = 1.0

OpenLog = Callable[[str], Awaitable[EventLog]]
"""Opens the log of a service as it is now: asked again after every interruption."""

logger = logging.getLogger(__name__)


class State(StrEnum):
    """What a runner is doing."""

    STARTING = "starting"
    STANDBY = "standby"
    REBUILDING = "rebuilding"
    FOLLOWING = "following"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


def turn_key(service: str, projection: str) -> str:
    """What the advisory lock of a projection's turn is derived from."""
    return f"backline {service} projection {projection}"


async def run_projections(
    projections: Sequence[Projection],
    *,
    service: str,
    engine: AsyncEngine,
    open_log: OpenLog,
    publish: Publish,
    on_ready: Callable[[], None],
    clock: Clock = system_clock,
) -> None:
    """Run the projections of a service until cancelled: the whole of its part `projections`.

    engine     says where the database is and as whom to connect; its pool is not used
    publish    sends the change notices
    on_ready   called once the tables of every projection serve, or another process has its turn
    """
    waiting = {projection.name for projection in projections}

    def on_serving(name: str) -> None:
        if waiting:
            waiting.discard(name)
            if not waiting:
                on_ready()

    database = Database(engine.url, service)
    async with asyncio.TaskGroup() as tasks:
        for projection in projections:
            runner = ProjectionRunner(
                projection,
                database=database,
                open_log=open_log,
                publish=publish,
                on_serving=partial(on_serving, projection.name),
                clock=clock,
            )
            tasks.create_task(runner.run(), name=f"{service} projection {projection.name}")


class ProjectionRunner:
    """Runs one projection.

    state   what it is doing at the moment
    """

    def __init__(
        self,
        projection: Projection,
        *,
        database: Database,
        open_log: OpenLog,
        publish: Publish,
        on_serving: Callable[[], None] = lambda: None,
        clock: Clock = system_clock,
        pause_when_failed_seconds: float = 15.0,
    ) -> None:
        """`on_serving` is called again and again while the tables serve, here or elsewhere."""
        self.state = State.STARTING
        self._projection = projection
        self._database = database
        self._open_log = open_log
        self._publish = publish
        self._on_serving = on_serving
        self._observed = Observed(database.service, projection.name, clock)
        self._backoff = Backoff(first_seconds=0.1, most_seconds=5.0)
        self._pause_when_failed = Backoff(pause_when_failed_seconds, pause_when_failed_seconds)

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            try:
                await self._session()
            except (Superseded, ReadModelLost) as reason:
                logger.info("A projection begins again.", extra=self._fields(reason))
            except (*OUTAGES, Unavailable, LogEnded) as reason:
                if self.state is not State.INTERRUPTED:  # Once an outage.
                    self.state = State.INTERRUPTED
                    logger.warning("A projection is interrupted.", extra=self._fields(reason))
            except Exception as reason:
                self.state = State.FAILED
                self._observed.stopped()
                logger.exception("A projection stands still.", extra=self._fields(reason))
                await asyncio.sleep(self._pause_when_failed.next_seconds())
            await asyncio.sleep(self._backoff.next_seconds())

    async def _session(self) -> None:
        """One connection to PostgreSQL, from its making to its end."""
        name, service = self._projection.name, self._database.service
        log = await self._open_log(self._projection.log)
        await self._observed.look(log)
        async with self._database.connect(service, f"projection {name}") as connection:
            await self._wait_for_turn(connection)
            tables = await self._open_tables(connection, log)
            if tables is None:
                tables = await self._build(connection, log)
            following = Following(
                tables,
                log,
                database=self._database,
                notices=Notices(self._publish, service, name, log.epoch),
                observed=self._observed,
                on_steady=self._on_steady,
            )
            await following.run()

    async def _wait_for_turn(self, connection: asyncpg.Connection) -> None:
        key = turn_key(self._database.service, self._projection.name)
        lock = "select pg_try_advisory_lock(hashtextextended($1, 0))"
        while not await connection.fetchval(lock, key):
            self._serve(State.STANDBY)
            await asyncio.sleep(STANDBY_SECONDS)

    async def _open_tables(self, connection: asyncpg.Connection, log: EventLog) -> Tables | None:
        """The tables to go on with; None when they must be built first, disowned if untrue."""
        name, service = self._projection.name, self._database.service
        tables = await Tables.open(connection, service, self._projection)
        if tables is None:
            reason = "there are no tables"
        elif tables.checkpoint.epoch != log.epoch:
            reason = "the log is another one"
        elif tables.position > await log.last_position():
            reason = "the log has lost its end"
        elif tables.checkpoint.fingerprint != self._projection.fingerprint:
            logger.info("A projection is rebuilt: its definition is new.", extra=self._fields())
            return None
        elif tables.checkpoint.error is not None and tables.checkpoint.rebuild_requested:
            logger.info("A projection is rebuilt: it stands still.", extra=self._fields())
            return None
        else:
            return tables
        logger.info(
            "A projection is built from the log.", extra={**self._fields(), "reason": reason}
        )
        await checkpoints.disown(connection, service, name)
        return None

    async def _build(self, connection: asyncpg.Connection, log: EventLog) -> Tables:
        """Build the tables, keeping our turn meanwhile."""
        name, service = self._projection.name, self._database.service
        self.state = State.REBUILDING
        build = asyncio.create_task(
            rebuild(self._database, self._projection, log, resume_failed=True)
        )
        try:
            while not build.done():
                await asyncio.wait({build}, timeout=KEEP_TURN_SECONDS)
                await connection.execute("select 1")
            build.result()
        except ProjectionFailed:
            await checkpoints.request_rebuild(connection, service, name, is_wanted=False)
            raise
        finally:
            build.cancel()
            await asyncio.wait({build})
        tables = await Tables.open(connection, service, self._projection)
        if tables is None:
            raise ReadModelLost("the tables were dropped as soon as they were built")
        return tables

    def _on_steady(self) -> None:
        self._backoff.reset()
        self._serve(State.FOLLOWING)

    def _serve(self, state: State) -> None:
        self.state = state
        self._on_serving()

    def _fields(self, reason: Exception | None = None) -> dict[str, str]:
        fields = {"service": self._database.service, "projection": self._projection.name}
        return (
            fields if reason is None else {**fields, "reason": f"{type(reason).__name__}: {reason}"}
        )
