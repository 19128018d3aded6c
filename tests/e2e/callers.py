"""Tokens for tests: signed as `auth` signs them, for whoever a test needs."""

from datetime import UTC, datetime

from libs.chassis.tokens import Signer
from libs.testkit.stack import RunningNats


def token_of(nats_server: RunningNats, user_id: str, role: str) -> str:
    """A token of the installation, good for ten minutes."""
    signer = Signer.from_secret((nats_server.secrets / "auth.signing").read_text())
    text, _ = signer.sign(user_id, [role], "guest", at=datetime.now(UTC), ttl_seconds=600)
    return text


def headers_of(nats_server: RunningNats, user_id: str, role: str) -> dict[str, str]:
    """The headers of a request in this name."""
    return {"Authorization": f"Bearer {token_of(nats_server, user_id, role)}"}
