"""Tokens that say who someone is: JSON web tokens signed with Ed25519.

`auth` signs them (`Signer`), everyone who has its public keys can tell that it did (`Verifier`). A
token holds who (`sub`), what they are trusted with (`roles`), what kind of user they are (`kind`),
of which session it is (`sid`), since when (`iat`) and until when (`exp`). What was taken back
before that is refused by whoever knows of it (`libs.chassis.revocations`).
source    RFC 7519, RFC 8037
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry

from libs.kernel.clock import Clock
from libs.kernel.errors import Unauthenticated
from libs.kernel.messages import Caller, Role

ISSUER: Final = "backline"
ALGORITHM: Final = "EdDSA"
TOKEN_LENGTH_MAX: Final = 4096
CACHE_ENTRIES_MAX: Final = 50_000
REFRESH_PAUSE_SECONDS: Final = 10.0
CLOCK_SKEW_SECONDS: Final = 30.0

Jwks = Mapping[str, Any]
"""A JWK set (RFC 7517): {"keys": […]}, public halves only."""


class TokenInvalid(Unauthenticated):
    code = "token-invalid"
    title = "This token is not one of ours."


class TokenExpired(Unauthenticated):
    code = "token-expired"
    title = "This token has expired; get a new one."


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a valid token names.

    kind        guest, development, named
    session_id  that it is a token of; empty for guests and development users
    issued_at   seconds since 1970
    expires_at  seconds since 1970
    """

    user_id: str
    roles: tuple[str, ...]
    kind: str
    session_id: str
    issued_at: float
    expires_at: float
    caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "caller", Caller(user_id=self.user_id, roles=self.roles))


class _EdDSA(JWSRegistry):
    """Ed25519 by the name that every library reads. (RFC 9864 has since renamed it `Ed25519`.)"""

    def get_alg(self, name: str) -> Any:
        if name != ALGORITHM:
            raise UnsupportedAlgorithmError(f"not {ALGORITHM}")
        return self.algorithms[ALGORITHM]


_registry = _EdDSA()


# ---------------------------------------------------------------------------------- signing


class Signer:
    """Makes tokens with the first of its keys; the others only let older tokens pass."""

    def __init__(self, keys: Sequence[OKPKey]) -> None:
        self._keys = keys

    @classmethod
    def from_secret(cls, text: str) -> "Signer":
        """From a private JWK, or from a JWK set whose first key signs, as JSON.

        raises   ValueError when it is neither
        """
        try:
            document = json.loads(text)
            keys = [OKPKey.import_key(each) for each in document.get("keys", [document])]
        except (JoseError, ValueError, AttributeError, TypeError, KeyError) as error:
            raise ValueError(f"not a private JWK: {type(error).__name__}") from None
        if not keys or not keys[0].is_private or any(key["crv"] != "Ed25519" for key in keys):
            raise ValueError("not an Ed25519 private JWK")
        for key in keys:
            key.ensure_kid()
        return cls(keys)

    @classmethod
    def of_this_process(cls) -> "Signer":
        """With a key that nobody else has, and that is forgotten when the process ends."""
        return cls([OKPKey.generate_key("Ed25519", auto_kid=True)])

    def sign(
        self,
        user_id: str,
        roles: Sequence[str],
        kind: str,
        *,
        at: datetime,
        ttl_seconds: float,
        session_id: str = "",
    ) -> tuple[str, datetime]:
        """Make a token, good from now on. returns   it, and when it expires"""
        expires_at = (at + timedelta(seconds=ttl_seconds)).replace(microsecond=0)
        claims = {
            "iss": ISSUER,
            "aud": ISSUER,
            "sub": user_id,
            "iat": at.timestamp(),
            "exp": int(expires_at.timestamp()),
            "roles": list(roles),
            "kind": kind,
        }
        if session_id:
            claims["sid"] = session_id
        header = {"alg": ALGORITHM, "kid": self._keys[0].kid}
        return jwt.encode(header, claims, self._keys[0], registry=_registry), expires_at

    def jwks(self) -> dict[str, Any]:
        """The public halves of the keys, for those who check tokens."""
        keys = [key.as_dict(private=False) for key in self._keys]
        return {"keys": [{**key, "alg": ALGORITHM, "use": "sig"} for key in keys]}


# ---------------------------------------------------------------------------------- checking


class Verifier:
    """Tells whom a token names. What was checked once is remembered until the token expires."""

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Jwks]],
        clock: Clock,
        *,
        entries_max: int = CACHE_ENTRIES_MAX,
    ) -> None:
        """`fetch` gets the public keys: at first use, and when a token names another one."""
        self._fetch = fetch
        self._clock = clock
        self._entries_max = entries_max
        self._known: dict[str, Identity] = {}
        self._keys: dict[str, OKPKey] = {}
        self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()

    def recall(self, token: str) -> Identity | None:
        """Whom a token names that was checked before and has not expired; None for any other."""
        identity = self._known.get(token)
        if identity is None:
            return None
        if identity.expires_at <= self._clock().timestamp():
            del self._known[token]
            return None
        return identity

    async def verify(self, token: str) -> Identity:
        """Whom a token names.

        raises   TokenInvalid; TokenExpired; whatever `fetch` raised (Unavailable, as a rule)
        """
        return self.recall(token) or self._remember(token, await self._check(token))

    def _remember(self, token: str, identity: Identity) -> Identity:
        if len(self._known) >= self._entries_max:
            del self._known[next(iter(self._known))]  # The oldest: its turn to be checked again.
        self._known[token] = identity
        return identity

    async def _check(self, token: str) -> Identity:
        try:
            signed = jws.extract_compact(token[: TOKEN_LENGTH_MAX + 1].encode(), registry=_registry)
            key = await self._key(signed.protected["kid"])
            if not jws.validate_compact(signed, key, registry=_registry):
                raise TokenInvalid
            claims = json.loads(signed.payload)
            identity = _identity(claims)
        except (JoseError, ValueError, KeyError, TypeError):
            raise TokenInvalid from None
        now = self._clock().timestamp()
        if identity.expires_at <= now:
            raise TokenExpired
        if claims["iat"] > now + CLOCK_SKEW_SECONDS:
            raise TokenInvalid("issued in the future")
        return identity

    async def _key(self, key_id: str) -> OKPKey:
        """A public key by its id; fetched when it is new to us, though not too often."""
        if key_id not in self._keys:
            async with self._fetching:
                now = self._clock().timestamp()
                if now - self._fetched_at > REFRESH_PAUSE_SECONDS:
                    self._keys = _public_keys(await self._fetch())
                    self._fetched_at = now
        if key_id not in self._keys:
            raise TokenInvalid("signed with a key we do not know")
        return self._keys[key_id]


def _public_keys(document: Jwks) -> dict[str, OKPKey]:
    keys = [OKPKey.import_key(each) for each in document["keys"] if each.get("crv") == "Ed25519"]
    return {str(key.kid): key for key in keys}


def _identity(claims: Any) -> Identity:
    """Read the claims. raises   KeyError, TypeError, ValueError when they are not ours"""
    if claims["iss"] != ISSUER or claims["aud"] != ISSUER or not claims["sub"]:
        raise ValueError("not issued by us, or not for us")
    if not all(isinstance(claims[name], str) for name in ("sub", "kind")):
        raise TypeError
    roles = tuple(str(Role(role)) for role in claims["roles"])
    if Role.SERVICE in roles:
        raise ValueError("no token makes a service")
    session_id = claims.get("sid", "")
    if not isinstance(session_id, str):
        raise TypeError
    return Identity(
        claims["sub"],
        roles,
        claims["kind"],
        session_id,
        float(claims["iat"]),
        float(claims["exp"]),
    )
