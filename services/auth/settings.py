"""What can be set about auth from outside."""

from enum import StrEnum
from typing import ClassVar

from libs.chassis.settings import Settings as ChassisSettings
from libs.chassis.settings import setting


class DevelopmentUsers(StrEnum):
    """Whether anybody may become a development user, and the most it can be trusted with."""

    OFF = "off"
    MEMBER = "member"
    MODERATOR = "moderator"
    ADMIN = "admin"


class Settings(ChassisSettings):
    """The variables `BACKLINE_AUTH_*`."""

    prefix: ClassVar[str] = "BACKLINE_AUTH_"

    development_users: DevelopmentUsers = setting(
        DevelopmentUsers.OFF,
        "The most that development users, who need no proof, are trusted with; off: there are none."
        " Never on where strangers come.",
    )
    session_ttl_seconds: int = setting(
        7 * 24 * 3600, "How long a member's token is good.", "seconds", ge=60
    )
    privileged_session_ttl_seconds: int = setting(
        12 * 3600, "How long a moderator's or administrator's token is good.", "seconds", ge=60
    )
    slot_commands_max: int = setting(
        20_000,
        "Commands that may wait in one slot; beyond it callers are refused.",
        "commands",
        ge=1,
    )
    live_users_max: int = setting(20_000, "Users an owner keeps in memory.", "users", ge=1)
