"""What is known of a user."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from contracts.auth import UserKind, UserRole
from contracts.auth_accounts import MailKind

CODE_ATTEMPTS_MAX: Final = 5
MAILS_AN_HOUR_MAX: Final = 6
HOUR: Final = timedelta(hours=1)


@dataclass(slots=True)
class Mail:
    """A mail that was wanted, and what it proves.

    failures   how often a wrong code was tried
    """

    kind: MailKind
    wanted_at: datetime
    expires_at: datetime
    is_used: bool = False
    failures: int = 0

    def proves(self, kind: MailKind, at: datetime) -> bool:
        """Whether it can still be made use of."""
        is_good = not self.is_used and self.failures < CODE_ATTEMPTS_MAX
        return is_good and self.kind is kind and at < self.expires_at


@dataclass(slots=True)
class User:
    """The state. `kind` is None until the user is registered.

    email_name       the digest under which the address is claimed
    sessions_before  sessions opened before this are over, but for the kept one
    """

    user_id: str = ""
    kind: UserKind | None = None
    display_name: str | None = None
    role: UserRole = UserRole.MEMBER
    registered_at: datetime | None = None
    suspended_by: UserRole | None = None
    is_banned: bool = False
    is_erased: bool = False
    email: str | None = None
    email_name: str | None = None
    email_verified: bool = False
    password_hash: str | None = None
    mails: dict[str, Mail] = field(default_factory=dict)
    sessions_before: datetime | None = None
    kept_session_id: str | None = None

    def has_over(self, session_id: str, opened_at: datetime) -> bool:
        """Whether a session was ended together with others."""
        before = self.sessions_before
        return before is not None and opened_at < before and session_id != self.kept_session_id

    def mails_lately(self, at: datetime) -> int:
        """How many mails were wanted within the last hour."""
        return sum(mail.wanted_at > at - HOUR for mail in self.mails.values())
