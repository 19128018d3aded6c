"""The catalog, put together."""

import asyncio

from contracts.auth import UserReinstated, UserSuspended
from libs.bus import serve_queries
from libs.chassis.service import App, Part, Runtime
from libs.chassis.suspended import SuspendedUsers
from libs.owner import Owner, OwnerLimits
from libs.readmodel import answering, run_projections
from services.catalog.domain import DECIDERS
from services.catalog.projections import PROJECTIONS
from services.catalog.queries import QUERIES
from services.catalog.settings import Settings


def create_app(settings: Settings) -> App:
    """Build the service: the owner of its records, their projection, and its queries."""
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

    return App(
        "catalog",
        [Part("owner", own), Part("projections", project), Part("queries", answer)],
    )
