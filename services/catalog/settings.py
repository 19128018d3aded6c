"""What can be set about the catalog from outside."""

from typing import ClassVar

from libs.chassis.settings import Settings as ChassisSettings
from libs.chassis.settings import setting


class Settings(ChassisSettings):
    """The variables `BACKLINE_CATALOG_*`."""

    prefix: ClassVar[str] = "BACKLINE_CATALOG_"

    slot_commands_max: int = setting(
        20_000,
        "Commands that may wait in one slot; beyond it callers are refused.",
        "commands",
        ge=1,
    )
    live_records_max: int = setting(20_000, "Records an owner keeps in memory.", "records", ge=1)
