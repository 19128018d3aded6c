"""Jobs: what services say that they can run."""

from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.scheduler import JobName, NotYourJobs
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, Event, View, command, event, message, view


@message
class RegisteredJob:
    """A job as its service describes it.

    attempts_max     how often it is tried before it is parked
    timeout_seconds  after which a try counts as failed
    """

    name: JobName
    summary: Annotated[str, StringConstraints(max_length=300)]
    attempts_max: Annotated[int, Field(ge=1, le=1000)]
    timeout_seconds: Annotated[float, Field(gt=0, le=7 * 86_400)]


@view
class JobsReceipt(View):
    """The jobs of a service are known."""

    service: Id
    position: int = 0


@command(
    "scheduler.register-jobs",
    key="service",
    access=Access.SERVICE,
    rejections=(NotYourJobs,),
)
class RegisterJobs(Command[JobsReceipt]):
    """Say which jobs a service has: these and no others. Sent by its workers when they start."""

    service: Id
    jobs: Annotated[list[RegisteredJob], Field(max_length=200)]


@event("scheduler.jobs_registered")
class JobsRegistered(Event):
    """These are the jobs of a service from now on."""

    service: Id
    jobs: list[RegisteredJob]
