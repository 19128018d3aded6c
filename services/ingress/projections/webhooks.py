"""Events of our own webhooks as rows, one after the other: their order matters."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.sql.expression import UpdateBase

from contracts.ingress_webhook_views import AttemptEnd
from contracts.ingress_webhooks import (
    MessageAttempted,
    MessageDelivered,
    MessageFailed,
    MessageGivenUp,
    MessageQueued,
    MessageResent,
    MessageStatus,
    WebhookChanged,
    WebhookDisabled,
    WebhookEnabled,
    WebhookFailing,
    WebhookRecovered,
    WebhookRegistered,
    WebhookRemoved,
    WebhookStatus,
)
from libs.eventlog import Recorded
from libs.kernel.messages import Event
from libs.readmodel import Projected, Projection, Write
from services.ingress.tables import messages, sent, tries, webhooks

EVENTS = (
    WebhookRegistered,
    WebhookChanged,
    WebhookEnabled,
    WebhookDisabled,
    WebhookRemoved,
    WebhookFailing,
    WebhookRecovered,
    MessageQueued,
    MessageAttempted,
    MessageDelivered,
    MessageFailed,
    MessageGivenUp,
    MessageResent,
)


def _set_webhook(*columns: str) -> UpdateBase:
    values = {name: bindparam(f"new_{name}", type_=webhooks.c[name].type) for name in columns}
    return update(webhooks).where(webhooks.c.webhook_id == bindparam("of")).values(values)


def _set_message(*columns: str) -> UpdateBase:
    values = {name: bindparam(f"new_{name}", type_=messages.c[name].type) for name in columns}
    return update(messages).where(messages.c.message_id == bindparam("of")).values(values)


_ADD_WEBHOOK = upsert(webhooks).on_conflict_do_nothing()
_CHANGE = _set_webhook("url", "topics", "description")
_SET_STATUS = _set_webhook("status", "disabled_because", "failing_since")
_SET_FAILING = _set_webhook("failing_since")
_ADD_MESSAGE = upsert(messages).on_conflict_do_nothing()
_BEGIN = _set_message("attempts")
_END = _set_message("status", "attempts", "last_status", "last_detail", "next_at")
_RESEND = _set_message("status", "next_at")
_TRY = upsert(tries).on_conflict_do_nothing()
_HAS_ENDED = upsert(tries)
_HAS_ENDED = _HAS_ENDED.on_conflict_do_update(
    index_elements=[tries.c.message_id, tries.c.attempt],
    set_={name: _HAS_ENDED.excluded[name] for name in ("ended_at", "outcome", "status", "detail")},
)
_OUTCOMES = {
    MessageDelivered: AttemptEnd.TAKEN,
    MessageFailed: AttemptEnd.FAILED,
    MessageGivenUp: AttemptEnd.GIVEN_UP,
}


def project(events: Sequence[Recorded]) -> Projected:
    """The rows that these events add and change, and the change keys they touch."""
    writes: list[Write] = []
    keys: dict[str, int] = {}
    for recorded in events:
        writes.append(_write(recorded.data))
        writes += _tries(recorded)
        keys.update(dict.fromkeys(_keys(recorded.data), recorded.position))
    return Projected(writes, keys)


def _keys(event: Event) -> tuple[str, ...]:
    if not hasattr(event, "message_id"):
        return ("webhooks",)
    webhook_id: str = getattr(event, "webhook_id")  # noqa: B009  # All of them have it.
    return (f"messages.{webhook_id}", f"message.{event.message_id}")


def _tries(recorded: Recorded) -> Iterator[Write]:
    """An attempt that begins, or has ended."""
    event = recorded.data
    match event:
        case MessageAttempted(message_id=message_id, attempt=attempt):
            begun = {"message_id": message_id, "attempt": attempt, "began_at": recorded.at}
            unknown = {"ended_at": None, "outcome": None, "status": None, "detail": ""}
            yield Write(_TRY, [{**begun, **unknown}])
        case MessageDelivered() | MessageFailed() | MessageGivenUp():
            ended = {
                "message_id": event.message_id,
                "attempt": event.attempt,
                "began_at": recorded.at,
                "ended_at": recorded.at,
                "outcome": _OUTCOMES[type(event)].value,
                "status": event.status,
                "detail": getattr(event, "detail", ""),
            }
            yield Write(_HAS_ENDED, [ended])


def _write(event: Event) -> Write:
    match event:
        case WebhookRegistered():
            row = {**vars(event), "topics": [str(topic) for topic in event.topics]}
            added = {"status": WebhookStatus.ENABLED.value}
            missing = {"disabled_because": None, "failing_since": None}
            return Write(_ADD_WEBHOOK, [{**row, **added, **missing}])
        case WebhookChanged(url=url, topics=topics, description=description):
            texts = [str(topic) for topic in topics]
            return _change(_CHANGE, event, url=url, topics=texts, description=description)
        case WebhookEnabled():
            return _standing(event, WebhookStatus.ENABLED)
        case WebhookDisabled(because=because):
            return _standing(event, WebhookStatus.DISABLED, because.value)
        case WebhookRemoved():
            return _standing(event, WebhookStatus.REMOVED)
        case WebhookFailing(since=since):
            return _change(_SET_FAILING, event, failing_since=since)
        case WebhookRecovered():
            return _change(_SET_FAILING, event, failing_since=None)
        case _:
            return _message_write(event)


def _message_write(event: Event) -> Write:
    match event:
        case MessageQueued():
            row = {
                "message_id": event.message_id,
                "webhook_id": event.webhook_id,
                "topic": event.topic.value,
                "occurred_at": event.occurred_at,
                "status": MessageStatus.WAITING.value,
                "attempts": 0,
                "last_status": None,
                "last_detail": "",
                "next_at": None,
                "data": event.data,
            }
            return Write(_ADD_MESSAGE, [row])
        case MessageAttempted(attempt=attempt):
            return _change(_BEGIN, event, attempts=attempt)
        case MessageDelivered():
            return _ended(event, MessageStatus.DELIVERED)
        case MessageFailed(next_at=next_at, detail=detail):
            return _ended(event, MessageStatus.WAITING, detail, next_at)
        case MessageGivenUp(detail=detail):
            return _ended(event, MessageStatus.GIVEN_UP, detail)
        case MessageResent():
            return _change(_RESEND, event, status=MessageStatus.WAITING.value, next_at=None)
        case other:
            raise TypeError(f"{type(other).__name__} is no event of a webhook")


def _change(statement: UpdateBase, event: Event, **values: Any) -> Write:
    of = getattr(event, "message_id", None) or getattr(event, "webhook_id", None)
    new = {f"new_{name}": value for name, value in values.items()}
    return Write(statement, [{"of": of, **new}])


def _standing(event: Event, status: WebhookStatus, because: str | None = None) -> Write:
    return _change(
        _SET_STATUS, event, status=status.value, disabled_because=because, failing_since=None
    )


def _ended(
    event: MessageDelivered | MessageFailed | MessageGivenUp,
    status: MessageStatus,
    detail: str = "",
    next_at: Any = None,
) -> Write:
    return _change(
        _END,
        event,
        status=status.value,
        attempts=event.attempt,
        last_status=event.status,
        last_detail=detail,
        next_at=next_at,
    )


WEBHOOKS = Projection(name="webhooks", log="ingress", tables=sent, events=EVENTS, project=project)
