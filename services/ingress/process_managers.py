"""What news asks for: that deliveries are processed, that others learn of it, and that what they
hold is forgotten in time; that partner systems are told of what happens here, over days if need be.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from contracts.ingress import (
    DeliveryProcessed,
    DeliveryReceived,
    ForgetPayloads,
    PartnerChange,
    PayloadsOpened,
)
from contracts.ingress_private import (
    Announce,
    ApplyChange,
    AttemptMessage,
    NoteOutcome,
    ProcessInbox,
)
from contracts.ingress_webhooks import (
    MessageAttempted,
    MessageDelivered,
    MessageFailed,
    MessageGivenUp,
    MessageQueued,
    MessageResent,
)
from libs.kernel.ids import derive_id
from libs.kernel.messages import Event
from libs.kernel.reactions import Cancel, ProcessManager, Reaction, Schedule, Send
from libs.kernel.recorded import Recorded
from services.ingress.domain.objects import newness, object_id_of
from services.ingress.domain.topics import PUBLICATIONS, told_of


def process_managers() -> list[ProcessManager]:
    """All of ingress's."""
    return [
        ProcessManager(
            "deliveries", "ingress", "inbox", (DeliveryReceived, DeliveryProcessed), process
        ),
        ProcessManager("payloads", "ingress", "payloads", (PayloadsOpened,), forget_in_time),
        *_announcements(),
        ProcessManager("messages", "ingress", "message", MESSAGE_EVENTS, send_message),
    ]


def _announcements() -> Iterator[ProcessManager]:
    """One for each kind of stream that partner systems are told of."""
    of_stream: dict[tuple[str, str], list[type[Event]]] = {}
    for event, publication in PUBLICATIONS.items():
        of_stream.setdefault((publication.log, publication.aggregate), []).append(event)
    for (log, aggregate), events in of_stream.items():
        name = f"announcements-{aggregate}"
        yield ProcessManager(name, log, aggregate, tuple(events), announce)


def process(recorded: Recorded) -> Sequence[Reaction]:
    """What was received is processed, after what was there before it; and what it says of each
    object, that object learns.
    """
    match recorded.data:
        case DeliveryReceived(inbox_id=inbox_id):
            return [Send(ProcessInbox(inbox_id=inbox_id))]
        case DeliveryProcessed() as processed:
            return tell_changes(processed)
        case _:
            return []


def tell_changes(processed: DeliveryProcessed) -> Sequence[Send]:
    """One command for each object; of what a delivery says several times, the newest."""
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


def forget_in_time(recorded: Recorded) -> Sequence[Reaction]:
    """Payloads are forgotten when their time has come."""
    match recorded.data:
        case PayloadsOpened(payload_key=payload_key, until=until):
            return [Schedule(payload_key, until, ForgetPayloads(payload_key=payload_key))]
        case _:
            return []


# ---------------------------------------------------------------------------------- to others

GONE: Final = 410
MESSAGE_EVENTS: Final = (
    MessageQueued,
    MessageAttempted,
    MessageDelivered,
    MessageFailed,
    MessageGivenUp,
    MessageResent,
)
UNKNOWN_AFTER: Final = timedelta(minutes=2)
"""Whoever sends a message knows by then what became of it, or will never know."""


def announce(recorded: Recorded) -> Sequence[Reaction]:
    """What partner systems want to be told of, they are told."""
    told = told_of(recorded.data)
    if told is None:
        return []
    topic, data = told
    return [
        Send(
            Announce(
                announcement_id=derive_id(recorded.id, prefix="ann_"),
                topic=topic,
                occurred_at=recorded.at,
                data=data,
            )
        )
    ]


def send_message(recorded: Recorded) -> Sequence[Reaction]:
    """A message is sent at once, again when its time has come, and again when it is not known what
    became of it. What became of it is known to its webhook.

    A message has one schedule, which each of these replaces.
    """
    match event := recorded.data:
        case MessageQueued(message_id=message_id):
            return [Send(AttemptMessage(message_id=message_id, attempt=1))]
        case MessageResent(message_id=message_id, attempt=attempt):
            return [Send(AttemptMessage(message_id=message_id, attempt=attempt))]
        case MessageAttempted(message_id=message_id, attempt=attempt):
            again = AttemptMessage(message_id=message_id, attempt=attempt, round=event.round + 1)
            return [Schedule(message_id, recorded.at + UNKNOWN_AFTER, again)]
        case MessageFailed(message_id=message_id, attempt=attempt, next_at=next_at):
            again = AttemptMessage(message_id=message_id, attempt=attempt + 1)
            return [Schedule(message_id, next_at, again), _noted(recorded, event)]
        case MessageDelivered(message_id=message_id) | MessageGivenUp(message_id=message_id):
            return [Cancel(message_id), _noted(recorded, event)]
        case _:
            return []


def _noted(recorded: Recorded, event: MessageDelivered | MessageFailed | MessageGivenUp) -> Send:
    return Send(
        NoteOutcome(
            webhook_id=event.webhook_id,
            is_taken=isinstance(event, MessageDelivered),
            is_gone=event.status == GONE,
            at=recorded.at,
        )
    )
