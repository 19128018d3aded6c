"""Ids: drawn by chance at the edge, or derived so that a retry arrives at the same one."""

import hashlib
import os
from base64 import urlsafe_b64encode
from typing import Annotated, NewType

from pydantic import StringConstraints

ID_PATTERN = r"^[A-Za-z0-9_-]+$"
ID_LENGTH_MAX = 64

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN, min_length=1, max_length=ID_LENGTH_MAX)]
"""Any id that may become a token of a subject: letters, digits, `_` and `-`."""

CommandId = NewType("CommandId", str)
"""Made by the caller, so that a retry is the same command."""


def new_id(prefix: str = "") -> str:
    """Draw a random 128-bit id: 22 characters of URL-safe base64 after the prefix."""
    return prefix + _text(os.urandom(16))


def derive_id(*parts: str, prefix: str = "") -> str:
    """Hash the parts to a 128-bit id: the same parts always give the same id.

    The parts are joined by a byte that no part can hold, so ("ab", "c") and ("a", "bc") differ.
    """
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16)
    return prefix + _text(digest.digest())


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
