"""Answering queries from read models, each answer exactly as true as its position says.

    async def get_tally(query: GetTally, caller: Caller, connection: AsyncConnection) -> Tally: ...

    QUERIES: Queries = {GetTally: Reading(get_tally, ("tally",))}

A query sees one moment: its tables and their checkpoints are read in one REPEATABLE READ, READ ONLY
transaction. The tables are locked (ACCESS SHARE, which disturbs nobody) before that moment is
chosen, so that a rebuild cannot switch them in between (`rebuilding`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import asyncpg
from pydantic import TypeAdapter
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.bus import Answer, Handler
from libs.kernel.messages import Caller, Query, registry
from libs.readmodel import checkpoints
from libs.readmodel.database import OUTAGES, Database
from libs.readmodel.errors import ReadModelAway, ReadModelBehind, ReadModelRebuilding
from libs.readmodel.progress import Progress
from libs.readmodel.projection import Projection
from libs.telemetry import metrics, names, span

WAIT_SECONDS_MAX: Final = 3.0
READ_SECONDS_MAX: Final = 5.0

_NOT_THERE = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError)
_UNFIT = asyncpg.SyntaxOrAccessError
"""What a query meets in tables that it was not written for."""

POSITION: Final = "position"
"""A field of this name in a view is filled with the position the answer is true at."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a query is answered.

    answer  reads tables over the connection and returns the view; raises NotFound and the like
    reads   the projections whose tables it looks at, all of one log
    """

    answer: Callable[[Any, Caller, AsyncConnection], Awaitable[object]]
    reads: tuple[str, ...]


Queries = Mapping[type[Query[Any]], Reading]


@asynccontextmanager
async def answering(
    queries: Queries, projections: Sequence[Projection], *, service: str, engine: AsyncEngine
) -> AsyncIterator[Mapping[type[Query[Any]], Handler]]:
    """The handlers of a service's queries, for `serve_queries`, during the block.

    engine   connects as the service's role, with the service's schema on the search path
    """
    progress = Progress(Database(engine.url, service))
    listening = asyncio.create_task(progress.run(), name=f"{service} progress")
    try:
        runner = QueryRunner(
            queries, projections, service=service, engine=engine, progress=progress
        )
        yield runner.handlers
    finally:
        listening.cancel()
        await asyncio.wait({listening})


class QueryRunner:
    """Answers the queries of a service.

    handlers   by query class: (query, caller, after) -> Answer
    """

    def __init__(
        self,
        queries: Queries,
        projections: Sequence[Projection],
        *,
        service: str,
        engine: AsyncEngine,
        progress: Progress,
    ) -> None:
        by_name = {projection.name: projection for projection in projections}
        self._engine = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._progress = progress
        self.handlers: Mapping[type[Query[Any]], Handler] = {
            cls: partial(self._answer, _Plan(cls, reading, by_name, service))
            for cls, reading in queries.items()
        }

    async def _answer(
        self, plan: "_Plan", query: Query[Any], caller: Caller, after: int | None
    ) -> Answer:
        """Answer a query, once the read model has reached `after`.

        raises   ReadModelBehind, ReadModelRebuilding, ReadModelAway; what the query itself raises
        """
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS_MAX
        with plan.seconds.time(), span(plan.span_name, attributes=plan.attributes):
            while True:
                answer = await self._read(plan, query, caller, after or 0)
                if isinstance(answer, Answer):
                    return answer
                try:
                    async with asyncio.timeout_at(deadline):
                        await self._progress.wait(answer.projection, after or 0)
                except TimeoutError:
                    raise ReadModelBehind(
                        f"{answer.projection} is at {answer.position}", retry_after_seconds=1
                    ) from None

    async def _read(
        self, plan: "_Plan", query: Query[Any], caller: Caller, after: int
    ) -> "Answer | _Behind":
        try:
            async with asyncio.timeout(READ_SECONDS_MAX), self._engine.connect() as connection:
                moment = await self._begin(plan, connection)
                if moment.position < after:
                    return _Behind(moment.hindmost, moment.position)
                try:
                    view = await plan.reading.answer(query, caller, connection)
                except DBAPIError as error:
                    if moment.is_outdated and isinstance(_cause(error), _UNFIT):
                        raise ReadModelRebuilding(retry_after_seconds=1) from None
                    raise
                return Answer(moment.position, moment.epoch, plan.result(view, moment.position))
        except DBAPIError as error:
            if error.connection_invalidated or isinstance(_cause(error), OUTAGES):
                raise ReadModelAway(retry_after_seconds=1) from error
            raise
        except (*OUTAGES, PoolTimeoutError) as error:
            raise ReadModelAway(retry_after_seconds=1) from error

    async def _begin(self, plan: "_Plan", connection: AsyncConnection) -> "_Moment":
        """Choose the moment to look at. raises   ReadModelRebuilding"""
        try:
            await connection.exec_driver_sql(plan.lock)
            rows = (await connection.exec_driver_sql(plan.checkpoints)).all()
        except DBAPIError as error:
            if isinstance(_cause(error), _NOT_THERE):
                raise ReadModelRebuilding(retry_after_seconds=1) from None
            raise
        epochs: set[str] = {row.epoch for row in rows}
        if len(rows) < len(plan.reading.reads) or len(epochs) != 1 or "" in epochs:
            raise ReadModelRebuilding(retry_after_seconds=1)
        hindmost = min(rows, key=lambda row: row.position)
        return _Moment(
            epoch=epochs.pop(),
            position=hindmost.position,
            hindmost=hindmost.projection,
            is_outdated=any(row.fingerprint != plan.fingerprints[row.projection] for row in rows),
        )


@dataclass(frozen=True, slots=True)
class _Moment:
    """What a transaction sees.

    position     of the projection that has come least far, the hindmost
    is_outdated  tables are of an older or newer definition than ours: a rebuild is under way
    """

    epoch: str
    position: int
    hindmost: str
    is_outdated: bool


@dataclass(frozen=True, slots=True)
class _Behind:
    """The projection that has not come far enough, and where it is."""

    projection: str
    position: int


class _Plan:
    """All about answering one kind of query that is known beforehand."""

    def __init__(
        self,
        cls: type[Query[Any]],
        reading: Reading,
        projections: Mapping[str, Projection],
        service: str,
    ) -> None:
        spec = registry.query_of[cls]
        reads = [projections[name] for name in reading.reads]
        if len({projection.log for projection in reads}) != 1:
            raise ValueError(f"{spec.name} must read projections of one log: it has one position")
        tables = sorted({name for projection in reads for name in projection.table_names})
        qualified = ", ".join(f"{service}.{table}" for table in tables)
        wanted = ", ".join(f"'{name}'" for name in reading.reads)
        self.reading = reading
        self.fingerprints = {projection.name: projection.fingerprint for projection in reads}
        self.lock = f"lock table {qualified} in access share mode"
        self.checkpoints = (
            f"select projection, epoch, position, fingerprint from {service}.{checkpoints.TABLE}"
            f" where projection in ({wanted})"
        )
        self.span_name = f"read {cls.__name__}"
        self.attributes = {names.QUERY: spec.name}
        self.seconds = metrics.QUERY_SECONDS.labels(service, spec.name)
        self._view: TypeAdapter[Any] = TypeAdapter(spec.answer)

    def result(self, view: object, position: int) -> dict[str, Any]:
        """A view as JSON values. raises PydanticSerializationError when it is none"""
        result: dict[str, Any] = self._view.dump_python(view, mode="json", warnings="error")
        if POSITION in result:
            result[POSITION] = position
        return result


def _cause(error: DBAPIError) -> BaseException | None:
    """What asyncpg itself raised."""
    return None if error.orig is None else error.orig.__cause__
