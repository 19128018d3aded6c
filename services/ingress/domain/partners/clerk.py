"""Clerk: users, sessions, organizations and their memberships, over Svix.

`timestamp` is documented in milliseconds and stands in seconds in the vendor's own examples. An
object that is deleted has nothing but its id left. Of users only ids are read:
the rest is personal.
"""

from collections.abc import Sequence
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

_FACTS: Final = (
    "external_id",
    "organization.id",
    "organization_id",
    "plan.slug",
    "public_user_data.user_id",
    "role",
    "slug",
    "user_id",
)


def about(document: Any) -> About:
    """The type, and the object in `data`."""
    return About(text(document, "type"), partner_id(document, "data", "id"))


def changes(document: Any, sent_at: datetime) -> Sequence[PartnerChange]:
    """What is said of the object in `data`."""
    kind, _, verb = text(document, "type").rpartition(".")
    if not kind:
        return []
    stamped_at = moment(document, "timestamp") or sent_at
    return [
        PartnerChange(
            kind=kind,
            partner_id=needed_id(document, "data", "id"),
            version=moment(document, "data", "updated_at") or stamped_at,
            stamped_at=stamped_at,
            is_deleted=verb == "deleted" or at(document, "data", "deleted") is True,
            status=text(document, "data", "status"),
            facts=facts(document.get("data"), *_FACTS),
        )
    ]
