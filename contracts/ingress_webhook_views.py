"""Outgoing webhooks as they can be looked at: who follows, what was sent, how it was answered."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field

from contracts.ingress_webhooks import DisabledBecause, MessageStatus, Topic, WebhookStatus
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Query, View, message, query, view


@message
class Webhook:
    """A webhook. `failing_since` is when it began not to take messages."""

    webhook_id: Id
    url: str
    topics: list[Topic]
    description: str
    status: WebhookStatus
    disabled_because: DisabledBecause | None
    failing_since: datetime | None
    registered_at: datetime


@view
class Webhooks(View):
    """All there are, the oldest first."""

    webhooks: list[Webhook]


@query("ingress.list-webhooks", access=Access.ADMIN, watches=("webhooks",))
class ListWebhooks(Query[Webhooks]):
    """Who is told of what."""


@message
class SentMessage:
    """A message, and how the last attempt went."""

    message_id: Id
    webhook_id: Id
    topic: Topic
    occurred_at: datetime
    status: MessageStatus
    attempts: int
    last_status: int | None
    last_detail: str
    next_at: datetime | None


@view
class SentMessages(View):
    """Messages, the newest first."""

    messages: list[SentMessage]


@query("ingress.list-messages", access=Access.ADMIN, watches=("messages.{webhook_id}",))
class ListMessages(Query[SentMessages]):
    """What a webhook was told, and what it has yet to be told."""

    webhook_id: Id
    status: MessageStatus | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class AttemptEnd(StrEnum):
    """How an attempt ended."""

    TAKEN = "taken"
    FAILED = "failed"
    GIVEN_UP = "given-up"
    """It failed, or was withheld, and nothing follows by itself."""


@message
class SentAttempt:
    """One try at sending a message.

    outcome  None while it is under way, or nobody knows
    status   what was answered; None without an answer
    """

    attempt: int
    began_at: datetime
    ended_at: datetime | None
    outcome: AttemptEnd | None
    status: int | None
    detail: str


@view
class MessageHistory(View):
    """A message, what it says, and all its attempts, the first one first."""

    message: SentMessage
    data: dict[str, Any]
    attempts: list[SentAttempt]


@query(
    "ingress.get-message",
    access=Access.ADMIN,
    watches=("message.{message_id}",),
)
class GetMessage(Query[MessageHistory]):
    """What became of each attempt to send a message. raises MessageUnknown"""

    message_id: Id
