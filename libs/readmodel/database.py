"""Where a service's read models live: a schema of its own, made again when it is gone.

PostgreSQL holds nothing that the log does not. So a database or a schema that is missing is no
error: whoever needs it first makes it, also when several do at once.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import asyncpg
from sqlalchemy import URL

from libs.readmodel import checkpoints

OWNER: Final = "backline"
"""The group of all services' roles. It owns the database, so that any of them may make it again."""

CONNECT_TIMEOUT_SECONDS: Final = 5.0
COMMAND_TIMEOUT_SECONDS: Final = 30.0
IDLE_TIMEOUT_SECONDS: Final = 10
"""PostgreSQL ends a session that is silent for so long: a runner that hangs gives up its turn."""

_MADE_MEANWHILE = (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError)

OUTAGES: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidAuthorizationSpecificationError,
)
"""Errors of the database and not of ours: it is away, stopping, full or busy. Waiting helps."""


class Database:
    """The database of a service, as the service's role."""

    def __init__(self, url: URL, service: str) -> None:
        """`url` names host, port, database, user and password (`engine.url` has them all)."""
        self.service = service
        self._url = url

    @asynccontextmanager
    async def connect(
        self, schema: str, purpose: str, *, command_timeout_seconds: float = COMMAND_TIMEOUT_SECONDS
    ) -> AsyncIterator[asyncpg.Connection]:
        """A connection that sees one schema; the schema is there, with a table of checkpoints.

        purpose  for people who look at pg_stat_activity
        raises   one of OUTAGES
        """
        connection = await self.dial(
            schema, purpose, command_timeout_seconds=command_timeout_seconds
        )
        try:
            async with connection.transaction():
                await _ensure_schema(connection, schema)
            yield connection
        finally:
            await _close(connection)

    async def dial(
        self,
        schema: str,
        purpose: str,
        *,
        command_timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
    ) -> asyncpg.Connection:
        """As `attach`, but the database is made when it is not there."""
        try:
            return await self.attach(
                schema, purpose, command_timeout_seconds=command_timeout_seconds
            )
        except asyncpg.InvalidCatalogNameError:
            await self._create_database()
        return await self.attach(schema, purpose, command_timeout_seconds=command_timeout_seconds)

    async def attach(
        self,
        schema: str,
        purpose: str,
        *,
        database: str | None = None,
        command_timeout_seconds: float = COMMAND_TIMEOUT_SECONDS,
    ) -> asyncpg.Connection:
        """A connection that sees one schema, which may not be there. The caller closes it.

        raises   one of OUTAGES: InvalidCatalogNameError when there is no such database
        """
        return await asyncpg.connect(
            host=self._url.host,
            port=self._url.port,
            user=self._url.username,
            password=self._url.password,
            database=database or self._url.database,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=command_timeout_seconds,
            server_settings={
                "application_name": f"backline-{self.service} {purpose}"[:63],
                "search_path": schema,
                "timezone": "UTC",
                # By PostgreSQL too: whoever was suspended cannot time out, and may hold locks.
                "statement_timeout": f"{command_timeout_seconds}s",
                "idle_session_timeout": f"{IDLE_TIMEOUT_SECONDS}s",
                "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT_SECONDS}s",
            },
        )

    async def _create_database(self) -> None:
        connection = await self.attach("public", "setup", database="postgres")
        try:
            name = await connection.fetchval("select quote_ident($1)", self._url.database)
            with suppress(*_MADE_MEANWHILE):
                # template0: nobody can be connected to it, which would make this fail.
                await connection.execute(
                    f"create database {name} owner {OWNER} template template0 encoding 'UTF8'"
                )
        finally:
            await _close(connection)


async def _ensure_schema(connection: asyncpg.Connection, schema: str) -> None:
    """Make a schema and its table of checkpoints, unless they are there. Two at once take turns."""
    table = f"{schema}.{checkpoints.TABLE}"
    if await connection.fetchval("select to_regclass($1)", table) is not None:
        return
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('backline schemas', 0))"
    )
    await connection.execute(f"create schema if not exists {schema}")
    await connection.execute(checkpoints.create_table(schema))


async def _close(connection: asyncpg.Connection) -> None:
    """Close a connection, politely for a second."""
    try:
        async with asyncio.timeout(1):
            await connection.close()
    except (*OUTAGES, asyncpg.PostgresError):
        connection.terminate()
