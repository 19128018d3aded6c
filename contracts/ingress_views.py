"""What can be asked of `ingress`: deliveries, what came of them, objects of partners."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.ingress import DeliveryStatus, Profile, Slug, Word
from libs.kernel.ids import Id
from libs.kernel.messages import (
    Access,
    Query,
    View,
    message,
    query,
    view,
)


@view
class DeliverySummary(View):
    """A delivery in a list; what it holds is not in it."""

    delivery_id: Id
    inbox_id: Id
    partner: Slug
    endpoint: Slug
    profile: Profile
    event_type: Word
    status: DeliveryStatus
    attempts: int
    received_at: datetime
    code: str | None


@view
class Deliveries(View):
    """A page of deliveries, the newest first. `next` continues it; None at its end."""

    deliveries: list[DeliverySummary]
    next: str | None


@query("ingress.list-deliveries", access=Access.ADMIN, watches=("deliveries",))
class ListDeliveries(Query[Deliveries]):
    """What partners have sent, the newest first."""

    partner: Slug | None = None
    endpoint: Slug | None = None
    status: DeliveryStatus | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[str, StringConstraints(max_length=300)] | None = None


@message
class Attempt:
    """One attempt to process a delivery. `code` and `detail` say what was wrong."""

    attempt: int
    at: datetime
    by: str
    outcome: DeliveryStatus
    code: str | None
    detail: str | None


@message
class Effect:
    """What came of a delivery: a command, and the event that it recorded.

    event     its type; None when nothing new was in it, or while it is under way
    position  of the event in the log
    """

    attempt: int
    kind: Word
    partner_id: str
    object_id: Id
    command: str
    event: str | None
    position: int | None


@view
class Delivery(View):
    """A delivery, and all that came of it.

    body   as it came, what looks like a secret masked; None when it is no longer kept
    """

    delivery_id: Id
    inbox_id: Id
    partner: Slug
    endpoint: Slug
    profile: Profile
    provider_id: str
    event_type: Word
    sent_at: datetime
    received_at: datetime
    secret_number: int
    content_type: str
    body_bytes: int
    payload_key: Id
    body: str | None
    trace_id: str
    status: DeliveryStatus
    attempts: list[Attempt]
    effects: list[Effect]


@query("ingress.get-delivery", access=Access.ADMIN, watches=("delivery.{delivery_id}",))
class GetDelivery(Query[Delivery]):
    """One delivery: what it holds, how it was verified, tried, and what came of it."""

    delivery_id: Id


@view
class PartnerObject(View):
    """What is known of an object of a partner, and which delivery said so."""

    object_id: Id
    partner: Slug
    endpoint: Slug
    kind: Word
    partner_id: str
    version: datetime
    is_deleted: bool
    status: Word
    facts: dict[str, str]
    delivery_id: Id


@view
class PartnerObjects(View):
    """Objects of a partner, those that changed last first."""

    objects: list[PartnerObject]


@query("ingress.list-partner-objects", access=Access.ADMIN, watches=("objects.{partner}",))
class ListPartnerObjects(Query[PartnerObjects]):
    """What partners say of their objects."""

    partner: Slug
    kind: Word | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
