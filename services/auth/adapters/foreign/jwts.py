"""Tokens that others signed: JSON web tokens, read without trust and checked with the key of their
issuer.

Signatures are asymmetric or they are refused: `none` and HMAC are no algorithms here, so that
nobody signs with what is public. A token's own word about where its key is (`jku`, `jwk`, `x5u`,
`x5c`) is never heard.
source    RFC 7515, 7517, 7519, 8725
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jws import CompactSignature, JWSRegistry

from services.auth.adapters.foreign.errors import Flaw, TokenRefused
from services.auth.adapters.foreign.jwks import FindKey

TOKEN_LENGTH_MAX: Final = 16 * 1024
"""Identity tokens with many claims reach some kilobytes."""
KEY_ID_LENGTH_MAX: Final = 256
CLOCK_SKEW_SECONDS: Final = 30.0
_LAST_SECOND: Final = 253_402_300_799  # Of the year 9999, the last that a date can hold.

ALGORITHMS: Final = frozenset(
    {
        *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
        *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
    }
)
"""All that any issuer may sign with; each may be held to fewer."""


class _Asymmetric(JWSRegistry):
    """The algorithms above, whatever the library recommends today."""

    max_header_length = 4096  # Some send certificates along, which nobody asks for.

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError("not an asymmetric algorithm")
        return self.algorithms[name]


_registry = _Asymmetric(strict_check_header=False)


# ---------------------------------------------------------------------------------- tokens


@dataclass(frozen=True, slots=True)
class Unverified:
    """What a token says of itself. Nothing of it is true before `verify`."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    _signed: CompactSignature

    @property
    def kind(self) -> str:
        """The `typ` of its header, in lower case and without `application/`; empty where there is
        none.
        """
        return str(self.header.get("typ", "")).lower().removeprefix("application/")

    async def verify(
        self,
        find_key: FindKey,
        algorithms: Collection[str] = ALGORITHMS,
    ) -> None:
        """Check the signature.

        find_key   gets the key of an id
        raises     TokenRefused, and what `find_key` raised
        """
        algorithm = self.header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS.intersection(algorithms):
            raise TokenRefused(Flaw.ALGORITHM)
        key_id = self.header.get("kid")
        if key_id is not None and not (
            isinstance(key_id, str) and len(key_id) <= KEY_ID_LENGTH_MAX
        ):
            raise TokenRefused(Flaw.MALFORMED)
        key = await find_key(key_id)
        try:
            key.check_alg(algorithm)
            is_signed = jws.validate_compact(self._signed, key, registry=_registry)
        except (JoseError, ValueError):
            raise TokenRefused(Flaw.ALGORITHM) from None
        if not is_signed:
            raise TokenRefused(Flaw.SIGNATURE)


def read(token: str) -> Unverified:
    """Take a token apart. raises   TokenRefused when it is none, or too large"""
    if len(token) > TOKEN_LENGTH_MAX:
        raise TokenRefused(Flaw.OVERSIZED)
    try:
        signed = jws.extract_compact(token.encode("ascii"), registry=_registry)
        claims = orjson.loads(signed.payload)
    except (JoseError, ValueError, RecursionError):
        raise TokenRefused(Flaw.MALFORMED) from None
    header = signed.protected
    # An extension that must be understood (`crit`) is one that we do not.
    if not isinstance(claims, dict) or "crit" in header or "b64" in header:
        raise TokenRefused(Flaw.MALFORMED)
    return Unverified(header, claims, signed)


# ---------------------------------------------------------------------------------- claims


def subject_of(claims: Mapping[str, Any]) -> str:
    """Whom a token is about: at most 255 characters, as OpenID Connect has it. raises
    TokenRefused
    """
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
        raise TokenRefused(Flaw.SUBJECT)
    return subject


def audiences_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """Whom a token is for; empty where it does not tell. raises   TokenRefused"""
    audience = claims.get("aud", [])
    listed = [audience] if isinstance(audience, str) else audience
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise TokenRefused(Flaw.AUDIENCE)
    return frozenset(listed)


def check_times(claims: Mapping[str, Any], now: float) -> float:
    """That a token is good now. Issuers' clocks may be ahead of ours by `CLOCK_SKEW_SECONDS`.

    returns   when it expires, in seconds since 1970
    raises    TokenRefused, also when it never expires
    """
    expires = _seconds(claims, "exp")
    if expires is None:
        raise TokenRefused(Flaw.MALFORMED)
    if expires <= now:
        raise TokenRefused(Flaw.EXPIRED)
    for name in ("nbf", "iat"):
        moment = _seconds(claims, name)
        if moment is not None and moment > now + CLOCK_SKEW_SECONDS:
            raise TokenRefused(Flaw.NOT_YET_VALID)
    return expires


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= _LAST_SECOND:
        raise TokenRefused(Flaw.MALFORMED)
    return float(value)


def text_of(claims: Mapping[str, Any], *names: str, length_max: int = 320) -> str | None:
    """The first of some claims that holds a line of text; what is too long or not printable counts
    as absent.
    """
    for name in names:
        value = claims.get(name)
        if isinstance(value, str) and 1 <= len(value.strip()) <= length_max:
            line = value.strip()
            if line.isprintable():
                return line
    return None


def says_yes(value: object) -> bool:
    """Whether a claim is true; Apple says so in a string."""
    return value is True or value == "true"
