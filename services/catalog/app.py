"""The catalog, put together."""

import logging

from contracts import all as contracts
from contracts.auth_standing import UserReinstated, UserSuspended
from libs.chassis import parts
from libs.chassis.service import App, Part, Runtime
from libs.chassis.suspended import SuspendedUsers
from libs.eventlog.model import LogRecreated
from libs.owner import Owner, OwnerLimits
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
    contracts.load()  # Its worker speaks those of the scheduler.
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
        await parts.run_owner(runtime, owner, suspended)

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

    return App(
        "catalog",
        [
            Part("owner", own),
            parts.projections(PROJECTIONS),
            parts.queries(QUERIES, PROJECTIONS),
            parts.process_managers(
                process_managers(
                    settings.show_lasts_seconds,
                    settings.setlist_after_seconds,
                    settings.hastened_every_seconds,
                    [sync_id for _, sync_id in repeated],
                )
            ),
            Part("syncs", sync),
            parts.jobs(JOBS, standing(repeated)),
        ],
    )
