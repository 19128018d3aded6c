"""Mails: what they say, and their way out by SMTP."""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import formatdate
from typing import Final
from urllib.parse import unquote, urlsplit

from contracts.auth_mail import MailKind
from libs.kernel.errors import Unavailable
from services.auth.adapters.digests import Digests

TIMEOUT_SECONDS: Final = 5.0
_FOR_GOOD: Final = 500
"""SMTP's codes from here on say that there is no use in trying again."""


class Undeliverable(Exception):
    """The server will never take this mail."""


@dataclass(frozen=True, slots=True)
class Text:
    """What a mail of one kind says. `{link}`, `{code}` and `{day}` are filled in."""

    subject: str
    body: str


TEXTS: Final = {
    MailKind.VERIFY_EMAIL: Text(
        "Confirm your address",
        "Somebody, most likely you, has signed up with this address.\n\n"
        "If it was you, confirm it here, within a day:\n{link}\n\n"
        "If it was not, do nothing: without this link the account cannot be used.\n",
    ),
    MailKind.SIGN_IN: Text(
        "Your link to sign in",
        "Sign in with this link, within ten minutes:\n{link}\n\n"
        "Or with this code: {code}\n\n"
        "We never ask for it anywhere else. If you did not want to sign in, do nothing.\n",
    ),
    MailKind.RESET_PASSWORD: Text(
        "Set another password",
        "Set another password with this link, within an hour:\n{link}\n\n"
        "If you did not ask for it, do nothing: your password stays as it is.\n",
    ),
    MailKind.ACCOUNT_EXISTS: Text(
        "You have an account already",
        "Somebody, most likely you, has tried to sign up with this address; but it has an account\n"
        "already. Sign in, or set another password:\n{link}\n",
    ),
    MailKind.PASSWORD_CHANGED: Text(
        "Your password was changed",
        "The password of your account has just been changed, and other devices were signed out.\n\n"
        "If it was not you, set another one now:\n{link}\n",
    ),
    MailKind.LEFT: Text(
        "You have left",
        "Your account is closed, and nobody sees it any more. On {day} everything\n"
        "personal in it will be destroyed.\n\n"
        "To keep it, sign in before then:\n{link}\n",
    ),
    MailKind.SECOND_FACTOR_RESET: Text(
        "Your second factor was taken off",
        "An administrator has taken the second factor off your account, as for somebody who has\n"
        "lost their device and their backup codes. No code is asked for any more.\n\n"
        "Sign in, and turn it on again:\n{link}\n\n"
        "If you did not ask for this, set another password now, and tell an administrator.\n",
    ),
}

_PAGES: Final = {
    MailKind.VERIFY_EMAIL: "/confirm",
    MailKind.SIGN_IN: "/confirm",
    MailKind.RESET_PASSWORD: "/reset-password",
}


class Mailer:
    """Writes mails and hands them to an SMTP server."""

    def __init__(self, *, smtp_url: str, sender: str, base_url: str) -> None:
        """An SMTP server, and where the pages are that links lead to (`https://example.org`).

        smtp_url   `smtp://host:port`, with `user:password@` if it asks for them (then by STARTTLS);
                   `smtps://` for a server that speaks TLS from the first byte
        """
        self._server = urlsplit(smtp_url)
        self._sender = sender
        self._base_url = base_url.rstrip("/")

    def write(
        self,
        kind: MailKind,
        address: str,
        digests: Digests,
        user_id: str,
        mail_id: str,
        hour: datetime | None = None,
    ) -> EmailMessage:
        """A mail. Its id is the same however often it is written: a second copy is known as one.

        hour   of which it tells, if it does
        """
        text = TEXTS[kind]
        page = _PAGES.get(kind)
        if page is None:
            link, code = f"{self._base_url}/sign-in", ""
        else:
            link = f"{self._base_url}{page}#{digests.proof(kind, user_id, mail_id)}"
            code = digests.code(user_id, mail_id)
        message = EmailMessage()
        message["Subject"] = text.subject
        message["From"] = self._sender
        message["To"] = address
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{mail_id}@{urlsplit(self._base_url).hostname}>"
        message["Auto-Submitted"] = "auto-generated"
        day = "" if hour is None else f"{hour:%-d %B %Y}"
        message.set_content(text.body.format(link=link, code=code, day=day))
        return message

    async def send(self, message: EmailMessage) -> None:
        """Hand a mail over.

        raises   Undeliverable when the server will never take it; Unavailable when it does not now
        """
        try:
            await asyncio.to_thread(self._send, message)
        except smtplib.SMTPRecipientsRefused as error:
            if all(code >= _FOR_GOOD for code, _ in error.recipients.values()):
                raise Undeliverable from None
            raise Unavailable("the mail server is busy", retry_after_seconds=5) from None
        except smtplib.SMTPDataError as error:
            if error.smtp_code >= _FOR_GOOD:
                raise Undeliverable from None
            raise Unavailable("the mail server is busy", retry_after_seconds=5) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable(
                f"mail cannot be sent: {type(error).__name__}", retry_after_seconds=5
            ) from None

    def _send(self, message: EmailMessage) -> None:
        url = self._server
        is_tls = url.scheme == "smtps"
        kind = smtplib.SMTP_SSL if is_tls else smtplib.SMTP
        with kind(url.hostname or "", url.port or 0, timeout=TIMEOUT_SECONDS) as server:
            if url.username:
                if not is_tls:
                    server.starttls(context=ssl.create_default_context())
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(message)
