"""The scheduler, put together."""

from contracts.auth_standing import UserReinstated, UserSuspended
from contracts.scheduler import PutSchedule
from libs.chassis import parts
from libs.chassis.service import App, Part, Runtime
from libs.chassis.suspended import SuspendedUsers
from libs.eventlog.snapshots import SnapshotStore
from libs.owner import Owner, OwnerLimits
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
        await parts.run_owner(runtime, owner, suspended)

    async def watch(runtime: Runtime) -> None:
        deadlines = Deadlines(await runtime.bus(), runtime.clock)
        runtime.ready("deadlines")
        await deadlines.keep()

    return App(
        "scheduler",
        [
            Part("owner", own),
            parts.projections([PROJECTION]),
            parts.queries(QUERIES, [PROJECTION]),
            parts.process_managers(process_managers()),
            Part("deadlines", watch),
            parts.jobs(JOBS, STANDING),
        ],
    )
