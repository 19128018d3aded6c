"""Webhooks of ours: what partner systems are told, by Standard Webhooks.

A *webhook* is the address of a partner that wants to be told of some topics. A *message* is one
event on its way to one webhook; it is *attempted* until it is taken, over days. Nothing about
people is sent: a topic has a list of fields, and none of them is anybody's.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from libs.kernel.errors import Invalid, NotFound, Rejected
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, Event, Key, View, command, event, view

WebhookUrl = Annotated[
    str,
    StringConstraints(
        min_length=8, max_length=500, pattern=r"^https?://[^\s/?#@\\]+(/[^\s#\\]*)?(\?[^\s#\\]*)?$"
    ),
]
"""Where to send: https, without a name or password in it. Plain http only where it is allowed."""

Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Topic(StrEnum):
    """What can be told."""

    BALLOT_PREPARED = "ballot.prepared"
    BALLOT_OPENED = "ballot.opened"
    BALLOT_CLOSED = "ballot.closed"
    BALLOT_FINALIZED = "ballot.finalized"
    SHOW_SCHEDULED = "show.scheduled"
    SHOW_CHANGED = "show.changed"
    SETLIST_RECORDED = "setlist.recorded"


class WebhookStatus(StrEnum):
    """Whether messages are sent to it."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    REMOVED = "removed"


class DisabledBecause(StrEnum):
    """Why messages are not sent any more."""

    ADMINISTRATOR = "administrator"
    FAILING = "failing"
    GONE = "gone"


class MessageStatus(StrEnum):
    """What became of a message."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


# ---------------------------------------------------------------------------------- refusals


class WebhookUnknown(NotFound):
    code = "ingress.webhook-unknown"
    title = "There is no such webhook, or no longer."


class MessageUnknown(NotFound):
    code = "ingress.message-unknown"
    title = "There is no such message."


class WebhookUrlRefused(Invalid):
    code = "ingress.webhook-url-refused"
    title = "Messages are not sent to such an address."


class MessageUnderWay(Rejected):
    code = "ingress.message-under-way"
    title = "This message is still being sent."


# ---------------------------------------------------------------------------------- commands


@view
class WebhookReceipt(View):
    """A webhook as it stands. `secret` is shown to whoever has just made it, and never again."""

    webhook_id: Id
    status: WebhookStatus
    secret: str | None = None
    position: int = 0


Topics = Annotated[list[Topic], Field(min_length=1, max_length=len(Topic))]


@command(
    "ingress.register-webhook", key=Key.NEW, access=Access.ADMIN, rejections=(WebhookUrlRefused,)
)
class RegisterWebhook(Command[WebhookReceipt]):
    """Tell a partner system of some topics from now on. The answer holds the signing secret."""

    url: WebhookUrl
    topics: Topics
    description: Description = ""


@command(
    "ingress.change-webhook",
    key="webhook_id",
    access=Access.ADMIN,
    rejections=(WebhookUnknown, WebhookUrlRefused),
)
class ChangeWebhook(Command[WebhookReceipt]):
    """Tell it elsewhere, or of something else."""

    webhook_id: Id
    url: WebhookUrl
    topics: Topics
    description: Description = ""


@command(
    "ingress.rotate-webhook-secret",
    key="webhook_id",
    access=Access.ADMIN,
    rejections=(WebhookUnknown,),
)
class RotateWebhookSecret(Command[WebhookReceipt]):
    """Sign with another secret. For a day, messages are signed with the one before as well."""

    webhook_id: Id


@command(
    "ingress.enable-webhook", key="webhook_id", access=Access.ADMIN, rejections=(WebhookUnknown,)
)
class EnableWebhook(Command[WebhookReceipt]):
    """Send to it again, after it was disabled."""

    webhook_id: Id


@command(
    "ingress.disable-webhook", key="webhook_id", access=Access.ADMIN, rejections=(WebhookUnknown,)
)
class DisableWebhook(Command[WebhookReceipt]):
    """Send nothing to it for now. What is under way is given up; it can be sent again later."""

    webhook_id: Id


@command(
    "ingress.remove-webhook", key="webhook_id", access=Access.ADMIN, rejections=(WebhookUnknown,)
)
class RemoveWebhook(Command[WebhookReceipt]):
    """Send nothing to it any more."""

    webhook_id: Id


@view
class MessageReceipt(View):
    """A message as it stands."""

    message_id: Id
    status: MessageStatus
    position: int = 0


@command(
    "ingress.resend-message",
    key="message_id",
    access=Access.ADMIN,
    rejections=(MessageUnknown, MessageUnderWay),
)
class ResendMessage(Command[MessageReceipt]):
    """Send a message once more, with its id, that was taken or given up."""

    message_id: Id


# ---------------------------------------------------------------------------------- events


@event("ingress.webhook_registered")
class WebhookRegistered(Event):
    """A partner system wants to be told."""

    webhook_id: Id
    url: str
    topics: list[Topic]
    description: str
    registered_at: datetime


@event("ingress.webhook_changed")
class WebhookChanged(Event):
    """It wants to be told elsewhere, or of something else."""

    webhook_id: Id
    url: str
    topics: list[Topic]
    description: str


@event("ingress.webhook_secret_rotated")
class WebhookSecretRotated(Event):
    """Messages are signed with the secret of another generation, and for a while with both."""

    webhook_id: Id
    generation: int
    rotated_at: datetime


@event("ingress.webhook_enabled")
class WebhookEnabled(Event):
    """Messages are sent to it again."""

    webhook_id: Id


@event("ingress.webhook_disabled")
class WebhookDisabled(Event):
    """No messages are sent to it for now."""

    webhook_id: Id
    because: DisabledBecause


@event("ingress.webhook_removed")
class WebhookRemoved(Event):
    """No messages are sent to it any more."""

    webhook_id: Id


@event("ingress.webhook_failing")
class WebhookFailing(Event):
    """It has begun not to take messages."""

    webhook_id: Id
    since: datetime


@event("ingress.webhook_recovered")
class WebhookRecovered(Event):
    """It takes messages again."""

    webhook_id: Id


@event("ingress.message_queued")
class MessageQueued(Event):
    """Something happened that a webhook is to be told of."""

    message_id: Id
    webhook_id: Id
    topic: Topic
    occurred_at: datetime
    data: dict[str, Any]


@event("ingress.message_attempted")
class MessageAttempted(Event):
    """It is being sent. `round` rises when nobody knows what became of an attempt."""

    message_id: Id
    webhook_id: Id
    attempt: int
    round: int


@event("ingress.message_delivered")
class MessageDelivered(Event):
    """It was taken: answered with 2xx."""

    message_id: Id
    webhook_id: Id
    attempt: int
    status: int


@event("ingress.message_failed")
class MessageFailed(Event):
    """It was not taken, and is sent again at `next_at`. `status` is None without an answer."""

    message_id: Id
    webhook_id: Id
    attempt: int
    status: int | None
    detail: str
    next_at: datetime


@event("ingress.message_given_up")
class MessageGivenUp(Event):
    """It was not taken, and is not sent again by itself."""

    message_id: Id
    webhook_id: Id
    attempt: int
    status: int | None
    detail: str


@event("ingress.message_resent")
class MessageResent(Event):
    """An administrator has it sent once more. `attempt` is the number of the next one."""

    message_id: Id
    webhook_id: Id
    attempt: int
