"""What can be set about ingress from outside."""

from typing import ClassVar

from pydantic import SecretStr

from libs.chassis.settings import Settings as ChassisSettings
from libs.chassis.settings import setting


class Settings(ChassisSettings):
    """The variables `BACKLINE_INGRESS_*`."""

    prefix: ClassVar[str] = "BACKLINE_INGRESS_"

    endpoints: SecretStr = setting(
        SecretStr("{}"),
        "Who may send webhooks, and the secrets they sign with: JSON, as services/ingress/README.md"
        " has it.",
    )
    sandbox: bool = setting(
        False,
        "Whether there are endpoints for `backline deliver` beside them (sandbox/main, and those of"
        " the catalog's sandbox): for development.",
    )
    body_bytes_max: int = setting(
        262_144, "Size of a delivery's body.", "bytes", ge=1024, le=400_000
    )
    body_seconds_max: float = setting(
        10.0, "Time a delivery's body may take to arrive.", "seconds", gt=0, le=60
    )
    tolerance_seconds: int = setting(
        300,
        "How old, or how far ahead of us, a signature may be, where it says when it was made.",
        "seconds",
        ge=1,
        le=3600,
    )
    payload_days: int = setting(
        30,
        "How long what was delivered is kept; then its key is destroyed.",
        "days",
        ge=1,
        le=365,
    )
    private_destinations: bool = setting(
        False,
        "Whether our own webhooks may go to private addresses and by plain http: for development.",
    )
    live_inboxes_max: int = setting(5_000, "Inboxes an owner keeps in memory.", "inboxes", ge=1)
