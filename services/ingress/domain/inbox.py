"""An inbox: the deliveries of one endpoint about one thing, kept as they came, processed in order.

Stream      evt.ingress.inbox.{inbox_id}
Invariants  a delivery is recorded once, however often it is sent; one that cannot be read is
            parked, and what came after it waits; nothing is processed out of its turn but by
            an administrator
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from contracts.ingress import (
    DeliveryDiscarded,
    DeliveryNotParked,
    DeliveryParked,
    DeliveryProcessed,
    DeliveryReceipt,
    DeliveryReceived,
    DeliveryStatus,
    DeliveryUnknown,
    DiscardDelivery,
    PayloadForgotten,
    Profile,
)
from contracts.ingress_private import InboxReceipt, ProcessAgain, ProcessInbox, ReceiveDelivery
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin
from services.ingress.domain import partners

type InboxCommand = ReceiveDelivery | ProcessInbox | ProcessAgain | DiscardDelivery
type InboxEvent = DeliveryReceived | DeliveryProcessed | DeliveryParked | DeliveryDiscarded

UNREADABLE = "unreadable"
BROKEN = "broken"


@dataclass(slots=True)
class Delivery:
    """One of them. `body` is kept until it is processed."""

    partner: str
    endpoint: str
    profile: Profile
    sent_at: datetime
    body: str | None
    status: DeliveryStatus = DeliveryStatus.WAITING
    attempts: int = 0


@dataclass(slots=True)
class Inbox:
    """The state: deliveries by their ids, in the order in which they came; and what was signed."""

    deliveries: dict[str, Delivery] = field(default_factory=dict)
    signed: dict[str, str] = field(default_factory=dict)  # digest -> delivery_id

    def known(self, delivery_id: str, digest: str) -> str | None:
        """The delivery that this is: by its id, or by what was signed. None when it is new."""
        return delivery_id if delivery_id in self.deliveries else self.signed.get(digest)

    def undone(self) -> Iterator[tuple[str, Delivery]]:
        """Those that are not done with."""
        for delivery_id, delivery in self.deliveries.items():
            if delivery.status in {DeliveryStatus.WAITING, DeliveryStatus.PARKED}:
                yield delivery_id, delivery


def decide(command: InboxCommand, inbox: Inbox, origin: Origin) -> Sequence[InboxEvent]:
    """The rules. raises   DeliveryUnknown, DeliveryNotParked, PayloadForgotten"""
    match command:
        case ReceiveDelivery():
            known = inbox.known(command.delivery_id, command.digest)
            return [DeliveryReceived(**vars(command))] if known is None else []
        case ProcessInbox():
            return list(_process(inbox))
        case ProcessAgain(delivery_id=delivery_id, body=body):
            return _process_again(inbox, delivery_id, body)
        case DiscardDelivery(delivery_id=delivery_id, reason=reason):
            return _discard(inbox, delivery_id, reason, origin)
        case _:
            assert_never(command)


def _process(inbox: Inbox, after: str | None = None) -> Iterator[InboxEvent]:
    """What comes of all that waits, up to the first that fails.

    after   one that is being dealt with otherwise, and no longer in the way
    """
    for delivery_id, delivery in inbox.undone():
        if delivery_id == after:
            continue
        if delivery.status is DeliveryStatus.PARKED:
            return
        outcome = _read(delivery_id, delivery, delivery.body)
        yield outcome
        if isinstance(outcome, DeliveryParked):
            return


def _process_again(inbox: Inbox, delivery_id: str, body: str | None) -> list[InboxEvent]:
    delivery = _find(inbox, delivery_id)
    body = body if delivery.body is None else delivery.body
    if body is None:
        raise PayloadForgotten
    if delivery.status is DeliveryStatus.WAITING:
        return list(_process(inbox))  # It has its turn, and others theirs.
    outcome = _read(delivery_id, delivery, body)
    was_in_the_way = delivery.status is DeliveryStatus.PARKED
    if isinstance(outcome, DeliveryParked) or not was_in_the_way:
        return [outcome]
    return [outcome, *_process(inbox, after=delivery_id)]


def _discard(inbox: Inbox, delivery_id: str, reason: str, origin: Origin) -> list[InboxEvent]:
    delivery = _find(inbox, delivery_id)
    if delivery.status is DeliveryStatus.DISCARDED:
        return []
    if delivery.status is not DeliveryStatus.PARKED:
        raise DeliveryNotParked
    discarded = DeliveryDiscarded(delivery_id=delivery_id, by=origin.actor, reason=reason)
    return [discarded, *_process(inbox, after=delivery_id)]


def _find(inbox: Inbox, delivery_id: str) -> Delivery:
    found = inbox.deliveries.get(delivery_id)
    if found is None:
        raise DeliveryUnknown
    return found


def _read(
    delivery_id: str, delivery: Delivery, body: str | None
) -> DeliveryProcessed | DeliveryParked:
    """What is in a delivery. A body that breaks our own code is parked as one we cannot read."""
    attempt = delivery.attempts + 1
    try:
        if body is None:
            raise partners.Unreadable("its payload is no longer kept")
        changes = partners.changes(delivery.profile, body, delivery.sent_at)
    except partners.Unreadable as error:
        code, detail = UNREADABLE, str(error)
    except Exception as error:  # noqa: BLE001  # A bug of ours: parked, seen, mended, replayed.
        code, detail = BROKEN, type(error).__name__
    else:
        return DeliveryProcessed(
            delivery_id=delivery_id,
            partner=delivery.partner,
            endpoint=delivery.endpoint,
            attempt=attempt,
            changes=changes,
        )
    return DeliveryParked(delivery_id=delivery_id, attempt=attempt, code=code, detail=detail)


def evolve(inbox: Inbox, event: InboxEvent) -> Inbox:
    """What a fact does to an inbox."""
    match event:
        case DeliveryReceived():
            inbox.deliveries[event.delivery_id] = Delivery(
                partner=event.partner,
                endpoint=event.endpoint,
                profile=event.profile,
                sent_at=event.sent_at,
                body=event.body,
            )
            inbox.signed[event.digest] = event.delivery_id
        case DeliveryProcessed(delivery_id=delivery_id, attempt=attempt):
            delivery = inbox.deliveries[delivery_id]
            delivery.status, delivery.attempts = DeliveryStatus.PROCESSED, attempt
            delivery.body = None
        case DeliveryParked(delivery_id=delivery_id, attempt=attempt):
            delivery = inbox.deliveries[delivery_id]
            delivery.attempts = attempt
            if delivery.status is DeliveryStatus.WAITING:
                delivery.status = DeliveryStatus.PARKED
        case DeliveryDiscarded(delivery_id=delivery_id):
            delivery = inbox.deliveries[delivery_id]
            delivery.status, delivery.body = DeliveryStatus.DISCARDED, None
        case _:
            assert_never(event)
    return inbox


def answer(
    command: InboxCommand, _events: Sequence[InboxEvent], inbox: Inbox, _origin: Origin
) -> DeliveryReceipt | InboxReceipt:
    """How the delivery stands, or how much of the inbox is not done with."""
    if isinstance(command, ProcessInbox):
        return InboxReceipt(waiting=sum(1 for _ in inbox.undone()))
    delivery_id = command.delivery_id
    if isinstance(command, ReceiveDelivery):
        delivery_id = inbox.known(delivery_id, command.digest) or delivery_id
    status = inbox.deliveries[delivery_id].status
    return DeliveryReceipt(delivery_id=delivery_id, status=status)


INBOX = Decider(
    aggregate="inbox",
    commands=members(InboxCommand),
    events=members(InboxEvent),
    state=Inbox,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
