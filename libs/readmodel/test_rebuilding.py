"""Rebuilds against a real PostgreSQL: nobody who reads ever notices one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Column, MetaData, Table, Text

from libs.kernel.errors import Unavailable
from libs.kernel.messages import NOBODY
from libs.readmodel import Projected, Projection, State, answering, checkpoints, rebuilding
from libs.readmodel.conftest import (
    QUERIES,
    SCORES,
    GetTotal,
    Scored,
    Spoiled,
    World,
    eventually,
    project,
)
from libs.readmodel.errors import ReadModelLost, Superseded

pytestmark = pytest.mark.connected


async def _generation(world: World) -> int:
    async with world.connected() as connection:
        found: int = await connection.fetchval("select generation from checkpoint")
        return found


async def _request(world: World) -> None:
    async with world.connected() as connection:
        await checkpoints.request_rebuild(connection, "toy", "scores")


async def _rebuilt(world: World, generation: int) -> None:
    async def switched() -> bool:
        return await _generation(world) >= generation

    await eventually(switched)


@asynccontextmanager
async def _reading(world: World) -> AsyncIterator[list[int]]:
    """Four readers who ask without pause, and check all they are told."""
    seen: list[int] = []
    engine = world.engine()

    async def read(ask: Any) -> None:
        last = 0
        while True:
            answer = await ask(GetTotal(), NOBODY, None)
            assert answer.result["points"] == answer.result["moves"]
            assert answer.result["position"] == answer.position >= last
            # One point for each of three players in every commit.
            assert answer.result["points"] == 3 * answer.position
            last = answer.position
            seen.append(last)

    async with (
        answering(QUERIES, [SCORES], service="toy", engine=engine) as handlers,
        asyncio.TaskGroup() as tasks,
    ):
        readers = [tasks.create_task(read(handlers[GetTotal])) for _ in range(4)]
        yield seen
        for reader in readers:
            reader.cancel()
    await engine.dispose()


async def _play(world: World) -> None:
    while True:
        await world.score("ann", "bob", "cleo")
        await asyncio.sleep(0.002)


async def test_readers_see_one_truth_when_tables_are_rebuilt_under_load(world: World) -> None:
    for _ in range(200):
        await world.score("ann", "bob", "cleo")
    async with world.running():
        await world.caught_up()
        async with _reading(world) as seen:
            playing = asyncio.create_task(_play(world))
            for generation in (2, 3, 4):
                await _request(world)
                await _rebuilt(world, generation)
            playing.cancel()
            await asyncio.wait({playing})
            assert len(seen) > 10
        await world.caught_up()


async def test_tells_from_a_new_publisher_when_tables_were_switched(world: World) -> None:
    async with world.running():
        await world.score("ann")
        await world.caught_up()
        before = {notice["publisher"] for notice in world.notices}
        await _request(world)
        await _rebuilt(world, 2)
        await eventually(lambda: {notice["publisher"] for notice in world.notices} > before)


async def test_rebuilds_beside_the_old_tables_when_the_definition_changes(world: World) -> None:
    await world.score("ann", "bob")
    async with world.running():
        await world.caught_up()
    names = Table("names", tables := MetaData(), Column("name", Text, primary_key=True))

    def remember(events: Any) -> Projected:
        from sqlalchemy.dialects.postgresql import insert

        from libs.readmodel import Write

        statement = insert(names).on_conflict_do_nothing()
        return Projected([Write(statement, [{"name": one.data.player} for one in events])])

    changed = Projection("scores", log="toy", tables=tables, events=(Scored,), project=remember)
    async with world.connected() as reader:
        holding = reader.transaction()
        await holding.start()
        await reader.fetch("select 1 from scores")  # The switch must wait for us.
        async with world.running(changed) as runner:

            async def built() -> bool:
                rows = await reader.fetch(
                    "select 1 from pg_locks where relation = 'scores'::regclass and not granted"
                )
                return runner.state is State.REBUILDING and bool(rows)

            await eventually(built)
            assert await reader.fetchval("select count(*) from scores") == 2
            await holding.rollback()
            await _rebuilt(world, 2)
        rows = await reader.fetch("select name from names order by name")
        assert [row["name"] for row in rows] == ["ann", "bob"]
        assert await reader.fetchval("select to_regclass('scores')") is None
        assert await reader.fetchval("select to_regclass('moves')") is None
        schemas = "select count(*) from pg_namespace where nspname like 'toy!_!_%' escape '!'"
        assert await reader.fetchval(schemas) == 0


async def test_gives_way_to_readers_when_the_switch_would_wait_for_long(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await world.score("ann")
    async with world.running(), world.running():
        await world.caught_up()
        async with world.connected() as slow:
            holding = slow.transaction()
            await holding.start()
            await slow.fetch("select 1 from scores")
            await _request(world)
            await eventually(
                lambda: "A switch gives way to readers and tries again." in caplog.messages
            )
            await world.score("bob")
            async with world.connected() as quick:
                async with asyncio.timeout(5):
                    await quick.fetch("select 1 from scores")
            await holding.rollback()
        await _rebuilt(world, 2)
        await world.caught_up()


async def test_goes_on_from_its_own_checkpoint_when_a_rebuild_was_cut_short(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "BATCH_EVENTS_MAX", 10)
    for _ in range(30):
        await world.score("ann")
    read: list[int] = []

    def counted(events: Any) -> Projected:
        read.extend(one.position for one in events)
        if len(read) == 20:
            raise asyncpg.AdminShutdownError("as if PostgreSQL had stopped")
        return project(events)

    counting = Projection(
        "scores", log="toy", tables=SCORES.tables, events=SCORES.events, project=counted
    )
    async with world.running(counting):
        await world.caught_up()
    assert sorted(set(read)) == list(range(1, 31))
    assert len(read) < 60


async def test_goes_on_serving_when_a_requested_rebuild_fails(world: World) -> None:
    await world.score("ann")
    failing = False

    def fickle(events: Any) -> Projected:
        if failing and events[0].position == 1:
            raise ArithmeticError("of the second time")
        return project(events)

    projection = Projection(
        "scores", log="toy", tables=SCORES.tables, events=SCORES.events, project=fickle
    )
    async with world.running(projection):
        await world.caught_up()
        failing = True
        await _request(world)

        async def given_up() -> bool:
            async with world.connected() as connection:
                error = await connection.fetchval(
                    "select error from toy__rebuild_scores.checkpoint"
                    " where exists (select from toy.checkpoint where not rebuild_requested)"
                )
                return error is not None and "of the second time" in error

        async def begun() -> bool:
            async with world.connected() as connection:
                table = "select to_regclass('toy__rebuild_scores.checkpoint')"
                return await connection.fetchval(table) is not None

        await eventually(begun)
        await eventually(given_up)
        await world.score("bob")
        await world.caught_up()
        failing = False
        await _request(world)
        await _rebuilt(world, 2)
        await world.caught_up()


async def test_a_build_stops_at_an_event_that_fails_and_nobody_reads_it(world: World) -> None:
    await world.score("ann")
    await world.record(Spoiled(player="dora"))
    engine = world.engine()
    async with (
        world.running() as runner,
        answering(QUERIES, [SCORES], service="toy", engine=engine) as handlers,
    ):
        await eventually(lambda: runner.state is State.FAILED)
        with pytest.raises(Unavailable):
            await handlers[GetTotal](GetTotal(), NOBODY, None)
    await engine.dispose()


async def test_a_rebuild_heals_tables_that_someone_has_spoiled(world: World) -> None:
    await world.score("ann")
    async with world.running() as runner:
        await world.caught_up()
        async with world.connected() as connection:
            await connection.execute("alter table scores add constraint few check (points < 2)")
        await world.score("ann")
        await eventually(lambda: runner.state is State.FAILED)
        await _request(world)
        await _rebuilt(world, 2)
        await world.caught_up()


async def test_gives_way_when_several_build_the_same_tables_at_once(world: World) -> None:
    """As when one has lost its turn without knowing it yet."""
    for _ in range(200):
        await world.score("ann", "bob")
    built = await asyncio.gather(
        *(
            rebuilding.rebuild(world.database, SCORES, world.log, resume_failed=True)
            for _ in range(6)
        ),
        return_exceptions=True,
    )
    reasons = {type(each) for each in built if each is not None}
    assert reasons <= {Superseded, ReadModelLost}
    async with world.running():
        await world.caught_up()
