"""How a projection stands, for people: what the database and the log say of it, from outside."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import asyncpg

from libs.eventlog import EventLog
from libs.kernel.clock import Clock
from libs.kernel.errors import Unavailable
from libs.readmodel.checkpoints import Checkpoint
from libs.readmodel.database import Database
from libs.readmodel.errors import ReadModelLost
from libs.readmodel.projection import Projection
from libs.readmodel.rebuilding import shadow_schema
from libs.readmodel.runner import turn_key

LOOK_SECONDS_MAX: Final = 5.0

_HELD_TURN = """
    select exists (
        select from pg_locks
        where locktype = 'advisory' and granted and objsubid = 1
            and database = (select oid from pg_database where datname = current_database())
            and (classid::bigint << 32) | objid::bigint = hashtextextended($1, 0)
    )"""


class Condition(StrEnum):
    """What state a projection is in."""

    ABSENT = "absent"
    STOPPED = "stopped"
    FOLLOWING = "following"
    REBUILDING = "rebuilding"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a projection stands.

    is_run      somebody has its turn
    checkpoint  of the tables that serve; None when there are none
    shadow      of the tables that are being built, or were when a rebuild failed
    """

    service: str
    projection: str
    log: str
    is_run: bool
    checkpoint: Checkpoint | None
    shadow: Checkpoint | None

    @property
    def condition(self) -> Condition:
        is_serving = self.checkpoint is not None
        if self.error is not None:
            return Condition.FAILED
        if self.shadow is not None and self.is_run and self.shadow.error is None:
            return Condition.REBUILDING
        if self.is_run:
            return Condition.FOLLOWING
        return Condition.STOPPED if is_serving else Condition.ABSENT

    @property
    def error(self) -> str | None:
        """Why it stands still: the live tables, or those to come while there are no others."""
        if self.checkpoint is not None:
            return self.checkpoint.error
        return None if self.shadow is None else self.shadow.error

    @property
    def position(self) -> int:
        return 0 if self.checkpoint is None else self.checkpoint.position

    @property
    def generation(self) -> int:
        return 0 if self.checkpoint is None else self.checkpoint.generation


async def look(database: Database, projection: Projection) -> Standing:
    """How a projection stands at this moment. Changes nothing.

    raises   one of OUTAGES, but for a database that is not there
    """
    service, name = database.service, projection.name
    try:
        connection = await database.attach(service, "standing")
    except asyncpg.InvalidCatalogNameError:
        return Standing(service, name, projection.log, False, None, None)
    try:
        return Standing(
            service=service,
            projection=name,
            log=projection.log,
            is_run=bool(await connection.fetchval(_HELD_TURN, turn_key(service, name))),
            checkpoint=await _checkpoint(connection, service, name),
            shadow=await _checkpoint(connection, shadow_schema(service, name), name),
        )
    finally:
        connection.terminate()


async def _checkpoint(
    connection: asyncpg.Connection, schema: str, projection: str
) -> Checkpoint | None:
    """A checkpoint somebody may rely on."""
    try:
        found = await Checkpoint.load(connection, schema, projection)
    except ReadModelLost:
        return None
    return found if found is not None and found.epoch else None


@dataclass(frozen=True, slots=True)
class Distance:
    """How far a projection is behind its log. `lag_seconds` is None when nobody can tell."""

    gap: int
    lag_seconds: float | None


async def distance(standing: Standing, log: EventLog, clock: Clock) -> Distance:
    """How far behind its log a projection is. raises   Unavailable"""
    gap = max(0, await log.last_position() - standing.position)
    if not gap:
        return Distance(0, 0.0)
    since = await _recorded_after(log, standing.position)
    lag = None if since is None else max(0.0, (clock() - since).total_seconds())
    return Distance(gap, lag)


async def _recorded_after(log: EventLog, position: int) -> datetime | None:
    """When the first event behind a position was recorded."""
    try:
        async with asyncio.timeout(LOOK_SECONDS_MAX):
            async for commits in log.follow(after=position, batch_events_max=1):
                for commit in commits:
                    for event in commit.events:
                        return event.at
                if not commits:
                    return None
    except (TimeoutError, Unavailable):
        return None
    return None
