"""What `auth` says to itself about profiles, usernames, and those who leave."""

from pydantic import AwareDatetime

from contracts.auth import ActorSuspended, UserId
from contracts.auth_accounts import AccountReceipt, NoAccount
from contracts.auth_profile import (
    AccountUnconfirmed,
    Link,
    UsernamesChangedTooOften,
    UsernameTaken,
)
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, command


@command(
    "auth.set-profile",
    key="user_id",
    access=Access.SERVICE,
    rejections=(
        NoAccount,
        ActorSuspended,
        AccountUnconfirmed,
        UsernameTaken,
        UsernamesChangedTooOften,
    ),
)
class SetProfile(Command[AccountReceipt]):
    """`auth.change-profile`, the username looked at.

    username_name   what the username is claimed under; None when it stays, or is given up
    """

    user_id: UserId
    username: str | None = None
    username_name: Id | None = None
    display_name: str | None = None
    bio: str | None = None
    avatar: str | None = None
    links: list[Link] | None = None
    metadata: dict[str, str] | None = None


@command("auth.free-username", key="user_id", access=Access.SERVICE)
class FreeUsername(Command[AccountReceipt]):
    """Let others have a username that was to rest until `due_at`."""

    user_id: UserId
    name: Id
    due_at: AwareDatetime


@command("auth.return-user", key="user_id", access=Access.SERVICE, rejections=(NoAccount,))
class ReturnUser(Command[AccountReceipt]):
    """Somebody who had left has signed in."""

    user_id: UserId
