"""The read model of auth: one row per user."""

from sqlalchemy import Column, DateTime, Index, MetaData, Table, Text

metadata = MetaData()

users = Table(
    "users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("display_name", Text),
    Column("role", Text, nullable=False),
    Column("suspended_by", Text),
    Column("registered_at", DateTime(timezone=True), nullable=False),
    Index("users_newest", "registered_at", "user_id"),
)
