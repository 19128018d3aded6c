"""Instagram, over Meta's Graph webhooks: comments and messages.

One delivery may hold several entries, and an entry several items. Comments come in two envelopes
(`changes` of an entry, or flat in it), the root is sometimes an array, and times are seconds,
milliseconds, numbers in texts or ISO 8601. What we wrote ourselves comes back as an echo. Texts and
names are not read: they are personal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from contracts.ingress import PartnerChange
from services.ingress.domain.partners.reading import (
    About,
    at,
    facts,
    moment,
    needed_id,
    partner_id,
    text,
)

_COMMENTS: Final = frozenset({"comments", "live_comments"})
_TEST_ACCOUNT: Final = "0"
"""Whose account the test button of the dashboard names."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One thing in a delivery. `field` is what Meta calls its kind: comments, messaging, …"""

    entry: Any
    field: str
    value: Any


def about(document: Any) -> About:
    """The kind of what is in it, and that thing if it is one; the account if they are several."""
    items = list(_items(document))
    event_type = items[0].field if items else text(document, "object")
    accounts = {partner_id(item.entry, "id") for item in items}
    if len(items) == 1:
        return About(event_type, _id_of(items[0]) or accounts.pop())
    return About(event_type, accounts.pop() if len(accounts) == 1 else None)


def changes(document: Any, sent_at: datetime) -> Sequence[PartnerChange]:
    """What is said of comments and messages; of anything else, and of our own, nothing."""
    return [
        change
        for item in _items(document)
        if not _is_own(item) and at(item.entry, "id") != _TEST_ACCOUNT
        for change in _of_item(item, sent_at)
    ]


def _items(document: Any) -> Iterator[_Item]:
    for root in document if isinstance(document, list) else [document]:
        for entry in _list(at(root, "entry")):
            for change in _list(at(entry, "changes")):
                yield _Item(entry, text(change, "field"), at(change, "value"))
            for messaging in _list(at(entry, "messaging")):
                yield _Item(entry, "messaging", messaging)
            if isinstance(at(entry, "field"), str):
                yield _Item(entry, text(entry, "field"), at(entry, "value"))


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _id_of(item: _Item) -> str | None:
    if item.field == "messaging":
        return partner_id(item.value, "message", "mid")
    return partner_id(item.value, "id")


def _is_own(item: _Item) -> bool:
    author = at(item.value, "from", "id")
    is_ours = author is not None and author == at(item.entry, "id")
    is_echo = at(item.value, "message", "is_echo") is True
    return is_ours or is_echo or at(item.value, "from", "self_ig_scoped_id") is not None


def _of_item(item: _Item, sent_at: datetime) -> Iterator[PartnerChange]:
    account = facts(item.entry, "id")
    if item.field in _COMMENTS:
        at_moment = moment(item.entry, "time") or sent_at
        yield PartnerChange(
            kind="comment",
            partner_id=needed_id(item.value, "id"),
            version=at_moment,
            stamped_at=at_moment,
            facts={"account_id": account.get("id", ""), **facts(item.value, "media.id", "from.id")},
        )
    elif item.field == "messaging" and isinstance(at(item.value, "message"), dict):
        at_moment = moment(item.value, "timestamp") or moment(item.entry, "time") or sent_at
        yield PartnerChange(
            kind="message",
            partner_id=needed_id(item.value, "message", "mid"),
            version=at_moment,
            stamped_at=at_moment,
            is_deleted=at(item.value, "message", "is_deleted") is True,
            facts={"account_id": account.get("id", ""), **facts(item.value, "sender.id")},
        )
