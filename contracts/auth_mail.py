"""Mails, and what they prove: that whoever opens their link, or types their code, reads them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from contracts.auth import Banned, Session, UserId
from contracts.auth_accounts import (
    Email,
    EmailId,
    EmailTaken,
    MailReceipt,
    Password,
    PasswordCommon,
    PasswordGuessable,
    TooManyAttempts,
)
from contracts.auth_sessions import Device, SecondFactorNeeded
from libs.kernel.errors import Unauthenticated
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, Event, Key, command, event

Proof = Annotated[str, StringConstraints(min_length=1, max_length=300)]
"""What a link in a mail ends with."""

Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
"""Six digits out of a mail."""


class MailKind(StrEnum):
    """What a mail is about."""

    VERIFY_EMAIL = "verify-email"
    SIGN_IN = "sign-in"
    RESET_PASSWORD = "reset-password"  # noqa: S105
    ACCOUNT_EXISTS = "account-exists"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105
    LEFT = "left"
    SECOND_FACTOR_RESET = "second-factor-reset"


class ProofRefused(Unauthenticated):
    code = "auth.proof-refused"
    title = "This link or code is wrong, was used, or is too old; ask for another one."


# ---------------------------------------------------------------------------------- commands


@command(
    "auth.send-sign-in-mail",
    key=Key.NEW,
    access=Access.PUBLIC,
    rejections=(TooManyAttempts,),
    is_limited=True,
)
class SendSignInMail(Command[MailReceipt]):
    """Have a link and a code sent by which one signs in without a password."""

    email: Email


@command(
    "auth.send-password-reset",
    key=Key.NEW,
    access=Access.PUBLIC,
    rejections=(TooManyAttempts,),
    is_limited=True,
)
class SendPasswordReset(Command[MailReceipt]):
    """Have a link sent by which one sets another password."""

    email: Email


@command(
    "auth.sign-in-with-proof",
    key=Key.NEW,
    access=Access.PUBLIC,
    rejections=(ProofRefused, EmailTaken, SecondFactorNeeded, Banned),
    is_limited=True,
)
class SignInWithProof(Command[Session]):
    """Sign in with the link of a mail; this also confirms the address. The link is good once."""

    proof: Proof
    device: Device = ""


@command(
    "auth.sign-in-with-code",
    key=Key.NEW,
    access=Access.PUBLIC,
    rejections=(ProofRefused, SecondFactorNeeded, Banned, TooManyAttempts),
    is_limited=True,
)
class SignInWithCode(Command[Session]):
    """Sign in with the six digits of a mail."""

    email: Email
    code: Code
    device: Device = ""


@command(
    "auth.reset-password",
    key=Key.NEW,
    access=Access.PUBLIC,
    rejections=(ProofRefused, PasswordCommon, PasswordGuessable, SecondFactorNeeded, Banned),
    is_limited=True,
)
class ResetPassword(Command[Session]):
    """Set another password with the link of a mail. Ends all sessions and opens a new one."""

    proof: Proof
    password: Password
    device: Device = ""


# ---------------------------------------------------------------------------------- events


@event("auth.mail_wanted")
class MailWanted(Event):
    """A user is to get a mail, at one of their addresses. What its link proves is good until
    `expires_at`, and once.
    """

    user_id: UserId
    mail_id: Id
    kind: MailKind
    email_name: EmailId
    wanted_at: datetime
    expires_at: datetime


@event("auth.proof_used")
class ProofUsed(Event):
    """What a mail proves was made use of."""

    user_id: UserId
    mail_id: Id


@event("auth.proof_failed")
class ProofFailed(Event):
    """A wrong code was tried."""

    user_id: UserId
    mail_id: Id


@event("auth.mail_sent")
class MailSent(Event):
    """A mail has left."""

    mail_id: Id
    user_id: UserId


@event("auth.mail_refused")
class MailRefused(Event):
    """A mail was refused for good: nobody reads mail at that address, or it is not taken there."""

    mail_id: Id
    user_id: UserId
