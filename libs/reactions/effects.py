"""Carrying out what was asked for: commands sent, schedules made and taken back."""

from typing import Any, Final, assert_never

from libs.bus import Bus
from libs.eventlog.agenda import Agenda
from libs.eventlog.schedules import Schedules
from libs.kernel.errors import BacklineError, Problem, RemoteProblem
from libs.kernel.messages import service_caller
from libs.kernel.reactions import Cancel, HandOut, Schedule, Send
from libs.reactions.sources import Effect, write_plan
from libs.telemetry import inject

_OUTAGES: Final = frozenset({"unavailable", "rate-limited", "conflict"})
_ANSWERS_NO: Final = frozenset({"rejected", "not-found"})


class Effects:
    """What the process managers of one service may do."""

    def __init__(self, service: str, bus: Bus, schedules: Schedules, agenda: Agenda) -> None:
        self._caller = service_caller(service)
        self._bus = bus
        self._schedules = schedules
        self._agenda = agenda

    async def carry_out(self, process_manager: str, effect: Effect, trace: str | None) -> bool:
        """Do it, once: carried out again it changes nothing.

        trace    the `traceparent` to go on with when there is no span of our own
        returns  False when the command was rejected, which is an answer
        raises   whatever keeps it from being done
        """
        match effect.reaction:
            case Send(command=command):
                return await self._send(command, effect, trace)
            case Schedule(key=key, at=at, command=command):
                body = write_plan(command, effect)
                await self._schedules.at(f"{process_manager}.{key}", at, body, asked=effect.asked)
            case Cancel(key=key):
                await self._schedules.cancel(f"{process_manager}.{key}", asked=effect.asked)
            case HandOut(service=service, at=at, note=note):
                followed = inject() or trace
                told = note if followed is None else {**note, "trace": followed}
                await self._agenda.enter(service, at, told)
            case _:
                assert_never(effect.reaction)
        return True

    async def _send(self, command: Any, effect: Effect, trace: str | None) -> bool:
        try:
            await self._bus.send(
                command,
                caller=self._caller,
                command_id=effect.id,
                traceparent=inject() or trace,
                correlation=effect.correlation,
            )
        except RemoteProblem as error:
            if error.document.get("kind") in _ANSWERS_NO:
                return False
            raise
        return True


def is_outage(error: BaseException) -> bool:
    """Whether something is down, slow or full: no fault of the command, which can wait for it."""
    return isinstance(error, BacklineError) and error.problem().get("kind") in _OUTAGES


def problem_of(error: Exception) -> Problem:
    """An error as it is kept for the person who will look at it."""
    if isinstance(error, BacklineError):
        return error.problem()
    return BacklineError(f"{type(error).__name__}: {error}").problem()
