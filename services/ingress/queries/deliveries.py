"""Questions about what was received."""

import json
import re
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, Select, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.ingress import DeliveryStatus, DeliveryUnknown, PartnerObjectChanged, Profile
from contracts.ingress_private import ApplyChange
from contracts.ingress_views import (
    Attempt,
    Deliveries,
    Delivery,
    DeliverySummary,
    Effect,
    GetDelivery,
    ListDeliveries,
    ListPartnerObjects,
    PartnerObject,
    PartnerObjects,
)
from libs.kernel.messages import Caller, registry
from libs.readmodel import Queries, Reading
from libs.readmodel.paging import read_cursor, write_cursor
from services.ingress.tables import attempts, deliveries, effects, partner_objects

MASK: Final = "********"
UNSHOWABLE: Final = "It is nested too deeply to be shown."
_SECRET: Final = re.compile(
    r"(^|_)(secret|token|password|otp|otp_code|code|api_?key|authorization|signature|jwt|qr_code)"
    r"($|_)",
    re.IGNORECASE,
)
"""Names of fields whose values nobody needs to see who looks for what went wrong: codes that let
somebody in, above all.
"""
_SECRET_TEXTS: Final = frozenset({"body", "body_plain", "subject"})
"""Of mails that a partner sends in our name (Clerk): there are codes and links in them."""

_LISTED = [column for column in deliveries.c if column.name != "body"]
_ORDER = (deliveries.c.received_at, deliveries.c.delivery_id)
_CURSOR: TypeAdapter[tuple[datetime, str]] = TypeAdapter(tuple[datetime, str])
_APPLY = registry.command_of[ApplyChange].name
_CHANGED = registry.event_of[PartnerObjectChanged].name


async def list_deliveries(
    query: ListDeliveries, _caller: Caller, connection: AsyncConnection
) -> Deliveries:
    """One page, the newest first. raises   Invalid for a cursor that is none of ours"""
    rows = (await connection.execute(_page(query))).mappings().all()
    listed = rows[: query.limit]
    return Deliveries(
        deliveries=[_summary(row) for row in listed],
        next=_cursor(listed[-1]) if len(rows) > query.limit else None,
    )


async def get_delivery(
    query: GetDelivery, _caller: Caller, connection: AsyncConnection
) -> Delivery:
    """One delivery and all that came of it. raises   DeliveryUnknown"""
    this = deliveries.c.delivery_id == query.delivery_id
    row = (await connection.execute(select(deliveries).where(this))).mappings().one_or_none()
    if row is None:
        raise DeliveryUnknown
    tried = (
        select(attempts)
        .where(attempts.c.delivery_id == query.delivery_id)
        .order_by(attempts.c.number)
    )
    came_of_it = (
        select(effects)
        .where(effects.c.delivery_id == query.delivery_id)
        .order_by(effects.c.attempt, effects.c.kind, effects.c.partner_id)
    )
    return Delivery(
        **{
            name: row[name]
            for name in (
                "delivery_id",
                "inbox_id",
                "partner",
                "endpoint",
                "provider_id",
                "event_type",
                "sent_at",
                "received_at",
                "secret_number",
                "content_type",
                "body_bytes",
                "payload_key",
                "trace_id",
            )
        },
        profile=Profile(row["profile"]),
        status=DeliveryStatus(row["status"]),
        body=None if row["body"] is None else masked(row["body"]),
        attempts=[_attempt(each) for each in (await connection.execute(tried)).mappings()],
        effects=[_effect(each) for each in (await connection.execute(came_of_it)).mappings()],
    )


async def list_partner_objects(
    query: ListPartnerObjects, _caller: Caller, connection: AsyncConnection
) -> PartnerObjects:
    """What is known of a partner's objects, those that changed last first."""
    statement = select(partner_objects).where(partner_objects.c.partner == query.partner)
    if query.kind is not None:
        statement = statement.where(partner_objects.c.kind == query.kind)
    newest = statement.order_by(partner_objects.c.position.desc()).limit(query.limit)
    found = (await connection.execute(newest)).mappings()
    return PartnerObjects(
        objects=[
            PartnerObject(**{name: value for name, value in row.items() if name != "position"})
            for row in found
        ]
    )


def masked(body: str) -> str:
    """A body for people to look at, with what lets somebody in left out.

    Half of a surrogate pair, which JSON can write and nobody can show, becomes a question mark.
    """
    try:
        return _masked(json.loads(body)).encode("utf-8", "replace").decode()
    except RecursionError:
        return UNSHOWABLE


def _masked(document: Any) -> str:
    is_mail = isinstance(document, dict) and document.get("type") in {
        "email.created",
        "sms.created",
    }
    return json.dumps(_without_secrets(document, is_mail=is_mail), ensure_ascii=False, indent=1)


def _without_secrets(value: Any, *, is_mail: bool) -> Any:
    if isinstance(value, dict):
        return {
            name: MASK
            if isinstance(each, str | int) and _is_secret(name, is_mail=is_mail)
            else _without_secrets(each, is_mail=is_mail)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(each, is_mail=is_mail) for each in value]
    return value


def _is_secret(name: str, *, is_mail: bool) -> bool:
    return _SECRET.search(name) is not None or (is_mail and name in _SECRET_TEXTS)


def _page(query: ListDeliveries) -> Select[Any]:
    """The page, and one row more when there are more."""
    statement = select(*_LISTED)
    for column, wanted in (
        (deliveries.c.partner, query.partner),
        (deliveries.c.endpoint, query.endpoint),
        (deliveries.c.status, query.status),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if query.after is not None:
        received_at, delivery_id = read_cursor(_CURSOR, query.after)
        before = tuple_(literal(received_at), literal(delivery_id))
        statement = statement.where(tuple_(*_ORDER) < before)
    return statement.order_by(*(key.desc() for key in _ORDER)).limit(query.limit + 1)


def _cursor(row: RowMapping) -> str:
    return write_cursor([row["received_at"], row["delivery_id"]])


def _summary(row: RowMapping) -> DeliverySummary:
    return DeliverySummary(
        delivery_id=row["delivery_id"],
        inbox_id=row["inbox_id"],
        partner=row["partner"],
        endpoint=row["endpoint"],
        profile=Profile(row["profile"]),
        event_type=row["event_type"],
        status=DeliveryStatus(row["status"]),
        attempts=row["attempts"],
        received_at=row["received_at"],
        code=row["code"],
    )


def _attempt(row: RowMapping) -> Attempt:
    return Attempt(
        attempt=row["attempt"],
        at=row["at"],
        by=row["by"],
        outcome=DeliveryStatus(row["outcome"]),
        code=row["code"],
        detail=row["detail"],
    )


def _effect(row: RowMapping) -> Effect:
    return Effect(
        attempt=row["attempt"],
        kind=row["kind"],
        partner_id=row["partner_id"],
        object_id=row["object_id"],
        command=_APPLY,
        event=None if row["position"] is None else _CHANGED,
        position=row["position"],
    )


QUERIES: Queries = {
    ListDeliveries: Reading(list_deliveries, ("deliveries",)),
    GetDelivery: Reading(get_delivery, ("deliveries",)),
    ListPartnerObjects: Reading(list_partner_objects, ("deliveries",)),
}
