"""A batch: what has been decided and waits for its commit, one draft for each aggregate."""

from dataclasses import dataclass, field
from typing import Any

from libs.eventlog.model import CloudEvent
from libs.owner.aggregates import Live
from libs.owner.inbox import Pending


@dataclass(slots=True)
class Draft:
    """The decisions on one aggregate in one batch.

    decided   the commands, in the order they were decided
    events    what they recorded, ready to be written
    subject   `<aggregate>/<id>`, as it stands in every event
    headers   go with the commit's message (`traceparent`)
    view      the hot result as it will be once the batch is committed, when it is time to tell one
    state     the saved state as it will be once the batch is committed, when it is time to save one
    """

    live: Live
    subject: str
    decided: list[Pending] = field(default_factory=list)
    events: list[CloudEvent] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    view: Any = None
    state: bytes | None = None

    def traced(self) -> list[Pending]:
        return [pending for pending in self.decided if pending.trace]


@dataclass(slots=True)
class Batch:
    """Decisions on many aggregates, to be committed together."""

    drafts: dict[tuple[str, str], Draft] = field(default_factory=dict)
    bytes_estimated: int = 0
    commands: int = 0

    def draft(self, live: Live) -> Draft:
        """The draft of an aggregate, begun when there is none yet."""
        found = self.drafts.get(live.key)
        if found is None:
            subject = f"{live.decider.aggregate}/{live.aggregate_id}"
            found = self.drafts[live.key] = Draft(live, subject)
        return found
