"""Luma: events of a calendar, and the guests and tickets of an event.

Nothing in a body says how new it is, so the time of the signature does; of what is said within one
second, an update is newer than what it updates. Of guests only ids and standing are read.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from contracts.ingress import PartnerChange
from services.ingress.domain.partners.reading import About, facts, needed_id, partner_id, text

_KINDS: Final = {
    "event.created": ("event", 0),
    "event.updated": ("event", 1),
    "event.canceled": ("event", 2),
    "calendar.event.added": ("calendar-event", 0),
    "guest.registered": ("guest", 0),
    "guest.updated": ("guest", 1),
    "ticket.registered": ("ticket", 0),
    "calendar.person.subscribed": ("person", 0),
}
_FACTS: Final = (
    "calendar.id",
    "calendar_id",
    "end_at",
    "event.calendar_id",
    "event.id",
    "location_type",
    "start_at",
    "timezone",
    "url",
    "user_id",
    "visibility",
    "waitlist_status",
)


def about(document: Any) -> About:
    """The type, and the object in `data`."""
    return About(text(document, "type"), partner_id(document, "data", "id"))


def changes(document: Any, sent_at: datetime) -> Sequence[PartnerChange]:
    """What is said of the object in `data`."""
    event_type = text(document, "type")
    if event_type not in _KINDS:
        return []
    kind, rank = _KINDS[event_type]
    is_canceled = event_type == "event.canceled"
    return [
        PartnerChange(
            kind=kind,
            partner_id=needed_id(document, "data", "id"),
            version=sent_at,
            stamped_at=sent_at,
            rank=rank,
            status="canceled" if is_canceled else text(document, "data", "approval_status"),
            facts=facts(document.get("data"), *_FACTS),
        )
    ]
