"""What is Apple's alone: a client secret that is a token we sign, and a name that comes in a form.

source   developer.apple.com/documentation/signinwithapplerestapi
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from services.auth.adapters.foreign.errors import Misconfigured
from services.auth.adapters.foreign.jwts import text_of

AUDIENCE: Final = "https://appleid.apple.com"
SECRET_SECONDS: Final = 300
FORM_LENGTH_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class AppleKey:
    """What client secrets are made with.

    private_key   PEM of the key (P-256) that Apple gave, of the id `key_id`, to the team `team_id`
    """

    team_id: str
    key_id: str
    private_key: str = field(repr=False)

    def __post_init__(self) -> None:
        self._key()

    def client_secret(self, client_id: str, now: datetime) -> str:
        """A client secret that is good for some minutes; Apple would take six months."""
        issued_at = int(now.timestamp())
        claims = {
            "iss": self.team_id,
            "iat": issued_at,
            "exp": issued_at + SECRET_SECONDS,
            "aud": AUDIENCE,
            "sub": client_id,
        }
        return jwt.encode({"alg": "ES256", "kid": self.key_id}, claims, self._key())

    def _key(self) -> ECKey:
        try:
            key = ECKey.import_key(self.private_key)
        except (JoseError, ValueError, TypeError):
            raise Misconfigured("Apple's key is no private key") from None
        if not key.is_private or key.curve_name != "P-256":
            raise Misconfigured("Apple's key is no private key of P-256")
        return key


def name_in_form(form: str) -> str | None:
    """The name in the `user` field of Apple's form: there the first time only, signed by nobody,
    and so a name and no more.
    """
    if len(form) > FORM_LENGTH_MAX:
        return None
    try:
        user = orjson.loads(form)
    except orjson.JSONDecodeError:
        return None
    name = user.get("name") if isinstance(user, dict) else None
    if not isinstance(name, dict):
        return None
    parts = [text_of(name, "firstName"), text_of(name, "lastName")]
    return " ".join(part for part in parts if part) or None
