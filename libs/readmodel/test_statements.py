"""Statements at full speed, against a real PostgreSQL: every kind of value, every kind of write."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time
from typing import Any

import asyncpg
import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    MetaData,
    Table,
    Text,
    Time,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.schema import CreateTable

from libs.readmodel import Write, statements
from libs.readmodel.conftest import Scored
from libs.readmodel.projection import dialect
from libs.testkit.stack import RunningDatabase

pytestmark = pytest.mark.connected

things = Table(
    "things",
    MetaData(),
    Column("id", Text, primary_key=True),
    Column("number", BigInteger),
    Column("share", Float),
    Column("flag", Boolean),
    Column("at", DateTime(timezone=True)),
    Column("day", Date),
    Column("hour", Time),
    Column("names", ARRAY(Text)),
    Column("data", JSONB),
    Column("made", Text, server_default="by the server"),
)

_ADD = insert(things)
_PUT = upsert(things)
_PUT = _PUT.on_conflict_do_update(
    index_elements=[things.c.id], set_={"number": things.c.number + _PUT.excluded.number}
)
_RENAME = update(things).where(things.c.id == bindparam("of")).values(names=bindparam("new_names"))
_RESET = update(things).values(number=7, names=["x"])
_FORGET = delete(things).where(things.c.id == bindparam("of"))
_COPY_ONE = insert(things).from_select(
    ["id", "number"],
    select(literal("copy of ") + things.c.id, things.c.number).where(
        things.c.id == bindparam("of")
    ),
)
_STAMP = insert(things).values(at=func.now())


@pytest.fixture
async def connection(database: RunningDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database.url_of("toy"))
    await connection.execute(
        str(CreateTable(things).compile(dialect=dialect)).replace("TABLE", "TEMP TABLE")
    )
    yield connection
    await connection.close()


async def _all(connection: asyncpg.Connection, columns: str) -> list[tuple[Any, ...]]:
    return [
        tuple(row) for row in await connection.fetch(f"select {columns} from things order by id")
    ]


def _whole(number: int) -> dict[str, Any]:
    return {
        "names": ["Ж", "two"],
        "id": f"thing {number:05}",
        "number": number,
        "share": 0.5,
        "flag": True,
        "at": datetime(2026, 11, 20, 20, 15, tzinfo=UTC),
        "day": date(2026, 11, 20),
        "hour": time(20, 15),
        "data": {"by": Scored(player="ann", points=1), "list": [1, None]},
    }


@pytest.mark.parametrize("rows", [1, statements.COPY_ROWS_MIN - 1, statements.COPY_ROWS_MIN, 2000])
async def test_writes_every_kind_of_value_however_many_there_are(
    connection: asyncpg.Connection, rows: int
) -> None:
    await statements.run(connection, Write(_ADD, [_whole(number) for number in range(rows)]))
    found = await _all(connection, "number, names, share, flag, at, day, hour, data::text, made")
    assert len(found) == rows
    assert found[-1] == (
        rows - 1,
        ["Ж", "two"],
        0.5,
        True,
        datetime(2026, 11, 20, 20, 15, tzinfo=UTC),
        date(2026, 11, 20),
        time(20, 15),
        '{"by": {"player": "ann", "points": 1}, "list": [1, null]}',
        "by the server",
    )


@pytest.mark.parametrize("rows", [1, 200])
async def test_writes_null_when_a_value_is_none(connection: asyncpg.Connection, rows: int) -> None:
    empty = dict.fromkeys(["number", "at", "names", "data"])
    await statements.run(connection, Write(_ADD, [{"id": str(n), **empty} for n in range(rows)]))
    assert await _all(connection, "number, at, names, data") == [(None, None, None, None)] * rows


async def test_runs_statements_of_every_kind(connection: asyncpg.Connection) -> None:
    for write in (
        Write(
            _PUT, [{"id": "a", "number": 1}, {"id": "b", "number": 10}, {"id": "a", "number": 2}]
        ),
        Write(_RENAME, [{"of": "a", "new_names": ["Anna"]}]),
        Write(_COPY_ONE, [{"of": "a"}]),
        Write(_FORGET, [{"of": "b"}]),
        Write(_STAMP, [{"id": "z"}]),
    ):
        await statements.run(connection, write)
    assert await _all(connection, "id, number, names, at is null") == [
        ("a", 3, ["Anna"], True),
        ("copy of a", 3, None, True),
        ("z", None, None, False),
    ]
    await statements.run(connection, Write(_RESET))
    assert await _all(connection, "number, names") == [(7, ["x"])] * 3


async def test_runs_nothing_when_there_are_no_rows(connection: asyncpg.Connection) -> None:
    await statements.run(connection, Write(_FORGET, []))


async def test_says_what_is_missing_when_rows_lack_a_name(connection: asyncpg.Connection) -> None:
    with pytest.raises(KeyError, match="of"):
        await statements.run(connection, Write(_RENAME, [{"new_names": []}]))
    with pytest.raises(KeyError, match="number"):
        await statements.run(connection, Write(_ADD, [{"id": "a", "number": 1}, {"id": "b"}]))
