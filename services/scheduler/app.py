"""The scheduler, put together."""

import asyncio

from contracts.auth import UserReinstated, UserSuspended
from contracts.scheduler import PutSchedule
from libs.bus import serve_queries
from libs.chassis.service import App, Part, Runtime
from libs.chassis.suspended import SuspendedUsers
from libs.eventlog.snapshots import SnapshotStore
from libs.jobs import Worker
from libs.owner import Owner, OwnerLimits
from libs.reactions.reactor import Reactor
from libs.readmodel import answering, run_projections
from services.scheduler.adapters import Deadlines, Rosters
from services.scheduler.domain import DECIDERS
from services.scheduler.jobs import JOBS, STANDING
from services.scheduler.process_managers import process_managers
from services.scheduler.projections import PROJECTION
from services.scheduler.queries import QUERIES
from services.scheduler.settings import Settings


def create_app(settings: Settings) -> App:
    """Build the service: the owner of schedules and runs, their projection, queries, timers."""
    limits = OwnerLimits(slot_commands_max=settings.slot_commands_max, live_max=settings.live_max)

    async def own(runtime: Runtime) -> None:
        connection = await runtime.connection()
        suspended = SuspendedUsers(UserSuspended, UserReinstated)
        owner = Owner(
            service="scheduler",
            client=connection,
            log=await runtime.log(),
            deciders=DECIDERS,
            resolvers={PutSchedule: Rosters(await runtime.bus()).check},
            suspended=suspended,
            snapshots=SnapshotStore(connection, "scheduler"),
            clock=runtime.clock,
            limits=limits,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(suspended.follow(await runtime.log("auth")))
            await suspended.known()
            tasks.create_task(owner.run(lambda: runtime.ready("owner")))

    async def project(runtime: Runtime) -> None:
        connection = await runtime.connection()
        await run_projections(
            [PROJECTION],
            service="scheduler",
            engine=runtime.database(),
            open_log=runtime.log,
            publish=connection.publish,
            on_ready=lambda: runtime.ready("projections"),
            clock=runtime.clock,
        )

    async def answer(runtime: Runtime) -> None:
        connection = await runtime.connection()
        async with answering(
            QUERIES, [PROJECTION], service="scheduler", engine=runtime.database()
        ) as handlers:
            await serve_queries(connection, handlers, lambda: runtime.ready("queries"))

    async def react(runtime: Runtime) -> None:
        reactor = Reactor(
            service="scheduler",
            managers=process_managers(),
            client=await runtime.connection(),
            nats_url=runtime.settings.nats_url,
            nkey_seed=runtime.secret("scheduler.nats"),
            clock=runtime.clock,
        )
        await reactor.run(lambda: runtime.ready("process-managers"))

    async def watch(runtime: Runtime) -> None:
        deadlines = Deadlines(await runtime.bus(), runtime.clock)
        runtime.ready("deadlines")
        await deadlines.keep()

    async def work(runtime: Runtime) -> None:
        worker = Worker(
            service="scheduler",
            jobs=JOBS,
            client=await runtime.connection(),
            clock=runtime.clock,
            standing=STANDING,
        )
        await worker.run(lambda: runtime.ready("jobs"))

    return App(
        "scheduler",
        [
            Part("owner", own),
            Part("projections", project),
            Part("queries", answer),
            Part("process-managers", react),
            Part("deadlines", watch),
            Part("jobs", work),
        ],
    )
