"""What can be set about voting from outside."""

from typing import ClassVar

from libs.chassis.settings import Settings as ChassisSettings
from libs.chassis.settings import setting


class Settings(ChassisSettings):
    """The variables `BACKLINE_VOTING_*`."""

    prefix: ClassVar[str] = "BACKLINE_VOTING_"

    slot_commands_max: int = setting(
        20_000,
        "Commands that may wait in one slot; beyond it callers are refused.",
        "commands",
        ge=1,
    )
    live_ballots_max: int = setting(20_000, "Ballots an owner keeps in memory.", "ballots", ge=1)
    snapshot_events_min: int = setting(
        5_000,
        "Events since the last snapshot of a ballot that make a new one worth it.",
        "events",
        ge=1,
    )
    ballot_opens_before_seconds: int = setting(
        86_400,
        "How long before its show starts a planned ballot opens; it closes when the show starts.",
        "seconds",
        ge=0,
    )
