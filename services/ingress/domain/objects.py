"""An object of a partner: the newest that was said of it.

Stream      evt.ingress.object.{object_id}
Invariant   what is known does not depend on the order in which it was heard, nor on how often
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.ingress import PartnerChange, PartnerObjectChanged
from contracts.ingress_private import ApplyChange, ObjectReceipt
from libs.kernel.decider import Decider
from libs.kernel.ids import derive_id
from libs.kernel.messages import Origin


@dataclass(slots=True)
class Object:
    """The state: the newest change, and the delivery that told it."""

    delivery_id: str = ""
    change: PartnerChange | None = None


def object_id_of(partner: str, endpoint: str, change: PartnerChange) -> str:
    """Our own id of a partner's object."""
    return derive_id(partner, endpoint, change.kind, change.partner_id, prefix="obj_")


def decide(command: ApplyChange, known: Object, _origin: Origin) -> Sequence[PartnerObjectChanged]:
    """Only what is newer counts; or what today's code has read differently in the same delivery."""
    if known.change is not None:
        said = newness(command.change, command.delivery_id)
        before = newness(known.change, known.delivery_id)
        is_another_reading = (
            command.delivery_id == known.delivery_id and command.change != known.change
        )
        if said <= before and not is_another_reading:
            return []
    return [
        PartnerObjectChanged(
            object_id=command.object_id,
            partner=command.partner,
            endpoint=command.endpoint,
            delivery_id=command.delivery_id,
            change=command.change,
        )
    ]


def newness(change: PartnerChange, delivery_id: str) -> tuple[bool, datetime, datetime, int, str]:
    """What is newer is greater. A deletion is final: partners do not use an id twice."""
    return change.is_deleted, change.version, change.stamped_at, change.rank, delivery_id


def evolve(known: Object, event: PartnerObjectChanged) -> Object:
    """It is known now."""
    known.delivery_id, known.change = event.delivery_id, event.change
    return known


def answer(
    command: ApplyChange,
    _events: Sequence[PartnerObjectChanged],
    _known: Object,
    _origin: Origin,
) -> ObjectReceipt:
    """It was taken notice of."""
    return ObjectReceipt(object_id=command.object_id)


OBJECT = Decider(
    aggregate="object",
    commands=(ApplyChange,),
    events=(PartnerObjectChanged,),
    state=Object,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
