"""Who wants to be told of what: kept from our own log, a moment behind it."""

import asyncio
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
from libs.eventlog import EventLog
from services.ingress.domain.webhooks import WEBHOOK, Webhook

KNOWN_SECONDS_MAX: Final = 60.0
_EVENTS: Final = (
    WebhookRegistered,
    WebhookChanged,
    WebhookEnabled,
    WebhookDisabled,
    WebhookRemoved,
)


class Subscribers:
    """Every webhook, as far as its address and topics go."""

    def __init__(self) -> None:
        self._webhooks: dict[str, Webhook] = {}
        self._caught_up = asyncio.Event()

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

    async def known(self) -> None:
        """Return once the log has been read to its end. raises   TimeoutError"""
        async with asyncio.timeout(KNOWN_SECONDS_MAX):
            await self._caught_up.wait()

    async def follow(self, log: EventLog) -> None:
        """Read the log from its beginning and go on as it grows. Never ends."""
        webhooks = log.follow(after=0, aggregate=WEBHOOK.aggregate, events=_EVENTS)
        async for commits in webhooks:
            for commit in commits:
                webhook = self._webhooks.setdefault(commit.aggregate_id, WEBHOOK.state())
                for recorded in commit.events:
                    WEBHOOK.evolve(webhook, recorded.data)
            if not commits:
                self._caught_up.set()
