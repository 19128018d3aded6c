"""Standing: what users are trusted with, and whether they may act.

In each event `actor` is who did it: a user, or a service of ours.
"""

from contracts.auth import ActorSuspended, Reason, UserId, UserReceipt, UserRole, UserUnknown
from contracts.auth_sessions import Confirmation, ConfirmationNeeded
from libs.kernel.errors import Rejected
from libs.kernel.messages import Access, Command, Event, command, event


class OwnStanding(Rejected):
    code = "auth.own-standing"
    title = "Nobody changes their own role or suspends themselves."


class RankTooLow(Rejected):
    code = "auth.rank-too-low"
    title = "Only an administrator may do this to a moderator or an administrator."


class SuspendedByAdmin(Rejected):
    code = "auth.suspended-by-admin"
    title = "An administrator suspended this user; only an administrator may reinstate them."


# ---------------------------------------------------------------------------------- commands


@command(
    "auth.set-role",
    key="user_id",
    access=Access.ADMIN,
    rejections=(ConfirmationNeeded, UserUnknown, OwnStanding, ActorSuspended),
)
class SetRole(Command[UserReceipt]):
    """Trust a user with more, or with less. A token they hold keeps the role it was made with. It
    asks an administrator for a confirmation, and none of a service of ours.
    """

    user_id: UserId
    role: UserRole
    reason: Reason | None = None
    confirmation: Confirmation = ""


@command(
    "auth.suspend-user",
    key="user_id",
    access=Access.MODERATOR,
    rejections=(UserUnknown, OwnStanding, RankTooLow, ActorSuspended),
)
class SuspendUser(Command[UserReceipt]):
    """Let a user look but not act. A moderator suspends members; an administrator anyone."""

    user_id: UserId
    reason: Reason


@command(
    "auth.reinstate-user",
    key="user_id",
    access=Access.MODERATOR,
    rejections=(UserUnknown, OwnStanding, SuspendedByAdmin, ActorSuspended),
)
class ReinstateUser(Command[UserReceipt]):
    """Let a suspended user act again. What an administrator did, only an administrator undoes."""

    user_id: UserId
    reason: Reason | None = None


@command(
    "auth.ban-user",
    key="user_id",
    access=Access.ADMIN,
    rejections=(UserUnknown, OwnStanding, ActorSuspended),
)
class BanUser(Command[UserReceipt]):
    """Close an account: its sessions end at once, and nobody signs in to it again until it is
    opened again.
    """

    user_id: UserId
    reason: Reason


@command(
    "auth.unban-user",
    key="user_id",
    access=Access.ADMIN,
    rejections=(UserUnknown, OwnStanding, ActorSuspended),
)
class UnbanUser(Command[UserReceipt]):
    """Open a closed account again."""

    user_id: UserId
    reason: Reason | None = None


# ---------------------------------------------------------------------------------- events


@event("auth.role_set")
class RoleSet(Event):
    """A user is trusted with more than before, or with less."""

    user_id: UserId
    role: UserRole
    actor: UserId
    reason: str | None = None


@event("auth.user_suspended")
class UserSuspended(Event):
    """A user may look but not act, in the whole house. `by` is as whom the actor did it."""

    user_id: UserId
    by: UserRole
    actor: UserId
    reason: str


@event("auth.user_reinstated")
class UserReinstated(Event):
    """A suspended user may act again."""

    user_id: UserId
    actor: UserId
    reason: str | None = None


@event("auth.user_banned")
class UserBanned(Event):
    """An account is closed."""

    user_id: UserId
    actor: UserId
    reason: str


@event("auth.user_unbanned")
class UserUnbanned(Event):
    """A closed account is open again."""

    user_id: UserId
    actor: UserId
    reason: str | None = None
