"""Questions about what is sent, and to whom."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.ingress_webhooks import (
    DisabledBecause,
    ListMessages,
    ListWebhooks,
    MessageStatus,
    SentMessage,
    SentMessages,
    Topic,
    Webhook,
    Webhooks,
    WebhookStatus,
)
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.ingress.tables import messages, webhooks


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
    return SentMessages(
        messages=[
            SentMessage(
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
            for row in rows
        ]
    )


QUERIES: Queries = {
    ListWebhooks: Reading(list_webhooks, ("webhooks",)),
    ListMessages: Reading(list_messages, ("webhooks",)),
}
