"""Projections on the real log and the real bus, as a service runs them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from libs.bus import Bus, serve_queries
from libs.chassis.prepare import prepare
from libs.eventlog import Commit, EventLog, JetStreamLog
from libs.eventlog.model import NEW_STREAM
from libs.eventlog.protocol import call, log_name
from libs.kernel.errors import RemoteProblem
from libs.kernel.ids import new_id
from libs.kernel.messages import NOBODY
from libs.readmodel import answering, run_projections
from libs.readmodel.conftest import QUERIES, SCORES, GetTotal, Scored, World, eventually, said
from libs.stack.permissions import DEPLOYER
from libs.testkit.stack import TEST_SERVICES, RunningNats

pytestmark = pytest.mark.connected

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def _make_log(nats_server: RunningNats) -> None:
    """An empty log of the service `toy`."""
    deployer = await nats_server.connect(DEPLOYER)
    await call(deployer, f"STREAM.DELETE.{log_name('toy')}", b"", timeout_seconds=5)
    await deployer.close()
    await prepare(nats_server.url, nats_server.secrets, services={"toy": TEST_SERVICES["toy"]})


@asynccontextmanager
async def _serving(world: World, client: Client) -> AsyncIterator[None]:
    """The projections and queries of the service `toy`, as its parts."""

    async def open_log(service: str) -> EventLog:
        return await JetStreamLog.open(client, service)

    ready = asyncio.Event()
    url = make_url(world.server.url_of("toy", world.name)).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, connect_args={"server_settings": {"search_path": "toy"}})
    parts = [
        asyncio.create_task(
            run_projections(
                [SCORES],
                service="toy",
                engine=engine,
                open_log=open_log,
                publish=client.publish,
                on_ready=ready.set,
            )
        )
    ]
    try:
        async with answering(QUERIES, [SCORES], service="toy", engine=engine) as handlers:
            async with asyncio.timeout(20):
                await ready.wait()
            parts.append(asyncio.create_task(serve_queries(client, handlers)))
            yield
            for part in parts:
                part.cancel()
            await asyncio.wait(parts)
    finally:
        await engine.dispose()


async def _score(client: Client, points: int, headers: dict[str, str] | None = None) -> int:
    """Append one commit to a stream of its own; its position."""
    log = await JetStreamLog.open(client, "toy")
    events = said(Scored(player="ann", points=points))
    return (await log.append([Commit("game", new_id(), events, NEW_STREAM, headers or {})]))[0]


async def test_what_is_recorded_is_told_and_can_be_asked_over_the_bus(
    world: World, nats_server: RunningNats
) -> None:
    await _make_log(nats_server)
    client, watcher = await nats_server.connect("toy"), await nats_server.connect("gateway")
    told: dict[str, int] = {}

    async def on_notice(message: Msg) -> None:
        told.update(orjson.loads(message.data)["keys"])

    await watcher.subscribe("chg.toy.scores", cb=on_notice)
    await watcher.flush()
    async with _serving(world, client):
        position = await _score(client, 3, {"traceparent": TRACEPARENT})
        answer = await Bus(watcher).ask(GetTotal(), caller=NOBODY, after=position)
        assert answer.result == {"points": 3, "moves": 3, "position": position}
        await eventually(lambda: told == {"score.ann": position})
    await watcher.close()
    await client.close()


async def test_builds_from_the_new_log_when_it_is_recreated_meanwhile(
    world: World, nats_server: RunningNats
) -> None:
    await _make_log(nats_server)
    client = await nats_server.connect("toy")
    bus = Bus(client)
    async with _serving(world, client):
        for _ in range(4):
            await _score(client, 1)
        before = await bus.ask(GetTotal(), caller=NOBODY, after=await _score(client, 1))
        await _make_log(nats_server)
        await _score(client, 40)
        await _score(client, 2)

        async def answers_from_the_new_log() -> bool:
            try:
                answer = await bus.ask(GetTotal(), caller=NOBODY)
            except RemoteProblem:
                return False
            return answer.epoch != before.epoch and answer.result["points"] == 42

        await eventually(answers_from_the_new_log)
    await client.close()
