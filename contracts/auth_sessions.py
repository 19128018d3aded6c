"""Sessions: what a sign-in opens, where it is, and how it ends.

A session gives two tokens. The *access token* is short, names its user and roles, and is checked by
signature alone. The *refresh token* is good once: `auth.renew-session` takes it and gives the next
one. One that comes a second time was stolen, from us or from its owner, and ends the session.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from contracts.auth import ActorSuspended, Banned, Reason, Session, UserId
from libs.kernel.errors import NotFound, Problem, Unauthenticated
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

SessionId = Id
RefreshToken = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Device = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""How a device describes itself (`User-Agent`), for its owner to recognise it by."""

Ticket = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
"""What we have to remember of a step, sealed, in the hands of the client."""

Confirmation = Annotated[str, StringConstraints(max_length=300)]
"""That somebody has shown a moment ago who they are."""


class SignInMethod(StrEnum):
    PASSWORD = "password"  # noqa: S105
    EMAIL = "email"
    PASSKEY = "passkey"
    PROVIDER = "provider"
    WALLET = "wallet"
    ISSUER = "issuer"


class SessionEnd(StrEnum):
    """Why a session ended."""

    SIGNED_OUT = "signed-out"
    REUSED = "reused"


class RefreshRefused(Unauthenticated):
    code = "auth.refresh-refused"
    title = "This session has ended; sign in again."


class ConfirmationNeeded(Unauthenticated):
    code = "auth.confirmation-needed"
    title = "Show once more that it is you; this step asks for it."


class SecondFactorNeeded(Unauthenticated):
    """A sign-in that is half done. The problem also holds `challenge_id` and `ticket`."""

    code = "auth.second-factor-needed"
    title = "Now the code of your second factor."

    def __init__(self, challenge_id: str = "", ticket: str = "") -> None:
        super().__init__()
        self.challenge_id = challenge_id
        self.ticket = ticket

    def problem(self) -> Problem:
        return {**super().problem(), "challenge_id": self.challenge_id, "ticket": self.ticket}


class SessionNotFound(NotFound):
    code = "auth.session-not-found"
    title = "You have no such session."


@view
class SessionsReceipt(View):
    """Sessions have ended."""

    user_id: UserId
    position: int = 0


@command(
    "auth.renew-session",
    key="session_id",
    access=Access.PUBLIC,
    rejections=(RefreshRefused, Banned),
)
class RenewSession(Command[Session]):
    """Get new tokens for a refresh token. Send it with an idempotency key: it is good once."""

    session_id: SessionId
    refresh_token: RefreshToken


@command(
    "auth.end-session",
    key="session_id",
    access=Access.SIGNED_IN,
    rejections=(SessionNotFound,),
)
class EndSession(Command[SessionsReceipt]):
    """Sign out: end a session of one's own. Its tokens are refused from then on."""

    session_id: SessionId


@command("auth.end-all-sessions", key=Key.ACTOR, access=Access.SIGNED_IN)
class EndAllSessions(Command[SessionsReceipt]):
    """End every session of one's own, except the one to keep."""

    keep: SessionId | None = None


@command(
    "auth.end-sessions-of-user",
    key="user_id",
    access=Access.ADMIN,
    rejections=(ActorSuspended,),
)
class EndSessionsOfUser(Command[SessionsReceipt]):
    """Sign somebody out everywhere."""

    user_id: UserId
    reason: Reason | None = None


@event("auth.session_opened", person="user_id")
class SessionOpened(Event):
    """Somebody signed in."""

    session_id: SessionId
    user_id: UserId
    method: SignInMethod
    device: Personal[str]
    opening_id: Id
    opened_at: datetime


@event("auth.session_renewed")
class SessionRenewed(Event):
    """A refresh token was used; the next one is the `generation`-th."""

    session_id: SessionId
    user_id: UserId
    generation: int
    renewal_id: Id
    renewed_at: datetime


@event("auth.session_ended")
class SessionEnded(Event):
    """A session is over."""

    session_id: SessionId
    user_id: UserId
    reason: SessionEnd


@event("auth.sessions_ended")
class SessionsEnded(Event):
    """All sessions of a user that were opened before are over, except one.

    actor   who did it to them, and why; None: the user did, or it comes of something they did
    """

    user_id: UserId
    kept_session_id: SessionId | None
    before: datetime
    actor: UserId | None = None
    reason: str | None = None


@view
class OwnSession(View):
    """One of the caller's sessions."""

    session_id: SessionId
    method: SignInMethod
    device: str | None
    opened_at: datetime
    renewed_at: datetime


@view
class OwnSessions(View):
    """The caller's sessions that have not ended, the newest first."""

    sessions: list[OwnSession]


@query("auth.list-sessions", access=Access.SIGNED_IN, watches=("user.{caller}",), private=True)
class ListSessions(Query[OwnSessions]):
    """Where one is signed in."""


@view
class Revocation(View):
    """Tokens to refuse: those of a session, or those of a user that were made before a moment.

    kept_session_id   whose tokens are good all the same
    renewable         only what they say of roles is out of date; a token of no session, as it
                      cannot be renewed, stays good
    """

    user_id: UserId
    session_id: SessionId | None
    before: datetime
    kept_session_id: SessionId | None = None
    renewable: bool = False


@view
class Revocations(View):
    """What was taken back within the time that a token can last."""

    revocations: list[Revocation]


@query("auth.list-revocations", access=Access.SERVICE, watches=("revocations",))
class ListRevocations(Query[Revocations]):
    """For those who check tokens: which of them are not good any more.

    after   only what was taken back behind this position
    """

    after: int = 0
