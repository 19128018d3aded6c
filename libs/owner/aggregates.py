"""The aggregates an owner holds in memory: state, revision, recent commands."""

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from libs.eventlog.model import NEW_STREAM, EventLog, RecordedCommit, Revision
from libs.eventlog.snapshots import Snapshot, SnapshotStore
from libs.kernel.decider import Decider
from libs.kernel.errors import Unavailable
from libs.kernel.messages import Event
from libs.owner import states

logger = logging.getLogger(__name__)

GENERATION_COMMANDS_MIN = 32_768
GENERATION_COMMANDS_MAX = 262_144
GENERATION_SECONDS = 15.0
REMEMBERED_COMMITS_MAX = 4_096
REPLAY_STEP_COMMITS = 256

AnyDecider = Decider[Any, Any, Any]
Key = tuple[str, str]
"""An aggregate: (its kind, its id)."""


@dataclass(slots=True)
class Landing:
    """Where a commit comes to stand: its position, once it is acknowledged."""

    position: int = 0


Recorded = tuple[Sequence[Event], Landing, str]
"""What a command recorded, with which commit, and who sent it."""


class RecentCommands:
    """The commands an aggregate has lately recorded, by id, so that a late retry gets its first
    answer.

    Two generations: when the young one is old and large enough it becomes the old one, and what
    was old is forgotten. So at least GENERATION_COMMANDS_MIN commands and GENERATION_SECONDS are
    remembered, unless more than GENERATION_COMMANDS_MAX commands came in that time.
    """

    __slots__ = ("_born_at", "old", "young")

    def __init__(self) -> None:
        self.young: dict[str, Recorded] = {}
        self.old: dict[str, Recorded] = {}
        self._born_at = time.monotonic()

    def turn(self, added: int) -> None:
        """Some were added to the young ones: let them grow old when it is time."""
        if added and len(self.young) >= GENERATION_COMMANDS_MIN and self._is_time_to_turn():
            self.old, self.young = self.young, {}
            self._born_at = time.monotonic()

    def _is_time_to_turn(self) -> bool:
        if len(self.young) >= GENERATION_COMMANDS_MAX:
            return True
        return time.monotonic() - self._born_at > GENERATION_SECONDS


class RecentCommits:
    """Where the newest commits of an aggregate stand: what a successor reads again to learn the
    recent commands.

    Those of the last GENERATION_SECONDS, since a retry may come that late, unless they hold more
    than GENERATION_COMMANDS_MAX events; of older ones as many as are worth the time.
    """

    __slots__ = ("_commits", "_events")

    def __init__(self) -> None:
        self._commits: deque[tuple[int, int, datetime]] = deque()  # (position, events, time)
        self._events = 0

    def add(self, position: int, events: int, at: datetime) -> None:
        commits = self._commits
        commits.append((position, events, at))
        self._events += events
        while len(commits) > 1 and self._has_enough_without_oldest(at):
            self._events -= commits.popleft()[1]

    def _has_enough_without_oldest(self, now: datetime) -> bool:
        _, events, at = self._commits[0]
        left = self._events - events
        if (now - at).total_seconds() <= GENERATION_SECONDS:
            return left >= GENERATION_COMMANDS_MAX
        return len(self._commits) > REMEMBERED_COMMITS_MAX or left >= GENERATION_COMMANDS_MIN

    def read_from(self, revision: Revision) -> Revision:
        """The revision after which they all stand; the given one when there are none."""
        return Revision(self._commits[0][0] - 1) if self._commits else revision


@dataclass(slots=True)
class Live:
    """One aggregate in memory.

    revision      of the newest acknowledged commit
    confirmed_at  when we last asked the log for it, or wrote it, in seconds of the monotonic clock
    """

    decider: AnyDecider
    aggregate_id: str
    state: Any
    revision: Revision
    key: Key
    confirmed_at: float = 0.0
    recent: RecentCommands = field(default_factory=RecentCommands)
    commits: RecentCommits = field(default_factory=RecentCommits)
    events_since_snapshot: int = 0
    events_total: int = 0

    def committed(self, revision: Revision, events: int, at: datetime) -> None:
        """Note an acknowledged commit of so many events, the last of them recorded at a time."""
        self.revision = revision
        self.confirmed_at = time.monotonic()
        self.commits.add(revision, events, at)
        self._count(events)

    def _count(self, events: int) -> None:
        self.events_since_snapshot += events
        self.events_total += events

    def replay(self, commits: Sequence[RecordedCommit], after: Revision) -> None:
        """Learn recent commands from all commits, and the state from those after a revision."""
        for commit in commits:
            landing = Landing(commit.position)
            events: dict[str, list[Event]] = {}
            for event in commit.events:
                if event.causation_id not in events:
                    mine = events[event.causation_id] = []
                    self.recent.young[event.causation_id] = (mine, landing, event.actor)
                events[event.causation_id].append(event.data)
                if commit.position > after:
                    self.state = self.decider.evolve(self.state, event.data)
            self.recent.turn(len(events))
            self.commits.add(commit.position, len(commit.events), commit.events[-1].at)
            if commit.position > after:
                self._count(len(commit.events))


@dataclass(slots=True)
class Saved:
    """A snapshot, read.

    state      as it was at `revision`
    read_from  the revision after which the recent commands of that time stand
    events     that made the state
    """

    state: Any
    revision: Revision
    read_from: Revision
    events: int


class Aggregates:
    """Loads aggregates from the log, keeps those in use, and saves snapshots of large ones."""

    def __init__(
        self,
        log: EventLog,
        snapshots: SnapshotStore | None,
        *,
        live_max: int,
        snapshot_events_min: int,
    ) -> None:
        self._log = log
        self._snapshots = snapshots
        self._live: OrderedDict[Key, Live] = OrderedDict()
        self._live_max = live_max
        self._snapshot_events_min = snapshot_events_min

    def get(self, aggregate: str, aggregate_id: str) -> Live | None:
        """An aggregate that is in memory; None when it must be loaded first."""
        return self._live.get((aggregate, aggregate_id))

    def forget(self, key: Key) -> None:
        """Throw a state away: it holds decisions that were not committed, or is no longer ours."""
        self._live.pop(key, None)

    def forget_all(self) -> None:
        self._live.clear()

    def all(self) -> list[Live]:
        return list(self._live.values())

    async def load(self, decider: AnyDecider, aggregate_id: str) -> Live:
        """An aggregate from its snapshot and the commits after it; not held in memory yet.

        raises   Unavailable; UnknownEvent
        """
        asked_at = time.monotonic()
        live = Live(
            decider, aggregate_id, decider.state(), NEW_STREAM, (decider.aggregate, aggregate_id)
        )
        after, read_from = NEW_STREAM, NEW_STREAM
        saved = await self._load_snapshot(decider, aggregate_id)
        if saved is not None:
            live.state, live.events_total = saved.state, saved.events
            after, read_from = saved.revision, saved.read_from
        history = await self._log.load(decider.aggregate, aggregate_id, read_from)
        if history.revision < after:
            # The log has lost its end: a snapshot from its future is worth nothing.
            live.state, live.events_total, after = decider.state(), 0, NEW_STREAM
            history = await self._log.load(decider.aggregate, aggregate_id)
        for start in range(0, len(history.commits), REPLAY_STEP_COMMITS):
            live.replay(history.commits[start : start + REPLAY_STEP_COMMITS], after)
            await asyncio.sleep(0)
        live.revision = history.revision
        live.confirmed_at = asked_at
        return live

    def keep(self, live: Live) -> None:
        """Hold an aggregate in memory from now on."""
        self._live[live.key] = live
        self._live.move_to_end(live.key)

    async def is_current(self, live: Live) -> bool:
        """Ask the log whether an aggregate's revision still is the newest one.

        raises   Unavailable
        """
        asked_at = time.monotonic()
        history = await self._log.load(live.decider.aggregate, live.aggregate_id, live.revision)
        live.confirmed_at = asked_at
        return history.revision == live.revision

    def used(self, keys: Iterable[Key]) -> None:
        """Note that aggregates were in use just now."""
        for key in keys:
            if key in self._live:
                self._live.move_to_end(key)

    def evict(self, busy: Container[Key]) -> None:
        """Forget what has not been used for longest, down to the bound, but nothing busy."""
        surplus = len(self._live) - self._live_max
        if surplus > 0:
            idle = (key for key in self._live if key not in busy)
            for key in list(islice(idle, surplus)):
                del self._live[key]

    def is_snapshot_due(self, live: Live) -> bool:
        """Whether enough was recorded since the last snapshot; the larger the state, the more it
        takes, so that saving stays a small share of the work.
        """
        if self._snapshots is None:
            return False
        threshold = max(self._snapshot_events_min, live.events_total // 2)
        return live.events_since_snapshot >= threshold

    def encode(self, live: Live, *, events_under_way: int = 0) -> bytes:
        """The state as bytes, headed by what is needed to go on from it.

        events_under_way   that the state holds already and that are about to be committed
        """
        read_from = live.commits.read_from(live.revision)
        live.events_since_snapshot = -events_under_way
        head = orjson.dumps([read_from, live.events_total + events_under_way])
        return head + b"\n" + states.encode(live.state)

    async def save(self, live: Live, state: bytes, revision: Revision) -> None:
        """Save an encoded state, true at a revision. Losing it costs only time."""
        if self._snapshots is None:
            return
        snapshot = Snapshot(revision, self._schema(live.decider), state)
        try:
            await self._snapshots.save(live.decider.aggregate, live.aggregate_id, snapshot)
        except Unavailable:
            logger.warning("A snapshot was not saved.", extra={"aggregate": live.decider.aggregate})

    async def save_all(self) -> None:
        """Save, before leaving, what would take a while to replay. Nothing may be under way."""
        for live in list(self._live.values()):
            if live.events_since_snapshot >= self._snapshot_events_min // 5:
                await self.save(live, self.encode(live), live.revision)

    async def _load_snapshot(self, decider: AnyDecider, aggregate_id: str) -> Saved | None:
        if self._snapshots is None:
            return None
        found = await self._snapshots.load(decider.aggregate, aggregate_id, self._schema(decider))
        if found is None:
            return None
        head, _, encoded = found.state.partition(b"\n")
        state = decider.state()
        try:
            read_from, events = orjson.loads(head)
            for _ in states.decode_in_steps(decider.state, state, encoded):
                await asyncio.sleep(0)
        except (ValueError, TypeError):
            logger.exception("A snapshot cannot be read.", extra={"aggregate": decider.aggregate})
            return None
        return Saved(state, found.revision, Revision(read_from), events)

    def _schema(self, decider: AnyDecider) -> str:
        """A snapshot of another shape, version or log is ignored."""
        state: Any = decider.state
        return f"{states.shape(state)}-{decider.version}-{self._log.epoch}"
