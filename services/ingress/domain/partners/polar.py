"""Polar: subscriptions, orders, customers and the rest of its billing.

Deliveries overtake each other (polarsource/polar issue 6751: `active`, `updated`, `created`), and
`subscription.updated` repeats what the specific event says. So what counts is the row itself: when
it was last modified, then when the event was made.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from contracts.ingress import PartnerChange
from services.ingress.domain.partners.reading import (
    About,
    facts,
    moment,
    needed_id,
    partner_id,
    text,
)

_KINDS: Final = frozenset(
    {
        "benefit",
        "benefit_grant",
        "checkout",
        "customer",
        "order",
        "product",
        "refund",
        "subscription",
    }
)
_FACTS: Final = (
    "amount",
    "billing_reason",
    "cancel_at_period_end",
    "currency",
    "current_period_end",
    "current_period_start",
    "customer.external_id",
    "customer_id",
    "is_granted",
    "is_revoked",
    "paid",
    "product_id",
    "subscription_id",
    "total_amount",
)


def about(document: Any) -> About:
    """The type, and the object; what concerns a subscription stands in line with it."""
    kind = text(document, "type").partition(".")[0]
    found = partner_id(document, "data", "subscription_id") or partner_id(document, "data", "id")
    return About(text(document, "type"), found if kind in _KINDS else None)


def changes(document: Any, sent_at: datetime) -> Sequence[PartnerChange]:
    """What is said of the row in `data`."""
    kind, _, verb = text(document, "type").partition(".")
    if kind not in _KINDS:
        return []
    stamped_at = moment(document, "timestamp") or sent_at
    modified_at = moment(document, "data", "modified_at") or moment(document, "data", "created_at")
    return [
        PartnerChange(
            kind=kind,
            partner_id=needed_id(document, "data", "id"),
            version=modified_at or stamped_at,
            stamped_at=stamped_at,
            is_deleted=verb == "deleted",
            status=text(document, "data", "status"),
            facts=facts(document.get("data"), *_FACTS),
        )
    ]
