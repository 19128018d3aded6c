"""A batch: what has been decided and waits for its commit, one draft for each aggregate."""

from dataclasses import dataclass, field
from typing import Any

from libs.eventlog.model import APPEND_STREAMS_MAX, CloudEvent, Commit
from libs.kernel import claims
from libs.owner.aggregates import Landing, Live
from libs.owner.inbox import Bundle
from libs.owner.names import Claim

BATCH_COMMANDS_MAX = 16_000
BATCH_AGGREGATES_MAX = APPEND_STREAMS_MAX
BATCH_BYTES_MAX = 4 * 1024 * 1024
"""Below what one message can hold, as all of it may be about one aggregate."""


@dataclass(slots=True)
class Draft:
    """The decisions on one aggregate in one batch.

    bundles   the commands, in the order they were decided
    events    what they recorded, ready to be written
    landing   will know the position of the commit
    subject   `<aggregate>/<id>`, as it stands in every event
    headers   go with the commit's message (`traceparent`)
    view      the hot result as it will be once the batch is committed, when it is time to tell one
    claims    what becomes of names, by name (`libs.kernel.claims`)
    state     the saved state as it will be once the batch is committed, when it is time to save one
    """

    live: Live
    subject: str
    bundles: list[Bundle] = field(default_factory=list)
    events: list[CloudEvent] = field(default_factory=list)
    landing: Landing = field(default_factory=Landing)
    headers: dict[str, str] = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)
    view: Any = None
    state: bytes | None = None

    @property
    def commands(self) -> int:
        """How many commands were decided."""
        return sum(len(bundle.items) for bundle in self.bundles)

    def commits(self) -> list[Commit]:
        """What is to be appended, together: of the aggregate first, then of its names."""
        live = self.live
        named = (
            Commit(claims.AGGREGATE, name, claim.events, claim.revision, self.headers)
            for name, claim in self.claims.items()
        )
        key = live.key
        return [Commit(*key, self.events, live.revision, self.headers), *named]


@dataclass(slots=True)
class Batch:
    """Decisions on many aggregates, to be committed together."""

    drafts: dict[tuple[str, str], Draft] = field(default_factory=dict)
    commands: int = 0
    bytes_estimated: int = 0

    @property
    def has_room(self) -> bool:
        """Whether one more bundle may be decided into it."""
        return not self.drafts or (
            self.commands < BATCH_COMMANDS_MAX
            and self.bytes_estimated < BATCH_BYTES_MAX
            and len(self.drafts) < BATCH_AGGREGATES_MAX
        )

    def add(self, bundle: Bundle, live: Live) -> Draft:
        """Put a bundle into the draft of its aggregate, to be decided there."""
        draft = self._draft(live)
        draft.bundles.append(bundle)
        count = len(bundle.items)
        self.commands += count
        self.bytes_estimated += count * bundle.request.event_bytes
        return draft

    def _draft(self, live: Live) -> Draft:
        """The draft of an aggregate, begun when there is none yet."""
        found = self.drafts.get(live.key)
        if found is None:
            subject = f"{live.decider.aggregate}/{live.aggregate_id}"
            found = self.drafts[live.key] = Draft(live, subject)
        return found
