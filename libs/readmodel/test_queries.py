"""Queries against a real PostgreSQL: each answer is one moment, and says which."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, Table, Text

from libs.bus import Handler
from libs.kernel.errors import NotFound
from libs.kernel.messages import NOBODY
from libs.readmodel import Projected, Projection, Reading, answering, queries
from libs.readmodel.conftest import (
    QUERIES,
    SCORES,
    GetScore,
    GetTotal,
    World,
    eventually,
    get_score,
)
from libs.readmodel.errors import ReadModelAway, ReadModelBehind, ReadModelRebuilding

pytestmark = pytest.mark.connected


@pytest.fixture
async def handlers(world: World) -> AsyncIterator[Mapping[Any, Handler]]:
    engine = world.engine()
    async with answering(QUERIES, [SCORES], service="toy", engine=engine) as found:
        yield found
    await engine.dispose()


async def test_answers_at_the_position_of_the_checkpoint(
    world: World, handlers: Mapping[Any, Handler]
) -> None:
    async with world.running():
        position = await world.score("ann", "ann", "bob")
        await world.caught_up()
        answer = await handlers[GetScore](GetScore(player="ann"), NOBODY, None)
    assert answer.position == position
    assert answer.epoch == world.log.epoch
    assert answer.result == {"points": 2, "moves": 2, "position": position}


async def test_raises_what_the_query_raises(world: World, handlers: Mapping[Any, Handler]) -> None:
    async with world.running():
        await world.caught_up()
        with pytest.raises(NotFound):
            await handlers[GetScore](GetScore(player="nobody"), NOBODY, None)


async def test_includes_what_was_just_written_when_asked_to(
    world: World, handlers: Mapping[Any, Handler]
) -> None:
    async with world.running():
        await world.caught_up()
        for points in range(1, 51):
            position = await world.score("ann")
            answer = await handlers[GetScore](GetScore(player="ann"), NOBODY, position)
            assert answer.position >= position
            assert answer.result["points"] == points


async def test_many_wait_at_once_when_the_projection_is_behind(
    world: World, handlers: Mapping[Any, Handler]
) -> None:
    async with world.running():
        await world.caught_up()
        async with world.connected() as other:
            holding = other.transaction()
            await holding.start()
            await other.execute("lock table scores in share row exclusive mode")
            position = await world.score("ann")
            asked = [
                asyncio.ensure_future(handlers[GetTotal](GetTotal(), NOBODY, position))
                for _ in range(40)
            ]
            done, _ = await asyncio.wait(asked, timeout=0.3)
            assert not done
            await holding.rollback()
        answers = await asyncio.gather(*asked)
    assert {answer.position for answer in answers} == {position}


async def test_refuses_when_the_position_is_not_reached_in_time(
    world: World, handlers: Mapping[Any, Handler], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "WAIT_SECONDS_MAX", 0.2)
    async with world.running():
        await world.score("ann")
        await world.caught_up()
        with pytest.raises(ReadModelBehind) as refused:
            await handlers[GetTotal](GetTotal(), NOBODY, 1000)
    assert refused.value.problem()["code"] == "read-model-behind"
    assert refused.value.retry_after_seconds is not None


async def test_refuses_when_there_is_no_read_model_yet(
    world: World, handlers: Mapping[Any, Handler]
) -> None:
    with pytest.raises(ReadModelRebuilding):
        await handlers[GetTotal](GetTotal(), NOBODY, None)
    async with world.database.connect("toy", "schema only"):
        pass
    with pytest.raises(ReadModelRebuilding):
        await handlers[GetTotal](GetTotal(), NOBODY, None)


async def test_answers_again_when_the_database_was_dropped_and_made_anew(
    homeless_world: World,
) -> None:
    world, engine = homeless_world, homeless_world.engine()
    async with (
        world.running(),
        answering(QUERIES, [SCORES], service="toy", engine=engine) as handlers,
    ):
        await world.score("ann")
        await world.caught_up()
        await handlers[GetTotal](GetTotal(), NOBODY, None)
        await world.drop_database()
        position = await world.score("ann")

        async def answers() -> bool:
            try:
                answer = await handlers[GetTotal](GetTotal(), NOBODY, position)
            except (ReadModelAway, ReadModelRebuilding, ReadModelBehind):
                return False
            return bool(answer.result["points"] == 2)

        await eventually(answers)
    await engine.dispose()


async def test_nobody_reads_tables_that_are_disowned(
    world: World, handlers: Mapping[Any, Handler]
) -> None:
    async with world.running():
        await world.score("ann")
        await world.caught_up()
    async with world.connected() as connection:
        await connection.execute("update checkpoint set epoch = ''")
    with pytest.raises(ReadModelRebuilding):
        await handlers[GetTotal](GetTotal(), NOBODY, None)


async def test_asks_to_come_back_when_the_tables_are_still_of_another_definition(
    world: World,
) -> None:
    tables = MetaData()
    Table("scores", tables, Column("player", Text, primary_key=True))
    older = Projection(
        "scores", log="toy", tables=tables, events=SCORES.events, project=lambda _: Projected()
    )
    engine = world.engine()
    async with (
        world.running(older),
        answering(
            {GetScore: Reading(get_score, ("scores",))},
            [replace(SCORES, tables=tables)],
            service="toy",
            engine=engine,
        ) as handlers,
    ):
        position = await world.score("ann")
        with pytest.raises(ReadModelRebuilding):
            await handlers[GetScore](GetScore(player="ann"), NOBODY, position)
    await engine.dispose()
