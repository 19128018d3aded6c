"""Voting, put together."""

import asyncio

from contracts.auth import UserReinstated, UserSuspended
from contracts.voting import FinalizeBallot, PlanBallot, PrepareBallot
from libs.bus import serve_queries
from libs.chassis.service import App, Part, Runtime
from libs.chassis.suspended import SuspendedUsers
from libs.eventlog.snapshots import SnapshotStore
from libs.owner import HotView, Owner, OwnerLimits
from libs.reactions.reactor import Reactor
from libs.readmodel import answering, run_projections
from services.voting.adapters import Catalog
from services.voting.domain import BALLOT, tally
from services.voting.process_managers import process_managers
from services.voting.projections import PROJECTIONS
from services.voting.queries import QUERIES
from services.voting.settings import Settings


def create_app(settings: Settings) -> App:
    """Build the service: the owner of ballots, their projections, queries and process managers."""
    limits = OwnerLimits(
        slot_commands_max=settings.slot_commands_max,
        live_max=settings.live_ballots_max,
        snapshot_events_min=settings.snapshot_events_min,
    )

    async def own(runtime: Runtime) -> None:
        connection = await runtime.connection()
        suspended = SuspendedUsers(UserSuspended, UserReinstated)
        catalog = Catalog(await runtime.bus())
        owner = Owner(
            service="voting",
            client=connection,
            log=await runtime.log(),
            deciders=[BALLOT],
            resolvers={
                PrepareBallot: catalog.set_up,
                PlanBallot: catalog.plan,
                FinalizeBallot: catalog.finalize,
            },
            hot=[HotView("voting.get-tally", "ballot", tally)],
            suspended=suspended,
            snapshots=SnapshotStore(connection, "voting"),
            clock=runtime.clock,
            limits=limits,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(suspended.follow(await runtime.log("auth")))
            await suspended.known()
            await owner.run(lambda: runtime.ready("owner"))

    async def project(runtime: Runtime) -> None:
        connection = await runtime.connection()
        await run_projections(
            PROJECTIONS,
            service="voting",
            engine=runtime.database(),
            open_log=runtime.log,
            publish=connection.publish,
            on_ready=lambda: runtime.ready("projections"),
            clock=runtime.clock,
        )

    async def answer(runtime: Runtime) -> None:
        connection = await runtime.connection()
        async with answering(
            QUERIES, PROJECTIONS, service="voting", engine=runtime.database()
        ) as handlers:
            await serve_queries(connection, handlers, lambda: runtime.ready("queries"))

    async def react(runtime: Runtime) -> None:
        reactor = Reactor(
            service="voting",
            managers=process_managers(settings.ballot_opens_before_seconds),
            client=await runtime.connection(),
            nats_url=runtime.settings.nats_url,
            nkey_seed=runtime.secret("voting.nats"),
            clock=runtime.clock,
        )
        await reactor.run(lambda: runtime.ready("process-managers"))

    return App(
        "voting",
        [
            Part("owner", own),
            Part("projections", project),
            Part("queries", answer),
            Part("process-managers", react),
        ],
    )
