"""Jobs: work that a service registers, and that its workers do when the scheduler says so.

    schedule ─▶ occurrence ─▶ run ─▶ handed out ─▶ worker ─▶ start at its time ─▶ the job's function
                                ▲                                          │
                                └── attempt, progress, success, failure ◀──┘

A *job* is a named function with a policy (`job`). A *worker* (`worker`) takes what is due for its
service, asks the scheduler for each attempt whether it may begin, and says how it ends. A service
that has jobs gives them to a worker in a part of its own:

    contracts.load()  # A worker speaks those of the scheduler.

    JOBS = [Job("catalog.sync-source", SyncSource, sync, Policy(timeout_seconds=600))]

    async def work(runtime: Runtime) -> None:
        worker = Worker(service="catalog", jobs=JOBS, client=await runtime.connection())
        await worker.run(lambda: runtime.ready("jobs"))

and has `Access(jobs=True)` in `libs/stack/permissions.py`. Read in this order: `job`, `context`,
`held` (what is not due yet), `attempts` (one attempt), `worker`.
source    docs/adr/0014-schedules-and-jobs.md, docs/adr/0018-runs-are-handed-out-on-pages.md
"""

from libs.jobs.context import JobContext
from libs.jobs.job import Job, Policy
from libs.jobs.worker import Worker

__all__ = ["Job", "JobContext", "Policy", "Worker"]
