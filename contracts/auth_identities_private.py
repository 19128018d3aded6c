"""What `auth` says to itself about ways in, once what was shown has been checked."""

from datetime import datetime

from contracts.auth import UserId
from contracts.auth_accounts import AccountReceipt, EmailId, MailReceipt
from contracts.auth_confirmation import BackupCodes
from contracts.auth_identities import IdentityId, IdentityKind
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Command, command, message


@message
class MadePasskey:
    """The public half of a passkey; binary values as base64url."""

    credential_id: str
    public_key: str
    sign_count: int


@message
class GivenTokens:
    """What a provider has given us for a user."""

    access_token: str
    refresh_token: str | None
    expires_at: datetime | None


@message
class FoundEmail:
    """An address that a provider has found to be the user's."""

    email: str
    email_name: EmailId


@command("auth.link-identity", key="user_id", access=Access.SERVICE)
class LinkIdentity(Command[AccountReceipt]):
    """An identity was shown to be this user's; who is no user yet becomes one."""

    user_id: UserId
    identity_id: IdentityId
    kind: IdentityKind
    issuer: str
    label: str | None
    display_name: str | None = None
    email: FoundEmail | None = None
    passkey: MadePasskey | None = None
    tokens: GivenTokens | None = None


@command("auth.use-passkey", key="user_id", access=Access.SERVICE)
class UsePasskey(Command[AccountReceipt]):
    """A passkey has signed a challenge."""

    user_id: UserId
    identity_id: IdentityId
    sign_count: int


@command("auth.keep-provider-tokens", key="user_id", access=Access.SERVICE)
class KeepProviderTokens(Command[AccountReceipt]):
    """A provider has given us others."""

    user_id: UserId
    identity_id: IdentityId
    tokens: GivenTokens


@command("auth.begin-email", key="user_id", access=Access.SERVICE)
class BeginEmail(Command[MailReceipt]):
    """`auth.add-email`, its address digested."""

    user_id: UserId
    email: str
    email_name: EmailId
    mail_id: Id


@command("auth.set-second-factor", key="user_id", access=Access.SERVICE)
class SetSecondFactor(Command[BackupCodes]):
    """`auth.turn-on-second-factor`, the code having been checked."""

    user_id: UserId
    factor_id: Id
    backup_id: Id
    step: int


@command("auth.replace-backup-codes", key="user_id", access=Access.SERVICE)
class ReplaceBackupCodes(Command[BackupCodes]):
    """`auth.make-backup-codes`, the confirmation having been checked."""

    user_id: UserId
    backup_id: Id


@command("auth.show-second-factor", key="user_id", access=Access.SERVICE)
class ShowSecondFactor(Command[AccountReceipt]):
    """A code was shown: of a step of time, a backup code, or neither: then it was wrong."""

    user_id: UserId
    step: int | None = None
    backup: int | None = None
