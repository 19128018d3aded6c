"""Voting, put together."""

from libs.chassis.service import App, Part, Runtime
from libs.eventlog.snapshots import SnapshotStore
from libs.owner import HotView, Owner, OwnerLimits
from services.voting.domain import BALLOT, tally
from services.voting.settings import Settings

TALLY = HotView("voting.get-tally", "ballot", tally)


def create_app(settings: Settings) -> App:
    """Build the service: the owner of ballots."""
    limits = OwnerLimits(
        slot_commands_max=settings.slot_commands_max,
        live_max=settings.live_ballots_max,
        snapshot_events_min=settings.snapshot_events_min,
    )

    async def own(runtime: Runtime) -> None:
        connection = await runtime.connection()
        owner = Owner(
            service="voting",
            client=connection,
            log=await runtime.log(),
            deciders=[BALLOT],
            hot=[TALLY],
            snapshots=SnapshotStore(connection, "voting"),
            clock=runtime.clock,
            limits=limits,
        )
        await owner.run(lambda: runtime.ready("owner"))

    return App("voting", [Part("owner", own)])
