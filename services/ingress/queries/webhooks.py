"""Questions about what is sent, and to whom."""

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.ingress_webhook_views import (
    AttemptEnd,
    GetMessage,
    ListMessages,
    ListWebhooks,
    MessageHistory,
    SentAttempt,
    SentMessage,
    SentMessages,
    Webhook,
    Webhooks,
)
from contracts.ingress_webhooks import (
    DisabledBecause,
    MessageStatus,
    MessageUnknown,
    Topic,
    WebhookStatus,
)
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.ingress.tables import messages, tries, webhooks


async def list_webhooks(
    _query: ListWebhooks, _caller: Caller, connection: AsyncConnection
) -> Webhooks:
    """Everybody who is told anything, or was."""
    oldest = select(webhooks).order_by(webhooks.c.registered_at, webhooks.c.webhook_id)
    rows = (await connection.execute(oldest)).mappings()
    return Webhooks(
        webhooks=[
            Webhook(
                webhook_id=row["webhook_id"],
                url=row["url"],
                topics=[Topic(topic) for topic in row["topics"]],
                description=row["description"],
                status=WebhookStatus(row["status"]),
                disabled_because=_because(row["disabled_because"]),
                failing_since=row["failing_since"],
                registered_at=row["registered_at"],
            )
            for row in rows
        ]
    )


def _because(text: str | None) -> DisabledBecause | None:
    return None if text is None else DisabledBecause(text)


async def list_messages(
    query: ListMessages, _caller: Caller, connection: AsyncConnection
) -> SentMessages:
    """The messages of one webhook, the newest first."""
    statement = select(messages).where(messages.c.webhook_id == query.webhook_id)
    if query.status is not None:
        statement = statement.where(messages.c.status == query.status)
    newest = statement.order_by(messages.c.occurred_at.desc(), messages.c.message_id.desc())
    rows = (await connection.execute(newest.limit(query.limit))).mappings()
    return SentMessages(messages=[_message(row) for row in rows])


async def get_message(
    query: GetMessage, _caller: Caller, connection: AsyncConnection
) -> MessageHistory:
    """A message and its attempts. raises   MessageUnknown"""
    own = select(messages).where(messages.c.message_id == query.message_id)
    row = (await connection.execute(own)).mappings().one_or_none()
    if row is None:
        raise MessageUnknown
    of_message = select(tries).where(tries.c.message_id == query.message_id)
    tried = (await connection.execute(of_message.order_by(tries.c.attempt))).mappings()
    return MessageHistory(
        message=_message(row),
        data=row["data"],
        attempts=[
            SentAttempt(
                attempt=each["attempt"],
                began_at=each["began_at"],
                ended_at=each["ended_at"],
                outcome=None if each["outcome"] is None else AttemptEnd(each["outcome"]),
                status=each["status"],
                detail=each["detail"],
            )
            for each in tried
        ],
    )


def _message(row: RowMapping) -> SentMessage:
    return SentMessage(
        message_id=row["message_id"],
        webhook_id=row["webhook_id"],
        topic=Topic(row["topic"]),
        occurred_at=row["occurred_at"],
        status=MessageStatus(row["status"]),
        attempts=row["attempts"],
        last_status=row["last_status"],
        last_detail=row["last_detail"],
        next_at=row["next_at"],
    )


QUERIES: Queries = {
    ListWebhooks: Reading(list_webhooks, ("webhooks",)),
    ListMessages: Reading(list_messages, ("webhooks",)),
    GetMessage: Reading(get_message, ("webhooks",)),
}
