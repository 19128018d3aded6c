"""A webhook of a partner system: what it wants to be told, and whether it can be told anything.

Stream      evt.ingress.webhook.{webhook_id}
Invariant   one that has not taken anything for DISABLED_AFTER is sent nothing any more
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, assert_never

from contracts.ingress_private import NoteOutcome, SetUpWebhook
from contracts.ingress_webhooks import (
    ChangeWebhook,
    DisabledBecause,
    DisableWebhook,
    EnableWebhook,
    RemoveWebhook,
    RotateWebhookSecret,
    Topic,
    WebhookChanged,
    WebhookDisabled,
    WebhookEnabled,
    WebhookFailing,
    WebhookReceipt,
    WebhookRecovered,
    WebhookRegistered,
    WebhookRemoved,
    WebhookSecretRotated,
    WebhookStatus,
    WebhookUnknown,
)
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin

DISABLED_AFTER: Final = timedelta(days=5)
OVERLAP: Final = timedelta(days=1)
"""How long messages are signed with the secret before as well."""

AT_ONCE: Final = timedelta(minutes=1)
"""Who asks for another secret twice within this time wanted one."""

type WebhookCommand = (
    SetUpWebhook
    | ChangeWebhook
    | RotateWebhookSecret
    | EnableWebhook
    | DisableWebhook
    | RemoveWebhook
    | NoteOutcome
)
type WebhookEvent = (
    WebhookRegistered
    | WebhookChanged
    | WebhookSecretRotated
    | WebhookEnabled
    | WebhookDisabled
    | WebhookRemoved
    | WebhookFailing
    | WebhookRecovered
)


@dataclass(slots=True)
class Webhook:
    """The state. `generation` is that of its secret."""

    url: str = ""
    topics: list[Topic] = field(default_factory=list)
    description: str = ""
    status: WebhookStatus | None = None
    registered_at: datetime | None = None
    failing_since: datetime | None = None
    generation: int = 1
    rotated_at: datetime | None = None

    @property
    def is_there(self) -> bool:
        return self.status in {WebhookStatus.ENABLED, WebhookStatus.DISABLED}

    def generations(self, at: datetime) -> list[int]:
        """The secrets to sign with, the newest first."""
        if self.rotated_at is not None and at < self.rotated_at + OVERLAP:
            return [self.generation, self.generation - 1]
        return [self.generation]


def decide(command: WebhookCommand, webhook: Webhook, origin: Origin) -> Sequence[WebhookEvent]:
    """The rules. raises   WebhookUnknown"""
    if isinstance(command, SetUpWebhook):
        return _set_up(command, webhook, origin)
    if isinstance(command, NoteOutcome):
        return _note(command, webhook)
    if isinstance(command, RemoveWebhook) and webhook.status is WebhookStatus.REMOVED:
        return []
    if not webhook.is_there:
        raise WebhookUnknown
    match command:
        case ChangeWebhook():
            return _change(command, webhook)
        case RotateWebhookSecret(webhook_id=webhook_id):
            return _rotate(webhook_id, webhook, origin)
        case EnableWebhook(webhook_id=webhook_id):
            is_so = webhook.status is WebhookStatus.ENABLED
            return [] if is_so else [WebhookEnabled(webhook_id=webhook_id)]
        case DisableWebhook(webhook_id=webhook_id):
            is_so = webhook.status is WebhookStatus.DISABLED
            because = DisabledBecause.ADMINISTRATOR
            return [] if is_so else [WebhookDisabled(webhook_id=webhook_id, because=because)]
        case RemoveWebhook(webhook_id=webhook_id):
            return [WebhookRemoved(webhook_id=webhook_id)]
        case _:
            assert_never(command)


def _change(command: ChangeWebhook, webhook: Webhook) -> Sequence[WebhookEvent]:
    changed = WebhookChanged(**vars(command))
    known = (webhook.url, webhook.topics, webhook.description)
    return [] if known == (changed.url, changed.topics, changed.description) else [changed]


def _rotate(webhook_id: str, webhook: Webhook, origin: Origin) -> Sequence[WebhookEvent]:
    if webhook.rotated_at is not None and origin.at < webhook.rotated_at + AT_ONCE:
        return []
    generation = webhook.generation + 1
    return [
        WebhookSecretRotated(webhook_id=webhook_id, generation=generation, rotated_at=origin.at)
    ]


def _set_up(command: SetUpWebhook, webhook: Webhook, origin: Origin) -> Sequence[WebhookEvent]:
    if webhook.status is not None:
        return []
    return [
        WebhookRegistered(
            webhook_id=command.webhook_id,
            url=command.url,
            topics=command.topics,
            description=command.description,
            registered_at=origin.at,
        )
    ]


def _note(command: NoteOutcome, webhook: Webhook) -> Sequence[WebhookEvent]:
    """What one message says of the standing of a webhook. One that is disabled has none."""
    webhook_id = command.webhook_id
    if webhook.status is not WebhookStatus.ENABLED:
        return []
    if command.is_taken:
        return [] if webhook.failing_since is None else [WebhookRecovered(webhook_id=webhook_id)]
    if command.is_gone:
        return [WebhookDisabled(webhook_id=webhook_id, because=DisabledBecause.GONE)]
    if webhook.failing_since is None:
        return [WebhookFailing(webhook_id=webhook_id, since=command.at)]
    if command.at - webhook.failing_since >= DISABLED_AFTER:
        return [WebhookDisabled(webhook_id=webhook_id, because=DisabledBecause.FAILING)]
    return []


def evolve(webhook: Webhook, event: WebhookEvent) -> Webhook:
    """What a fact does to a webhook."""
    match event:
        case WebhookRegistered(url=url, topics=topics, description=description):
            webhook.url, webhook.topics, webhook.description = url, topics, description
            webhook.status, webhook.registered_at = WebhookStatus.ENABLED, event.registered_at
        case WebhookChanged(url=url, topics=topics, description=description):
            webhook.url, webhook.topics, webhook.description = url, topics, description
        case WebhookSecretRotated(generation=generation, rotated_at=rotated_at):
            webhook.generation, webhook.rotated_at = generation, rotated_at
        case WebhookEnabled():
            webhook.status, webhook.failing_since = WebhookStatus.ENABLED, None
        case WebhookDisabled():
            webhook.status = WebhookStatus.DISABLED
        case WebhookRemoved():
            webhook.status = WebhookStatus.REMOVED
        case WebhookFailing(since=since):
            webhook.failing_since = since
        case WebhookRecovered():
            webhook.failing_since = None
        case _:
            assert_never(event)
    return webhook


def answer(
    command: WebhookCommand, _events: Sequence[WebhookEvent], webhook: Webhook, _origin: Origin
) -> WebhookReceipt:
    """How it stands. Its secret is added on the way out: the log does not hold it."""
    status = webhook.status or WebhookStatus.REMOVED
    return WebhookReceipt(webhook_id=command.webhook_id, status=status)


WEBHOOK = Decider(
    aggregate="webhook",
    commands=members(WebhookCommand),
    events=members(WebhookEvent),
    state=Webhook,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
