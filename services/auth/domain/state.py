"""What is known of a user."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from contracts.auth import UserKind, UserRole
from contracts.auth_identities import IdentityKind
from contracts.auth_mail import MailKind
from contracts.auth_profile import Link

CODE_ATTEMPTS_MAX: Final = 5
MAILS_AN_HOUR_MAX: Final = 6
EMAILS_MAX: Final = 10
IDENTITIES_MAX: Final = 20
HOUR: Final = timedelta(hours=1)


@dataclass(slots=True)
class Mail:
    """A mail that was wanted, and what it proves.

    failures   how often a wrong code was tried
    """

    kind: MailKind
    email_name: str
    wanted_at: datetime
    expires_at: datetime
    is_used: bool = False
    failures: int = 0

    def proves(self, kind: MailKind, at: datetime) -> bool:
        """Whether it can still be made use of."""
        is_good = not self.is_used and self.failures < CODE_ATTEMPTS_MAX
        return is_good and self.kind is kind and at < self.expires_at


@dataclass(slots=True)
class Address:
    """An e-mail address that somebody says is theirs; it is, and counts, once it is verified."""

    email: str | None
    is_verified: bool = False


@dataclass(slots=True)
class Passkey:
    """The public half; binary values as base64url."""

    credential_id: str | None
    public_key: str | None
    sign_count: int


@dataclass(slots=True)
class ProviderTokens:
    """What a provider lets us do for a user there."""

    access_token: str | None
    refresh_token: str | None
    expires_at: datetime | None


@dataclass(slots=True)
class Identity:
    """A way in: see `contracts.auth_identities.IdentityLinked`."""

    kind: IdentityKind
    issuer: str
    passkey: Passkey | None = None
    tokens: ProviderTokens | None = None


@dataclass(slots=True)
class SecondFactor:
    """Which codes are good.

    step     of the newest code that was shown: neither it nor one before is good any more
    backups  the numbers of backup codes that were shown
    """

    factor_id: str
    backup_id: str
    step: int = 0
    backups: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Profile:
    """What a user says of themselves, beside their names."""

    bio: str = ""
    avatar: str = ""
    links: list[Link] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class User:
    """The state. `kind` is None until the user is registered.

    emails           by the digests under which they are claimed
    email_name       the primary one of them
    identities       by the digests under which they are claimed
    primary_way_in   the digest of an identity or address
    app_wallets      addresses of wallets, by the apps that keep them
    username_name    the digest under which the username is claimed
    resting          usernames that were given up, by their digests, and when others may have them
    sessions_before  sessions opened before this are over, but for the kept one
    erased_at        when somebody who has left will be erased; None: they have not
    """

    user_id: str = ""
    kind: UserKind | None = None
    display_name: str | None = None
    role: UserRole = UserRole.MEMBER
    registered_at: datetime | None = None
    suspended_by: UserRole | None = None
    is_banned: bool = False
    is_erased: bool = False
    emails: dict[str, Address] = field(default_factory=dict)
    email_name: str | None = None
    identities: dict[str, Identity] = field(default_factory=dict)
    second_factor: SecondFactor | None = None
    primary_way_in: str | None = None
    app_wallets: dict[str, str] = field(default_factory=dict)
    password_hash: str | None = None
    mails: dict[str, Mail] = field(default_factory=dict)
    sessions_before: datetime | None = None
    kept_session_id: str | None = None
    username: str | None = None
    username_name: str | None = None
    resting: dict[str, datetime] = field(default_factory=dict)
    profile: Profile = field(default_factory=Profile)
    erased_at: datetime | None = None

    @property
    def email(self) -> str | None:
        """The primary address."""
        return None if self.email_name is None else self.emails[self.email_name].email

    @property
    def email_verified(self) -> bool:
        return self.email_name is not None and self.emails[self.email_name].is_verified

    def address_of(self, mail_id: str) -> str | None:
        """Where a mail goes; None when it goes nowhere any more."""
        mail = self.mails.get(mail_id)
        address = None if mail is None else self.emails.get(mail.email_name)
        return None if address is None else address.email

    def ways_in(self) -> int:
        """How many there are: a verified address is one, with a password or without."""
        return len(self.identities) + sum(each.is_verified for each in self.emails.values())

    def claimed(self) -> list[str]:
        """The names that belong to this user: the primary address does so before it is verified."""
        own = [name for name, each in self.emails.items() if each.is_verified]
        if self.email_name is not None and self.email_name not in own:
            own.append(self.email_name)
        return [*own, *self.identities]

    def has_over(self, session_id: str, opened_at: datetime) -> bool:
        """Whether a session was ended together with others."""
        before = self.sessions_before
        return before is not None and opened_at < before and session_id != self.kept_session_id

    def mails_lately(self, at: datetime) -> int:
        """How many mails were wanted within the last hour."""
        return sum(mail.wanted_at > at - HOUR for mail in self.mails.values())
