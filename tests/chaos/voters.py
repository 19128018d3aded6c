"""The load: new voters all the time, each with one vote, and the ways in which people insist.

Most vote once. Some send the same vote again, under the same key or another, after its answer or
at the same moment through another door. Whoever is not answered asks again until they are.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from libs.kernel.ids import new_id
from libs.testkit.waiting import eventually
from tests.chaos.doors import Doors, Refused, Unanswered, Voter
from tests.chaos.ledger import Ledger

RETRY_SECONDS = 0.1
UNANSWERED_SECONDS_MAX = 45.0
UNDER_WAY_MAX = 5_000


class Way(StrEnum):
    """How somebody votes."""

    ONCE = "once"
    AGAIN = "again, with the same key"
    ANEW = "again, with another key and for another song"
    TWICE = "twice at once, with one key"
    DOUBLE = "twice at once, with two keys and for two songs"


WEIGHTS = {Way.ONCE: 12, Way.AGAIN: 2, Way.ANEW: 2, Way.TWICE: 2, Way.DOUBLE: 2}


class Voters:
    """Sends votes at a rate, while it is let."""

    def __init__(
        self,
        doors: Doors,
        ledger: Ledger,
        *,
        shows: Sequence[str],
        songs: Sequence[str],
        rate: float,
        chance: random.Random,
    ) -> None:
        """`rate` in new voters a second, over all shows."""
        self.ledger = ledger
        self._doors = doors
        self._shows = shows
        self._songs = songs
        self._rate = rate
        self._chance = chance
        self._going = asyncio.Event()
        self._under_way = 0

    def go(self) -> None:
        """Let votes flow."""
        self._going.set()

    async def rest(self) -> None:
        """Send nothing new, and wait until every vote under way is answered or given up."""
        self._going.clear()
        await eventually(lambda: not self._under_way, timeout_seconds=2 * UNANSWERED_SECONDS_MAX)

    async def run(self) -> None:
        """Send until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            due = time.monotonic()
            while True:
                if not self._going.is_set():
                    await self._going.wait()
                    due = time.monotonic()
                due += 1 / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if self._going.is_set() and self._under_way < UNDER_WAY_MAX:
                    self._under_way += 1
                    tasks.create_task(self._vote())

    async def _vote(self) -> None:
        try:
            voter = self._doors.voter(new_id("usr_"))
            show_id = self._chance.choice(self._shows)
            one, other = self._chance.sample(self._songs, 2)
            key = new_id()
            way = self._chance.choices(list(WEIGHTS), weights=list(WEIGHTS.values()))[0]
            match way:
                case Way.ONCE:
                    await self._insist(voter, show_id, one, key)
                case Way.AGAIN:
                    first = await self._insist(voter, show_id, one, key)
                    again = await self._insist(voter, show_id, one, key)
                    self._expect_the_same(first, again)
                case Way.ANEW:
                    await self._insist(voter, show_id, one, key)
                    await self._insist(voter, show_id, other, new_id())
                case Way.TWICE:
                    await asyncio.gather(
                        self._insist(voter, show_id, one, key),
                        self._insist(voter, show_id, one, key),
                    )
                case Way.DOUBLE:
                    await asyncio.gather(
                        self._insist(voter, show_id, one, key),
                        self._insist(voter, show_id, other, new_id()),
                    )
        finally:
            self._under_way -= 1

    async def _insist(
        self, voter: Voter, show_id: str, song_id: str, key: str
    ) -> dict[str, Any] | None:
        """Send a vote until it is answered, under one key; None when that is given up."""
        sent_at = time.monotonic()
        reason = ""
        while time.monotonic() - sent_at < UNANSWERED_SECONDS_MAX:
            try:
                receipt = await self._doors.cast(voter, show_id, song_id, key)
            except Unanswered as nothing:
                reason = str(nothing)
                self.ledger.retried += 1
                await asyncio.sleep(RETRY_SECONDS)
            except Refused as refusal:
                self.ledger.violations.append(f"a vote was refused: {refusal}")
                return None
            else:
                self.ledger.acknowledge(show_id, voter.voter_id, receipt, sent_at, time.monotonic())
                return receipt
        self.ledger.violations.append(f"a vote was never answered: {reason}")
        return None

    def _expect_the_same(self, first: dict[str, Any] | None, again: dict[str, Any] | None) -> None:
        """A repeated command gets its first answer; its position may have moved on."""
        if first is None or again is None:
            return
        if {**first, "position": 0} != {**again, "position": 0}:
            self.ledger.violations.append(f"first answered with {first}, then with {again}")
