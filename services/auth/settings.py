"""What can be set about auth from outside."""

from enum import StrEnum
from typing import ClassVar

from pydantic import SecretStr

from libs.chassis.settings import Settings as ChassisSettings
from libs.chassis.settings import setting


class DevelopmentUsers(StrEnum):
    """Whether anybody may become a development user, and the most it can be trusted with."""

    OFF = "off"
    MEMBER = "member"
    MODERATOR = "moderator"
    ADMIN = "admin"


class Settings(ChassisSettings):
    """The variables `BACKLINE_AUTH_*`."""

    prefix: ClassVar[str] = "BACKLINE_AUTH_"

    development_users: DevelopmentUsers = setting(
        DevelopmentUsers.OFF,
        "The most that development users, who need no proof, are trusted with; off: there are none."
        " Never on where strangers come.",
    )
    session_ttl_seconds: int = setting(
        7 * 24 * 3600, "How long a member's token is good.", "seconds", ge=60
    )
    privileged_session_ttl_seconds: int = setting(
        12 * 3600, "How long a moderator's or administrator's token is good.", "seconds", ge=60
    )
    access_ttl_seconds: int = setting(
        15 * 60,
        "How long the access token of somebody who signed in is good; they renew it.",
        "seconds",
        ge=60,
        le=3600,
    )
    leave_days: float = setting(
        30, "How long somebody who leaves may come back before they are erased.", "days", ge=0
    )
    username_rest_days: float = setting(
        30, "How long a username that was given up is kept from others.", "days", ge=0
    )
    password_words: str = setting(
        "backline",
        "Words that no password is made of, with commas between: the names of the installation, its"
        " products, those it is for.",
    )
    smtp_url: SecretStr = setting(
        SecretStr("smtp://127.0.0.1:8025"),
        "Where mail is handed over: smtp://host:port, smtps://, with user:password@ if need be.",
    )
    mail_from: str = setting("Backline <backline@localhost>", "Who mails are from.")
    base_url: str = setting(
        "http://localhost:8080",
        "Where the pages are: links in mails lead there, and passkeys are good there alone.",
    )
    issuers: str = setting(
        "[]",
        "Others whose tokens are taken (Clerk, Privy, any OIDC issuer), as JSON; see"
        " services/auth/adapters/foreign/written.py. Providers are the secret `auth.providers`.",
    )
    slot_commands_max: int = setting(
        20_000,
        "Commands that may wait in one slot; beyond it callers are refused.",
        "commands",
        ge=1,
    )
    live_users_max: int = setting(20_000, "Users an owner keeps in memory.", "users", ge=1)
