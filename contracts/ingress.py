"""What is said to and by `ingress` of what partners send us.

A *delivery* is one webhook call that we received and whose signature was right. It is kept as it
came, processed apart from that, and comes to *changes*: what the partner says of objects of its own
(a subscription, a comment, a guest). What is known of such an object is the newest that was said of
it, by the partner's own times, in whatever order it arrived.
"""

from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from libs.kernel.errors import (
    Forbidden,
    Invalid,
    NotFound,
    Rejected,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from libs.kernel.ids import Id
from libs.kernel.messages import (
    Access,
    Command,
    Event,
    View,
    command,
    event,
    message,
    view,
)
from libs.kernel.personal import Personal

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,19}$")]
"""The name of a partner, or of one of its endpoints: a part of the path `/hooks/…/…`."""

PartnerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:=+/-]{1,200}$")]
"""What a partner calls an object of its own. An e-mail address is none."""

Word = Annotated[str, StringConstraints(max_length=200)]


class Profile(StrEnum):
    """How a partner signs, and what its bodies look like."""

    STANDARD = "standard"
    CLERK = "clerk"
    POLAR = "polar"
    LUMA = "luma"
    META = "meta"
    HMAC = "hmac"


class DeliveryStatus(StrEnum):
    """What became of a delivery."""

    WAITING = "waiting"
    PROCESSED = "processed"
    PARKED = "parked"
    DISCARDED = "discarded"


# ---------------------------------------------------------------------------------- refusals


class EndpointUnknown(NotFound):
    code = "ingress.endpoint-unknown"
    title = "Nobody expects webhooks here."


class HookMethodNotAllowed(Invalid):
    status, code = 405, "ingress.method-not-allowed"
    title = "Webhooks are sent with POST."


class SignatureRefused(Unauthenticated):
    code = "ingress.signature-refused"
    title = "The signature is missing, wrong, or of another time."


class ChallengeRefused(Forbidden):
    code = "ingress.challenge-refused"
    title = "This is not the token that we agreed on."


class DeliveryMalformed(Invalid):
    code = "ingress.delivery-malformed"
    title = "The signature is right, but the body is not JSON."


class DeliveryTooLarge(TooLarge):
    code = "ingress.delivery-too-large"
    title = "The body is larger than we are willing to keep."


class DeliveryNotTaken(Unavailable):
    code = "ingress.delivery-not-taken"
    title = "The delivery could not be recorded; send it again."


class DeliveryUnknown(NotFound):
    code = "ingress.delivery-unknown"
    title = "There is no such delivery."


class DeliveryNotParked(Rejected):
    code = "ingress.delivery-not-parked"
    title = "Only a delivery that is parked can be discarded."


class PayloadForgotten(Rejected):
    code = "ingress.payload-forgotten"
    title = "What was delivered is no longer kept, so it cannot be processed again."


class PayloadsUnknown(NotFound):
    code = "ingress.payloads-unknown"
    title = "No payloads are kept under this key."


class PayloadsStillOpen(Rejected):
    code = "ingress.payloads-still-open"
    title = "Payloads of this day may still arrive."


# ---------------------------------------------------------------------------------- commands


@view
class DeliveryReceipt(View):
    """A delivery as it stands after a command."""

    delivery_id: Id
    status: DeliveryStatus
    position: int = 0


@command(
    "ingress.replay-delivery",
    key="inbox_id",
    access=Access.ADMIN,
    rejections=(DeliveryUnknown, PayloadForgotten),
)
class ReplayDelivery(Command[DeliveryReceipt]):
    """Process a delivery once more, with the code of today; and then what waits behind it."""

    inbox_id: Id
    delivery_id: Id


@command(
    "ingress.discard-delivery",
    key="inbox_id",
    access=Access.ADMIN,
    rejections=(DeliveryUnknown, DeliveryNotParked),
)
class DiscardDelivery(Command[DeliveryReceipt]):
    """Give a parked delivery up, so that what waits behind it is processed."""

    inbox_id: Id
    delivery_id: Id
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)]


@view
class PayloadsReceipt(View):
    """The payloads of a day, of one endpoint."""

    payload_key: Id
    is_forgotten: bool
    position: int = 0


@command(
    "ingress.forget-payloads",
    key="payload_key",
    access=Access.ADMIN,
    rejections=(PayloadsUnknown, PayloadsStillOpen),
)
class ForgetPayloads(Command[PayloadsReceipt]):
    """Destroy what one endpoint was sent on one day, for good, before its time has come."""

    payload_key: Id


# ---------------------------------------------------------------------------------- events


@message
class PartnerChange:
    """What a delivery says of one object of the partner.

    kind        subscription, event, comment, …
    partner_id  what the partner calls it
    version     when it became so, as the partner has it; the newest counts
    stamped_at  when the partner said so: decides between equal versions
    rank        decides between what was said at the same moment
    is_deleted  it is no more, whatever was said of it earlier or later
    status      the partner's word for its state; empty where there is none
    facts       a few more words about it, none of them personal
    """

    kind: Word
    partner_id: PartnerId
    version: datetime
    stamped_at: datetime
    rank: int = 0
    is_deleted: bool = False
    status: Word = ""
    facts: dict[str, str] = field(default_factory=dict)


@event("ingress.delivery_received", person="payload_key")
class DeliveryReceived(Event):
    """A partner has sent us something, and its signature was right.

    inbox_id       the deliveries of this endpoint about the same thing: processed in order
    provider_id    what the partner calls the delivery; empty when it has no word for it
    digest         of the bytes that were signed: the same again is not another delivery
    event_type     what it says that it is about
    sent_at        when it was signed; when it arrived, where the partner does not say
    secret_number  the secret it was signed with, as it stands in the settings, from 1
    body           as it came, byte for byte; None once the payloads of its day are forgotten
    trace_id       of its trace; empty when it was not traced
    """

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
    body_bytes: int
    payload_key: Id
    body: Personal[str]
    trace_id: str


@event("ingress.delivery_processed")
class DeliveryProcessed(Event):
    """It was read, and this is what it says. `attempt` counts from 1."""

    delivery_id: Id
    partner: Slug
    endpoint: Slug
    attempt: int
    changes: list[PartnerChange]


@event("ingress.delivery_parked")
class DeliveryParked(Event):
    """It could not be read. What came later about the same thing waits behind it."""

    delivery_id: Id
    attempt: int
    code: str
    detail: str


@event("ingress.delivery_discarded")
class DeliveryDiscarded(Event):
    """An administrator has given it up."""

    delivery_id: Id
    by: Id
    reason: str


@event("ingress.partner_object_changed")
class PartnerObjectChanged(Event):
    """Something new is known of an object of a partner: follow this to act on webhooks."""

    object_id: Id
    partner: Slug
    endpoint: Slug
    delivery_id: Id
    change: PartnerChange


@event("ingress.payloads_opened")
class PayloadsOpened(Event):
    """The first delivery of a day at an endpoint is about to be recorded.

    until   when the key is destroyed with which the payloads of this day are encrypted
    """

    payload_key: Id
    partner: Slug
    endpoint: Slug
    day_ends_at: datetime
    until: datetime


@event("ingress.payloads_forgotten")
class PayloadsForgotten(Event):
    """The key was destroyed: nobody can read the payloads of that day any more."""

    payload_key: Id
