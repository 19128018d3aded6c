"""What `auth` says to itself: commands that follow once something was looked up or shown."""

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime

from contracts.auth import Session, UserId
from contracts.auth_accounts import AccountReceipt, MailReceipt
from contracts.auth_mail import MailKind
from contracts.auth_sessions import SessionId, SignInMethod
from libs.kernel.errors import Rejected
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, View, command, view


@command("auth.open-account", key="user_id", access=Access.SERVICE)
class OpenAccount(Command[MailReceipt]):
    """`auth.sign-up`, its password hashed and its address digested."""

    user_id: UserId
    email: str
    email_name: Id
    password_hash: str
    display_name: str | None
    mail_id: Id


class AddressTaken(Rejected):
    code = "auth.address-taken"
    title = "Another user has this address."


class ImportOutcome(StrEnum):
    NEW = "new"
    UNCHANGED = "unchanged"


@view
class ImportReceipt(View):
    """What became of a user of another system."""

    user_id: UserId
    outcome: ImportOutcome
    position: int = 0


@command("auth.import-user", key="user_id", access=Access.SERVICE, rejections=(AddressTaken,))
class ImportUser(Command[ImportReceipt]):
    """Take a user over from another system, once.

    password_hash   as that system wrote it, with the name of its kind in front; None: no password
    """

    user_id: UserId
    email: str
    email_name: Id
    email_verified: bool
    password_hash: str | None
    display_name: str | None
    registered_at: datetime


@command("auth.rehash-password", key="user_id", access=Access.SERVICE)
class RehashPassword(Command[AccountReceipt]):
    """The same password, hashed as we hash them: nobody has to sign in again."""

    user_id: UserId
    checked_hash: str
    password_hash: str


@command("auth.want-mail", key="user_id", access=Access.SERVICE)
class WantMail(Command[MailReceipt]):
    """Have a mail sent to a user."""

    user_id: UserId
    mail_id: Id
    kind: MailKind


@command("auth.use-proof", key="user_id", access=Access.SERVICE)
class UseProof(Command[AccountReceipt]):
    """Make use of what a mail proves: its link or code was shown, and is right or not.

    password_hash   with which a password is reset
    keep            the session that is opened with it
    """

    user_id: UserId
    mail_id: Id
    kind: MailKind
    is_right: bool
    password_hash: str | None = None
    keep: SessionId | None = None


@command("auth.set-password", key="user_id", access=Access.SERVICE)
class SetPassword(Command[AccountReceipt]):
    """`auth.change-password`, the confirmation having been checked."""

    user_id: UserId
    password_hash: str
    mail_id: Id
    keep: SessionId | None


@command("auth.erase-user", key="user_id", access=Access.SERVICE)
class EraseUser(Command[AccountReceipt]):
    """`auth.erase-me`, the confirmation having been checked; or the end of somebody's leave.

    due_at   the hour at which the leave that it ends was to end; None: erase at once
    """

    user_id: UserId
    due_at: AwareDatetime | None = None


@command("auth.destroy-key", key="user_id", access=Access.SERVICE)
class DestroyKey(Command[AccountReceipt]):
    """Destroy the key of an erased user."""

    user_id: UserId


@command("auth.open-session", key="session_id", access=Access.SERVICE)
class OpenSession(Command[Session]):
    """A sign-in whose proof was checked. A challenge opens one session, to one command."""

    session_id: SessionId
    user_id: UserId
    method: SignInMethod
    device: str


@command("auth.rotate-session", key="session_id", access=Access.SERVICE)
class RotateSession(Command[Session]):
    """`auth.renew-session` with a refresh token that we have made, of this generation."""

    session_id: SessionId
    generation: int


@command("auth.deliver-mail", key="mail_id", access=Access.SERVICE)
class DeliverMail(Command[MailReceipt]):
    """Send a mail that is wanted."""

    mail_id: Id
    user_id: UserId
    kind: MailKind


@command("auth.record-mail", key="mail_id", access=Access.SERVICE)
class RecordMail(Command[MailReceipt]):
    """A mail was handed over, or refused for good."""

    mail_id: Id
    user_id: UserId
    is_refused: bool = False
