"""The read model of one service, without the service: its projections and queries on a real
PostgreSQL, fed from a log in memory.

    async with read_model("voting", PROJECTIONS, QUERIES, database) as model:
        await model.record("ballot", "shw_1", [VoteCast(…)])
        tally = await model.ask(GetTally(show_id="shw_1"))
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from libs.bus import Answer, Handler
from libs.eventlog import Commit, EventLog, MemoryLog, Revision, cloud_event
from libs.eventlog.codec import timestamp
from libs.kernel.ids import new_id
from libs.kernel.messages import NOBODY, Caller, Event, Query
from libs.readmodel import Projection, Queries, answering, run_projections
from libs.testkit.stack import RunningDatabase

RECORDED_AT = datetime(2026, 11, 20, 20, 15, tzinfo=UTC)


@dataclass
class ReadModel:
    """Tell it events, and ask it questions.

    keys   every change key that was told so far, and the position told last
    """

    log: MemoryLog
    handlers: Mapping[type[Query[Any]], Handler]
    keys: dict[str, int] = field(default_factory=dict)
    _revisions: dict[tuple[str, str], Revision] = field(default_factory=dict)

    async def record(
        self,
        aggregate: str,
        aggregate_id: str,
        events: Sequence[Event],
        *,
        at: datetime = RECORDED_AT,
    ) -> int:
        """Append one commit to a stream; its position."""
        said = [
            cloud_event(
                event,
                event_id=new_id(),
                subject=f"{aggregate}/{aggregate_id}",
                time=timestamp(at),
                actor="",
                causation_id="",
                correlation_id="",
            )
            for event in events
        ]
        stream = (aggregate, aggregate_id)
        commit = Commit(*stream, said, self._revisions.get(stream, Revision(0)))
        self._revisions[stream] = (await self.log.append([commit]))[0]
        return self._revisions[stream]

    async def answer(self, query: Query[Any], caller: Caller = NOBODY) -> Answer:
        """Ask, and be told of everything recorded so far."""
        return await self.handlers[type(query)](query, caller, await self.log.last_position())

    async def ask(self, query: Query[Any], caller: Caller = NOBODY) -> dict[str, Any]:
        """The result of `answer`."""
        return (await self.answer(query, caller)).result


@asynccontextmanager
async def read_model(
    service: str,
    projections: Sequence[Projection],
    queries: Queries,
    database: RunningDatabase,
) -> AsyncIterator[ReadModel]:
    """A read model at work during the block; its schema is dropped afterwards."""
    log = MemoryLog(service)
    url = make_url(database.url_of(service)).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, connect_args={"server_settings": {"search_path": service}})
    ready = asyncio.Event()
    keys: dict[str, int] = {}

    async def open_log(_service: str) -> EventLog:
        return log

    async def publish(_subject: str, payload: bytes) -> None:
        keys.update(orjson.loads(payload)["keys"])

    running = asyncio.create_task(
        run_projections(
            projections,
            service=service,
            engine=engine,
            open_log=open_log,
            publish=publish,
            on_ready=ready.set,
        )
    )
    try:
        async with asyncio.timeout(20):
            await ready.wait()
        async with answering(queries, projections, service=service, engine=engine) as handlers:
            yield ReadModel(log, handlers, keys)
    finally:
        running.cancel()
        await asyncio.wait({running})
        await engine.dispose()
        await _drop(database.url_of(service), service)


async def _drop(url: str, service: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"drop schema if exists {service} cascade")
    finally:
        await connection.close()
