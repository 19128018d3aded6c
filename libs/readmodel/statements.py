"""Writes at full speed: SQLAlchemy's statements, compiled once and run by asyncpg itself.

SQLAlchemy's own executemany spends several times the work of the database on each row. So a
statement is compiled the first time it is seen, and its rows then go straight to asyncpg: by
executemany, or, for a plain insert of many rows, by COPY, which is again more than twice as fast.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

import asyncpg
from sqlalchemy import Insert, Table, insert
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import UpdateBase

from libs.readmodel.projection import Write, dialect

COPY_ROWS_MIN = 50
"""Below, the two round trips that COPY takes cost more than it saves."""

_STATEMENTS_MAX = 512

Row = Mapping[str, Any]


async def run(connection: asyncpg.Connection, write: Write) -> None:
    """Run a write's statement for each of its rows, in the transaction that is open.

    raises   asyncpg.PostgresError; KeyError when a row lacks a name that the first row has
    """
    if not write.rows:
        return
    prepared = _prepare(write.statement, tuple(write.rows[0]))
    if prepared.table is not None and len(write.rows) >= COPY_ROWS_MIN:
        await connection.copy_records_to_table(
            prepared.table, records=map(prepared.values, write.rows), columns=prepared.names
        )
    else:
        await connection.executemany(prepared.sql, map(prepared.values, write.rows))


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement ready to be sent.

    names    its parameters in the order of $1, $2, …
    values   a row's parameters in that order, as asyncpg takes them
    table    where COPY would put the rows; None unless the statement is a plain insert
    """

    sql: str
    names: Sequence[str]
    values: Callable[[Row], tuple[Any, ...]]
    table: str | None


@lru_cache(maxsize=_STATEMENTS_MAX)
def _prepare(statement: UpdateBase, names: tuple[str, ...]) -> _Prepared:
    compiled = _compile(statement, names)
    ordered = list(compiled.positiontup or ())
    return _Prepared(
        sql=str(compiled),
        names=ordered,
        values=_values(compiled, ordered, names),
        table=_plain_target(statement, compiled, names),
    )


def _compile(statement: UpdateBase, names: Sequence[str]) -> SQLCompiler:
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    if not isinstance(compiled, SQLCompiler):
        raise TypeError(f"{statement!r} is not a statement")
    return compiled


def _plain_target(statement: UpdateBase, compiled: SQLCompiler, names: Sequence[str]) -> str | None:
    """The table, if a statement says nothing but `insert into <table> (<names>) values (…)`."""
    if not isinstance(statement, Insert) or not isinstance(statement.table, Table):
        return None
    if not names or not set(names) <= set(statement.table.columns.keys()):
        return None
    plain = _compile(insert(statement.table), names)
    return statement.table.name if str(compiled) == str(plain) else None


def _values(
    compiled: SQLCompiler, names: Sequence[str], given: Sequence[str]
) -> Callable[[Row], tuple[Any, ...]]:
    """How a row becomes the parameters `names`, when its own names are `given`."""
    constants = {name: compiled.params[name] for name in names if name not in given}
    missing = [name for name in constants if compiled.binds[name].required]
    if missing:
        raise KeyError(f"the rows lack {', '.join(missing)}")
    pick = _pick(names)
    processors = {
        index: processor
        for index, name in enumerate(names)
        if (processor := _processor(compiled, name)) is not None
    }
    if not processors and not constants:
        return pick

    def convert(row: Row) -> tuple[Any, ...]:
        values = list(pick({**constants, **row}))
        for index, processor in processors.items():
            if values[index] is not None:
                values[index] = processor(values[index])
        return tuple(values)

    return convert


def _pick(names: Sequence[str]) -> Callable[[Row], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda row: tuple(row[name] for name in names)


def _processor(compiled: SQLCompiler, name: str) -> Callable[[Any], Any] | None:
    """What turns a Python value into the one asyncpg takes, for types such as JSONB."""
    return compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
