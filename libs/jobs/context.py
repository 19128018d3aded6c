"""What a job is given beside its arguments: who it is, and its way to the rest of the house."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.bus import Bus
from libs.kernel.ids import derive_id
from libs.kernel.messages import Command, service_caller
from libs.telemetry import inject


@dataclass(frozen=True, slots=True)
class JobContext:
    """One attempt, as the job sees it.

    run_id      the same in every attempt
    occurrence  the time that the schedule said; when somebody wants it now, that moment
    attempt     from 1
    bus         to every service this one may call
    """

    run_id: str
    schedule_id: str
    occurrence: datetime
    attempt: int
    bus: Bus
    service: str
    reporter: Callable[[int, int | None, str], Awaitable[None]]

    async def report(self, done: int, total: int | None = None, note: str = "") -> None:
        """Say how far it is, as often as one likes: recorded every other second, and at the end."""
        await self.reporter(done, total, note)

    async def send(self, command: Command[Any], *, key: str) -> dict[str, Any]:
        """Send a command that has an effect once, however many attempts send it.

        key      names it among what this job sends; the same in every attempt
        returns  its answer: in a later attempt the first one
        raises   as `Bus.send` does
        """
        return await self.bus.send(
            command,
            caller=service_caller(self.service),
            command_id=derive_id("job", self.run_id, key),
            traceparent=inject(),
            correlation=self.run_id,
        )
