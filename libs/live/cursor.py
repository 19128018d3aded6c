"""Cursors: where a client resumes a live query, at any gateway.

A cursor says: the bearer had the answer of this question (a query, its arguments and, where it
matters, the caller), true at this position of the log with this epoch, and this is the digest of
the answer. It is opaque to clients and signed with a secret that all gateways share: what a gateway
reads from a cursor, a gateway once wrote.

    1 byte   version
    12       hash of the question
    8        hash of the epoch
    8        position
    12       digest of the result
    16       HMAC-SHA256 over the above, cut to 128 bits

That is 57 bytes, 76 characters of URL-safe base64: it travels in every frame to every viewer.
"""

import hashlib
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

import orjson

from libs.kernel.messages import Caller

_LAYOUT = struct.Struct(">B12s8sQ12s")
_VERSION = 1
_SIGNATURE_BYTES = 16
_TEXT_LENGTH = (_LAYOUT.size + _SIGNATURE_BYTES) // 3 * 4
_POSITION_MAX = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the life of one question: hashes and digest as made by the functions below."""

    question: bytes
    epoch: bytes
    position: int
    digest: bytes


class CursorSigner:
    """Writes and reads cursors with a secret."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.new(secret, digestmod=hashlib.sha256)

    def write(self, cursor: Cursor) -> str:
        """The cursor as text that only a holder of the secret can make."""
        body = _LAYOUT.pack(_VERSION, cursor.question, cursor.epoch, cursor.position, cursor.digest)
        return urlsafe_b64encode(body + self._signature(body)).decode("ascii")

    def read(self, text: str) -> Cursor | None:
        """What was written; None when it is not ours, or of another version."""
        if len(text) != _TEXT_LENGTH:
            return None
        try:
            raw = urlsafe_b64decode(text)
        except (Base64Error, ValueError):
            return None
        body, signature = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
        if not hmac.compare_digest(signature, self._signature(body)):
            return None
        version, question, epoch, position, digest = _LAYOUT.unpack(body)
        return Cursor(question, epoch, position, digest) if version == _VERSION else None

    def _signature(self, body: bytes) -> bytes:
        mac = self._key.copy()
        mac.update(body)
        return mac.digest()[:_SIGNATURE_BYTES]


def hash_of_question(query: str, args: bytes, caller: Caller | None) -> bytes:
    """12 bytes. `args` in canonical JSON; `caller` None where the answer is the same for all."""
    who = b"" if caller is None else orjson.dumps([caller.user_id, sorted(caller.roles)])
    return _hash(12, query.encode(), args, who)


def hash_of_epoch(epoch: str) -> bytes:
    """8 bytes."""
    return _hash(8, epoch.encode())


def digest_of_result(result: bytes) -> bytes:
    """12 bytes. `result` in canonical JSON."""
    return _hash(12, result)


def canonical(value: object) -> bytes:
    """JSON with sorted keys: equal values give equal bytes."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _hash(size: int, *parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=size)
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()
