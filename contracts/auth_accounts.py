"""Accounts: signing up and in with an e-mail address and a password.

What is asked of an address is answered alike whether somebody has an account with it or not; what
there is to know is in the mail (`contracts.auth_mail`).
"""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.auth import ActorSuspended, Banned, DisplayName, Session, UserId, UserStatus
from contracts.auth_sessions import (
    Confirmation,
    ConfirmationNeeded,
    Device,
    SecondFactorNeeded,
    SessionId,
)
from libs.kernel.claims import NameEvent
from libs.kernel.errors import Invalid, NotFound, RateLimited, Rejected, Unauthenticated
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

Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=3,
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+$",
    ),
]
"""An e-mail address, as HTML has it. Capital letters make no difference."""

EmailId = Id
"""The name under which an address is claimed: a keyed digest of it."""

Password = Annotated[str, StringConstraints(min_length=10, max_length=200)]
"""Ten characters at least, of any kind; not one of the most common ones."""

GivenPassword = Annotated[str, StringConstraints(min_length=1, max_length=200)]


# ---------------------------------------------------------------------------------- rejections


class CredentialsWrong(Unauthenticated):
    code = "auth.credentials-wrong"
    title = "The address or the password is not right."


class EmailUnverified(Unauthenticated):
    code = "auth.email-unverified"
    title = "Confirm your address first; we have sent you another mail."


class PasswordCommon(Invalid):
    code = "auth.password-common"
    title = "This password is among the first that anyone would try."


class PasswordGuessable(Invalid):
    code = "auth.password-guessable"
    title = "This password is little more than your name, your address or the name of this place."


class TooManyAttempts(RateLimited):
    code = "auth.too-many-attempts"
    title = "Too many attempts; wait a while."


class EmailTaken(Rejected):
    code = "auth.email-taken"
    title = "Another account has confirmed this address; take it off there first."


class EmailNotFound(NotFound):
    code = "auth.email-not-found"
    title = "You have no such address, or have not confirmed it."


class TooManyEmails(Rejected):
    code = "auth.too-many-emails"
    title = "You have as many addresses as one can have; take one off first."


class LastWayIn(Rejected):
    code = "auth.last-way-in"
    title = "This is your last way in; add another one first."


class AccountAlready(Rejected):
    code = "auth.account-already"
    title = "You have an account already."


class NoAccount(Rejected):
    code = "auth.no-account"
    title = "Only somebody with an account can do this."


# ---------------------------------------------------------------------------------- commands


@view
class MailReceipt(View):
    """If there is something to say to this address, it is on its way."""

    position: int = 0


@view
class AccountReceipt(View):
    """An account has changed."""

    user_id: UserId
    position: int = 0


@command(
    "auth.sign-up",
    key=Key.ACTOR_OR_NEW,
    access=Access.PUBLIC,
    rejections=(PasswordCommon, PasswordGuessable, AccountAlready, TooManyAttempts, ActorSuspended),
    is_limited=True,
)
class SignUp(Command[MailReceipt]):
    """Make an account with an e-mail address; a mail with a link completes it.

    A guest who signs up stays the same user. If the address has an account, the mail says so.
    """

    email: Email
    password: Password
    display_name: DisplayName | None = None


@command(
    "auth.sign-in",
    key=Key.NEW,
    access=Access.PUBLIC,
    rejections=(CredentialsWrong, EmailUnverified, SecondFactorNeeded, Banned, TooManyAttempts),
    is_limited=True,
)
class SignIn(Command[Session]):
    """Sign in with e-mail address and password."""

    email: Email
    password: GivenPassword
    device: Device = ""


@command(
    "auth.change-password",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(ConfirmationNeeded, PasswordCommon, PasswordGuessable, NoAccount),
)
class ChangePassword(Command[AccountReceipt]):
    """Set a password, the first one or another. Ends all sessions but the one to keep."""

    password: Password
    keep: SessionId | None = None
    confirmation: Confirmation = ""


@command(
    "auth.erase-me",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(ConfirmationNeeded, NoAccount),
)
class EraseMe(Command[AccountReceipt]):
    """Have everything personal destroyed, for good. What was counted stays counted."""

    confirmation: Confirmation = ""


@command(
    "auth.add-email",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(ConfirmationNeeded, NoAccount, TooManyEmails, TooManyAttempts, ActorSuspended),
)
class AddEmail(Command[MailReceipt]):
    """Have another address. It counts once the link in the mail to it was opened."""

    email: Email
    confirmation: Confirmation = ""


@command(
    "auth.remove-email",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(ConfirmationNeeded, EmailNotFound, LastWayIn),
)
class RemoveEmail(Command[AccountReceipt]):
    """Have one address less. If it was the first, the next that is confirmed takes its place."""

    email_id: EmailId
    confirmation: Confirmation = ""


@command(
    "auth.set-primary-email",
    key=Key.ACTOR,
    access=Access.SIGNED_IN,
    rejections=(ConfirmationNeeded, EmailNotFound),
)
class SetPrimaryEmail(Command[AccountReceipt]):
    """Have mails sent to this one of one's confirmed addresses."""

    email_id: EmailId
    confirmation: Confirmation = ""


# ---------------------------------------------------------------------------------- events


@event("auth.name_claimed")
class NameClaimed(NameEvent):
    """A name belongs to a user: an address or another way in, a username, by its keyed digest."""

    name: Id
    holder: UserId


@event("auth.name_released")
class NameReleased(NameEvent):
    """A name belongs to nobody any more."""

    name: Id
    holder: UserId


@event("auth.account_opened", person="user_id")
class AccountOpened(Event):
    """A user can be signed in to: with this address, once it is confirmed."""

    user_id: UserId
    email: Personal[str]
    email_name: EmailId
    display_name: Personal[str]


@event("auth.sign_up_repeated")
class SignUpRepeated(Event):
    """Somebody tried to sign up with the address of a user; recorded where they would have been."""

    user_id: UserId
    visitor_id: UserId


@event("auth.email_added", person="user_id")
class EmailAdded(Event):
    """A user says that they have another address."""

    user_id: UserId
    email: Personal[str]
    email_name: EmailId


@event("auth.email_verified")
class EmailVerified(Event):
    """Whoever this is reads the mail to this address of theirs."""

    user_id: UserId
    email_name: EmailId


@event("auth.primary_email_set")
class PrimaryEmailSet(Event):
    """Mails go to this address of a user."""

    user_id: UserId
    email_name: EmailId


@event("auth.email_removed")
class EmailRemoved(Event):
    """An address is a user's no more."""

    user_id: UserId
    email_name: EmailId


@event("auth.password_set", person="user_id")
class PasswordSet(Event):
    """A user has another password. `hash` is as argon2 writes it."""

    user_id: UserId
    hash: Personal[str]


@event("auth.password_dropped")
class PasswordDropped(Event):
    """A password does not count any more, as it was set by somebody who had not shown that they
    read the mail to the address.
    """

    user_id: UserId


@event("auth.user_erased")
class UserErased(Event):
    """Everything personal of a user is to be destroyed, and nobody may sign in as them again."""

    user_id: UserId


# ---------------------------------------------------------------------------------- queries


@view
class OwnEmail(View):
    """One of the caller's addresses."""

    email_id: EmailId
    email: str | None
    verified: bool
    primary: bool


@view
class OwnEmails(View):
    """The caller's addresses, the oldest first."""

    emails: list[OwnEmail]


@query("auth.list-emails", access=Access.SIGNED_IN, watches=("user.{caller}",), private=True)
class ListEmails(Query[OwnEmails]):
    """Which addresses the caller has."""


@view
class Export(View):
    """All that is held of a person."""

    user_id: UserId
    status: UserStatus
    emails: list[OwnEmail]
    identities: Annotated[list[dict[str, str | None]], Field(max_length=100)]
    username: str | None
    display_name: str | None
    bio: str
    avatar: str
    links: list[dict[str, str]]
    metadata: dict[str, str]
    role: str
    registered_at: datetime
    sessions: Annotated[list[dict[str, str | None]], Field(max_length=1000)]
    wallets: Annotated[list[dict[str, str | None]], Field(max_length=1000)]
    api_keys: Annotated[list[dict[str, str | None]], Field(max_length=1000)]


@query("auth.export-me", access=Access.SIGNED_IN, watches=("user.{caller}",), private=True)
class ExportMe(Query[Export]):
    """A copy of all that is held of the caller."""
