"""What is said to and by `scheduler`: schedules, and the jobs that may be scheduled.

A *job* is a named piece of work that a service has registered: `catalog.sync-source`. A *schedule*
says when it is to be done, each time being an *occurrence*; what then happens is a *run*
(`contracts.scheduler_runs`). Times are UTC; a cron expression is read on the clock of its zone.
"""

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, JsonValue, StringConstraints

from libs.kernel.errors import Invalid, NotFound, Rejected
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, Event, View, command, event, message, view

ARGUMENTS_BYTES_MAX = 4096
CATCH_UP_SECONDS_USUAL = 3600
CATCH_UP_SECONDS_MAX = 30 * 86_400
BACKFILL_OCCURRENCES_MAX = 500
JITTER_SECONDS_MAX = 3600
FIRST_YEAR, LAST_YEAR = 1970, 2200
YEAR_SECONDS = 366 * 86_400


def _small(arguments: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if len(json.dumps(arguments).encode()) > ARGUMENTS_BYTES_MAX:
        raise ValueError(f"more than {ARGUMENTS_BYTES_MAX} bytes")
    return arguments


def _thinkable(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise ValueError(f"not between {FIRST_YEAR} and {LAST_YEAR}")
    return moment


ScheduleId = Id
RunId = Id
JobName = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9]*\.[a-z][a-z0-9-]*$", max_length=100)
]
"""`<service>.<kebab-case-name>`; only that service's workers run it."""
Moment = Annotated[AwareDatetime, AfterValidator(_thinkable)]
"""A time with its offset, in a year that clocks can reckon with."""
Arguments = Annotated[dict[str, JsonValue], AfterValidator(_small)]
"""What a job is told; its service checks them before it begins."""
Note = Annotated[str, StringConstraints(max_length=300, strip_whitespace=True)]
"""Why somebody did something, for the others who look after this. Nothing personal."""


class Overlap(StrEnum):
    """What becomes of an occurrence while an earlier run of its schedule has not ended."""

    SKIP = "skip"
    BUFFER_ONE = "buffer-one"
    """It waits for the end of that run, if nothing waits yet; otherwise it is skipped."""
    ALLOW_ALL = "allow-all"
    CANCEL_OTHER = "cancel-other"
    """That run is cancelled, and this one begins once it has ended."""


class ScheduleStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class Cause(StrEnum):
    """What asked for a run."""

    SCHEDULE = "schedule"
    NOW = "now"
    BACKFILL = "backfill"


# ---------------------------------------------------------------------------------- timing


@message
class Once:
    """One time: at a moment, or so long after the schedule is put. One of the two."""

    kind: Literal["once"] = "once"
    run_at: Moment | None = None
    run_after_seconds: Annotated[float, Field(ge=0, le=YEAR_SECONDS)] | None = None


@message
class Interval:
    """Again and again, counted from `start_at`, or from when the schedule is put."""

    kind: Literal["interval"] = "interval"
    every_seconds: Annotated[int, Field(ge=1, le=YEAR_SECONDS)]
    start_at: Moment | None = None


@message
class Cron:
    """By a cron expression of five fields, or of six with the seconds first.

    zone   an IANA time zone. An hour that the clock skips in spring happens when the skipping is
           done; one that comes twice in autumn happens the first time; `*` hours happen each hour
    """

    kind: Literal["cron"] = "cron"
    expression: Annotated[str, StringConstraints(min_length=9, max_length=100)]
    zone: Annotated[str, StringConstraints(min_length=1, max_length=50)] = "UTC"


Timing = Annotated[Once | Interval | Cron, Field(discriminator="kind")]

# ---------------------------------------------------------------------------------- refusals


class ScheduleNotFound(NotFound):
    code = "scheduler.schedule-not-found"
    title = "There is no such schedule."


class ScheduleIsCancelled(Rejected):
    code = "scheduler.schedule-is-cancelled"
    title = "This schedule is cancelled; put it again to have it back."


class TimingInvalid(Invalid):
    code = "scheduler.timing-invalid"
    title = "This does not say when."


class NeverHappens(Rejected):
    code = "scheduler.never-happens"
    title = "There is no such time."


class JobUnknown(NotFound):
    code = "scheduler.job-unknown"
    title = "No service has registered such a job."


class RunIsOpen(Rejected):
    code = "scheduler.run-is-open"
    title = "A run of this schedule has not ended, and its schedule allows one at a time."


class NothingToBackfill(Rejected):
    code = "scheduler.nothing-to-backfill"
    title = "The schedule has no occurrence in that range, or a range is not for it."


class TooManyToBackfill(Rejected):
    code = "scheduler.too-many-to-backfill"
    title = "The range holds too many occurrences; choose a shorter one."


class NotYourJobs(Rejected):
    code = "scheduler.not-your-jobs"
    title = "A service registers its own jobs and nobody else's."


# ---------------------------------------------------------------------------------- commands


@view
class ScheduleReceipt(View):
    """A schedule has changed."""

    schedule_id: ScheduleId
    position: int = 0


@view
class RunsReceipt(View):
    """Runs that were asked for. Those that must wait for another one are among them."""

    schedule_id: ScheduleId
    run_ids: list[RunId]
    position: int = 0


@command(
    "scheduler.put-schedule",
    key="schedule_id",
    access=Access.ADMIN,
    rejections=(TimingInvalid, NeverHappens, JobUnknown),
)
class PutSchedule(Command[ScheduleReceipt]):
    """Make a schedule, or replace the one of this id. The same once more changes nothing.

    Replacing takes back what has not begun; what runs goes on. A paused schedule stays paused.

    catch_up_seconds  an occurrence that nobody was there for is made up for when it is not older;
                      what is to happen once, and was to happen longer ago, does not
    jitter_seconds    each occurrence begins up to so much later, always the same for the same one
    """

    schedule_id: ScheduleId
    job: JobName
    arguments: Arguments
    timing: Timing
    overlap: Overlap = Overlap.SKIP
    catch_up_seconds: Annotated[int, Field(ge=10, le=CATCH_UP_SECONDS_MAX)] = CATCH_UP_SECONDS_USUAL
    jitter_seconds: Annotated[int, Field(ge=0, le=JITTER_SECONDS_MAX)] = 0


@command(
    "scheduler.pause-schedule",
    key="schedule_id",
    access=Access.ADMIN,
    rejections=(ScheduleNotFound, ScheduleIsCancelled),
)
class PauseSchedule(Command[ScheduleReceipt]):
    """Let it rest: nothing begins until it is resumed. What runs goes on."""

    schedule_id: ScheduleId
    note: Note = ""


@command(
    "scheduler.resume-schedule",
    key="schedule_id",
    access=Access.ADMIN,
    rejections=(ScheduleNotFound, ScheduleIsCancelled),
)
class ResumeSchedule(Command[ScheduleReceipt]):
    """Go on with the next occurrence from now. One that was to happen once happens now at the
    latest.
    """

    schedule_id: ScheduleId


@command(
    "scheduler.cancel-schedule",
    key="schedule_id",
    access=Access.ADMIN,
    rejections=(ScheduleNotFound,),
)
class CancelSchedule(Command[ScheduleReceipt]):
    """End it, and take back what has not begun. What runs goes on."""

    schedule_id: ScheduleId
    note: Note = ""


@command(
    "scheduler.run-now",
    key="schedule_id",
    access=Access.ADMIN,
    rejections=(ScheduleNotFound, ScheduleIsCancelled, RunIsOpen),
)
class RunNow(Command[RunsReceipt]):
    """Run its job now, besides its times; the schedule's overlap policy holds."""

    schedule_id: ScheduleId


@command(
    "scheduler.backfill",
    key="schedule_id",
    access=Access.ADMIN,
    rejections=(ScheduleNotFound, ScheduleIsCancelled, NothingToBackfill, TooManyToBackfill),
)
class Backfill(Command[RunsReceipt]):
    """Have the occurrences of a past range happen, those that have not: all at once where the
    schedule allows overlap, otherwise one after the other.
    """

    schedule_id: ScheduleId
    since: Moment
    until: Moment


@command("scheduler.fire-schedule", key="schedule_id", access=Access.SERVICE)
class FireSchedule(Command[ScheduleReceipt]):
    """An occurrence is due. Sent by the scheduler's own timer only.

    due_at  the time the timer was made for: one that is not the schedule's next changes nothing
    """

    schedule_id: ScheduleId
    due_at: Moment


@command("scheduler.close-run", key="schedule_id", access=Access.SERVICE)
class CloseRun(Command[ScheduleReceipt]):
    """A run of the schedule has ended, and the next may begin. Sent by the scheduler only."""

    schedule_id: ScheduleId
    run_id: RunId


# ---------------------------------------------------------------------------------- events


@event("scheduler.schedule_put")
class SchedulePut(Event):
    """A schedule is made or replaced.

    anchor  what its times are counted from; for one time that time itself
    """

    schedule_id: ScheduleId
    job: JobName
    arguments: dict[str, JsonValue]
    timing: Timing
    overlap: Overlap
    catch_up_seconds: int
    jitter_seconds: int
    anchor: datetime


@event("scheduler.schedule_armed")
class ScheduleArmed(Event):
    """Its timer is set for the next occurrence; for none when there is no further one."""

    schedule_id: ScheduleId
    next_at: datetime | None


@event("scheduler.occurrence_issued")
class OccurrenceIssued(Event):
    """An occurrence becomes a run.

    occurrence  the time that the schedule says
    due_at      when it is to begin: the same, later by the jitter
    is_tracked  the schedule waits to hear of its end
    """

    schedule_id: ScheduleId
    run_id: RunId
    job: JobName
    arguments: dict[str, JsonValue]
    occurrence: datetime
    due_at: datetime
    cause: Cause
    is_tracked: bool


@event("scheduler.occurrence_deferred")
class OccurrenceDeferred(Event):
    """An occurrence waits until the runs before it have ended."""

    schedule_id: ScheduleId
    run_id: RunId
    occurrence: datetime
    due_at: datetime
    cause: Cause


@event("scheduler.occurrences_skipped")
class OccurrencesSkipped(Event):
    """Occurrences that were due while a run had not ended, and that nobody waits for."""

    schedule_id: ScheduleId
    occurrences: list[datetime]


@event("scheduler.occurrences_missed")
class OccurrencesMissed(Event):
    """All occurrences between two moments were due too long ago when somebody could see to them."""

    schedule_id: ScheduleId
    since: datetime
    until: datetime


@event("scheduler.runs_called_off")
class RunsCalledOff(Event):
    """Runs of the schedule are not wanted any more.

    pending_only  those that have begun go on
    """

    schedule_id: ScheduleId
    run_ids: list[RunId]
    pending_only: bool


@event("scheduler.run_closed")
class RunClosed(Event):
    """A run that the schedule waited for has ended."""

    schedule_id: ScheduleId
    run_id: RunId


@event("scheduler.schedule_paused")
class SchedulePaused(Event):
    """It rests. `run_ids` are runs that are held back with it, those that have not begun."""

    schedule_id: ScheduleId
    note: str
    run_ids: list[RunId]


@event("scheduler.schedule_resumed")
class ScheduleResumed(Event):
    """It goes on. `run_ids` are runs that were held back."""

    schedule_id: ScheduleId
    run_ids: list[RunId]


@event("scheduler.schedule_cancelled")
class ScheduleCancelled(Event):
    """It has ended."""

    schedule_id: ScheduleId
    note: str
