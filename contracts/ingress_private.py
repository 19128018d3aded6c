"""What `ingress` says to itself."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from contracts.ingress import (
    DeliveryReceipt,
    PartnerChange,
    PayloadsReceipt,
    Profile,
    Slug,
    Word,
)
from contracts.ingress_webhooks import MessageReceipt, Topic, WebhookReceipt
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, View, command, view


@command("ingress.receive-delivery", key="inbox_id", access=Access.SERVICE)
class ReceiveDelivery(Command[DeliveryReceipt]):
    """Keep a delivery whose signature was right. Its fields are those of the event."""

    delivery_id: Id
    inbox_id: Id
    partner: Slug
    endpoint: Slug
    profile: Profile
    provider_id: Word
    digest: Id
    event_type: Word
    sent_at: datetime
    received_at: datetime
    secret_number: int
    content_type: Word
    body: str
    body_bytes: int
    payload_key: Id
    trace_id: str


@view
class InboxReceipt(View):
    """How many deliveries of an inbox are not done with."""

    waiting: int
    position: int = 0


@command("ingress.process-inbox", key="inbox_id", access=Access.SERVICE)
class ProcessInbox(Command[InboxReceipt]):
    """Process what waits in an inbox, in order, up to the first that fails."""

    inbox_id: Id


@command("ingress.process-again", key="inbox_id", access=Access.SERVICE)
class ProcessAgain(Command[DeliveryReceipt]):
    """`ingress.replay-delivery`, what was delivered having been read from the log."""

    inbox_id: Id
    delivery_id: Id
    body: str | None


@view
class ObjectReceipt(View):
    """Whether what was said is the newest that is known."""

    object_id: Id
    position: int = 0


@command("ingress.apply-change", key="object_id", access=Access.SERVICE)
class ApplyChange(Command[ObjectReceipt]):
    """Take notice of what a partner says of an object, unless something newer is known."""

    object_id: Id
    partner: Slug
    endpoint: Slug
    delivery_id: Id
    change: PartnerChange


@command("ingress.open-payloads", key="payload_key", access=Access.SERVICE)
class OpenPayloads(Command[PayloadsReceipt]):
    """Have it known that payloads are about to be recorded under a key, and until when."""

    payload_key: Id
    partner: Slug
    endpoint: Slug
    day_ends_at: datetime
    until: datetime


@command("ingress.record-forgotten", key="payload_key", access=Access.SERVICE)
class RecordForgotten(Command[PayloadsReceipt]):
    """`ingress.forget-payloads`, the key having been destroyed."""

    payload_key: Id


# ---------------------------------------------------------------------------------- to others


@view
class AnnouncementReceipt(View):
    """How many webhooks are told."""

    messages: int
    position: int = 0


@command("ingress.announce", key="announcement_id", access=Access.SERVICE)
class Announce(Command[AnnouncementReceipt]):
    """Tell something to every webhook that wants to be told of its topic."""

    announcement_id: Id
    topic: Topic
    occurred_at: datetime
    data: dict[str, Any]


@command("ingress.queue-message", key="message_id", access=Access.SERVICE)
class QueueMessage(Command[MessageReceipt]):
    """Tell something to one webhook."""

    message_id: Id
    webhook_id: Id
    topic: Topic
    occurred_at: datetime
    data: dict[str, Any]


@command("ingress.attempt-message", key="message_id", access=Access.SERVICE)
class AttemptMessage(Command[MessageReceipt]):
    """Send a message: it is on its way when this is answered, and what became of it is recorded
    later. `round` rises when nobody knows what became of an attempt.
    """

    message_id: Id
    attempt: int
    round: int = 1


@command("ingress.begin-attempt", key="message_id", access=Access.SERVICE)
class BeginAttempt(Command[MessageReceipt]):
    """`ingress.attempt-message`, the message being on its way."""

    message_id: Id
    attempt: int
    round: int


class AttemptOutcome(StrEnum):
    """What became of an attempt."""

    TAKEN = "taken"
    FAILED = "failed"
    GONE = "gone"
    WITHHELD = "withheld"


@command("ingress.record-attempt", key="message_id", access=Access.SERVICE)
class RecordAttempt(Command[MessageReceipt]):
    """What became of an attempt.

    status               of the answer; None when there was none
    detail               what was wrong, without a word of what the answer held
    retry_after_seconds  what the partner asks for
    """

    message_id: Id
    attempt: int
    outcome: AttemptOutcome
    status: int | None
    detail: str
    retry_after_seconds: float = 0


@command("ingress.note-outcome", key="webhook_id", access=Access.SERVICE)
class NoteOutcome(Command[WebhookReceipt]):
    """How a webhook has taken a message, for its standing."""

    webhook_id: Id
    is_taken: bool
    is_gone: bool
    at: datetime


@command("ingress.set-up-webhook", key="webhook_id", access=Access.SERVICE)
class SetUpWebhook(Command[WebhookReceipt]):
    """`ingress.register-webhook`, the address being one that may be sent to."""

    webhook_id: Id
    url: str
    topics: list[Topic]
    description: str
