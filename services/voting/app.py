"""Voting, put together."""

from contracts.auth_standing import UserReinstated, UserSuspended
from contracts.voting import FinalizeBallot, PlanBallot, PrepareBallot
from libs.chassis import parts
from libs.chassis.service import App, Part, Runtime
from libs.chassis.suspended import SuspendedUsers
from libs.eventlog.snapshots import SnapshotStore
from libs.owner import HotView, Owner, OwnerLimits
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
        await parts.run_owner(runtime, owner, suspended)

    return App(
        "voting",
        [
            Part("owner", own),
            parts.projections(PROJECTIONS),
            parts.queries(QUERIES, PROJECTIONS),
            parts.process_managers(process_managers(settings.ballot_opens_before_seconds)),
        ],
    )
