"""API keys: how another system acts in the name of a user, within what it was given.

A key is `bk_<key id>.<digest>`. It is shown once, to whoever made it, and kept nowhere: the digest
can be made again. Send it as `Authorization: Bearer bk_…`, or exchange it by
`auth.open-key-session` for a short access token, as OAuth 2 has it for clients. Its *scopes* name
what it may do: a command or query (`voting.cast-vote`), or all of a service (`catalog.*`). It never
does more than its user may, and of `auth` it reads `auth.get-me` and nothing else.
"""

from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import AwareDatetime, Field, StringConstraints

from contracts.auth import ActorSuspended, Banned, Reason, UserId, UserRole
from contracts.auth_accounts import NoAccount, TooManyAttempts
from contracts.auth_sessions import Confirmation, ConfirmationNeeded
from libs.kernel.errors import Forbidden, Invalid, NotFound, Unauthenticated
from libs.kernel.ids import Id
from libs.kernel.messages import (
    Access,
    Command,
    Event,
    Key,
    Query,
    View,
    command,
    event,
    query,
    view,
)
from libs.kernel.personal import Personal

KeyId = Id
KeyName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=60, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
"""What its owner knows a key by."""

Scope = Annotated[
    str, StringConstraints(max_length=80, pattern=r"^[a-z][a-z0-9-]*\.(\*|[a-z][a-z0-9-]*)$")
]
"""A command or query, or all of a service: `voting.cast-vote`, `catalog.*`."""

GivenKey = Annotated[str, StringConstraints(min_length=1, max_length=200)]

KEY_LIFE_MAX: Final = timedelta(days=366)
"""Long enough for a year from today, whichever year it is."""


class ScopeRefused(Invalid):
    code = "auth.scope-refused"
    title = "Of auth, a key may read auth.get-me and nothing else."


class KeyLifeRefused(Invalid):
    code = "auth.key-life-refused"
    title = "A key must end in the future, within a year."


class KeyNotFound(NotFound):
    code = "auth.key-not-found"
    title = "You have no such key."


class KeyRefused(Unauthenticated):
    code = "auth.key-refused"
    title = "This key is unknown, or has ended."


class KeySuspended(Forbidden):
    code = "auth.key-suspended"
    title = "The user of this key is suspended."


# ---------------------------------------------------------------------------------- answers


@view
class NewApiKey(View):
    """A key, shown this once."""

    key_id: KeyId
    key: str
    expires_at: datetime
    position: int = 0


@view
class ApiKeyReceipt(View):
    """A key has ended."""

    key_id: KeyId
    user_id: UserId
    position: int = 0


@view
class KeySession(View):
    """A token for a key, and whom it names. Ask for the next one when it has ended."""

    key_id: KeyId
    user_id: UserId
    roles: list[UserRole]
    scopes: list[Scope]
    token: str
    expires_at: datetime
    position: int = 0


# ---------------------------------------------------------------------------------- commands


@command(
    "auth.create-api-key",
    key=Key.NEW,
    access=Access.SIGNED_IN,
    rejections=(
        ConfirmationNeeded,
        ScopeRefused,
        KeyLifeRefused,
        NoAccount,
        ActorSuspended,
        TooManyAttempts,
    ),
)
class CreateApiKey(Command[NewApiKey]):
    """Make a key of one's own. The answer holds it, and nothing does afterwards."""

    name: KeyName
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=50)]
    expires_at: AwareDatetime
    confirmation: Confirmation = ""


@command("auth.revoke-api-key", key="key_id", access=Access.SIGNED_IN, rejections=(KeyNotFound,))
class RevokeApiKey(Command[ApiKeyReceipt]):
    """End a key of one's own. Its tokens are refused from then on."""

    key_id: KeyId


@command(
    "auth.revoke-api-key-of-user",
    key="key_id",
    access=Access.ADMIN,
    rejections=(KeyNotFound, ActorSuspended),
)
class RevokeApiKeyOfUser(Command[ApiKeyReceipt]):
    """End somebody's key."""

    key_id: KeyId
    reason: Reason | None = None


@command(
    "auth.open-key-session",
    key=Key.NEW,
    access=Access.PUBLIC,
    rejections=(KeyRefused, KeySuspended, Banned),
    is_limited=True,
)
class OpenKeySession(Command[KeySession]):
    """Exchange a key for a short access token."""

    key: GivenKey


# ---------------------------------------------------------------------------------- events


@event("auth.api_key_created", person="user_id")
class ApiKeyCreated(Event):
    """A user has a key."""

    key_id: KeyId
    user_id: UserId
    name: Personal[str]
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime


@event("auth.api_key_revoked")
class ApiKeyRevoked(Event):
    """A key has ended before its time. `actor` is its user, or who did it to them, and why."""

    key_id: KeyId
    user_id: UserId
    actor: UserId
    reason: str | None


# ---------------------------------------------------------------------------------- queries


@view
class ApiKey(View):
    """A key that has not been revoked; it may have expired. Not the key itself: nobody has that."""

    key_id: KeyId
    name: str | None
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime


@view
class ApiKeys(View):
    """Keys of one user, the newest first."""

    keys: list[ApiKey]


@query("auth.list-api-keys", access=Access.SIGNED_IN, watches=("user.{caller}",), private=True)
class ListApiKeys(Query[ApiKeys]):
    """One's own keys."""


@query("auth.list-api-keys-of-user", access=Access.ADMIN, watches=("user.{user_id}",))
class ListApiKeysOfUser(Query[ApiKeys]):
    """Somebody's keys."""

    user_id: UserId
