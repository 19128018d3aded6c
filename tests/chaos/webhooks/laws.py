"""What must be true of ingress' log when everything that was sent has been taken."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from contracts.ingress import (
    DeliveryDiscarded,
    DeliveryParked,
    DeliveryProcessed,
    DeliveryReceived,
    PartnerChange,
    PartnerObjectChanged,
)
from libs.eventlog.model import RecordedCommit
from services.ingress.domain.objects import newness
from tests.chaos.webhooks.partners import Delivery

EVENTS = (
    DeliveryReceived,
    DeliveryProcessed,
    DeliveryParked,
    DeliveryDiscarded,
    PartnerObjectChanged,
)


type Newness = tuple[bool, datetime, datetime, int, str]
type Told = tuple[str, PartnerChange]


@dataclass
class Inbox:
    """The deliveries about one thing, by our ids, in the order in which they were recorded."""

    received: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    parked: Counter[str] = field(default_factory=Counter)
    discarded: list[str] = field(default_factory=list)

    def to_do(self) -> list[str]:
        """Those that must be processed: all up to one that is parked, unless it was given up."""
        found = []
        for delivery_id in self.received:
            if delivery_id in self.discarded:
                continue
            if delivery_id in self.parked:
                break
            found.append(delivery_id)
        return found


@dataclass
class Kept:
    """What is in the log.

    received   the partner's ids of all deliveries, as often as they were recorded
    ours       our ids of them
    said       the newest that a processed delivery says of each object of the partner
    changes    what became known of each: delivery and change, oldest first
    """

    received: Counter[str] = field(default_factory=Counter)
    ours: dict[str, str] = field(default_factory=dict)
    inboxes: dict[str, Inbox] = field(default_factory=dict)
    said: dict[str, Newness] = field(default_factory=dict)
    changes: dict[str, list[Told]] = field(default_factory=dict)

    @property
    def is_settled(self) -> bool:
        """Whether all was processed that nothing stands in the way of, and objects know of it."""
        return all(
            set(inbox.to_do()) <= inbox.done.keys() for inbox in self.inboxes.values()
        ) and all(
            partner_id in self.changes and _newness(self.changes[partner_id][-1]) >= said
            for partner_id, said in self.said.items()
        )


def kept_of(commits: Iterable[RecordedCommit]) -> Kept:
    """Read the log."""
    kept = Kept()
    for commit in commits:
        inbox = Inbox()
        if commit.aggregate == "inbox":
            inbox = kept.inboxes.setdefault(commit.aggregate_id, inbox)
        for event in (each.data for each in commit.events):
            match event:
                case DeliveryReceived(provider_id=provider_id, delivery_id=delivery_id):
                    kept.received[provider_id] += 1
                    kept.ours[provider_id] = delivery_id
                    inbox.received.append(delivery_id)
                case DeliveryProcessed(delivery_id=delivery_id, changes=changes):
                    inbox.done[delivery_id] += 1
                    for change in changes:
                        said = _newness((delivery_id, change))
                        before = kept.said.get(change.partner_id, said)
                        kept.said[change.partner_id] = max(said, before)
                case DeliveryParked(delivery_id=delivery_id):
                    inbox.parked[delivery_id] += 1
                case DeliveryDiscarded(delivery_id=delivery_id):
                    inbox.discarded.append(delivery_id)
                case PartnerObjectChanged(delivery_id=delivery_id, change=change):
                    known = kept.changes.setdefault(change.partner_id, [])
                    known.append((delivery_id, change))
    return kept


def violations(kept: Kept, sent: Sequence[Delivery]) -> list[str]:
    """What was promised and is not so, in words."""
    return [*_kept_once(kept, sent), *_done_once(kept), *_parked(kept, sent), *_known(kept, sent)]


def _kept_once(kept: Kept, sent: Sequence[Delivery]) -> Iterable[str]:
    known = {each.message_id for each in sent}
    for each in sent:
        times = kept.received[each.message_id]
        if each.is_forged and times:
            yield f"{each.message_id} is forged, and in the log"
        elif not each.is_forged and times != 1:
            yield f"{each.message_id} was taken, and is in the log {times} times"
    for message_id in kept.received.keys() - known:
        yield f"{message_id} is in the log, and nobody sent it"


def _done_once(kept: Kept) -> Iterable[str]:
    for inbox in kept.inboxes.values():
        wanted = inbox.to_do()
        for delivery_id in wanted:
            if inbox.done[delivery_id] != 1:
                yield f"{delivery_id} was processed {inbox.done[delivery_id]} times"
        for delivery_id in inbox.done.keys() - set(wanted):
            yield f"{delivery_id} was processed, and stood behind one that is parked"


def _parked(kept: Kept, sent: Sequence[Delivery]) -> Iterable[str]:
    """What cannot be read is parked once, and nothing else is."""
    damaged = {
        kept.ours[each.message_id]
        for each in sent
        if not each.is_readable and not each.is_forged and each.message_id in kept.ours
    }
    parked = sum((inbox.parked for inbox in kept.inboxes.values()), Counter[str]())
    yield from (f"{each} cannot be read, and is not parked" for each in damaged - parked.keys())
    yield from (f"{each} is parked, and can be read" for each in parked.keys() - damaged)
    yield from (f"{each} is parked {n} times" for each, n in parked.items() if n > 1)


def _known(kept: Kept, sent: Sequence[Delivery]) -> Iterable[str]:
    """Each object is as the newest of what was processed says, and each delivery told it once."""
    done = {each for inbox in kept.inboxes.values() for each in inbox.done}
    newest: dict[str, int] = {}
    for each in sent:
        if each.is_readable and kept.ours.get(each.message_id) in done:
            newest[each.thing] = max(each.version, newest.get(each.thing, -1))
    for thing, version in newest.items():
        changes = kept.changes.get(thing, [])
        if not changes or changes[-1][1].status != f"state {version}":
            yield f"{thing} is not as version {version} says"
        order = [_newness(each) for each in changes]
        if order != sorted(set(order)):
            yield f"{thing} went back, or was told of one delivery twice"
    yield from (f"{thing} is known of nothing" for thing in kept.changes.keys() - newest.keys())


def _newness(told: Told) -> Newness:
    """Of two things that were said of an object, the greater one counts."""
    delivery_id, change = told
    return newness(change, delivery_id)
