"""Being sure that it is still them: fresh sign-ins, and the second factor.

Dangerous steps ask for a *confirmation*, which every sign-in gives, good for ten minutes. Later one
gets another by showing once more who one is, without another session.

The second factor is a time-based code (RFC 6238). With it on, a sign-in that showed one factor only
is refused with `auth.second-factor-needed`, whose `ticket` and the code together sign in. Backup
codes, each good once, stand in for a lost device; for who has lost both, an administrator takes the
second factor off.
"""

from datetime import datetime
from typing import Annotated, Any

from pydantic import StringConstraints

from contracts.auth import ActorSuspended, Banned, Reason, Session, UserId, UserUnknown
from contracts.auth_accounts import (
    AccountReceipt,
    CredentialsWrong,
    GivenPassword,
    NoAccount,
    TooManyAttempts,
)
from contracts.auth_mail import ProofRefused
from contracts.auth_sessions import (
    Confirmation,
    ConfirmationNeeded,
    Device,
    SecondFactorNeeded,
    Ticket,
)
from libs.kernel.errors import Rejected
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, Event, Key, View, command, event, view

FactorCode = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9a-z-]{6,16}$")]
"""The six digits of the moment, or a backup code."""


class SecondFactorAlready(Rejected):
    code = "auth.second-factor-already"
    title = "Your second factor is on already."


class SecondFactorOff(Rejected):
    code = "auth.second-factor-off"
    title = "You have no second factor."


class OwnSecondFactor(Rejected):
    code = "auth.own-second-factor"
    title = "This is for others; turn your own second factor off by showing who you are."


# ---------------------------------------------------------------------------------- fresh sign-ins


@view
class Confirmed(View):
    """What dangerous steps ask for."""

    confirmation: str
    expires_at: datetime
    position: int = 0


@command(
    "auth.confirm-with-password",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(CredentialsWrong, NoAccount, ProofRefused, SecondFactorNeeded, TooManyAttempts),
)
class ConfirmWithPassword(Command[Confirmed]):
    """Show by password that it is still oneself; with a second factor, by its code as well."""

    password: GivenPassword
    code: FactorCode | None = None


@command(
    "auth.confirm-with-passkey",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(ProofRefused, TooManyAttempts),
)
class ConfirmWithPasskey(Command[Confirmed]):
    """Show by passkey that it is still oneself."""

    ticket: Ticket
    credential: dict[str, Any]


# ---------------------------------------------------------------------------------- second factor


@view
class SecondFactorSetup(View):
    """What an authenticator app needs: as a link (`otpauth://`), as a QR code of it (rows of 0 and
    1, the quiet zone not included), or to be typed in (base 32).
    """

    ticket: str
    uri: str
    qr: list[str]
    secret: str
    position: int = 0


@view
class BackupCodes(View):
    """Each stands in once for the code of the moment. They are shown this once."""

    codes: list[str]
    position: int = 0


@command("auth.begin-second-factor", key=Key.ACTOR, access=Access.SIGNED_IN)
class BeginSecondFactor(Command[SecondFactorSetup]):
    """Get what an authenticator app needs."""


@command(
    "auth.turn-on-second-factor",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(
        ConfirmationNeeded,
        ProofRefused,
        SecondFactorAlready,
        NoAccount,
        ActorSuspended,
        TooManyAttempts,
    ),
)
class TurnOnSecondFactor(Command[BackupCodes]):
    """From now on a code is asked for as well; this one shows that the app has been set up."""

    ticket: Ticket
    code: FactorCode
    confirmation: Confirmation = ""


@command(
    "auth.turn-off-second-factor",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(ConfirmationNeeded, SecondFactorOff),
)
class TurnOffSecondFactor(Command[AccountReceipt]):
    """Ask for one factor only."""

    confirmation: Confirmation = ""


@command(
    "auth.reset-second-factor",
    key="user_id",
    access=Access.ADMIN,
    rejections=(ConfirmationNeeded, UserUnknown, OwnSecondFactor, ActorSuspended),
)
class ResetSecondFactor(Command[AccountReceipt]):
    """Take the second factor off somebody who has lost device and backup codes. Nothing else ends,
    and a mail tells them. Make sure of who asks for it.
    """

    user_id: UserId
    reason: Reason
    confirmation: Confirmation = ""


@command(
    "auth.make-backup-codes",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(ConfirmationNeeded, SecondFactorOff),
)
class MakeBackupCodes(Command[BackupCodes]):
    """Get new backup codes; those before are void."""

    confirmation: Confirmation = ""


@command(
    "auth.sign-in-with-second-factor",
    key="challenge_id",
    access=Access.PUBLIC,
    rejections=(ProofRefused, Banned, TooManyAttempts),
    is_limited=True,
)
class SignInWithSecondFactor(Command[Session]):
    """Complete a sign-in with a code."""

    challenge_id: Id
    ticket: Ticket
    code: FactorCode
    device: Device = ""


@event("auth.second_factor_turned_on")
class SecondFactorTurnedOn(Event):
    """A code is asked for as well. What codes are made of follows from `factor_id` and our secret.

    backup_id  names the backup codes that are good
    """

    user_id: UserId
    factor_id: Id
    backup_id: Id


@event("auth.second_factor_turned_off")
class SecondFactorTurnedOff(Event):
    """One factor is enough."""

    user_id: UserId


@event("auth.second_factor_reset")
class SecondFactorReset(Event):
    """One factor is enough, since an administrator, `actor`, says why."""

    user_id: UserId
    actor: UserId
    reason: str


@event("auth.backup_codes_made")
class BackupCodesMade(Event):
    """Other backup codes are good, and none of those before."""

    user_id: UserId
    backup_id: Id


@event("auth.second_factor_shown")
class SecondFactorShown(Event):
    """A code was right, and is not any more.

    step    of time that the code was of, counted in half minutes since 1970; or else
    backup  the number of the backup code
    """

    user_id: UserId
    step: int | None
    backup: int | None


@event("auth.second_factor_failed")
class SecondFactorFailed(Event):
    """A wrong code was tried by somebody who had shown the first factor."""

    user_id: UserId
