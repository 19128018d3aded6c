"""Everyone who watches: some the tally of every show, some their own vote."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence

from libs.kernel.ids import new_id
from libs.testkit.waiting import eventually
from tests.chaos.audit import Counts, LogAudit
from tests.chaos.doors import Doors, Refused, Unanswered, Voter
from tests.chaos.ledger import Acknowledged, Ledger
from tests.chaos.viewers import TALLY, Screen, Viewer

VIEWERS = 4
FANS = 4
FAN_SECONDS_MAX = 45.0
FAN_PAUSE_SECONDS = 0.2
CONVERGE_SECONDS_MAX = 15.0


class Audience:
    """Watches while it runs, and knows what must have been on every screen.

    seen_own   votes that somebody saw on their own screen
    """

    def __init__(
        self,
        gateways: Sequence[str],
        doors: Doors,
        ledger: Ledger,
        *,
        shows: Sequence[str],
        songs: Sequence[str],
        chance: random.Random,
    ) -> None:
        self._gateways = gateways
        self._doors = doors
        self._ledger = ledger
        self._shows = shows
        self._songs = songs
        self._chance = chance
        self._going = asyncio.Event()
        self._fans_under_way = 0
        self.seen_own = 0
        self.viewers = [self._viewer() for _ in range(VIEWERS if gateways else 0)]

    def _viewer(self) -> Viewer:
        screens = [Screen(TALLY, {"show_id": show_id}) for show_id in self._shows]
        return Viewer(self._gateways, screens, self._chance)

    @property
    def reconnects(self) -> int:
        return sum(viewer.reconnects for viewer in self.viewers)

    @property
    def resumed(self) -> int:
        return sum(screen.resumed for viewer in self.viewers for screen in viewer.screens)

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for viewer in self.viewers:
                tasks.create_task(viewer.run())
            for _ in range(FANS if self._gateways else 0):
                tasks.create_task(self._be_a_fan())

    def go(self) -> None:
        """Let fans vote."""
        self._going.set()

    async def rest(self) -> None:
        """Wait for fans under way to have seen their vote, or given up."""
        self._going.clear()
        await eventually(lambda: not self._fans_under_way, timeout_seconds=FAN_SECONDS_MAX + 10)

    # ------------------------------------------------------------------ the tally

    async def converge(self, fresh: Mapping[str, Counts]) -> list[str]:
        """Wait until every screen shows what a fresh answer says.

        fresh     by show, how often each song was voted for
        returns   what does not, in words
        """

        def differing() -> list[str]:
            return [
                f"viewer {number} has {_counts(screen)} for {show_id}, a fresh answer {counts}"
                for number, viewer in enumerate(self.viewers)
                for screen in viewer.screens
                for show_id, counts in [(screen.args["show_id"], fresh[screen.args["show_id"]])]
                if _counts(screen) != counts
            ]

        try:
            await eventually(lambda: not differing(), timeout_seconds=CONVERGE_SECONDS_MAX)
        except TimeoutError:
            return differing()
        return []

    def violations(self, log: LogAudit) -> list[str]:
        """Frames that cannot be, or that the log says were never true at their position."""
        found = []
        for number, viewer in enumerate(self.viewers):
            for screen in viewer.screens:
                where = f"viewer {number} of {screen.args['show_id']}"
                found += [f"{where}: {problem}" for problem in screen.problems]
                screen.problems.clear()
                history = log.shows.get(screen.args["show_id"])
                for seen in screen.take_frames():
                    shown = _votes_in(seen.result)
                    was = history.counts_at(seen.position) if history is not None else {}
                    if shown != was:
                        found.append(f"{where} saw {shown} at {seen.position}, where it was {was}")
        return found

    def seconds_until_seen(self, moment: float, firsts: Mapping[str, Acknowledged]) -> float | None:
        """From a moment until every screen showed the first vote that was cast after it.

        firsts    by show, the first vote acknowledged since
        returns   None when some screen has not yet
        """
        longest = 0.0
        for viewer in self.viewers:
            for screen in viewer.screens:
                first = firsts.get(screen.args["show_id"])
                if first is None:
                    continue
                times = [seen.at for seen in screen.frames if seen.position >= first.position]
                if not times:
                    return None
                longest = max(longest, min(times) - moment)
        return longest

    # ------------------------------------------------------------------ one's own vote

    async def _be_a_fan(self) -> None:
        while True:
            await self._going.wait()
            self._fans_under_way += 1
            try:
                await self._vote_and_watch(self._doors.voter(new_id("fan_")))
            finally:
                self._fans_under_way -= 1
            await asyncio.sleep(FAN_PAUSE_SECONDS)

    async def _vote_and_watch(self, voter: Voter) -> None:
        show_id, song_id = self._chance.choice(self._shows), self._chance.choice(self._songs)
        screen = Screen("voting.get-my-vote", {"show_id": show_id})
        watching = asyncio.create_task(
            Viewer(self._gateways, [screen], self._chance, voter.token).run()
        )
        try:
            async with asyncio.timeout(FAN_SECONDS_MAX):
                await eventually(lambda: screen.result is not None, timeout_seconds=FAN_SECONDS_MAX)
                vote_id = await self._cast(voter, show_id, song_id)
                await eventually(
                    lambda: [vote["vote_id"] for vote in screen.result["votes"]] == [vote_id],
                    timeout_seconds=FAN_SECONDS_MAX,
                )
            self.seen_own += 1
        except TimeoutError:
            self._ledger.violations.append(
                f"{voter.voter_id} saw {screen.result} at {screen.position}, "
                f"and was told {self._ledger.votes.get((show_id, voter.voter_id))}"
            )
        finally:
            watching.cancel()
            await asyncio.wait({watching})
        if not watching.cancelled():
            watching.result()
        self._ledger.violations += [f"{voter.voter_id}: {each}" for each in screen.problems]

    async def _cast(self, voter: Voter, show_id: str, song_id: str) -> str:
        key, sent_at = new_id(), time.monotonic()
        while True:
            try:
                receipt = await self._doors.cast(voter, show_id, song_id, key)
            except Unanswered:
                await asyncio.sleep(FAN_PAUSE_SECONDS)
            except Refused as refusal:
                self._ledger.violations.append(f"a vote was refused: {refusal}")
                raise TimeoutError from refusal
            else:
                at = time.monotonic()
                self._ledger.acknowledge(show_id, voter.voter_id, receipt, sent_at, at)
                vote_id: str = receipt["vote_id"]
                return vote_id


def _counts(screen: Screen) -> Counts | None:
    return None if screen.result is None else _votes_in(screen.result)


def _votes_in(tally: dict[str, Counts]) -> Counts:
    return {song_id: votes for song_id, votes in tally["counts"].items() if votes}
