"""The read model of auth: users, their ways in, sessions and API keys, what was done to them, and
what was taken back.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Computed,
    DateTime,
    Index,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

_STATUS = """
    case
        when erased then 'erased'
        when banned then 'banned'
        when erased_at is not null then 'leaving'
        when suspended_by is not null then 'suspended'
        when kind = 'guest' then 'incomplete'
        when pending then 'pending'
        else 'active'
    end
"""
"""`contracts.auth.UserStatus`, said here and nowhere else."""

users = Table(
    "users",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("display_name", Text),
    Column("email_name", Text),
    Column("pending", Boolean, nullable=False, server_default=text("false")),
    Column("second_factor", Boolean, nullable=False),
    Column("primary_way_in", Text),
    Column("role", Text, nullable=False),
    Column("suspended_by", Text),
    Column("banned", Boolean, nullable=False),
    Column("registered_at", DateTime(timezone=True), nullable=False),
    Column("username", Text),
    Column("bio", Text, nullable=False, server_default=""),
    Column("avatar", Text, nullable=False, server_default=""),
    Column("links", JSONB, nullable=False, server_default=text("'[]'")),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    Column("erased_at", DateTime(timezone=True)),
    Column("erased", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, Computed(_STATUS, persisted=True)),
    Index("users_newest", "registered_at", "user_id"),
    Index("users_by_status", "status", "registered_at", "user_id"),
)
"""`erased_at` is when somebody who has left will be erased; `erased`, that they are."""

Index("users_by_username", func.lower(users.c.username))

emails = Table(
    "emails",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("email_name", Text, primary_key=True),
    Column("email", Text),
    Column("verified", Boolean, nullable=False),
    Column("position", BigInteger, nullable=False),
)
"""The addresses of users; `users.email_name` is the primary one."""

identities = Table(
    "identities",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("identity_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("label", Text),
    Column("linked_at", DateTime(timezone=True), nullable=False),
)
"""Ways in beside addresses."""

app_wallets = Table(
    "app_wallets",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("app", Text, primary_key=True),
    Column("address", Text),
)
"""Wallets that apps keep for users; those they linked themselves are identities."""

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("device", Text),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("renewed_at", DateTime(timezone=True), nullable=False),
    Index("sessions_of_user", "user_id", "opened_at"),
)
"""Those that have not ended."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("name", Text),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Index("api_keys_of_user", "user_id", "created_at"),
)
"""Those that have not been revoked."""

acts = Table(
    "acts",
    metadata,
    Column("act_id", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("detail", Text),
    Column("until", DateTime(timezone=True)),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("acts_newest", "position", "act_id"),
    Index("acts_on_user", "user_id", "position", "act_id"),
)
"""What somebody did to somebody else."""

revocations = Table(
    "revocations",
    metadata,
    Column("what", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("session_id", Text),
    Column("before", DateTime(timezone=True), nullable=False),
    Column("kept_session_id", Text),
    Column("renewable", Boolean, nullable=False),
    Column("position", BigInteger, nullable=False),
    Index("revocations_newest", "position"),
)
"""The newest of each `user:<id>`, of each `standing:<id>`, and of each `session:<id>` by itself."""
