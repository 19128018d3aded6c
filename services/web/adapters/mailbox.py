"""A mailbox for development: an SMTP server on this machine that keeps the last mails in memory."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from typing import Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from libs.kernel.clock import Clock, system_clock

MAILS_MAX: Final = 100
MAIL_BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """A mail that went no further."""

    to: str
    subject: str
    text: str
    at: datetime


class Mailbox:
    """Takes mail for anybody, and shows it to whoever runs this."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self.mails: deque[CaughtMail] = deque(maxlen=MAILS_MAX)

    async def serve(self, port: int, on_ready: Callable[[], None]) -> None:
        """Take mails on 127.0.0.1 until cancelled."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(self, data_size_limit=MAIL_BYTES_MAX, loop=loop), "127.0.0.1", port
        )
        async with server:
            on_ready()
            await server.serve_forever()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd calls it so.
        mail = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        body = mail.get_body(("plain",))
        text = "" if body is None else str(body.get_content())
        to = ", ".join(envelope.rcpt_tos)
        self.mails.appendleft(CaughtMail(to, str(mail["Subject"]), text, self._clock()))
        return "250 Kept"
