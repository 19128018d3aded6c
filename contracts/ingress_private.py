"""What `ingress` says to itself."""

from datetime import datetime

from contracts.ingress import (
    DeliveryReceipt,
    PartnerChange,
    PayloadsReceipt,
    Profile,
    Slug,
    Word,
)
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
