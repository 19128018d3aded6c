"""Auth as it runs, for the tests of this room, and a mail server that keeps what it is given."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from libs.bus import Bus
from libs.kernel.clock import system_clock
from libs.kernel.errors import BacklineError
from libs.kernel.ids import new_id
from libs.stack.ports import free_ports
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from services.auth.adapters.digests import Digests
from services.auth.adapters.tickets import Tickets

MAIL_SECONDS_MAX = 10.0
PATIENCE_SECONDS = 45.0


class Mailbox:
    """What has arrived, by address."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: dict[str, list[EmailMessage]] = {}

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's.
        if any(address.startswith("nobody") for address in envelope.rcpt_tos):
            return "550 nobody reads mail here"
        content = envelope.original_content or b""
        mail = message_from_bytes(content, policy=policy.default)
        for address in envelope.rcpt_tos:
            self.mails.setdefault(address, []).append(mail)
        return "250 OK"

    async def read(self, address: str, number: int = 1) -> str:
        """What the `number`-th mail to an address says, once it is there."""
        async with asyncio.timeout(MAIL_SECONDS_MAX):
            while len(self.mails.get(address, ())) < number:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return str(self.mails[address][number - 1].get_content())

    async def proof(self, address: str, number: int = 1) -> str:
        """What its link ends with."""
        found = re.search(r"#(\S+)", await self.read(address, number))
        assert found is not None
        return found[1]


def sure_of(nats_server: RunningNats, user_id: str) -> str:
    """The confirmation that a sign-in of this user would have given."""
    digests = Digests((nats_server.secrets / "auth.secret").read_text().strip())
    return Tickets(digests, system_clock).confirmation(user_id)


@pytest.fixture
def certain(nats_server: RunningNats) -> str:
    """The confirmation that a sign-in of the administrator would have given."""
    return sure_of(nats_server, "usr_admin")


async def insist[A](send: Callable[[str], Awaitable[A]]) -> A:
    """Have a command carried out as a patient caller does: again, under the id it was given, for as
    long as nobody could answer.
    """
    command_id = new_id()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                return await send(command_id)
            except BacklineError as error:
                if error.problem()["kind"] not in {"unavailable", "conflict"}:
                    raise


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    """The mail server that auth hands its mails to."""
    (port,) = free_ports(1)
    mailbox = Mailbox(port)
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv("BACKLINE_AUTH_SMTP_URL", f"smtp://127.0.0.1:{port}")
    yield mailbox
    controller.stop()


@pytest.fixture
async def bus(
    nats_server: RunningNats, database: RunningDatabase, mailbox: Mailbox
) -> AsyncIterator[Bus]:
    """The gateway's bus to a running auth."""
    async with (
        running_services(["auth"], nats_server, database),
        bus_of("gateway", nats_server) as bus,
    ):
        yield bus
