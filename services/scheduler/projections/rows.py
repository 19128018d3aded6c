"""What each event of a run makes of its row."""

from typing import Any

from contracts.scheduler_runs import (
    RunCancelAsked,
    RunCancelled,
    RunFailed,
    RunHeld,
    RunParked,
    RunProgressed,
    RunReleased,
    RunRetried,
    RunScheduled,
    RunStarted,
    RunStatus,
    RunSucceeded,
)
from libs.eventlog import Recorded
from libs.kernel.messages import Event

Row = dict[str, Any]


def planned(event: RunScheduled) -> Row:
    """The row of a run that has just been planned."""
    return {
        "run_id": event.run_id,
        "schedule_id": event.schedule_id,
        "job": event.job,
        "service": event.job.partition(".")[0],
        "arguments": event.arguments,
        "status": RunStatus.SCHEDULED.value,
        "stage": "upcoming",
        "cause": event.cause.value,
        "asked_by": event.asked_by,
        "occurrence": event.occurrence,
        "due_at": event.due_at,
        "at": event.due_at,
        "attempt": 0,
        "attempts_max": 0,
        "timeout_seconds": 0.0,
        "worker": None,
        "started_at": None,
        "ended_at": None,
        "progress": None,
        "failure": None,
        "is_cancel_asked": False,
        "trace": "",
    }


def changes(event: Event, recorded: Recorded) -> Row:
    """What an event changes about a run."""
    match event:
        case RunHeld():
            return {"status": RunStatus.HELD.value}
        case RunReleased(due_at=due_at):
            return {"status": RunStatus.SCHEDULED.value, "at": due_at}
        case RunStarted():
            return {
                "status": RunStatus.RUNNING.value,
                "stage": "running",
                "at": recorded.at,
                "attempt": event.attempt,
                "attempts_max": event.attempts_max,
                "timeout_seconds": event.timeout_seconds,
                "worker": event.worker,
                "started_at": recorded.at,
                "ended_at": None,
                "progress": None,
                "is_cancel_asked": False,
                "trace": event.trace,
            }
        case RunProgressed(progress=progress):
            return {"progress": progress}
        case RunSucceeded():
            return {**_ended(RunStatus.SUCCEEDED, recorded), "failure": None}
        case RunFailed(failure=failure):
            return {"failure": failure}
        case RunRetried(at=at):
            return {"status": RunStatus.WAITING.value, "stage": "upcoming", "at": at}
        case RunCancelAsked():
            return {"is_cancel_asked": True}
        case RunCancelled():
            return _ended(RunStatus.CANCELLED, recorded)
        case RunParked():
            return {**_ended(RunStatus.PARKED, recorded), "stage": "parked"}
        case _:
            raise TypeError(f"{type(event).__name__} is no event of a run")


def _ended(status: RunStatus, recorded: Recorded) -> Row:
    return {
        "status": status.value,
        "stage": "ended",
        "at": recorded.at,
        "ended_at": recorded.at,
    }


def detail(event: Event) -> str:
    """What an event says, for people; nothing more than its name when that says all."""
    match event:
        case RunFailed(failure=failure):
            return f"{failure.code}: {failure.detail}" if failure.detail else failure.code
        case RunCancelAsked(note=note) | RunCancelled(note=note):
            return note
        case RunStarted(worker=worker):
            return worker
        case RunRetried(at=at):
            return at.isoformat()
        case _:
            return ""


def number_of(event_id: str, command_id: str) -> int:
    """The number of an event among those of its command."""
    return int(event_id.removeprefix(command_id).lstrip("-") or 0)
