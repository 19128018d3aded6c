"""Bodies as Standard Webhooks recommends them: `{"type", "timestamp", "data": {"id", …}}`.

source    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from contracts.ingress import PartnerChange
from services.ingress.domain.partners.reading import About, moment, partner_id, text


def about(document: Any) -> About:
    """The type, and the object in `data`."""
    return About(text(document, "type"), partner_id(document, "data", "id"))


def changes(document: Any, sent_at: datetime) -> Sequence[PartnerChange]:
    """What is said of the object in `data`, if there is one. `invoice.paid` is about an invoice."""
    event_type = text(document, "type")
    kind, _, verb = event_type.rpartition(".")
    found = partner_id(document, "data", "id")
    if not kind or found is None:
        return []
    stamped_at = moment(document, "timestamp") or sent_at
    return [
        PartnerChange(
            kind=kind,
            partner_id=found,
            version=stamped_at,
            stamped_at=sent_at,
            is_deleted=verb == "deleted",
            status=text(document, "data", "status"),
        )
    ]
