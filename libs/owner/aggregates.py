"""The aggregates an owner holds in memory: state, revision, recent commands."""

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from pydantic import TypeAdapter

from libs.eventlog.model import NEW_STREAM, EventLog, RecordedCommit, Revision
from libs.eventlog.snapshots import Snapshot, SnapshotStore
from libs.kernel.decider import Decider
from libs.kernel.errors import Unavailable
from libs.kernel.messages import Event

logger = logging.getLogger(__name__)

GENERATION_COMMANDS_MIN = 32_768
GENERATION_COMMANDS_MAX = 262_144
GENERATION_SECONDS = 15.0
REMEMBERED_COMMITS = 512

AnyDecider = Decider[Any, Any, Any]


class Answered(Protocol):
    """What a command recorded, and the position of its commit."""

    events: Sequence[Event]
    position: int


@dataclass(slots=True)
class Replayed:
    """What a command recorded, learnt from the log."""

    events: Sequence[Event]
    position: int


class RecentCommands:
    """The commands an aggregate has lately recorded, by id, so that a late retry gets its first
    answer.

    Two generations: when the young one is old and large enough it becomes the old one, and what
    was old is forgotten. So at least GENERATION_COMMANDS_MIN commands and GENERATION_SECONDS are
    remembered, unless more than GENERATION_COMMANDS_MAX commands came in that time.
    """

    __slots__ = ("_born_at", "_old", "_young")

    def __init__(self) -> None:
        self._young: dict[str, Answered] = {}
        self._old: dict[str, Answered] = {}
        self._born_at = time.monotonic()

    def get(self, command_id: str) -> Answered | None:
        return self._young.get(command_id) or self._old.get(command_id)

    def add(self, command_id: str, answered: Answered) -> None:
        young = self._young
        young[command_id] = answered
        if len(young) >= GENERATION_COMMANDS_MIN and self._is_time_to_turn():
            self._old, self._young = young, {}
            self._born_at = time.monotonic()

    def _is_time_to_turn(self) -> bool:
        if len(self._young) >= GENERATION_COMMANDS_MAX:
            return True
        return time.monotonic() - self._born_at > GENERATION_SECONDS


@dataclass(slots=True)
class Live:
    """One aggregate in memory.

    revision   of the newest acknowledged commit
    key        (aggregate, aggregate id)
    commits    the positions of the newest commits, from which recent commands are learnt again
    """

    decider: AnyDecider
    aggregate_id: str
    state: Any
    revision: Revision
    key: tuple[str, str]
    recent: RecentCommands = field(default_factory=RecentCommands)
    events_since_snapshot: int = 0
    events_total: int = 0
    commits: list[int] = field(default_factory=list)

    def committed_at(self, position: int) -> None:
        """Note the position of a commit, forgetting old ones now and then."""
        self.revision = Revision(position)
        self.commits.append(position)
        if len(self.commits) > 2 * REMEMBERED_COMMITS:
            del self.commits[:REMEMBERED_COMMITS]

    def recorded(self, count: int) -> None:
        """Count events that were recorded or replayed."""
        self.events_since_snapshot += count
        self.events_total += count

    def replay(self, commits: Sequence[RecordedCommit], after: Revision) -> None:
        """Learn recent commands from all commits, and the state from those after a revision."""
        for commit in commits:
            by_command: dict[str, list[Event]] = {}
            for event in commit.events:
                by_command.setdefault(event.causation_id, []).append(event.data)
                if commit.position > after:
                    self.state = self.decider.evolve(self.state, event.data)
                    self.recorded(1)
            for command_id, events in by_command.items():
                self.recent.add(command_id, Replayed(events, commit.position))
            self.committed_at(commit.position)


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
        self._live: OrderedDict[tuple[str, str], Live] = OrderedDict()
        self._live_max = live_max
        self._snapshot_events_min = snapshot_events_min

    def get(self, aggregate: str, aggregate_id: str) -> Live | None:
        """An aggregate that is in memory; None when it must be loaded first."""
        return self._live.get((aggregate, aggregate_id))

    def forget(self, live: Live) -> None:
        """Throw a state away: it holds decisions that were not committed, or is no longer ours."""
        self._live.pop(live.key, None)

    def forget_all(self) -> None:
        self._live.clear()

    def all(self) -> list[Live]:
        return list(self._live.values())

    async def load(self, decider: AnyDecider, aggregate_id: str) -> Live:
        """Bring an aggregate into memory, from its snapshot and the commits after it.

        raises   Unavailable; UnknownEvent
        """
        key = (decider.aggregate, aggregate_id)
        live = Live(decider, aggregate_id, decider.state(), NEW_STREAM, key)
        saved = await self._load_snapshot(decider, aggregate_id)
        after, read_from = NEW_STREAM, NEW_STREAM
        if saved is not None:
            live.state, after, read_from = saved
        history = await self._log.load(decider.aggregate, aggregate_id, read_from)
        if saved is not None and history.revision < after:
            # The log was recreated or cut: a snapshot from its future is worth nothing.
            live.state, after = decider.state(), NEW_STREAM
            history = await self._log.load(decider.aggregate, aggregate_id)
        live.replay(history.commits, after)
        live.revision = history.revision
        self._live[live.key] = live
        self._live.move_to_end(live.key)
        return live

    def evict(self, busy: set[tuple[str, str]]) -> None:
        """Forget what was loaded longest ago and is not in use, down to the bound."""
        surplus = len(self._live) - self._live_max
        if surplus <= 0:
            return
        for key in [key for key in self._live if key not in busy][:surplus]:
            del self._live[key]

    async def _load_snapshot(
        self, decider: AnyDecider, aggregate_id: str
    ) -> tuple[Any, Revision, Revision] | None:
        if self._snapshots is None:
            return None
        schema = _schema(decider, self._log.epoch)
        saved = await self._snapshots.load(decider.aggregate, aggregate_id, schema)
        if saved is None:
            return None
        read_from, _, state = saved.state.partition(b"\n")
        return _adapter(decider).validate_json(state), saved.revision, Revision(int(read_from))

    def is_snapshot_due(self, live: Live) -> bool:
        """Whether enough was recorded since the last snapshot; the larger the state, the more it
        takes, so that saving stays a small share of the work.
        """
        if self._snapshots is None:
            return False
        threshold = max(self._snapshot_events_min, live.events_total // 2)
        return live.events_since_snapshot >= threshold

    def encode(self, live: Live) -> bytes:
        """The state as bytes, headed by where to read from to learn the recent commands again."""
        commits = live.commits[-REMEMBERED_COMMITS:]
        read_from = commits[0] - 1 if commits else live.revision
        live.events_since_snapshot = 0
        state = orjson.dumps(live.state, option=orjson.OPT_UTC_Z, default=_plain)
        return b"%d\n" % read_from + state

    async def save(self, live: Live, state: bytes, revision: Revision) -> None:
        """Save an encoded state, true at a revision. Losing it costs only time."""
        if self._snapshots is None:
            return
        schema = _schema(live.decider, self._log.epoch)
        snapshot = Snapshot(revision, schema, state)
        try:
            await self._snapshots.save(live.decider.aggregate, live.aggregate_id, snapshot)
        except Unavailable:
            logger.warning("A snapshot was not saved.", extra={"aggregate": live.decider.aggregate})

    async def save_all(self) -> None:
        """Save, before leaving, what would take a while to replay. Nothing may be under way."""
        for live in list(self._live.values()):
            if live.events_since_snapshot >= self._snapshot_events_min // 5:
                await self.save(live, self.encode(live), live.revision)


def _plain(value: Any) -> Any:
    """What JSON has no word for."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"a state may not hold a {type(value).__name__}")


_adapters: dict[str, TypeAdapter[Any]] = {}


def _adapter(decider: AnyDecider) -> TypeAdapter[Any]:
    found = _adapters.get(decider.aggregate)
    if found is None:
        found = _adapters[decider.aggregate] = TypeAdapter[Any](decider.state)
    return found


def _schema(decider: AnyDecider, epoch: str) -> str:
    """Names the shape of a saved state: a snapshot of another shape, version or log is ignored."""
    shape = orjson.dumps(_adapter(decider).json_schema(), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(
        shape + f":{decider.version}:{epoch}".encode(), digest_size=8
    ).hexdigest()
