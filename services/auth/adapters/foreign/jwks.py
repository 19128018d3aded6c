"""Keys that others sign with: JWK sets, fetched and kept by issuer, and in each the keys by id.

source    RFC 7517
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from libs.kernel.clock import Clock
from services.auth.adapters.foreign.documents import Documents
from services.auth.adapters.foreign.errors import AnswerRefused, Flaw, Misconfigured, TokenRefused
from services.auth.adapters.foreign.outward import get_object

KEYS_OF_ISSUER_MAX: Final = 64
RSA_BITS_MIN: Final = 2048

Key = RSAKey | ECKey | OKPKey
_KINDS: Final[Mapping[str, type[Key]]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
FindKey = Callable[[str | None], Awaitable[Key]]
"""Gets the key that a token names by its id, or the only one for a token that names none."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the keys of an issuer are. Two issuers never share a key, whatever its id."""

    issuer: str
    url: str


class KeyRing:
    """The public keys of one issuer, by id."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """A JWK set (RFC 7517); keys that are of no use for signatures of ours are left out.

        raises   AnswerRefused when it is none, or has too many keys
        """
        listed = document.get("keys")
        if not isinstance(listed, list) or len(listed) > KEYS_OF_ISSUER_MAX:
            raise AnswerRefused("not a JWK set")
        keys = [key for key in map(_public_key, listed) if key is not None]
        self._keys = {key.get("kid"): key for key in keys}
        self._alone = keys[0] if len(keys) == 1 else None

    def get(self, key_id: str | None) -> Key | None:
        """The key of an id. A token that names none means the only one."""
        return self._alone if key_id is None else self._keys.get(key_id)


def _public_key(document: object) -> Key | None:
    if not isinstance(document, dict) or document.get("use", "sig") != "sig":
        return None
    kind = _KINDS.get(str(document.get("kty")))
    if kind is None or not isinstance(document.get("kid", ""), str):
        return None
    if kind is RSAKey and len(str(document.get("n"))) * 6 < RSA_BITS_MIN:
        return None
    try:
        key = kind.import_key(document)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None if key.is_private else key


def pinned_key(pem: str) -> Key:
    """A public key, or the key of a certificate, as PEM. raises   Misconfigured"""
    for name, kind in _KINDS.items():
        try:
            key = kind.import_key(pem)
        except (JoseError, ValueError, TypeError):
            continue
        if key.key_type == name and not key.is_private and _is_strong(key):
            return key
    raise Misconfigured("a pinned key is not a public key")


def _is_strong(key: Key) -> bool:
    return not isinstance(key, RSAKey) or key.raw_value.key_size >= RSA_BITS_MIN


class Keys:
    """The key rings of issuers, fetched when they are needed and again when a token names a key
    that is new.
    """

    def __init__(self, clock: Clock) -> None:
        self._rings: Documents[Source, KeyRing] = Documents(_fetch_ring, clock)

    def of(self, source: Source) -> FindKey:
        """How to find the keys of an issuer by their ids."""

        async def find(key_id: str | None) -> Key:
            key = (await self._rings.get(source)).get(key_id)
            if key is None:
                key = (await self._rings.get(source, again=True)).get(key_id)
            if key is None:
                raise TokenRefused(Flaw.KEY)
            return key

        return find


async def _fetch_ring(source: Source) -> KeyRing:
    return KeyRing(await get_object(source.url))
