"""PostgreSQL itself going away, on a server of our own."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from libs.kernel.messages import NOBODY
from libs.readmodel import State, answering
from libs.readmodel.conftest import QUERIES, SCORES, GetTotal, World, eventually
from libs.readmodel.errors import ReadModelAway
from libs.stack.postgres import DATABASE
from libs.testkit.stack import RunningDatabase, running_database

pytestmark = pytest.mark.connected


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDatabase]:
    directory: Path = tmp_path_factory.mktemp("outages")
    with running_database(directory) as running:
        yield running


async def test_waits_when_postgresql_is_away_and_goes_on_when_it_is_back(
    server: RunningDatabase,
) -> None:
    world = World(server, DATABASE)
    engine = world.engine()
    server.server.stop()
    async with (
        world.running() as runner,
        answering(QUERIES, [SCORES], service="toy", engine=engine) as handlers,
    ):
        position = await world.score("ann")
        await eventually(lambda: runner.state is State.INTERRUPTED)
        with pytest.raises(ReadModelAway):
            await handlers[GetTotal](GetTotal(), NOBODY, None)
        server.server.start()
        await world.caught_up()
        answer = await handlers[GetTotal](GetTotal(), NOBODY, position)
        assert answer.result["points"] == 1

        server.server.child.kill()
        await world.score("bob")
        await eventually(lambda: runner.state is State.INTERRUPTED)
        server.server.start()
        await world.caught_up()
    await engine.dispose()


async def test_counts_each_event_once_when_postgresql_is_killed_under_load(
    server: RunningDatabase,
) -> None:
    world = World(server, DATABASE)

    async def play() -> None:
        while True:
            await world.score("ann", "bob", "cleo")
            await asyncio.sleep(0.001)

    async with world.running():
        await world.caught_up()
        playing = asyncio.create_task(play())
        for _ in range(3):
            reached = await world.position()

            async def moves(reached: int = reached) -> bool:
                return await world.position() > reached

            await eventually(moves)
            server.server.child.kill()
            server.server.start()
        playing.cancel()
        await asyncio.wait({playing})
        await world.caught_up()
