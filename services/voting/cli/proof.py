"""The proof at the end of a crowd: acknowledged votes = votes in the log = sum of the tally, no
voter twice.

This is the one place outside the owner that reads the log of ballots, because a proof that asked
the read model would only prove that the read model agrees with itself.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from contracts.voting import VoteCast
from contracts.voting_views import GetTally
from libs.chassis.command_line import running_bus
from libs.eventlog import JetStreamLog
from libs.kernel.messages import NOBODY
from services.voting.cli.audience import Plan

AGREE_SECONDS_MAX = 20.0


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found.

    acknowledged     votes this crowd was told are recorded
    missing          of those, not in the log under the id they were acknowledged with
    in_log           votes in the log of this show, of all crowds
    voters_twice     voters with more than one vote in the log
    tally            sum of the tally at, or after, the end of the log
    """

    acknowledged: int
    missing: int
    in_log: int
    voters_twice: int
    tally: int

    @property
    def holds(self) -> bool:
        """Whether every promise was kept."""
        return not self.missing and not self.voters_twice and self.in_log == self.tally

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "holds": self.holds}


async def prove(plan: Plan, acknowledged: Mapping[str, str]) -> Proof:
    """Read the log of a show and hold it against what was acknowledged and what is shown.

    acknowledged   voter id -> vote id
    raises         Unavailable when the system cannot be reached
    """
    async with running_bus("voting") as bus:
        log = await JetStreamLog.open(bus.connection, "voting")
        history = await log.load("ballot", plan.show_id)
        votes = [
            event.data
            for commit in history.commits
            for event in commit.events
            if isinstance(event.data, VoteCast)
        ]
        recorded = {(vote.voter_id, vote.vote_id) for vote in votes}
        per_voter = Counter(vote.voter_id for vote in votes)
        async with asyncio.timeout(AGREE_SECONDS_MAX):
            answer = await bus.ask(
                GetTally(show_id=plan.show_id), caller=NOBODY, after=history.revision
            )
    return Proof(
        acknowledged=len(acknowledged),
        missing=sum(vote not in recorded for vote in acknowledged.items()),
        in_log=len(votes),
        voters_twice=sum(count > 1 for count in per_voter.values()),
        tally=sum(answer.result["counts"].values()),
    )
