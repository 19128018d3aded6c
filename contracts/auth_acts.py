"""Acts of administrators and moderators: who did what to whom, and why.

Acting as somebody else (*impersonation*) is one of them. It gives a token of that user, who must be
a member, for an hour at most; the token names the administrator (`act`, RFC 8693), and so does
every event that it brings about. It changes nothing of the account, and cannot be renewed.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.auth import ActorSuspended, Reason, Session, UserId, UserUnknown
from contracts.auth_sessions import (
    Confirmation,
    ConfirmationNeeded,
    SessionId,
    SessionNotFound,
    SessionsReceipt,
)
from libs.kernel.errors import Rejected
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

ACTS_OF_A_PAGE_MAX = 200
IMPERSONATION_MINUTES_MAX = 60


class ImpersonationRefused(Rejected):
    code = "auth.impersonation-refused"
    title = "Nobody acts as themselves, as a moderator or administrator, or in a closed account."


class ImpersonationOver(Rejected):
    code = "auth.impersonation-over"
    title = "This is over; begin another time."


# ---------------------------------------------------------------------------------- commands


@command(
    "auth.impersonate-user",
    key=Key.NEW,
    access=Access.ADMIN,
    rejections=(
        ConfirmationNeeded,
        UserUnknown,
        ImpersonationRefused,
        ImpersonationOver,
        ActorSuspended,
    ),
)
class ImpersonateUser(Command[Session]):
    """Act as a member, for some minutes: the answer is a session without a refresh token."""

    user_id: UserId
    reason: Reason
    minutes: Annotated[int, Field(ge=1, le=IMPERSONATION_MINUTES_MAX)] = 30
    confirmation: Confirmation = ""


@command(
    "auth.end-impersonation",
    key="session_id",
    access=Access.SIGNED_IN,
    rejections=(SessionNotFound,),
)
class EndImpersonation(Command[SessionsReceipt]):
    """Stop acting as somebody else, by either of the two tokens."""

    session_id: SessionId


# ---------------------------------------------------------------------------------- events


@event("auth.user_impersonated")
class UserImpersonated(Event):
    """An administrator, `actor`, acts as a user until a moment, and says why."""

    session_id: SessionId
    user_id: UserId
    actor: UserId
    reason: str
    until: datetime


@event("auth.impersonation_ended")
class ImpersonationEnded(Event):
    """They do so no more."""

    session_id: SessionId
    user_id: UserId
    actor: UserId


# ---------------------------------------------------------------------------------- queries


class ActKind(StrEnum):
    """What was done to somebody."""

    SET_ROLE = "set-role"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    BAN = "ban"
    UNBAN = "unban"
    END_SESSIONS = "end-sessions"
    IMPERSONATE = "impersonate"
    END_IMPERSONATION = "end-impersonation"
    REVOKE_KEY = "revoke-key"
    RESET_SECOND_FACTOR = "reset-second-factor"


@view
class Act(View):
    """What `actor` did to `user_id`: a user, or one of our own services (`svc_…`).

    detail  the role that was given, the key that was revoked, the session of an impersonation
    until   of an impersonation
    """

    act_id: Id
    kind: ActKind
    user_id: UserId
    actor: UserId
    reason: str | None
    detail: str | None
    until: datetime | None
    at: datetime


@view
class Acts(View):
    """Some acts, the newest first. `next` continues the list."""

    acts: list[Act]
    next: str | None


@query("auth.list-acts", access=Access.ADMIN, watches=("acts",))
class ListActs(Query[Acts]):
    """What was done to a user, or to anybody."""

    user_id: UserId | None = None
    limit: Annotated[int, Field(ge=1, le=ACTS_OF_A_PAGE_MAX)] = 50
    after: Annotated[str, StringConstraints(max_length=200)] | None = None
