"""A worker with one job, which notes when it begins: `python -m tests.bench.probe FILE`.

Each line of the file is a beginning: the id of the schedule, the number of the attempt, the time it
was scheduled for and that of the job's first line, both in seconds since 1970.
"""

import sys
import time
from pathlib import Path
from typing import Any, Final

import uvloop

from contracts import all as contracts
from libs.chassis.connections import connect_nats
from libs.chassis.secrets import Secrets
from libs.chassis.settings import ProcessSettings
from libs.jobs import Job, JobContext, Worker
from libs.kernel.messages import message

SERVICE: Final = "scheduler"
JOB: Final = "scheduler.probe"
ATTEMPTS_AT_ONCE: Final = 512


@message
class Nothing:
    """It is told nothing."""


async def main(path: Path) -> None:
    """Work until killed."""
    contracts.load()
    settings = ProcessSettings.load()
    client = await connect_nats(SERVICE, settings, Secrets(settings.secrets), _on_broken)
    with path.open("a", buffering=1) as notes:

        async def probe(_: Nothing, context: JobContext) -> None:
            """Note when it begins."""
            due, now = context.occurrence.timestamp(), time.time()
            notes.write(f"{context.schedule_id} {context.attempt} {due} {now}\n")

        job: Job[Any] = Job(JOB, Nothing, probe)
        worker = Worker(service=SERVICE, jobs=[job], client=client, attempts_max=ATTEMPTS_AT_ONCE)
        await worker.run(lambda: None)


def _on_broken(error: Exception) -> None:
    raise error


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
