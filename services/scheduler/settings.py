"""What can be set about the scheduler from outside."""

from typing import ClassVar

from libs.chassis.settings import Settings as ChassisSettings
from libs.chassis.settings import setting


class Settings(ChassisSettings):
    """The variables `BACKLINE_SCHEDULER_*`."""

    prefix: ClassVar[str] = "BACKLINE_SCHEDULER_"

    slot_commands_max: int = setting(
        20_000,
        "Commands that may wait in one slot; beyond it callers are refused.",
        "commands",
        ge=1,
    )
    live_max: int = setting(
        20_000, "Schedules and runs an owner keeps in memory.", "aggregates", ge=1
    )
