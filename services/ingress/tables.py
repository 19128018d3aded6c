"""The read model of ingress: deliveries, what was tried and what came of them; what partners say of
their objects.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("inbox_id", Text, nullable=False),
    Column("partner", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("sent_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("secret_number", Integer, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("body_bytes", Integer, nullable=False),
    Column("payload_key", Text, nullable=False),
    Column("body", Text),
    Column("trace_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("code", Text),
    Index("deliveries_newest", "received_at", "delivery_id"),
    Index("deliveries_by_status", "status", "received_at", "delivery_id"),
    Index("deliveries_by_key", "payload_key"),
)
"""`body` is what was sent, until the payloads of its day are forgotten."""

attempts = Table(
    "attempts",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("detail", Text),
)
"""`number` is the position of the event: giving up is the outcome of an attempt made before."""

effects = Table(
    "effects",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("object_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("partner_id", Text, nullable=False),
    Column("position", BigInteger),
)
"""`position` is that of the event that was recorded; null while there is none."""

partner_objects = Table(
    "partner_objects",
    metadata,
    Column("object_id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("partner_id", Text, nullable=False),
    Column("version", DateTime(timezone=True), nullable=False),
    Column("is_deleted", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    Column("delivery_id", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Index("partner_objects_newest", "partner", "position"),
)


# ---------------------------------------------------------------------------------- to others

sent = MetaData()

webhooks = Table(
    "webhooks",
    sent,
    Column("webhook_id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("topics", JSONB, nullable=False),
    Column("description", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("disabled_because", Text),
    Column("failing_since", DateTime(timezone=True)),
    Column("registered_at", DateTime(timezone=True), nullable=False),
)

messages = Table(
    "messages",
    sent,
    Column("message_id", Text, primary_key=True),
    Column("webhook_id", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_status", Integer),
    Column("last_detail", Text, nullable=False),
    Column("next_at", DateTime(timezone=True)),
    Column("data", JSONB, nullable=False),
    Index("messages_newest", "webhook_id", "occurred_at", "message_id"),
)

tries = Table(
    "tries",
    sent,
    Column("message_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("outcome", Text),
    Column("status", Integer),
    Column("detail", Text, nullable=False),
)
"""The attempts at sending a message. One that was begun twice began when it was begun first."""
