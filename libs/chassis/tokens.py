"""Tokens that say who someone is: JSON web tokens signed with Ed25519.

`auth` signs them (`Signer`), everyone who has its public keys can tell that it did (`Verifier`). A
token holds who (`sub`), what they are trusted with (`roles`), what kind of user they are (`kind`),
of which session it is (`sid`), since when (`iat`) and until when (`exp`). That of an API key says
what it was narrowed to (`scope`), that of an administrator who acts as somebody else who they are
(`act`). What was taken back before its time is refused by whoever knows of it
(`libs.chassis.revocations`).
source    RFC 7515, RFC 7519, RFC 8037, RFC 8693
"""

import asyncio
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from libs.kernel.clock import Clock
from libs.kernel.errors import Unauthenticated
from libs.kernel.messages import Caller, Role

ISSUER: Final = "backline"
ALGORITHM: Final = "EdDSA"
TOKEN_LENGTH_MAX: Final = 4096
CACHE_ENTRIES_MAX: Final = 50_000
REFRESH_PAUSE_SECONDS: Final = 10.0
CLOCK_SKEW_SECONDS: Final = 30.0

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""Header, payload, signature (RFC 7515, 7.1)."""

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
    scope, impersonator  as `Caller` has them
    """

    user_id: str
    roles: tuple[str, ...]
    kind: str
    session_id: str
    issued_at: float
    expires_at: float
    scope: tuple[str, ...] | None = None
    impersonator: str = ""
    caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        caller = Caller(self.user_id, self.roles, self.scope, self.impersonator)
        object.__setattr__(self, "caller", caller)


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
        scope: Sequence[str] | None = None,
        impersonator: str = "",
    ) -> tuple[str, datetime]:
        """Make a token, good from now on. returns   it, and when it expires

        scope, impersonator  as `Caller` has them
        """
        expires_at = (at + timedelta(seconds=ttl_seconds)).replace(microsecond=0)
        claims: dict[str, Any] = {
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
        if scope is not None:
            claims["scope"] = " ".join(scope)
        if impersonator:
            claims["act"] = {"sub": impersonator}
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
        self._keys: dict[str, VerifyKey] = {}
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
        """Whom a token names that we have not seen before.

        Read here, and its signature by libsodium, rather than by the library that signs: that takes
        two and a half times as long.
        """
        if len(token) > TOKEN_LENGTH_MAX or _COMPACT.fullmatch(token) is None:
            raise TokenInvalid("not of the form header.payload.signature")
        signed, _, signature = token.rpartition(".")
        header, _, payload = signed.partition(".")
        try:
            key = await self._key(_key_id(orjson.loads(_decoded(header))))
            key.verify(signed.encode(), _decoded(signature))
            claims = orjson.loads(_decoded(payload))
            identity = _identity(claims)
        except (BadSignatureError, ValueError, KeyError, TypeError, AttributeError):
            raise TokenInvalid from None
        now = self._clock().timestamp()
        if identity.expires_at <= now:
            raise TokenExpired
        if claims["iat"] > now + CLOCK_SKEW_SECONDS:
            raise TokenInvalid("issued in the future")
        return identity

    async def _key(self, key_id: str) -> VerifyKey:
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


def _public_keys(document: Jwks) -> dict[str, VerifyKey]:
    keys = [OKPKey.import_key(each) for each in document["keys"] if each.get("crv") == "Ed25519"]
    return {str(key.kid): VerifyKey(key.public_key.public_bytes_raw()) for key in keys}


def _decoded(part: str) -> bytes:
    """A part of a token, whose alphabet was looked at. raises   ValueError"""
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _key_id(header: Any) -> str:
    """The key a token is signed with, by its header. raises   KeyError, TypeError, ValueError

    One algorithm, whatever the token asks for; and no extension that we would have to understand
    (RFC 7515, 4.1.11).
    """
    if header["alg"] != ALGORITHM or "crit" in header or "b64" in header:
        raise ValueError("not signed as we sign")
    key_id = header["kid"]
    if not isinstance(key_id, str):
        raise TypeError
    return key_id


def _identity(claims: Any) -> Identity:
    """Read the claims. raises   KeyError, TypeError, ValueError when they are not ours"""
    if claims["iss"] != ISSUER or claims["aud"] != ISSUER or not claims["sub"]:
        raise ValueError("not issued by us, or not for us")
    if not all(isinstance(claims[name], str) for name in ("sub", "kind")):
        raise TypeError
    roles = tuple(str(Role(role)) for role in claims["roles"])
    if Role.SERVICE in roles:
        raise ValueError("no token makes a service")
    session_id, scope = claims.get("sid", ""), claims.get("scope")
    impersonator = claims["act"]["sub"] if "act" in claims else ""
    if not isinstance(session_id, str) or not isinstance(impersonator, str):
        raise TypeError
    if "act" in claims and not impersonator:
        raise ValueError("somebody acts, and it is not said who")
    return Identity(
        claims["sub"],
        roles,
        claims["kind"],
        session_id,
        float(claims["iat"]),
        float(claims["exp"]),
        None if scope is None else tuple(scope.split()),
        impersonator,
    )
