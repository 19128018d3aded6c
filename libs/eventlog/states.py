"""An aggregate as its log has it at this moment."""

from typing import Any

from libs.eventlog.model import EventLog
from libs.kernel.decider import Decider


async def state_of[S](log: EventLog, decider: Decider[Any, Any, S], aggregate_id: str) -> S:
    """The state of an aggregate, by all that was recorded of it; of nothing, the initial one.

    raises   Unavailable; UnknownEvent
    """
    state = decider.state()
    for commit in (await log.load(decider.aggregate, aggregate_id)).commits:
        for recorded in commit.events:
            state = decider.evolve(state, recorded.data)
    return state
