"""Endpoints: who may send us webhooks, how they sign, and with which secrets.

    {"polar/main":  {"profile": "polar", "secrets": ["polar_whs_new", "polar_whs_old"]},
     "meta/page":   {"profile": "meta", "secrets": ["…"], "verify_token": "…"},
     "partner/box": {"profile": "hmac",
                     "secrets": ["…", {"secret": "…", "until": "2026-12-31T00:00:00Z"}],
                     "signature_header": "x-box-signature", "signature_prefix": "sha256="}}

A secret is changed without losing a delivery: put the new one in front, tell the partner, and take
the old one out when the partner no longer uses it, or let it end by `until`.
"""

import json
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.ingress import Profile

SECRETS_MAX: Final = 8
SECRET_BYTES_MIN: Final = 8
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,19}")
_HEADER: Final = re.compile(r"[a-z0-9-]{1,100}")
_BASE64_PROFILES: Final = frozenset({Profile.STANDARD, Profile.CLERK})
_PREFIX: Final = "whsec_"
_PUBLIC_PREFIX: Final = "whpk_"
_PUBLIC_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that a partner signs with, or what its signatures are checked with.

    keys        the HMAC keys that it may stand for: partners disagree on how to read it
    public_key  of a partner that keeps its secret to itself; then there are no keys
    until       from when on it is not good any more; None while it is
    """

    keys: tuple[bytes, ...]
    public_key: Ed25519PublicKey | None = None
    until: datetime | None = None

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of a partner's endpoints here.

    secrets            those that are good, the newest first
    verify_token       what Meta shows when it asks whether the endpoint is ours
    signature_header   for `hmac`, in lower case: where the signature stands
    signature_prefix   for `hmac`: what stands before it, as `sha256=`
    signature_base64   for `hmac`: it is in base64, not in hexadecimal digits
    timestamp_header   for `hmac`: where the moment stands, in seconds; signed is then
                       `<timestamp>.<body>`. Without one, nothing says how old a delivery is
    id_header          for `hmac`: where the delivery's id stands; without, it is known by its body
    """

    partner: str
    name: str
    profile: Profile
    secrets: tuple[Secret, ...]
    verify_token: str = ""
    signature_header: str = ""
    signature_prefix: str = ""
    signature_base64: bool = False
    timestamp_header: str = ""
    id_header: str = ""


Endpoints = Mapping[tuple[str, str], Endpoint]
"""By (partner, name)."""

_OPTIONS: Final = {item.name: item.type for item in fields(Endpoint)[4:]}


def read_endpoints(text: str) -> Endpoints:
    """The endpoints in a JSON document.

    raises   ValueError, which says what is wrong and where, but never a secret
    """
    try:
        document = json.loads(text)
    except ValueError:
        raise ValueError("not JSON") from None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    found = [_endpoint(path, value) for path, value in document.items()]
    return {(endpoint.partner, endpoint.name): endpoint for endpoint in found}


def _endpoint(path: str, value: Any) -> Endpoint:
    partner, _, name = path.partition("/")
    if not _SLUG.fullmatch(partner) or not _SLUG.fullmatch(name):
        raise ValueError(f"{path}: not of the form partner/endpoint, in small letters and digits")
    if not isinstance(value, dict):
        raise ValueError(f"{path}: not a JSON object")
    unknown = value.keys() - _OPTIONS.keys() - {"profile", "secrets"}
    if unknown:
        raise ValueError(f"{path}: there is no {', '.join(sorted(unknown))}")
    try:
        profile = Profile(str(value.get("profile")))
    except ValueError:
        raise ValueError(f"{path}: profile is none of {', '.join(Profile)}") from None
    secrets = value.get("secrets")
    if not isinstance(secrets, list) or not 1 <= len(secrets) <= SECRETS_MAX:
        raise ValueError(f"{path}: secrets are a list of 1 to {SECRETS_MAX}")
    options = {
        option: _option(path, option, value[option]) for option in _OPTIONS if option in value
    }
    endpoint = Endpoint(
        partner,
        name,
        profile,
        tuple(
            _secret(f"{path}: secret {number}", profile, each)
            for number, each in enumerate(secrets, 1)
        ),
        **options,
    )
    if profile is Profile.HMAC and not endpoint.signature_header:
        raise ValueError(f"{path}: hmac takes a signature_header")
    return endpoint


def _option(path: str, name: str, value: Any) -> Any:
    expected = bool if _OPTIONS[name] is bool else str
    if not isinstance(value, expected):
        raise ValueError(f"{path}: {name} is not a {expected.__name__}")
    if name.endswith("_header") and not _HEADER.fullmatch(str(value)):
        raise ValueError(f"{path}: {name} is no name of a header, in small letters")
    return value


def _secret(place: str, profile: Profile, value: Any) -> Secret:
    until = None
    if isinstance(value, dict):
        if value.keys() - {"secret", "until"}:
            raise ValueError(f"{place}: it has secret and until, and nothing else")
        until = _until(place, value.get("until"))
        value = value.get("secret")
    if not isinstance(value, str):
        raise ValueError(f"{place}: not a text")
    if profile in _BASE64_PROFILES and value.startswith(_PUBLIC_PREFIX):
        return Secret((), _public_key(place, value), until)
    keys = keys_of(profile, value)
    if not keys or min(map(len, keys)) < SECRET_BYTES_MIN:
        raise ValueError(f"{place}: no secret as this profile has them, or a short one")
    return Secret(keys, until=until)


def _public_key(place: str, written: str) -> Ed25519PublicKey:
    """A public key of Standard Webhooks: its 32 bytes in base64. raises   ValueError"""
    raw = _decoded(written.removeprefix(_PUBLIC_PREFIX))
    if len(raw) != _PUBLIC_KEY_BYTES:
        raise ValueError(f"{place}: no public key, which has {_PUBLIC_KEY_BYTES} bytes")
    return Ed25519PublicKey.from_public_bytes(raw)


def keys_of(profile: Profile, secret: str) -> tuple[bytes, ...]:
    """The HMAC keys that a secret may stand for; none when it is none.

    Standard Webhooks (Svix, Clerk) hand out the key in base64, mostly behind `whsec_`. Polar and
    Luma sign with the text as it stands, prefix included; Polar's own library also accepts the
    other reading, so both are tried.
    """
    decoded = _decoded(secret.removeprefix(_PREFIX))
    if profile in _BASE64_PROFILES:
        return (decoded,) if decoded else ()
    text = secret.encode()
    if profile is Profile.POLAR and decoded:
        return (text, decoded)
    return (text,) if text else ()


def _decoded(text: str) -> bytes:
    """What stands in base64, with or without its padding; nothing when it is none."""
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (Base64Error, ValueError):
        return b""


def _until(place: str, value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        until = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"{place}: until is no moment") from None
    if until.tzinfo is None:
        raise ValueError(f"{place}: until has no offset from UTC")
    return until
