"""What the scheduler looks up: before it decides, whether anybody has a job of that name; and now
and then, whose attempts should long be over.
"""

import asyncio
import logging
from datetime import timedelta
from typing import Final, Never

from contracts.scheduler import JobUnknown, PutSchedule
from contracts.scheduler_runs import FailRun, Failure
from contracts.scheduler_views import ListJobs, ListRunningAttempts
from libs.bus import Bus
from libs.kernel.clock import Clock
from libs.kernel.errors import RemoteProblem, Unavailable
from libs.kernel.ids import derive_id
from libs.kernel.messages import Access, Origin, service_caller

LOOK_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 30.0
"""A worker ends an attempt by itself when its time is over, and may take so long to say so."""

logger = logging.getLogger(__name__)

_CALLER = service_caller("scheduler")


class Rosters:
    """The jobs that services have registered. Its methods are resolvers of commands."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def check(self, command: PutSchedule, origin: Origin) -> PutSchedule:
        """Refuse a person's schedule for a job that there is not. A service knows what it asks for,
        and may ask before the other service has started for the first time.

        raises   JobUnknown; Unavailable
        """
        if origin.caller.access >= Access.SERVICE:
            return command
        known = (await self._bus.ask(ListJobs(), caller=_CALLER)).result["jobs"]
        if not any(job["name"] == command.job and job["is_registered"] for job in known):
            raise JobUnknown(f"no service has registered a job {command.job}")
        return command


class Deadlines:
    """Gives up attempts whose time is long over and whose workers say nothing: the last resort for
    runs of a service that has no worker any more who would notice.
    """

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    async def keep(self) -> Never:
        """Look again and again. Never ends."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except (Unavailable, RemoteProblem) as error:
                logger.warning("Overdue runs cannot be seen to.", extra={"detail": str(error)})

    async def look(self) -> None:
        """Give up what is overdue now. raises   RemoteProblem; Unavailable"""
        overdue_at = self._clock() - timedelta(seconds=GRACE_SECONDS)
        query = ListRunningAttempts(overdue_at=overdue_at)
        found = (await self._bus.ask(query, caller=_CALLER)).result["attempts"]
        for each in found:
            give_up = FailRun(
                run_id=each["run_id"],
                attempt=each["attempt"],
                failure=Failure(code="overdue", detail="its worker has not been heard of"),
                retry_after_seconds=0,
                is_lost=True,
            )
            command_id = derive_id("overdue", each["run_id"], str(each["attempt"]))
            try:
                await self._bus.send(give_up, caller=_CALLER, command_id=command_id)
            except RemoteProblem as refusal:
                if refusal.document.get("kind") != "rejected":
                    raise
            else:
                logger.warning("An overdue run is given up.", extra={"job": each["job"]})
