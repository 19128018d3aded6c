"""Rosters: the jobs that each service has registered.

Stream      evt.scheduler.roster.{service}
Invariants  a service registers its own jobs and nobody else's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.scheduler import NotYourJobs
from contracts.scheduler_jobs import JobsReceipt, JobsRegistered, RegisteredJob, RegisterJobs
from libs.kernel.decider import Decider
from libs.kernel.messages import Origin, service_caller


@dataclass(slots=True)
class Roster:
    """The state."""

    jobs: list[RegisteredJob] = field(default_factory=list)


def decide(command: RegisterJobs, roster: Roster, origin: Origin) -> Sequence[JobsRegistered]:
    """The rules. raises NotYourJobs"""
    is_theirs = origin.actor == service_caller(command.service).user_id
    if not is_theirs or any(_service_of(job) != command.service for job in command.jobs):
        raise NotYourJobs
    jobs = sorted(command.jobs, key=lambda job: job.name)
    if jobs == roster.jobs:
        return []
    return [JobsRegistered(service=command.service, jobs=jobs)]


def _service_of(job: RegisteredJob) -> str:
    return job.name.partition(".")[0]


def evolve(roster: Roster, event: JobsRegistered) -> Roster:
    """What a fact does to a roster."""
    roster.jobs = event.jobs
    return roster


def answer(
    command: RegisterJobs, _events: Sequence[JobsRegistered], _roster: Roster, _origin: Origin
) -> JobsReceipt:
    """What the caller is told."""
    return JobsReceipt(service=command.service)


ROSTER = Decider(
    aggregate="roster",
    commands=(RegisterJobs,),
    events=(JobsRegistered,),
    state=Roster,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
