"""A toy read model on a real database, for the tests of this room.

Players score points. `scores` folds them, `moves` keeps each one, and every query can tell whether
what it sees is one moment: the points of all scores are the sum of all moves.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import asyncpg
import orjson
import pytest
from sqlalchemy import BigInteger, Column, Index, MetaData, Table, Text, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from libs.eventlog import CloudEvent, Commit, EventLog, MemoryLog, Recorded, cloud_event
from libs.eventlog.codec import timestamp
from libs.eventlog.model import NEW_STREAM
from libs.kernel.errors import NotFound
from libs.kernel.ids import new_id
from libs.kernel.messages import Access, Caller, Event, Query, View, event, query, view
from libs.readmodel import (
    Database,
    Projected,
    Projection,
    ProjectionRunner,
    Queries,
    Reading,
    Write,
)
from libs.stack.postgres import DATABASE
from libs.testkit import waiting
from libs.testkit.stack import RunningDatabase

SERVICE = "toy"
eventually = partial(waiting.eventually, timeout_seconds=20.0)
"""Patient, since a busy machine makes databases and tables slowly."""

_AT = datetime(2026, 11, 20, 20, 15, tzinfo=UTC)

# ---------------------------------------------------------------------------------- said


@event("toy.scored")
class Scored(Event):
    """A player scored."""

    player: str
    points: int


@event("toy.cheered")
class Cheered(Event):
    """The crowd cheered. The projection does not read this."""

    player: str


@event("toy.spoiled")
class Spoiled(Event):
    """Something the projection cannot digest."""

    player: str


@view
class Score(View):
    """The points of a player, or of all; `moves` is what they must add up to."""

    points: int
    moves: int
    position: int


@query("toy.get-score", access=Access.PUBLIC, watches=("score.{player}",))
class GetScore(Query[Score]):
    """The points of one player."""

    player: str


@query("toy.get-total", access=Access.PUBLIC, watches=("scores",))
class GetTotal(Query[Score]):
    """The points of all."""


# ---------------------------------------------------------------------------------- projected

tables = MetaData()
scores = Table(
    "scores",
    tables,
    Column("player", Text, primary_key=True),
    Column("points", BigInteger, nullable=False),
)
moves = Table(
    "moves",
    tables,
    Column("id", Text, primary_key=True),
    Column("player", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    Index("moves_player", "player"),
)

_ADD = upsert(scores)
_ADD = _ADD.on_conflict_do_update(
    index_elements=[scores.c.player], set_={"points": scores.c.points + _ADD.excluded.points}
)
_MOVE = insert(moves)


class Indigestible(Exception):
    pass


def project(events: Sequence[Recorded]) -> Projected:
    points: Counter[str] = Counter()
    rows, keys = [], {}
    for recorded in events:
        match recorded.data:
            case Scored(player=player, points=scored):
                points[player] += scored
                rows.append({"id": recorded.id, "player": player, "points": scored})
                keys[f"score.{player}"] = recorded.position
            case Spoiled(player=player):
                raise Indigestible(player)
    folded = [{"player": player, "points": scored} for player, scored in points.items()]
    return Projected([Write(_ADD, folded), Write(_MOVE, rows)], keys)


SCORES = Projection("scores", log=SERVICE, tables=tables, events=(Scored, Spoiled), project=project)

# ---------------------------------------------------------------------------------- asked


async def get_score(asked: GetScore, _caller: Caller, connection: AsyncConnection) -> Score:
    found = select(scores.c.points).where(scores.c.player == asked.player)
    points = (await connection.execute(found)).scalar_one_or_none()
    if points is None:
        raise NotFound(asked.player)
    added = select(func.sum(moves.c.points)).where(moves.c.player == asked.player)
    moved = (await connection.execute(added)).scalar_one()
    return Score(points=points, moves=int(moved), position=0)


async def get_total(_asked: GetTotal, _caller: Caller, connection: AsyncConnection) -> Score:
    def total(column: Column[int]) -> Any:
        return select(func.coalesce(func.sum(column), 0))

    points = (await connection.execute(total(scores.c.points))).scalar_one()
    added = (await connection.execute(total(moves.c.points))).scalar_one()
    return Score(points=int(points), moves=int(added), position=0)


QUERIES: Queries = {
    GetScore: Reading(get_score, ("scores",)),
    GetTotal: Reading(get_total, ("scores",)),
}

# ---------------------------------------------------------------------------------- the world


def said(*events: Event) -> list[CloudEvent]:
    """The events of one commit."""
    return [
        cloud_event(
            one,
            event_id=new_id(),
            subject="game/g",
            time=timestamp(_AT),
            actor="",
            causation_id="",
            correlation_id="",
        )
        for one in events
    ]


@dataclass
class World:
    """A log, a database in which nothing is yet, and what was told about changes."""

    server: RunningDatabase
    name: str
    log: MemoryLog = field(default_factory=lambda: MemoryLog(SERVICE))
    notices: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0

    @property
    def database(self) -> Database:
        return Database(make_url(self.server.url_of(SERVICE, self.name)), SERVICE)

    def engine(self) -> AsyncEngine:
        return create_async_engine(
            make_url(self.server.url_of(SERVICE, self.name)).set(drivername="postgresql+asyncpg"),
            connect_args={"server_settings": {"search_path": SERVICE}},
            pool_pre_ping=True,
        )

    async def record(self, *events: Event, headers: dict[str, str] | None = None) -> int:
        """Append one commit, a stream of its own; its position."""
        self.total += sum(one.points for one in events if isinstance(one, Scored))
        commit = Commit("game", new_id(), said(*events), NEW_STREAM, headers or {})
        return (await self.log.append([commit]))[-1]

    async def score(self, *players: str, points: int = 1) -> int:
        """Append one commit in which these players score."""
        return await self.record(*(Scored(player=player, points=points) for player in players))

    def runner(self, projection: Projection = SCORES, **options: Any) -> ProjectionRunner:
        async def open_log(_service: str) -> EventLog:
            return self.log

        async def publish(subject: str, payload: bytes) -> None:
            assert subject == f"chg.{SERVICE}.{projection.name}"
            self.notices.append(orjson.loads(payload))

        options.setdefault("pause_when_failed_seconds", 0.2)
        return ProjectionRunner(
            projection, database=self.database, open_log=open_log, publish=publish, **options
        )

    @asynccontextmanager
    async def running(
        self, projection: Projection = SCORES, **options: Any
    ) -> AsyncIterator[ProjectionRunner]:
        """A runner at work for the length of the block."""
        runner = self.runner(projection, **options)
        task = asyncio.create_task(runner.run())
        try:
            yield runner
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncpg.Connection]:
        """Someone else in the database of this world, as the service's role."""
        connection = await asyncpg.connect(
            self.server.url_of(SERVICE, self.name), server_settings={"search_path": SERVICE}
        )
        try:
            yield connection
        finally:
            await connection.close()

    async def drop_database(self) -> None:
        """Drop the database with everyone in it."""
        connection = await asyncpg.connect(self.server.superuser_url)
        try:
            await connection.execute(f"drop database if exists {self.name} with (force)")
        finally:
            await connection.close()

    async def break_connections(self) -> None:
        """End all sessions in the database, as an administrator might."""
        async with self.connected() as connection:
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )

    async def position(self) -> int:
        """Where the checkpoint is; -1 when there is none, or no database."""
        with suppress(asyncpg.PostgresError, OSError):
            async with self.connected() as connection:
                found = await connection.fetchval(
                    "select position from checkpoint where epoch = $1", self.log.epoch
                )
                return -1 if found is None else int(found)
        return -1

    async def caught_up(self) -> None:
        """Wait until the tables hold the whole log, then check that they do."""

        async def reached() -> bool:
            return await self.position() == await self.log.last_position()

        await eventually(reached)
        async with self.connected() as connection:
            points = await connection.fetchval("select coalesce(sum(points), 0) from scores")
            moved = await connection.fetchval("select coalesce(sum(points), 0) from moves")
            assert points == moved == self.total


@pytest.fixture
async def world(database: RunningDatabase) -> AsyncIterator[World]:
    """Uses the database of the session, and leaves nothing in it."""
    world = World(database, DATABASE)
    yield world
    async with world.connected() as connection:
        for row in await connection.fetch(
            "select nspname from pg_namespace where nspname ~ '^toy(__rebuild_.*)?$'"
        ):
            await connection.execute(f"drop schema {row['nspname']} cascade")


@pytest.fixture
async def homeless_world(database: RunningDatabase) -> AsyncIterator[World]:
    """A world whose database nobody has made yet."""
    world = World(database, f"toy_{new_id().lower().replace('-', '_')}")
    yield world
    await world.drop_database()
