"""Id tokens: what a provider signs to say who has just signed in, to us, in answer to what we
asked.

source    OpenID Connect Core 1.0, 3.1.3.7
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.auth.adapters.foreign.discovery import Metadata
from services.auth.adapters.foreign.errors import Flaw, TokenRefused
from services.auth.adapters.foreign.jwks import Keys, Source
from services.auth.adapters.foreign.jwts import (
    Unverified,
    audiences_of,
    check_times,
    read,
    subject_of,
)
from services.auth.adapters.foreign.providers import Provider


@dataclass(frozen=True, slots=True)
class Expected:
    """What an id token has to be: of this provider, for us, with the nonce of the sign-in, and of
    the access token that came with it.
    """

    provider: Provider
    metadata: Metadata
    nonce: str = field(repr=False)
    access_token: str = field(repr=False)

    async def claims_of(self, id_token: str, keys: Keys, now: datetime) -> Mapping[str, Any]:
        """The claims of one that is. raises   TokenRefused, and what getting its key raised"""
        token = read(id_token)
        if not self.provider.goes_by(token.claims.get("iss")):
            raise TokenRefused(Flaw.ISSUER)
        source = Source(self.metadata.issuer, self.metadata.jwks_url)
        await token.verify(keys.of(source), self.metadata.algorithms)
        if token.kind not in ("", "jwt"):
            raise TokenRefused(Flaw.KIND)
        self._check_audience(token.claims)
        check_times(token.claims, now.timestamp())
        subject_of(token.claims)
        self._check_binding(token)
        return token.claims

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        client_id = self.provider.client_id
        audiences = audiences_of(claims)
        if client_id not in audiences:
            raise TokenRefused(Flaw.AUDIENCE)
        # Among several, the token has to say that it was made for us.
        if claims.get("azp", client_id if len(audiences) == 1 else None) != client_id:
            raise TokenRefused(Flaw.AUTHORIZED_PARTY)

    def _check_binding(self, token: Unverified) -> None:
        if not is_same(token.claims.get("nonce"), self.nonce):
            raise TokenRefused(Flaw.NONCE)
        half = _half_hash(self.access_token, token.header["alg"])
        if "at_hash" in token.claims and not is_same(token.claims["at_hash"], half):
            raise TokenRefused(Flaw.ACCESS_TOKEN_HASH)


def is_same(told: object, known: str) -> bool:
    """Whether what was told is what only we, or who was told by us, can know."""
    return isinstance(told, str) and hmac.compare_digest(
        told.encode(errors="replace"), known.encode()
    )


def _half_hash(access_token: str, algorithm: str) -> str:
    """The `at_hash` of an access token (3.1.3.6)."""
    bits = algorithm[-3:] if algorithm[-3:] in ("256", "384") else "512"
    digest = hashlib.new(f"sha{bits}", access_token.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
