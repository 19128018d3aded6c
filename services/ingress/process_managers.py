"""What news of deliveries asks for: that they are processed, that others learn of it, and that what
they hold is forgotten in time.
"""

from collections.abc import Sequence

from contracts.ingress import (
    DeliveryProcessed,
    DeliveryReceived,
    ForgetPayloads,
    PartnerChange,
    PayloadsOpened,
)
from contracts.ingress_private import ApplyChange, ProcessInbox
from libs.kernel.reactions import ProcessManager, Reaction, Schedule, Send
from libs.kernel.recorded import Recorded
from services.ingress.domain.objects import newness, object_id_of


def process_managers() -> list[ProcessManager]:
    """All of ingress's."""
    return [
        ProcessManager("inboxes", "ingress", "inbox", (DeliveryReceived,), process),
        ProcessManager("changes", "ingress", "inbox", (DeliveryProcessed,), tell_changes),
        ProcessManager("payloads", "ingress", "payloads", (PayloadsOpened,), forget_in_time),
    ]


def process(recorded: Recorded) -> Sequence[Reaction]:
    """What was received is processed, after what was there before it."""
    return [Send(ProcessInbox(inbox_id=recorded.aggregate_id))]


def tell_changes(recorded: Recorded) -> Sequence[Reaction]:
    """What a delivery says of each object, that object learns: the newest, if it says several."""
    match recorded.data:
        case DeliveryProcessed() as processed:
            newest: dict[str, PartnerChange] = {}
            for change in sorted(processed.changes, key=lambda each: newness(each, "")):
                newest[object_id_of(processed.partner, processed.endpoint, change)] = change
            return [
                Send(
                    ApplyChange(
                        object_id=object_id,
                        partner=processed.partner,
                        endpoint=processed.endpoint,
                        delivery_id=processed.delivery_id,
                        change=change,
                    )
                )
                for object_id, change in newest.items()
            ]
        case _:
            return []


def forget_in_time(recorded: Recorded) -> Sequence[Reaction]:
    """Payloads are forgotten when their time has come."""
    match recorded.data:
        case PayloadsOpened(payload_key=payload_key, until=until):
            return [Schedule(payload_key, until, ForgetPayloads(payload_key=payload_key))]
        case _:
            return []
