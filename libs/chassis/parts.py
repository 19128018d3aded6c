"""The parts that most services have. What an `app.py` still says is what is particular to it.

App(
    "applause",
    [Part("owner", own), parts.projections([APPLAUSE]), parts.queries(QUERIES, [APPLAUSE])],
)
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from libs.bus import Handler, serve_queries
from libs.chassis.service import Part, Runtime
from libs.chassis.suspended import SuspendedUsers
from libs.jobs import Job, Worker
from libs.kernel.messages import Command, Query
from libs.kernel.reactions import ProcessManager
from libs.owner import Owner
from libs.reactions.reactor import Reactor
from libs.readmodel import Projection, Queries, answering, run_projections

Handlers = Mapping[type[Query[Any]], Handler]


async def run_owner(runtime: Runtime, owner: Owner, suspended: SuspendedUsers) -> None:
    """Run an owner, once it knows who is suspended: the whole of the part `owner`."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(suspended.follow(await runtime.log("auth")))
        await suspended.known()
        tasks.create_task(owner.run(lambda: runtime.ready("owner")))


def projections(of_service: Sequence[Projection]) -> Part:
    """The part that keeps the service's read models true."""

    async def run(runtime: Runtime) -> None:
        connection = await runtime.connection()
        await run_projections(
            of_service,
            service=runtime.service,
            engine=runtime.database(),
            open_log=runtime.log,
            publish=connection.publish,
            on_ready=lambda: runtime.ready("projections"),
            clock=runtime.clock,
        )

    return Part("projections", run)


def queries(
    of_service: Queries,
    reads: Sequence[Projection],
    others: Callable[[Runtime], Handlers] = lambda _: {},
) -> Part:
    """The part that answers the service's queries from its read models.

    others   the handlers of queries that are answered without any
    """

    async def run(runtime: Runtime) -> None:
        connection = await runtime.connection()
        async with answering(
            of_service, reads, service=runtime.service, engine=runtime.database()
        ) as handlers:
            await serve_queries(
                connection, {**handlers, **others(runtime)}, lambda: runtime.ready("queries")
            )

    return Part("queries", run)


def process_managers(of_service: Sequence[ProcessManager]) -> Part:
    """The part that does what events ask for, and what became due."""

    async def run(runtime: Runtime) -> None:
        reactor = Reactor(
            service=runtime.service,
            managers=of_service,
            client=await runtime.connection(),
            nats_url=runtime.settings.nats_url,
            nkey_seed=runtime.secret(f"{runtime.service}.nats"),
            clock=runtime.clock,
        )
        await reactor.run(lambda: runtime.ready("process-managers"))

    return Part("process-managers", run)


def jobs(of_service: Sequence[Job[Any]], standing: Sequence[Command[Any]] = ()) -> Part:
    """The part that does the service's jobs when the scheduler says so.

    standing   `PutSchedule` commands for schedules that there always are
    """

    async def run(runtime: Runtime) -> None:
        worker = Worker(
            service=runtime.service,
            jobs=of_service,
            client=await runtime.connection(),
            clock=runtime.clock,
            standing=standing,
        )
        await worker.run(lambda: runtime.ready("jobs"))

    return Part("jobs", run)
