"""The codes of a second factor: made again from the installation's secret, and kept nowhere.

source    RFC 6238 (SHA-1, six digits, half minutes: what every authenticator app reads)
"""

from base64 import b32encode
from datetime import datetime
from hmac import compare_digest
from typing import Final

import segno
from pyotp import TOTP

from services.auth.adapters.digests import Digests
from services.auth.domain.state import SecondFactor

STEP_SECONDS: Final = 30
STEPS_AROUND: Final = 1
"""How many steps a clock may be off, either way."""

BACKUP_CODES: Final = 10
ISSUER: Final = "Backline"


class Codes:
    """Tells which codes are right."""

    def __init__(self, digests: Digests) -> None:
        self._digests = digests

    def secret(self, user_id: str, factor_id: str) -> str:
        """What an authenticator app is set up with: 160 bits, base 32."""
        return b32encode(self._digests.raw("totp", user_id, factor_id)[:20]).decode()

    def uri(self, user_id: str, factor_id: str, label: str) -> str:
        """The same as a link that apps read."""
        secret = self.secret(user_id, factor_id)
        return TOTP(secret).provisioning_uri(name=label, issuer_name=ISSUER)

    def qr(self, uri: str) -> list[str]:
        """A link as a QR code: rows of 0 and 1."""
        code = segno.make(uri, error="m", micro=False)
        return ["".join(str(module & 1) for module in row) for row in code.matrix]

    def step_of(self, user_id: str, factor_id: str, code: str, at: datetime) -> int | None:
        """The step of time, about now, whose code it is; None when it is wrong."""
        totp = TOTP(self.secret(user_id, factor_id))
        now = int(at.timestamp()) // STEP_SECONDS
        around = range(now - STEPS_AROUND, now + STEPS_AROUND + 1)
        right = [step for step in around if compare_digest(totp.generate_otp(step), code)]
        return right[0] if right else None

    def backups(self, user_id: str, backup_id: str) -> list[str]:
        """The backup codes of this name: 50 bits each, in two groups of five letters."""
        made = []
        for number in range(BACKUP_CODES):
            raw = self._digests.raw("backup", user_id, backup_id, str(number))
            text = b32encode(raw[:10]).decode().lower()
            made.append(f"{text[:5]}-{text[5:10]}")
        return made

    def backup_of(self, user_id: str, factor: SecondFactor, code: str) -> int | None:
        """The number of the backup code that it is; None when it is none."""
        known = enumerate(self.backups(user_id, factor.backup_id))
        right = [number for number, backup in known if compare_digest(backup, code)]
        return right[0] if right else None
