"""Whoever a test needs: tokens as `auth` signs them, and people who signed in."""

from datetime import UTC, datetime
from typing import Any

from contracts.auth import GetMe
from contracts.auth_mail import MailKind
from contracts.auth_private import OpenAccount, OpenSession, UseProof
from contracts.auth_sessions import SignInMethod
from libs.bus import Bus
from libs.chassis.tokens import Signer
from libs.kernel.ids import new_id
from libs.kernel.messages import Caller, service_caller
from libs.testkit.stack import RunningNats

OURSELVES = service_caller("auth")


def token_of(nats_server: RunningNats, user_id: str, role: str) -> str:
    """A token of the installation, good for ten minutes."""
    signer = Signer.from_secret((nats_server.secrets / "auth.signing").read_text())
    text, _ = signer.sign(user_id, [role], "guest", at=datetime.now(UTC), ttl_seconds=600)
    return text


def headers_of(nats_server: RunningNats, user_id: str, role: str) -> dict[str, str]:
    """The headers of a request in this name."""
    return {"Authorization": f"Bearer {token_of(nats_server, user_id, role)}"}


async def signed_in(bus: Bus) -> dict[str, Any]:
    """A session of a new account, without its mails. Readers know of it."""
    user_id, mail_id = new_id(), new_id()
    await bus.send(
        OpenAccount(
            user_id=user_id,
            email=f"{user_id}@example.org",
            email_name=f"email-{user_id}",
            password_hash="none",
            display_name=None,
            mail_id=mail_id,
        ),
        caller=OURSELVES,
    )
    proof = UseProof(user_id=user_id, mail_id=mail_id, kind=MailKind.VERIFY_EMAIL, is_right=True)
    await bus.send(proof, caller=OURSELVES)
    opening = OpenSession(
        session_id=new_id(), user_id=user_id, method=SignInMethod.EMAIL, device="test"
    )
    session = await bus.send(opening, caller=OURSELVES)
    await bus.ask(GetMe(), caller=Caller(user_id, ("member",)), after=session["position"])
    return session
