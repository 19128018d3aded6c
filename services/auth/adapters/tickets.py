"""Tickets: what we must remember of a step, sealed, in the hands of the client that takes it.

Nothing is stored: what comes back was made here, unchanged, for this step, and not too long ago.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from secrets import token_bytes
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from contracts.auth_mail import ProofRefused
from contracts.auth_sessions import ConfirmationNeeded
from libs.kernel.clock import Clock
from services.auth.adapters.digests import Digests

LIFETIME: Final = timedelta(minutes=10)
_NONCE_BYTES: Final = 12


class Step(StrEnum):
    """What a ticket is for; it is good for nothing else."""

    PROVIDER = "provider"
    PASSKEY = "passkey"
    PASSKEY_SIGN_IN = "passkey-sign-in"
    WALLET = "wallet"
    SECOND_FACTOR = "second-factor"
    SECOND_FACTOR_SETUP = "second-factor-setup"
    CONFIRMATION = "confirmation"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What was sealed.

    challenge_id  that the step is known by
    user_id       who began it; empty for a stranger
    held          what the step needs
    """

    challenge_id: str
    user_id: str
    held: dict[str, Any]


class Tickets:
    """Seals and opens the tickets of one installation."""

    def __init__(self, digests: Digests, clock: Clock) -> None:
        self._cipher = AESGCM(digests.raw("tickets"))
        self._clock = clock

    def seal(self, step: Step, ticket: Ticket) -> str:
        """A ticket for a step, good for `LIFETIME`."""
        text = orjson.dumps({"until": self.until().timestamp(), **asdict(ticket)})
        nonce = token_bytes(_NONCE_BYTES)
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, text, step.encode())).decode()

    def until(self) -> datetime:
        """Until when a ticket that is sealed now is good."""
        return self._clock() + LIFETIME

    def open(self, step: Step, sealed: str) -> Ticket:
        """What was sealed for this step. raises   ProofRefused when it is not ours or too old"""
        try:
            raw = urlsafe_b64decode(sealed)
            if urlsafe_b64encode(raw) != sealed.encode():
                raise ProofRefused  # The same bytes, written otherwise: not as we wrote them.
            nonce, text = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
            content = orjson.loads(self._cipher.decrypt(nonce, text, step.encode()))
        except (NotBase64, ValueError, InvalidTag):
            raise ProofRefused from None
        if content.pop("until") <= self._clock().timestamp():
            raise ProofRefused
        return Ticket(**content)

    # ------------------------------------------------------------------------------ confirmations

    def confirmation(self, user_id: str) -> str:
        """That somebody has shown who they are, just now."""
        return self.seal(Step.CONFIRMATION, Ticket("", user_id, {}))

    def confirmed(self, user_id: str, confirmation: str) -> None:
        """Let somebody pass who has shown lately who they are. raises   ConfirmationNeeded"""
        try:
            shown = self.open(Step.CONFIRMATION, confirmation)
        except ProofRefused:
            raise ConfirmationNeeded from None
        if shown.user_id != user_id:
            raise ConfirmationNeeded
