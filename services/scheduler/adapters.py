"""What the scheduler looks up before it decides: whether anybody has a job of that name."""

from contracts.scheduler import JobUnknown, ListJobs, PutSchedule
from libs.bus import Bus
from libs.kernel.messages import Access, Origin, service_caller

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
