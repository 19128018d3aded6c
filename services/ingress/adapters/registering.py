"""Registering webhooks: addresses are looked at on the way in, secrets shown on the way out."""

from dataclasses import dataclass
from typing import Any

from contracts.ingress_private import SetUpWebhook
from contracts.ingress_webhooks import ChangeWebhook, RegisterWebhook, RotateWebhookSecret
from libs.eventlog import EventLog
from libs.eventlog.states import state_of
from libs.kernel.messages import Origin, registry
from services.ingress.adapters.destinations import Destinations
from services.ingress.adapters.sender import secret_of
from services.ingress.domain.webhooks import WEBHOOK


@dataclass(frozen=True, slots=True)
class Registering:
    """What commands about webhooks need beside the rules."""

    log: EventLog
    destinations: Destinations
    master: str | None

    async def register(self, command: RegisterWebhook, origin: Origin) -> SetUpWebhook:
        """Look at the address of a new one. raises   WebhookUrlRefused"""
        self.destinations.check(command.url)
        spec = registry.command_of[RegisterWebhook]
        webhook_id = spec.aggregate_id(command, origin.actor, origin.command_id)
        return SetUpWebhook(webhook_id=webhook_id, **vars(command))

    async def change(self, command: ChangeWebhook, _origin: Origin) -> ChangeWebhook:
        """Look at its new address. raises   WebhookUrlRefused"""
        self.destinations.check(command.url)
        return command

    async def show_secret(
        self,
        _command: SetUpWebhook | RotateWebhookSecret,
        answer: dict[str, Any],
        _origin: Origin,
    ) -> dict[str, Any]:
        """Add the secret, as it is now, for the administrator who has just asked for it."""
        webhook_id = answer["webhook_id"]
        webhook = await state_of(self.log, WEBHOOK, webhook_id)
        return {**answer, "secret": secret_of(self.master, webhook_id, webhook.generation)}
