"""An aggregate as its log has it at this moment."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from libs.eventlog.model import NEW_STREAM, EventLog, RecordedCommit, Revision
from libs.kernel.decider import Decider

KEPT_MAX: Final = 4096


async def state_of[S](log: EventLog, decider: Decider[Any, Any, S], aggregate_id: str) -> S:
    """The state of an aggregate, by all that was recorded of it; of nothing, the initial one.

    raises   Unavailable; UnknownEvent
    """
    history = await log.load(decider.aggregate, aggregate_id)
    return _after(history.commits, decider, decider.state())


class States[S]:
    """The states of aggregates that are asked for again and again: what was read of one is kept,
    and only what came since is read.

    All who ask for an aggregate share its state, which moves on while they hold it. It is theirs to
    look at, and not to change.
    """

    def __init__(
        self, log: EventLog, decider: Decider[Any, Any, S], *, kept_max: int = KEPT_MAX
    ) -> None:
        self._log = log
        self._decider = decider
        self._kept_max = kept_max
        self._kept: OrderedDict[str, _Kept[S]] = OrderedDict()

    async def get(self, aggregate_id: str) -> S:
        """The state of an aggregate at this moment; of nothing, the initial one.

        raises   Unavailable; UnknownEvent
        """
        kept = self._kept.get(aggregate_id) or _Kept(self._decider.state(), NEW_STREAM)
        history = await self._log.load(self._decider.aggregate, aggregate_id, after=kept.revision)
        # Whoever asked at the same time may have been answered sooner, and with more.
        news = [commit for commit in history.commits if commit.position > kept.revision]
        kept.state = _after(news, self._decider, kept.state)
        kept.revision = max(kept.revision, history.revision)
        self._keep(aggregate_id, kept)
        return kept.state

    def _keep(self, aggregate_id: str, kept: "_Kept[S]") -> None:
        """Keep a state, and let go of that which nobody has asked for in the longest time."""
        if kept.revision == NEW_STREAM:
            return
        self._kept[aggregate_id] = kept
        self._kept.move_to_end(aggregate_id)
        if len(self._kept) > self._kept_max:
            self._kept.popitem(last=False)


@dataclass(slots=True)
class _Kept[S]:
    """A state, and the revision it is the state of."""

    state: S
    revision: Revision


def _after[S](commits: Sequence[RecordedCommit], decider: Decider[Any, Any, S], state: S) -> S:
    for commit in commits:
        for recorded in commit.events:
            state = decider.evolve(state, recorded.data)
    return state
