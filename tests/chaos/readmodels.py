"""Whether what the read models of voting hold is what a rebuild from nothing makes of the log."""

import asyncio
from collections.abc import Sequence

import asyncpg
from sqlalchemy import URL, make_url

from libs.eventlog import EventLog
from libs.readmodel.database import Database
from libs.readmodel.projection import Projection
from libs.readmodel.rebuilding import rebuild
from services.voting.projections import PROJECTIONS
from tests.chaos.stack import ChaosStack

SERVICE = "voting"
TWIN = "backline_twin"
"""The database in which the read models are built a second time."""

REACH_SECONDS_MAX = 30.0

Rows = Sequence[str]


async def differences(stack: ChaosStack, log: EventLog) -> list[str]:
    """Compare every table with its twin, both at the end of the log, while nothing is written.

    returns   what differs, in words
    """
    end = await log.last_position()
    live = Database(_url(stack), SERVICE)
    twin = Database(_url(stack).set(database=TWIN), SERVICE)
    await _drop_twin(stack)
    found: list[str] = []
    try:
        async with twin.connect(SERVICE, "audit"):
            pass  # The schema is there now.
        for projection in PROJECTIONS:
            await rebuild(twin, projection, log, resume_failed=False)
            async with (
                live.connect(SERVICE, "audit") as ours,
                twin.connect(SERVICE, "audit") as other,
            ):
                await _reach(ours, projection, end)
                for table in projection.table_names:
                    found += _compare(table, await _rows(ours, table), await _rows(other, table))
    finally:
        await _drop_twin(stack)
    return found


def _url(stack: ChaosStack) -> URL:
    password = stack.credentials.database_password(SERVICE)
    url = make_url(stack.settings.database_url)
    return url.set(username=f"backline_{SERVICE}", password=password)


async def _drop_twin(stack: ChaosStack) -> None:
    url = _url(stack)
    connection = await asyncpg.connect(
        host=url.host,
        port=url.port,
        user="postgres",
        password=stack.credentials.superuser_password,
        database="postgres",
    )
    try:
        await connection.execute(f"drop database if exists {TWIN} with (force)")
    finally:
        await connection.close()


async def _reach(connection: asyncpg.Connection, projection: Projection, position: int) -> None:
    """Wait until a projection has come to a position. raises   TimeoutError"""
    query = "select position from checkpoint where projection = $1 and epoch <> ''"
    async with asyncio.timeout(REACH_SECONDS_MAX):
        # Asking is the only way: another process moves it.
        while (await connection.fetchval(query, projection.name) or 0) < position:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def _rows(connection: asyncpg.Connection, table: str) -> Rows:
    return sorted(repr(tuple(row)) for row in await connection.fetch(f"select * from {table}"))


def _compare(table: str, ours: Rows, rebuilt: Rows) -> list[str]:
    if ours == rebuilt:
        return []
    only_ours = sorted(set(ours) - set(rebuilt))[:3]
    only_rebuilt = sorted(set(rebuilt) - set(ours))[:3]
    sizes = f"{table}: {len(ours)} rows, rebuilt {len(rebuilt)}"
    return [f"{sizes}; only here {only_ours}, only rebuilt {only_rebuilt}"]
