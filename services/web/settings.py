"""What can be set about the pages."""

from typing import ClassVar

from libs.chassis.settings import Settings as BaseSettings
from libs.chassis.settings import setting


class Settings(BaseSettings):
    """The settings of the service `web`."""

    prefix: ClassVar[str] = "BACKLINE_"

    gateway_url: str = setting(
        "",
        "Where browsers find the gateway (https://api.example); empty when it is with the pages.",
        pattern=r"^(https?://[^/\s;,'\"]+)?$",
    )
    mailbox_port: int = setting(
        0,
        "For development: where mail is caught, to be shown on /dev/mail; 0 catches none.",
        "port",
        ge=0,
        le=65535,
    )
