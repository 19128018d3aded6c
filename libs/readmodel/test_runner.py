"""Projections against a real PostgreSQL: whatever goes away, they end up true."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy.engine import make_url

from libs.readmodel import Database, Projection, State
from libs.readmodel.conftest import (
    SCORES,
    Cheered,
    Scored,
    Spoiled,
    World,
    eventually,
    project,
)
from libs.readmodel.errors import Superseded
from libs.readmodel.tables import Tables
from libs.telemetry import use_tracers

pytestmark = pytest.mark.connected

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Every span that ends, in memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    use_tracers(lambda _service: provider.get_tracer("test"))
    yield exporter
    use_tracers(None)


async def test_makes_database_schema_and_tables_when_there_are_none(
    homeless_world: World,
) -> None:
    world = homeless_world
    await world.score("ann", "bob", "ann")
    async with world.running() as runner:
        await world.caught_up()
        await eventually(lambda: runner.state is State.FOLLOWING)
    async with world.connected() as connection:
        rows = await connection.fetch("select player, points from scores order by player")
        assert [tuple(row) for row in rows] == [("ann", 2), ("bob", 1)]
        owner = "select pg_get_userbyid(datdba) from pg_database where datname = $1"
        assert await connection.fetchval(owner, world.name) == "backline"


async def test_moves_the_checkpoint_when_a_commit_has_nothing_for_it(world: World) -> None:
    async with world.running():
        await world.score("ann")
        await world.record(Cheered(player="ann"))
        await world.caught_up()


async def test_tells_what_changed_when_it_is_saved(world: World) -> None:
    async with world.running():
        await world.caught_up()
        first = await world.score("ann", "bob")
        second = await world.score("ann")
        await eventually(lambda: any(notice["position"] == second for notice in world.notices))
    numbers = [notice["n"] for notice in world.notices]
    assert numbers == list(range(1, len(numbers) + 1))
    assert {notice["publisher"] for notice in world.notices} == {world.notices[0]["publisher"]}
    assert {notice["epoch"] for notice in world.notices} == {world.log.epoch}
    keys: dict[str, int] = {}
    for notice in world.notices:
        keys |= notice["keys"]
    assert keys == {"score.ann": second, "score.bob": first}


async def test_tells_that_it_lives_when_nothing_happens(world: World) -> None:
    async with world.running():
        await eventually(
            lambda: len([notice for notice in world.notices if not notice["keys"]]) >= 3
        )


async def test_counts_each_event_once_when_its_session_dies_within_a_transaction(
    world: World,
) -> None:
    async with world.running():
        await world.score("ann")
        await world.caught_up()
        async with world.connected() as other:
            holding = other.transaction()
            await holding.start()
            await other.execute("lock table moves in exclusive mode")  # Its last write waits.
            await world.score("ann", "bob")
            waiting = "select pid from pg_locks where relation = 'moves'::regclass and not granted"

            async def between_writes_and_commit() -> bool:
                return await other.fetchval(waiting) is not None

            await eventually(between_writes_and_commit)
            await other.execute(f"select pg_terminate_backend(pid) from ({waiting}) as waiting")
            await holding.rollback()
        await world.caught_up()


async def test_tells_from_a_new_publisher_when_its_session_was_lost(world: World) -> None:
    async with world.running():
        await world.score("ann")
        await world.caught_up()
        before = {notice["publisher"] for notice in world.notices}
        await world.break_connections()
        await eventually(lambda: {notice["publisher"] for notice in world.notices} > before)


async def test_one_follows_and_one_stands_by_when_two_run(world: World) -> None:
    async with world.running() as first:
        await world.score("ann")
        await world.caught_up()
        async with world.running() as second:
            await eventually(
                lambda: (first.state, second.state) == (State.FOLLOWING, State.STANDBY)
            )
            await world.score("bob")
            await world.caught_up()


async def test_the_other_takes_over_when_one_of_two_ends(world: World) -> None:
    first = asyncio.create_task(world.runner().run())
    await world.score("ann")
    await world.caught_up()
    async with world.running():
        first.cancel()
        await world.score("bob")
        await world.caught_up()


async def test_only_one_writes_when_two_believe_it_is_their_turn(world: World) -> None:
    async with world.running():
        await world.caught_up()
    await world.score("ann")
    commits = await anext(world.log.follow(after=0))
    async with (
        world.database.connect("toy", "first") as one,
        world.database.connect("toy", "second") as two,
    ):
        tables = [await Tables.open(connection, "toy", SCORES) for connection in (one, two)]
        ended = await asyncio.gather(
            *(found.advance(commits) for found in tables if found is not None),
            return_exceptions=True,
        )
    assert [type(result) for result in ended if isinstance(result, Exception)] == [Superseded]
    await world.caught_up()


async def test_gives_up_its_turn_when_it_hangs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.readmodel.database.IDLE_TIMEOUT_SECONDS", 1)
    async with world.running():
        await world.caught_up()
    async with world.database.connect("toy", "hangs") as hanging:
        key = "backline toy projection scores"
        assert await hanging.fetchval("select pg_try_advisory_lock(hashtextextended($1, 0))", key)
        await world.score("ann")
        async with world.running() as runner:
            await eventually(lambda: runner.state is State.FOLLOWING)
            await world.caught_up()


@pytest.mark.parametrize(
    "loss",
    [
        "drop table moves",
        "drop table scores, moves",
        "drop table checkpoint",
        "drop schema toy cascade",
    ],
)
async def test_builds_from_the_log_when_something_was_dropped(world: World, loss: str) -> None:
    async with world.running():
        await world.score("ann", "bob")
        await world.caught_up()
        async with world.connected() as other:
            await other.execute(loss)
        await world.score("ann")
        await world.caught_up()


async def test_makes_the_database_again_when_it_was_dropped(
    homeless_world: World,
) -> None:
    world = homeless_world
    async with world.running():
        await world.score("ann", "bob")
        await world.caught_up()
        await world.drop_database()
        await world.score("ann")
        await world.caught_up()


async def test_builds_from_the_log_when_the_log_was_recreated(world: World) -> None:
    async with world.running():
        await world.score("ann", "bob")
        await world.score("ann")
        await world.caught_up()
        world.log = type(world.log)("toy")
        world.total = 0
        await world.score("cleo")
        # The runner still holds the old log; whatever makes it look again makes it see.
        await world.break_connections()
        await world.caught_up()
        async with world.connected() as connection:
            assert await connection.fetchval("select array_agg(player) from scores") == ["cleo"]


async def test_builds_from_the_log_when_the_log_has_lost_its_end(world: World) -> None:
    async with world.running():
        await world.score("ann")
        await world.score("bob")
        await world.caught_up()
    epoch = world.log.epoch
    world.log, world.total = type(world.log)("toy", epoch), 0
    await world.score("ann")
    async with world.running():
        await world.caught_up()


async def test_stops_exactly_there_when_an_event_fails(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with world.running() as runner:
        await world.caught_up()
        for player in ("ann", "bob", "cleo"):
            await world.score(player)
        bad = await world.record(Scored(player="ann", points=1), Spoiled(player="dora"))
        await world.score("ann")
        await eventually(lambda: runner.state is State.FAILED)
    assert await world.position() == bad - 1
    async with world.connected() as connection:
        assert await connection.fetchval("select count(*) from moves") == 3
        error = await connection.fetchval("select error from checkpoint")
    assert f"position {bad}" in error
    assert "toy.spoiled.v1" in error
    assert "Indigestible: dora" in error
    assert "A projection stands still." in caplog.messages


async def test_goes_on_when_what_failed_is_repaired(world: World) -> None:
    await world.score("ann")
    async with world.running():
        await world.caught_up()
        bad = await world.record(Spoiled(player="dora"))
        await world.score("bob")

        async def noted() -> bool:
            async with world.connected() as connection:
                return await connection.fetchval("select error from checkpoint") is not None

        await eventually(noted)

    def lenient(events: Any) -> Any:
        return project([one for one in events if not isinstance(one.data, Spoiled)])

    repaired = Projection(
        "scores", log="toy", tables=SCORES.tables, events=SCORES.events, project=lenient
    )
    async with world.running(repaired):
        await world.caught_up()
    async with world.connected() as connection:
        assert await connection.fetchval("select error from checkpoint") is None
        assert await connection.fetchval("select generation from checkpoint") == 1
    assert bad < await world.position()


async def test_several_services_make_the_database_when_all_find_none(
    homeless_world: World,
) -> None:
    world = homeless_world
    others = [
        Database(make_url(world.server.url_of(service, world.name)), service)
        for service in ("toy", "catalog", "voting", "auth")
    ]

    async def use(database: Database) -> str:
        async with database.connect(database.service, "first") as connection:
            found: str = await connection.fetchval("select current_schema()")
            return found

    assert await asyncio.gather(*map(use, others)) == ["toy", "catalog", "voting", "auth"]


async def test_carries_a_trace_on_when_a_commit_belongs_to_one(
    world: World, exporter: InMemorySpanExporter
) -> None:
    async with world.running():
        await world.caught_up()
        await world.score("ann")
        traced = await world.record(Scored(player="ann", points=1), headers={"traceparent": TRACE})
        await eventually(lambda: any("traceparent" in notice for notice in world.notices))
    (span,) = exporter.get_finished_spans()
    assert span.name == "project scores"
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x}" in TRACE
    assert f"{span.parent.span_id:016x}" in TRACE
    (told,) = (notice for notice in world.notices if "traceparent" in notice)
    assert told["position"] >= traced
    assert f"{span.context.span_id:016x}" in told["traceparent"]
