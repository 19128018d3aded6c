"""What a live connection can be refused with.

    Invalid         live.op-unknown, live.frame-invalid, live.subscription-exists
    NotFound        live.subscription-unknown, live.path-unknown
    Forbidden       live.origin-refused
    RateLimited     live.too-many-subscriptions
    Unavailable     live.full, live.draining

Queries and commands are refused with problems of their own. What a client does about each close
code is in docs/live-protocol.md.
"""

from enum import IntEnum

from libs.kernel.errors import (
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Unavailable,
)


class CloseCode(IntEnum):
    """4000 to 4499: come back. 4500 to 4999: do not."""

    DRAINING = 4000
    SLOW = 4001
    SILENT = 4002
    TOKEN_EXPIRED = 4401
    UNREADABLE = 4500

    @property
    def reason(self) -> str:
        return self.name.lower().replace("_", "-")


class OpUnknown(Invalid):
    code = "live.op-unknown"
    title = "There is no such operation."


class FrameInvalid(Invalid):
    code = "live.frame-invalid"
    title = "A field of this frame is missing, unknown or of the wrong type."


class SubscriptionExists(Invalid):
    code = "live.subscription-exists"
    title = "This id is in use by another subscription of the connection."


class SubscriptionUnknown(NotFound):
    code = "live.subscription-unknown"
    title = "The connection has no subscription with this id."


class PathUnknown(NotFound):
    code = "live.path-unknown"
    title = "Live connections are opened somewhere else."


class OriginRefused(Forbidden):
    code = "live.origin-refused"
    title = "Pages of this origin may not connect."


class TooManySubscriptions(RateLimited):
    code = "live.too-many-subscriptions"
    title = "The connection has as many subscriptions as it may have."


class Full(Unavailable):
    code = "live.full"
    title = "This gateway has as much to keep true as it can."


class Draining(Unavailable):
    code = "live.draining"
    title = "This gateway is stopping; another one takes you."
