"""Signatures of partners, checked over the bytes of the body as they came.

    standard, clerk   `webhook-*` or `svix-*`; HMAC-SHA256 over `id.timestamp.body`; `v1,<base64> …`
                      Or Ed25519 over the same, for an endpoint with a public key: `v1a,<base64>`
    polar             the same headers and bytes, another key (`endpoints.keys_of`)
    luma              the same headers, HMAC over `timestamp.body`; `t=<seconds>,v1=<hex>`
    meta              `X-Hub-Signature-256: sha256=<hex>` over the body; nothing says when
    hmac              as the endpoint's settings say

Own code rather than a library: the one all SDKs wrap raises what would be a 500 on headers and
bodies that a stranger may send (`test_signatures.py` holds ours to its verdicts).
source    https://github.com/standard-webhooks/standard-webhooks; docs/adr/0015
"""

import hmac
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.ingress import Profile, SignatureRefused
from services.ingress.adapters.endpoints import Endpoint, Secret

SIGNATURES_MAX: Final = 16
ID_LENGTH_MAX: Final = 200
ED25519_BYTES: Final = 64
_SECONDS: Final = re.compile(rb"[0-9]{1,11}")
_VISIBLE: Final = re.compile(rb"[\x21-\x7e]{1,200}")
_STANDARD_NAMES: Final = (b"webhook", b"svix")
_META: Final = b"x-hub-signature-256"
_META_PREFIX: Final = b"sha256="

Headers = Mapping[bytes, bytes]
"""By their names in lower case."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A delivery whose signature is right.

    provider_id    what the partner calls it; empty when it has no word for it
    sent_at        when it was signed; None when the signature does not say
    secret_number  the secret it was signed with, from 1
    digest         of the bytes that are signed. Not every partner signs its id: what was signed
                   before is known by this, whatever id somebody puts in front of it
    """

    provider_id: str
    sent_at: datetime | None
    secret_number: int
    digest: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a request says of itself: all of it without proof until a signature is found right.

    signatures  by HMAC-SHA256
    by_ed25519  those that a private key has made
    """

    provider_id: bytes
    timestamp: bytes | None
    signed: bytes
    signatures: tuple[bytes, ...]
    by_ed25519: tuple[bytes, ...] = ()


def verify(
    endpoint: Endpoint, headers: Headers, body: bytes, *, now: datetime, tolerance_seconds: int
) -> Verified:
    """Check who a delivery is from, and that it is from now. raises   SignatureRefused"""
    claim = _CLAIMS[endpoint.profile](endpoint, headers, body)
    sent_at = None if claim.timestamp is None else _moment(claim.timestamp)
    for number, secret in enumerate(endpoint.secrets, 1):
        if secret.until is not None and secret.until <= now:
            continue
        if _is_by(secret, claim):
            if sent_at is not None and abs(now - sent_at) > timedelta(seconds=tolerance_seconds):
                raise SignatureRefused("it was made too long ago, or is ahead of our clock")
            digest = sha256(claim.signed).hexdigest()
            return Verified(claim.provider_id.decode("ascii"), sent_at, number, digest)
    raise SignatureRefused("it is not made with a secret of this endpoint")


def is_token(endpoint: Endpoint, shown: bytes) -> bool:
    """Whether somebody who asks if an endpoint is ours shows the token that we agreed on."""
    known = endpoint.verify_token.encode()
    return bool(known) and hmac.compare_digest(known, shown)


def _is_by(secret: Secret, claim: _Claim) -> bool:
    if secret.public_key is not None:
        return _is_made_by(secret.public_key, claim)
    return any(_is_signed(claim, key) for key in secret.keys)


def _is_signed(claim: _Claim, key: bytes) -> bool:
    right = hmac.digest(key, claim.signed, sha256)
    # All of them are compared: how long it takes says nothing.
    return sum(hmac.compare_digest(right, each) for each in claim.signatures) > 0


def _is_made_by(key: Ed25519PublicKey, claim: _Claim) -> bool:
    for signature in claim.by_ed25519:
        try:
            key.verify(signature, claim.signed)
        except InvalidSignature:
            continue
        return True
    return False


# ---------------------------------------------------------------------------------- the profiles


def _standard(_endpoint: Endpoint, headers: Headers, body: bytes) -> _Claim:
    provider_id, timestamp, given = _standard_headers(headers)
    versions: dict[bytes, list[bytes]] = {b"v1": [], b"v1a": []}
    for version, _, text in (each.partition(b",") for each in given.split(b" ")):
        if version in versions:
            versions[version].append(_from_base64(text))
    by_ed25519 = [each for each in versions[b"v1a"] if len(each) == ED25519_BYTES]
    return _Claim(
        provider_id,
        timestamp,
        b".".join((provider_id, timestamp, body)),
        _several(versions[b"v1"], len(by_ed25519)),
        tuple(by_ed25519),
    )


def _luma(_endpoint: Endpoint, headers: Headers, body: bytes) -> _Claim:
    provider_id, _, given = _standard_headers(headers)
    parts = [each.strip().partition(b"=") for each in given.split(b",")]
    timestamps = [value for name, _, value in parts if name == b"t"]
    if len(timestamps) != 1:
        raise SignatureRefused("it does not say when it was made")
    signatures = (_from_hex(value) for name, _, value in parts if name == b"v1")
    return _Claim(
        provider_id, timestamps[0], b".".join((timestamps[0], body)), _several(signatures)
    )


def _meta(_endpoint: Endpoint, headers: Headers, body: bytes) -> _Claim:
    given = headers.get(_META, b"")
    if not given.startswith(_META_PREFIX):
        raise SignatureRefused("there is no X-Hub-Signature-256")
    return _Claim(b"", None, body, _several([_from_hex(given.removeprefix(_META_PREFIX))]))


def _hmac(endpoint: Endpoint, headers: Headers, body: bytes) -> _Claim:
    given = headers.get(endpoint.signature_header.encode(), b"")
    prefix = endpoint.signature_prefix.encode()
    if not given or not given.startswith(prefix):
        raise SignatureRefused(f"there is no {endpoint.signature_header}")
    read = _from_base64 if endpoint.signature_base64 else _from_hex
    timestamp = None
    signed = body
    if endpoint.timestamp_header:
        timestamp = headers.get(endpoint.timestamp_header.encode(), b"")
        signed = b".".join((timestamp, body))
    provider_id = b""
    if endpoint.id_header:
        provider_id = headers.get(endpoint.id_header.encode(), b"")
        _check_id(provider_id)
    return _Claim(provider_id, timestamp, signed, _several([read(given.removeprefix(prefix))]))


_CLAIMS: Final = {
    Profile.STANDARD: _standard,
    Profile.CLERK: _standard,
    Profile.POLAR: _standard,
    Profile.LUMA: _luma,
    Profile.META: _meta,
    Profile.HMAC: _hmac,
}


# ---------------------------------------------------------------------------------- their parts


def _standard_headers(headers: Headers) -> tuple[bytes, bytes, bytes]:
    """The id, the timestamp and the signatures; all three under the same family of names."""
    for family in _STANDARD_NAMES:
        names = (family + b"-id", family + b"-timestamp", family + b"-signature")
        if names[2] in headers:
            provider_id, timestamp, given = (headers.get(name, b"") for name in names)
            _check_id(provider_id)
            return provider_id, timestamp, given
    raise SignatureRefused("there is no webhook-signature")


def _check_id(provider_id: bytes) -> None:
    if not _VISIBLE.fullmatch(provider_id):
        raise SignatureRefused("the delivery has no id, or a strange one")


def _moment(timestamp: bytes) -> datetime:
    if not _SECONDS.fullmatch(timestamp):
        raise SignatureRefused("its timestamp is not in seconds")
    return datetime.fromtimestamp(int(timestamp), UTC)


def _several(signatures: Iterable[bytes], others: int = 0) -> tuple[bytes, ...]:
    """Those that could be right, beside so many others. raises   SignatureRefused"""
    found = tuple(each for each in signatures if len(each) == sha256().digest_size)
    if not 1 <= len(found) + others <= SIGNATURES_MAX:
        raise SignatureRefused("there is no signature that could be right, or too many")
    return found


def _from_base64(text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return b""


def _from_hex(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return b""
