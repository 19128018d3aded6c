"""Events of ingress as rows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.expression import UpdateBase

from contracts.ingress import (
    DeliveryDiscarded,
    DeliveryParked,
    DeliveryProcessed,
    DeliveryReceived,
    DeliveryStatus,
    PartnerObjectChanged,
    PayloadsForgotten,
)
from libs.eventlog import Recorded
from libs.readmodel import Projected, Projection, Write
from services.ingress.domain.objects import object_id_of
from services.ingress.tables import attempts, deliveries, effects, metadata, partner_objects

EVENTS = (
    DeliveryReceived,
    DeliveryProcessed,
    DeliveryParked,
    DeliveryDiscarded,
    PartnerObjectChanged,
    PayloadsForgotten,
)

_ADD_DELIVERY = upsert(deliveries).on_conflict_do_nothing()
_ADD_ATTEMPT = upsert(attempts).on_conflict_do_nothing()
_ADD_EFFECT = upsert(effects).on_conflict_do_nothing()
_SET_STATUS = (
    update(deliveries)
    .where(deliveries.c.delivery_id == bindparam("of"))
    .values(
        status=bindparam("new_status"),
        attempts=bindparam("new_attempts"),
        code=bindparam("new_code"),
    )
)
_DISCARD = (
    update(deliveries)
    .where(deliveries.c.delivery_id == bindparam("of"))
    .values(status=DeliveryStatus.DISCARDED.value)
)
_SET_EFFECT = (
    update(effects)
    .where(
        effects.c.delivery_id == bindparam("of"),
        effects.c.object_id == bindparam("about"),
        effects.c.position.is_(None),
    )
    .values(position=bindparam("new_position", type_=effects.c.position.type))
)
_SET_OBJECT = upsert(partner_objects)
_SET_OBJECT = _SET_OBJECT.on_conflict_do_update(
    index_elements=[partner_objects.c.object_id],
    set_={
        name: _SET_OBJECT.excluded[name]
        for name in ("version", "is_deleted", "status", "facts", "delivery_id", "position")
    },
)
_FORGET = update(deliveries).where(deliveries.c.payload_key == bindparam("of")).values(body=None)


def project(events: Sequence[Recorded]) -> Projected:
    """The rows that these events add and change, and the change keys they touch."""
    rows: dict[UpdateBase, list[dict[str, Any]]] = {statement: [] for statement in _IN_ORDER}
    keys: dict[str, int] = {}
    for recorded in events:
        for statement, row in _rows(recorded):
            rows[statement].append(row)
        for key in _keys(recorded):
            keys[key] = recorded.position
    return Projected([Write(each, found) for each, found in rows.items() if found], keys)


_IN_ORDER = (
    _ADD_DELIVERY,
    _ADD_ATTEMPT,
    _ADD_EFFECT,
    _SET_STATUS,
    _DISCARD,
    _SET_EFFECT,
    _SET_OBJECT,
    _FORGET,
)
"""A delivery is there before something is said of it; of one statement, rows stay in order."""


def _rows(recorded: Recorded) -> list[tuple[UpdateBase, dict[str, Any]]]:
    match event := recorded.data:
        case DeliveryReceived():
            row = {name: vars(event)[name] for name in deliveries.c.keys() if name in vars(event)}  # noqa: SIM118
            waits = {"status": DeliveryStatus.WAITING.value, "attempts": 0, "code": None}
            return [(_ADD_DELIVERY, {**row, **waits})]
        case DeliveryProcessed():
            return [
                *_tried(recorded, event, DeliveryStatus.PROCESSED, None, None),
                *((_ADD_EFFECT, row) for row in _effect_rows(event)),
            ]
        case DeliveryParked(code=code, detail=detail):
            return _tried(recorded, event, DeliveryStatus.PARKED, code, detail)
        case DeliveryDiscarded(delivery_id=delivery_id, reason=reason):
            given_up = _attempt_row(recorded, delivery_id, 0, DeliveryStatus.DISCARDED)
            return [
                (_ADD_ATTEMPT, {**given_up, "detail": reason}),
                (_DISCARD, {"of": delivery_id}),
            ]
        case PartnerObjectChanged():
            noticed = {"of": event.delivery_id, "about": event.object_id}
            return [
                (_SET_EFFECT, {**noticed, "new_position": recorded.position}),
                (_SET_OBJECT, _object_row(recorded, event)),
            ]
        case PayloadsForgotten(payload_key=payload_key):
            return [(_FORGET, {"of": payload_key})]
        case other:
            raise TypeError(f"{type(other).__name__} is no event of ingress")


def _tried(
    recorded: Recorded,
    event: DeliveryProcessed | DeliveryParked,
    outcome: DeliveryStatus,
    code: str | None,
    detail: str | None,
) -> list[tuple[UpdateBase, dict[str, Any]]]:
    status = {
        "of": event.delivery_id,
        "new_status": outcome.value,
        "new_attempts": event.attempt,
        "new_code": code,
    }
    attempt = _attempt_row(recorded, event.delivery_id, event.attempt, outcome)
    return [(_ADD_ATTEMPT, {**attempt, "code": code, "detail": detail}), (_SET_STATUS, status)]


def _attempt_row(
    recorded: Recorded, delivery_id: str, attempt: int, outcome: DeliveryStatus
) -> dict[str, Any]:
    return {
        "delivery_id": delivery_id,
        "number": recorded.position,
        "attempt": attempt,
        "at": recorded.at,
        "by": recorded.actor,
        "outcome": outcome.value,
        "code": None,
        "detail": None,
    }


def _effect_rows(event: DeliveryProcessed) -> list[dict[str, Any]]:
    return [
        {
            "delivery_id": event.delivery_id,
            "attempt": event.attempt,
            "object_id": object_id_of(event.partner, event.endpoint, change),
            "kind": change.kind,
            "partner_id": change.partner_id,
            "position": None,
        }
        for change in event.changes
    ]


def _object_row(recorded: Recorded, event: PartnerObjectChanged) -> dict[str, Any]:
    change = event.change
    return {
        "object_id": event.object_id,
        "partner": event.partner,
        "endpoint": event.endpoint,
        "kind": change.kind,
        "partner_id": change.partner_id,
        "version": change.version,
        "is_deleted": change.is_deleted,
        "status": change.status,
        "facts": change.facts,
        "delivery_id": event.delivery_id,
        "position": recorded.position,
    }


def _keys(recorded: Recorded) -> list[str]:
    match event := recorded.data:
        case PartnerObjectChanged(partner=partner, delivery_id=delivery_id):
            return [f"objects.{partner}", f"delivery.{delivery_id}"]
        case PayloadsForgotten():
            return ["deliveries", "payloads"]
        case DeliveryReceived() | DeliveryProcessed() | DeliveryParked() | DeliveryDiscarded():
            return ["deliveries", f"delivery.{event.delivery_id}"]
        case _:
            return []


DELIVERIES = Projection(
    name="deliveries", log="ingress", tables=metadata, events=EVENTS, project=project
)
