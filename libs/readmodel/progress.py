"""Waiting until a projection has reached a position, without asking again and again.

PostgreSQL announces each advance on commit (`checkpoints.advance`); one connection listens for all
who wait. What is announced only wakes them: the truth is in the checkpoint, and they look there.
While nobody listens they look every few milliseconds.
"""

import asyncio
import logging
from typing import Any, Final

import asyncpg

from libs.readmodel import checkpoints
from libs.readmodel.backoff import Backoff
from libs.readmodel.database import OUTAGES, Database

LOOK_SECONDS: Final = 0.01
ALIVE_SECONDS: Final = 3.0

logger = logging.getLogger(__name__)


class Progress:
    """Where the projections of a service are, as far as PostgreSQL has announced it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._positions: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._is_listening = False

    async def run(self) -> None:
        """Listen until cancelled."""
        backoff = Backoff(first_seconds=0.1, most_seconds=5.0)
        while True:
            try:
                await self._listen(backoff)
            except (*OUTAGES, asyncpg.PostgresError) as error:
                logger.info("Nobody listens for progress.", extra={"reason": str(error)})
            finally:
                self._is_listening = False
                self._wake()
            await asyncio.sleep(backoff.next_seconds())

    async def wait(self, projection: str, position: int) -> None:
        """Return when a projection is said to have reached a position; in doubt, too early."""
        while self._is_listening and self._positions.get(projection, 0) < position:
            await self._changed.wait()
        # Also when it is known: whoever still does not see it must not ask in a tight loop.
        await asyncio.sleep(0 if self._is_listening else LOOK_SECONDS)

    async def _listen(self, backoff: Backoff) -> None:
        schema = self._database.service
        lost = asyncio.Event()
        connection = await self._database.dial(schema, "progress")
        try:
            connection.add_termination_listener(lambda _connection: lost.set())
            await connection.add_listener(checkpoints.progress_channel(schema), self._on_announced)
            await self._look(connection)
            self._is_listening = True
            backoff.reset()
            while not lost.is_set():
                try:
                    async with asyncio.timeout(ALIVE_SECONDS):
                        await lost.wait()
                except TimeoutError:
                    await connection.execute("select 1")
        finally:
            connection.terminate()

    async def _look(self, connection: asyncpg.Connection) -> None:
        """Learn what was announced before anyone listened."""
        try:
            found = await checkpoints.load_all(connection, self._database.service)
        except asyncpg.UndefinedTableError:
            found = {}
        self._positions = {name: checkpoint.position for name, checkpoint in found.items()}
        self._wake()

    def _on_announced(self, _connection: Any, _pid: int, _channel: str, payload: Any) -> None:
        projection, _, position = str(payload).partition(" ")
        self._positions[projection] = int(position)
        self._wake()

    def _wake(self) -> None:
        """Let everyone who waits look at the positions again."""
        self._changed.set()
        self._changed = asyncio.Event()
