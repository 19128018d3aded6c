"""The scheduler's own job: a canary, which shows that what is scheduled happens, and how late.

It goes all the way that any other job goes. Whoever watches the metric
`backline_job_lateness_seconds{job="scheduler.canary"}`, or the run that is listed last, knows
whether schedules happen at all.
"""

from typing import Final

from contracts.scheduler import Cron, Overlap, PutSchedule
from libs.jobs import Job, JobContext, Policy
from libs.kernel.messages import message

CANARY: Final = "scheduler.canary"
EVERY_QUARTER_OF_AN_HOUR: Final = "*/15 * * * *"


@message
class CanaryArguments:
    """It is told nothing."""


async def sing(_arguments: CanaryArguments, context: JobContext) -> None:
    """Show that schedules happen."""
    await context.report(1, 1, f"due at {context.occurrence.isoformat()}")


JOBS = (Job(CANARY, CanaryArguments, sing, Policy(attempts_max=2, timeout_seconds=30)),)

STANDING = (
    PutSchedule(
        schedule_id="scheduler-canary",
        job=CANARY,
        arguments={},
        timing=Cron(expression=EVERY_QUARTER_OF_AN_HOUR),
        overlap=Overlap.SKIP,
        catch_up_seconds=60,
    ),
)
"""Schedules that are put whenever the service starts, which changes nothing if they stand."""
