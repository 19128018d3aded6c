"""What is said to and by `auth`: who users are and what they are trusted with.

Guests come without a word about themselves; named users sign up (`contracts.auth_accounts`) or come
from an administrator; development users are for trying things out and exist only where the
installation allows them. A token holds the roles its user had when it was made.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from libs.kernel.errors import Forbidden, NotFound, Rejected
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

UserId = Id

DisplayName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
"""What others see of a user. Any letters, one line."""

DevelopmentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
"""The name of a development user, and its id as well."""

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
"""Why something was done to somebody. It stays in the log for good: no names in it."""

USERS_OF_A_PAGE_MAX = 200


class UserKind(StrEnum):
    GUEST = "guest"
    DEVELOPMENT = "development"
    NAMED = "named"


class UserRole(StrEnum):
    """What a user can be trusted with. A role includes those before it."""

    MEMBER = "member"
    MODERATOR = "moderator"
    ADMIN = "admin"


class UserStatus(StrEnum):
    """How a user stands. Where more than one is so, the later one is said.

    incomplete  a guest: there is no way in but the token they were given
    pending     has signed up, and confirmed nothing yet
    active      can sign in, and act
    suspended   may look but not act
    leaving     has left; erased in a while, unless they come back
    banned      is let in nowhere
    erased      nothing is known of them any more
    """

    INCOMPLETE = "incomplete"
    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEAVING = "leaving"
    BANNED = "banned"
    ERASED = "erased"


# ---------------------------------------------------------------------------------- rejections


class UserUnknown(Rejected):
    code = "auth.user-unknown"
    title = "There is no such user."


class UserNotFound(NotFound):
    code = "auth.user-not-found"
    title = "There is no such user."


class SessionAlreadyStarted(Rejected):
    code = "auth.session-already-started"
    title = "This session was started some time ago; start another one."


class DevelopmentUsersOff(Rejected):
    code = "auth.development-users-off"
    title = "This installation has no development users."


class RoleNotOffered(Rejected):
    code = "auth.role-not-offered"
    title = "This installation gives development users no such role."


class NameTaken(Rejected):
    code = "auth.name-taken"
    title = "This name belongs to another kind of user."


class ActorSuspended(Rejected):
    code = "auth.actor-suspended"
    title = "You are suspended."


class Banned(Forbidden):
    code = "auth.banned"
    title = "This account is closed."


# ---------------------------------------------------------------------------------- answers


@view
class Session(View):
    """A token, and whom it names. Send it as `Authorization: Bearer <token>` until `expires_at`.

    Who signed in has a session that can be renewed (`auth.renew-session`), listed and ended; guests
    and development users have the token alone. A sign-in also gives a confirmation, which dangerous
    steps ask for, good for ten minutes. `impersonated_by` is the administrator who acts as this
    user (`contracts.auth_acts`).
    """

    user_id: UserId
    kind: UserKind
    display_name: str | None
    roles: list[UserRole]
    token: str
    expires_at: datetime
    session_id: Id | None = None
    refresh_token: str | None = None
    confirmation: str | None = None
    impersonated_by: UserId | None = None
    position: int = 0


@view
class UserReceipt(View):
    """What a user's standing became."""

    user_id: UserId
    role: UserRole
    suspended: bool
    banned: bool = False
    position: int = 0


# ---------------------------------------------------------------------------------- commands


@command(
    "auth.start-guest-session",
    key=Key.NEW,
    access=Access.PUBLIC,
    rejections=(SessionAlreadyStarted,),
)
class StartGuestSession(Command[Session]):
    """Become a new guest. A retry with the same idempotency key is the same guest."""

    display_name: DisplayName | None = None


@command(
    "auth.start-development-session",
    key="name",
    access=Access.PUBLIC,
    rejections=(DevelopmentUsersOff, RoleNotOffered, NameTaken),
)
class StartDevelopmentSession(Command[Session]):
    """Become a development user, without proof, where the installation allows it.

    Without a role the user keeps the one it has; a new one is a member.
    """

    name: DevelopmentName
    role: UserRole | None = None


@command(
    "auth.refresh-session",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(UserUnknown,),
)
class RefreshSession(Command[Session]):
    """For a guest or development user: a new token, with the roles the caller has now."""


@command(
    "auth.register-user",
    key="user_id",
    access=Access.SERVICE,
    rejections=(NameTaken,),
)
class RegisterUser(Command[Session]):
    """Register a named user, or give one that is registered another role. Sent by our own only."""

    user_id: UserId
    display_name: DisplayName
    role: UserRole


# ---------------------------------------------------------------------------------- events


@event("auth.guest_registered", person="user_id")
class GuestRegistered(Event):
    """Someone came who has told us nothing but, perhaps, what to call them."""

    user_id: UserId
    display_name: Personal[str]
    registered_at: datetime


@event("auth.user_registered", person="user_id")
class UserRegistered(Event):
    """A user with a name has come to be."""

    user_id: UserId
    kind: UserKind
    display_name: Personal[str]
    role: UserRole
    registered_at: datetime


# ---------------------------------------------------------------------------------- views, queries


@view
class User(View):
    """What we know about a user. `erased_at` is when one who is leaving will be erased."""

    user_id: UserId
    kind: UserKind
    display_name: str | None
    role: UserRole
    suspended: bool
    registered_at: datetime
    status: UserStatus
    username: str | None = None
    banned: bool = False
    email: str | None = None
    email_verified: bool = False
    second_factor: bool = False
    primary_way_in: Id | None = None
    erased_at: datetime | None = None


@view
class Users(View):
    """Some users, the newest first. `next` continues the list."""

    users: list[User]
    next: str | None


@view
class Jwks(View):
    """A JWK set (RFC 7517): the public keys by which anyone can check a token."""

    keys: list[dict[str, Any]]


@query("auth.get-me", access=Access.SIGNED_IN, watches=("user.{caller}",), private=True)
class GetMe(Query[User]):
    """Who the caller is, as of now rather than as their token has it."""


@query("auth.list-users", access=Access.ADMIN, watches=("users",))
class ListUsers(Query[Users]):
    """Users by kind, by role, by status, those who are suspended, or by a part of their username,
    name or address.
    """

    search: Annotated[str, StringConstraints(max_length=100)] | None = None
    kind: UserKind | None = None
    role: UserRole | None = None
    suspended: bool | None = None
    status: UserStatus | None = None
    limit: Annotated[int, Field(ge=1, le=USERS_OF_A_PAGE_MAX)] = 50
    after: Annotated[str, StringConstraints(max_length=200)] | None = None


@query("auth.get-jwks", access=Access.PUBLIC)
class GetJwks(Query[Jwks]):
    """The public keys by which tokens can be checked."""
