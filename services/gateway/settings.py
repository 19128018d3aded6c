"""What can be set about the gateway."""

from typing import ClassVar

from libs.chassis.settings import Settings as BaseSettings
from libs.chassis.settings import setting
from libs.live.limits import Limits

_DEFAULT = Limits()


class Settings(BaseSettings):
    """The settings of the service `gateway`."""

    prefix: ClassVar[str] = "BACKLINE_GATEWAY_"

    origins: str = setting(
        "",
        "Origins of pages that may use the gateway beside its own, as https://app.example, with "
        "commas between them; * for any.",
        pattern=r"^(\*|https?://[^/\s,]+)?(,(\*|https?://[^/\s,]+))*$",
    )
    body_bytes_max: int = setting(65_536, "Size of a command's body.", "bytes", ge=1024)
    connections_max: int = setting(
        _DEFAULT.connections_max, "Live connections open at once.", "connections", ge=1
    )
    queries_max: int = setting(
        _DEFAULT.queries_max, "Different live queries watched at once.", "queries", ge=1
    )
    subscriptions_max: int = setting(
        _DEFAULT.subscriptions_max, "Live queries of one connection.", "queries", ge=1
    )
    frame_bytes_max: int = setting(
        _DEFAULT.frame_bytes_max, "Size of a frame from a client.", "bytes", ge=1024
    )
    commands_max: int = setting(
        _DEFAULT.commands_max, "Commands under way on one live connection.", "commands", ge=1
    )
    buffer_bytes_max: int = setting(
        _DEFAULT.buffer_bytes_max,
        "Unsent bytes of one live connection, beyond which its changes are left out.",
        "bytes",
        ge=4096,
    )
    slow_seconds_max: float = setting(
        _DEFAULT.slow_seconds_max, "Time a live connection may not read.", "seconds", gt=0
    )
    ping_seconds: float = setting(
        _DEFAULT.ping_seconds, "Between looks at a live connection.", "seconds", gt=0
    )
    silence_seconds_max: float = setting(
        _DEFAULT.silence_seconds_max, "Time without a sign of life.", "seconds", gt=0
    )
    spacing_seconds: float = setting(
        _DEFAULT.spacing_seconds, "Between two changes of one live query.", "seconds", ge=0
    )
    linger_seconds: float = setting(
        _DEFAULT.linger_seconds,
        "Time a live query is kept true after its last viewer has left.",
        "seconds",
        ge=0,
    )

    def listed_origins(self) -> frozenset[str]:
        """The origins, one by one."""
        return frozenset(filter(None, self.origins.split(",")))

    def limits(self) -> Limits:
        """What live connections are held to."""
        return Limits(
            connections_max=self.connections_max,
            queries_max=self.queries_max,
            subscriptions_max=self.subscriptions_max,
            frame_bytes_max=self.frame_bytes_max,
            commands_max=self.commands_max,
            buffer_bytes_max=self.buffer_bytes_max,
            slow_seconds_max=self.slow_seconds_max,
            ping_seconds=self.ping_seconds,
            silence_seconds_max=self.silence_seconds_max,
            spacing_seconds=self.spacing_seconds,
            linger_seconds=self.linger_seconds,
        )
