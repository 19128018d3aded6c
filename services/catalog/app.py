"""The catalog, put together."""

import asyncio
import logging

from contracts import all as contracts
from contracts.auth import UserReinstated, UserSuspended
from libs.bus import serve_queries
from libs.chassis.service import App, Part, Runtime
from libs.chassis.suspended import SuspendedUsers
from libs.eventlog.model import LogRecreated
from libs.jobs import Worker
from libs.owner import Owner, OwnerLimits
from libs.reactions.reactor import Reactor
from libs.readmodel import answering, run_projections
from services.catalog.adapters.partners import sandbox
from services.catalog.adapters.partners.everyone import opened
from services.catalog.adapters.working import SyncWorker
from services.catalog.domain import DECIDERS
from services.catalog.jobs import JOBS, standing
from services.catalog.process_managers import process_managers
from services.catalog.projections import PROJECTIONS
from services.catalog.queries import QUERIES
from services.catalog.settings import Settings

logger = logging.getLogger(__name__)


def create_app(settings: Settings) -> App:
    """Build the service: the owner of its records, their projections, queries and process
    managers, and the worker of its syncs.
    """
    named = settings.repeated()
    repeated = sandbox.REPEATED if named is None else named
    limits = OwnerLimits(
        slot_commands_max=settings.slot_commands_max, live_max=settings.live_records_max
    )

    async def own(runtime: Runtime) -> None:
        suspended = SuspendedUsers(UserSuspended, UserReinstated)
        owner = Owner(
            service="catalog",
            client=await runtime.connection(),
            log=await runtime.log(),
            deciders=DECIDERS,
            suspended=suspended,
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
            PROJECTIONS,
            service="catalog",
            engine=runtime.database(),
            open_log=runtime.log,
            publish=connection.publish,
            on_ready=lambda: runtime.ready("projections"),
            clock=runtime.clock,
        )

    async def answer(runtime: Runtime) -> None:
        connection = await runtime.connection()
        async with answering(
            QUERIES, PROJECTIONS, service="catalog", engine=runtime.database()
        ) as handlers:
            await serve_queries(connection, handlers, lambda: runtime.ready("queries"))

    async def react(runtime: Runtime) -> None:
        reactor = Reactor(
            service="catalog",
            managers=process_managers(
                settings.show_lasts_seconds,
                settings.setlist_after_seconds,
                settings.hastened_every_seconds,
                [sync_id for _, sync_id in repeated],
            ),
            client=await runtime.connection(),
            nats_url=runtime.settings.nats_url,
            nkey_seed=runtime.secret("catalog.nats"),
            clock=runtime.clock,
        )
        await reactor.run(lambda: runtime.ready("process-managers"))

    async def sync(runtime: Runtime) -> None:
        bus = await runtime.bus()
        async with opened(settings, bus, runtime.clock) as sources:
            runtime.ready("syncs")
            while True:
                worker = SyncWorker(
                    bus,
                    await runtime.log(),
                    sources,
                    runtime.clock,
                    at_once_max=settings.syncs_at_once,
                )
                try:
                    await worker.run()
                except* LogRecreated:
                    logger.info("Syncs are read anew: the log is another one.")

    async def work(runtime: Runtime) -> None:
        contracts.load()  # A worker speaks those of the scheduler.
        worker = Worker(
            service="catalog",
            jobs=JOBS,
            client=await runtime.connection(),
            clock=runtime.clock,
            standing=standing(repeated),
        )
        await worker.run(lambda: runtime.ready("jobs"))

    return App(
        "catalog",
        [
            Part("owner", own),
            Part("projections", project),
            Part("queries", answer),
            Part("process-managers", react),
            Part("syncs", sync),
            Part("jobs", work),
        ],
    )
