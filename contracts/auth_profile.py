"""What users say of themselves, the names they are known by, and how they leave and come back.

A username is claimed as an address is (`contracts.auth_accounts.NameClaimed`), under the keyed
digest of what it looks like: whoever has `paypal` has `PayPaI` and `paypa1` as well. One that is
given up rests: nobody else may have it until those who knew its holder have had time to forget.
"""

from datetime import datetime
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from contracts.auth import ActorSuspended, Banned, Session, UserId, UserKind, UserStatus
from contracts.auth_accounts import (
    AccountReceipt,
    CredentialsWrong,
    EmailUnverified,
    GivenPassword,
    NoAccount,
    TooManyAttempts,
)
from contracts.auth_sessions import Confirmation, ConfirmationNeeded, Device
from libs.kernel.errors import Invalid, Rejected
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
    message,
    query,
    view,
)
from libs.kernel.personal import Personal

LINKS_MAX: Final = 10
METADATA_MAX: Final = 20

GivenUsername = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]
"""A username as somebody types it. One that may be had has 3 to 30 ASCII letters, digits, `_`, `.`
and `-`, and begins with a letter; capitals make no difference.
"""

DisplayNameOrNone = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$"),
]
"""A display name; empty for none."""

Bio = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=500, pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
    ),
]
"""Some words about oneself, on one line or more."""

_HTTPS = r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?([/?#][A-Za-z0-9/?#&=+%.,:;@!$*()~_\-]*)?"

HttpsUrl = Annotated[str, StringConstraints(max_length=500, pattern=f"^{_HTTPS}$")]
"""Where something is on the web: no user, no password, nothing that is not ASCII."""

HttpsUrlOrNone = Annotated[str, StringConstraints(max_length=500, pattern=f"^({_HTTPS})?$")]

LinkLabel = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
MetadataKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,40}$")]
MetadataValue = Annotated[str, StringConstraints(max_length=500)]


@message
class Link:
    """Where else to find somebody."""

    label: LinkLabel
    url: HttpsUrl


Links = Annotated[list[Link], Field(max_length=LINKS_MAX)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=METADATA_MAX)]
"""What applications note about a user. Only the user, and they in the user's name, see it."""


# ---------------------------------------------------------------------------------- rejections


class UsernameInvalid(Invalid):
    code = "auth.username-invalid"
    title = "A username has 3 to 30 of a to z, 0 to 9, _ . and -, and begins with a letter."


class UsernameReserved(Rejected):
    code = "auth.username-reserved"
    title = "This username looks like one of ours."


class UsernameTaken(Rejected):
    code = "auth.username-taken"
    title = "Somebody has this username, or one that looks like it, or had it not long ago."


class UsernamesChangedTooOften(Rejected):
    code = "auth.usernames-changed-too-often"
    title = "You have given up several usernames lately; wait until one of them is free again."


class AccountUnconfirmed(Rejected):
    code = "auth.account-unconfirmed"
    title = "Confirm your address first; then you may have a username."


# ---------------------------------------------------------------------------------- commands


@command(
    "auth.change-profile",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(
        NoAccount,
        ActorSuspended,
        UsernameInvalid,
        UsernameReserved,
        UsernameTaken,
        UsernamesChangedTooOften,
        AccountUnconfirmed,
    ),
)
class ChangeProfile(Command[AccountReceipt]):
    """Say something else of oneself. What is left out stays as it is; what is empty is cleared."""

    username: GivenUsername | None = None
    display_name: DisplayNameOrNone | None = None
    bio: Bio | None = None
    avatar: HttpsUrlOrNone | None = None
    links: Links | None = None
    metadata: Metadata | None = None


@command(
    "auth.sign-in-with-username",
    key=Key.NEW,
    access=Access.PUBLIC,
    rejections=(CredentialsWrong, EmailUnverified, Banned, TooManyAttempts),
    is_limited=True,
)
class SignInWithUsername(Command[Session]):
    """Sign in with username and password; answered as `auth.sign-in` is, and as late."""

    username: GivenUsername
    password: GivenPassword
    device: Device = ""


@view
class LeaveReceipt(View):
    """An account is closed. Whoever signs in before `erased_at` is back."""

    user_id: UserId
    erased_at: datetime
    position: int = 0


@command(
    "auth.leave",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(ConfirmationNeeded, NoAccount),
)
class Leave(Command[LeaveReceipt]):
    """Close one's account: all sessions end, others see nobody, and some time later everything
    personal is destroyed. Signing in before that brings it back.
    """

    confirmation: Confirmation = ""


# ---------------------------------------------------------------------------------- events


@event("auth.profile_changed", person="user_id")
class ProfileChanged(Event):
    """What a user says of themselves from now on, all of it; without their username."""

    user_id: UserId
    display_name: Personal[str]
    bio: Personal[str]
    avatar: Personal[str]
    links: Personal[list[Link]]
    metadata: Personal[dict[str, str]]


@event("auth.username_chosen", person="user_id")
class UsernameChosen(Event):
    """A user is known by this username from now on. `name` is what it is claimed under."""

    user_id: UserId
    username: Personal[str]
    name: Id


@event("auth.username_retired")
class UsernameRetired(Event):
    """A user gave a username up, and keeps it from others until `free_at`."""

    user_id: UserId
    name: Id
    free_at: datetime


@event("auth.username_freed")
class UsernameFreed(Event):
    """A username has rested for long enough; anybody may have it now."""

    user_id: UserId
    name: Id


@event("auth.user_left")
class UserLeft(Event):
    """A user closed their account. It is erased at `erased_at` unless they come back."""

    user_id: UserId
    erased_at: datetime


@event("auth.user_returned")
class UserReturned(Event):
    """A user who had left signed in again, in time."""

    user_id: UserId


# ---------------------------------------------------------------------------------- queries


@view
class Profile(View):
    """What others may see of a user."""

    user_id: UserId
    kind: UserKind
    username: str | None
    display_name: str | None
    bio: str
    avatar: str
    links: list[Link]
    registered_at: datetime


@view
class OwnProfile(View):
    """What a user has said of themselves."""

    user_id: UserId
    status: UserStatus
    username: str | None
    display_name: str | None
    bio: str
    avatar: str
    links: list[Link]
    metadata: dict[str, str]


@query("auth.get-profile", access=Access.PUBLIC, watches=("profile.{user_id}",))
class GetProfile(Query[Profile]):
    """Who a user is to others. Of those who left or are banned or erased, nothing."""

    user_id: UserId


@query("auth.find-profile", access=Access.PUBLIC, watches=("profiles",))
class FindProfile(Query[Profile]):
    """Who has a username, written in small letters or capitals."""

    username: GivenUsername


@query("auth.get-my-profile", access=Access.SIGNED_IN, watches=("user.{caller}",), private=True)
class GetMyProfile(Query[OwnProfile]):
    """What the caller has said of themselves, as of now."""
