"""Who wants to be told of what: kept from our own log, a moment behind it."""

from datetime import datetime
from typing import Final

from contracts.ingress_webhooks import (
    Topic,
    WebhookChanged,
    WebhookDisabled,
    WebhookEnabled,
    WebhookRegistered,
    WebhookRemoved,
    WebhookStatus,
)
from libs.eventlog.mirror import Mirror
from libs.kernel.recorded import Recorded
from services.ingress.domain.webhooks import WEBHOOK, Webhook

_EVENTS: Final = (
    WebhookRegistered,
    WebhookChanged,
    WebhookEnabled,
    WebhookDisabled,
    WebhookRemoved,
)


class Subscribers(Mirror):
    """Every webhook, as far as its address and topics go."""

    def __init__(self) -> None:
        super().__init__(WEBHOOK.aggregate, _EVENTS)
        self._webhooks: dict[str, Webhook] = {}

    def of(self, topic: Topic, occurred_at: datetime) -> list[str]:
        """The webhooks to be told of something. Of what was before them they are not told."""
        return [
            webhook_id
            for webhook_id, webhook in self._webhooks.items()
            if webhook.status is WebhookStatus.ENABLED
            and topic in webhook.topics
            and webhook.registered_at is not None
            and webhook.registered_at <= occurred_at
        ]

    def apply(self, recorded: Recorded) -> None:
        """See `Mirror.apply`."""
        webhook = self._webhooks.setdefault(recorded.aggregate_id, WEBHOOK.state())
        WEBHOOK.evolve(webhook, recorded.data)
