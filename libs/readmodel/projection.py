"""A projection, as a value: the events it reads, the tables it keeps, and what becomes of them.

    def project(events: Sequence[Recorded]) -> Projected:
        rows = [{"show_id": event.data.show_id, …} for event in events]
        keys = {f"tally.{event.data.show_id}": event.position for event in events}
        return Projected([Write(ADD_VOTE, rows)], keys)

    VOTES = Projection("votes", log="voting", tables=TABLES, events=(VoteCast,), project=project)

`project` is pure and is given all events of one transaction at once, so that it can fold them: a
thousand votes for one song are one update. It may rely on every event arriving exactly once and in
order: the checkpoint is saved in the same transaction.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson
from sqlalchemy import Dialect, Enum, MetaData, Table
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.expression import UpdateBase

from libs.eventlog import Recorded
from libs.kernel.messages import registry
from libs.readmodel import checkpoints

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,30}")


def _dump_json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()


dialect: Dialect = asyncpg.dialect(json_serializer=_dump_json)  # type: ignore[no-untyped-call]
"""How SQLAlchemy's statements and tables become SQL. Messages may be values of JSONB columns."""


@dataclass(slots=True)
class Write:
    """One statement, run once for each row of parameters.

    statement   a constant of its module, as it is compiled once; a plain `insert(table)` of many
                rows is sent as COPY
    rows        parameters by name, the same names in every row; no rows, nothing is run
    """

    statement: UpdateBase
    rows: Sequence[Mapping[str, Any]] = ({},)


@dataclass(slots=True)
class Projected:
    """What some events do to a read model.

    writes   run in this order
    keys     what changed for those who watch: change key -> position of the last event to touch it
    """

    writes: Sequence[Write] = ()
    keys: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Projection:
    """Builds tables from the events of a log.

    name      letters, digits and `_`: part of a schema's name, and of the notices' subject
    log       the service whose log is followed
    tables    the tables it owns, without a schema; no other projection writes them
    events    the event classes it reads; others are skipped, but move the checkpoint
    project   the events of one transaction, oldest first, as writes; pure
    version   raise it when the meaning of what is written changes: the tables are then built anew
    extensions  of PostgreSQL that its indexes need, in the schema `public`; trusted ones, that the
                owner of a database may add
    """

    name: str
    log: str
    tables: MetaData
    events: tuple[type, ...]
    project: Callable[[Sequence[Recorded]], Projected]
    version: int = 1
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not NAME_PATTERN.fullmatch(self.name):
            raise ValueError(f"{self.name!r} cannot name a projection")
        for table in self.tables.sorted_tables:
            _check(table)

    @property
    def table_names(self) -> list[str]:
        """In the order in which they are locked, always the same."""
        return sorted(self.tables.tables)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with all that a rebuild must follow: tables, events and version."""
        parts = [str(self.version), *sorted(registry.event_of[cls].type for cls in self.events)]
        for table in self.tables.sorted_tables:
            parts.append(str(CreateTable(table).compile(dialect=dialect)))
            indexes = sorted(table.indexes, key=lambda index: str(index.name))
            parts += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()


def _check(table: Table) -> None:
    """Refuse what would not survive a move from one schema to another, or would not be run."""
    if table.schema is not None or table.name == checkpoints.TABLE:
        raise ValueError(f"{table.fullname} cannot name a table of a projection")
    for column in table.columns:
        if isinstance(column.type, Enum) and column.type.native_enum:
            raise ValueError(f"{column}: a type would stay behind in the old schema; use Text")
        if column.default is not None or column.onupdate is not None:
            raise ValueError(f"{column}: defaults made in Python are not run; use server_default")
