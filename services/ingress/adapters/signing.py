"""Signing by Standard Webhooks: what we send to others, and the secrets for it. And as Luma does,
for deliveries to ourselves.

Secrets are derived from one secret of the installation, so that none stands in the log.
source    https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import hmac
from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256
from typing import Final

_PREFIX: Final = "whsec_"
_WITHOUT_SECRETS: Final = "an installation without secrets"


def derived_secret(master: str | None, *purpose: str) -> str:
    """A secret of 32 bytes as Standard Webhooks writes them: `whsec_` and base64.

    master   `ingress.secret`; None for an installation without secrets, which is for tests
    """
    key = (master or _WITHOUT_SECRETS).encode()
    digest = hmac.digest(key, "\x1f".join(purpose).encode(), sha256)
    return _PREFIX + b64encode(digest).decode()


def sign(secret: str, message_id: str, at: datetime, body: bytes, *more: str) -> dict[str, str]:
    """The headers of a message. `more` are further secrets that are good for a while."""
    timestamp = str(int(at.timestamp()))
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    signatures = [
        "v1," + b64encode(hmac.digest(_key(each), signed, sha256)).decode()
        for each in (secret, *more)
    ]
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


def sign_as_luma(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of a message as Luma sends it: the key is the secret as it is written."""
    timestamp = str(int(at.timestamp()))
    signature = hmac.digest(secret.encode(), b".".join((timestamp.encode(), body)), sha256)
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"t={timestamp},v1={signature.hex()}",
    }


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(_PREFIX))
