"""Passwords: hashed with argon2id, in threads, so that nobody waits for somebody else's."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import scrypt
from hmac import compare_digest
from pathlib import Path
from typing import Final
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contracts.auth_accounts import PasswordCommon

THREADS_MAX: Final = 2
"""argon2 takes 19 MiB and some 20 ms of a core each: more at once would only be slower."""

BETTER_AUTH: Final = "better-auth:"
"""In front of a hash that was taken over from there."""

_COMMON: Final = Path(__file__).with_name("common_passwords.txt")
_NOBODYS: Final = "a password that nobody has"


class Passwords:
    """Hashes and checks. Its cost is what OWASP asks for: 19 MiB, 2 passes, 1 lane."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="argon2")
        self._nobodys = self._hasher.hash(_NOBODYS)

    async def hash(self, password: str) -> str:
        """The hash of a new password. raises   PasswordCommon"""
        if _plain(password).casefold() in _common():
            raise PasswordCommon
        return await self.rehash(password)

    async def rehash(self, password: str) -> str:
        """The hash of a password that somebody has already, however common."""
        return await self._run(self._hasher.hash, _plain(password))

    async def is_right(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password of a hash. Takes as long when there is none."""
        is_right = await self._run(self._verify, password_hash or self._nobodys, password)
        return is_right and password_hash is not None

    def is_of_another_system(self, password_hash: str) -> bool:
        """Whether it is a hash that we would not have made."""
        return password_hash.startswith(BETTER_AUTH) or self._hasher.check_needs_rehash(
            password_hash
        )

    def _verify(self, password_hash: str, password: str) -> bool:
        if password_hash.startswith(BETTER_AUTH):
            return _is_better_auths(password_hash.removeprefix(BETTER_AUTH), password)
        try:
            return self._hasher.verify(password_hash, _plain(password))
        except (VerificationError, InvalidHashError):
            return False

    async def _run[*A, T](self, work: Callable[[*A], T], *arguments: *A) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def _is_better_auths(password_hash: str, password: str) -> bool:
    """Whether a password is that of a hash `salt:key` of Better Auth: scrypt, N=16384, r=16, p=1.
    The salt is the text of the hexadecimal digits, not what they stand for.
    """
    salt, _, key = password_hash.partition(":")
    made = scrypt(
        _plain(password).encode(), salt=salt.encode(), n=16384, r=16, p=1, dklen=64, maxmem=2**26
    )
    return compare_digest(made.hex(), key)


def _plain(password: str) -> str:
    """However a keyboard composes its letters."""
    return normalize("NFKC", password)


@cache
def _common() -> frozenset[str]:
    """The common passwords that are long enough to be tried here.

    source   the list of Django 6.1, of 20,000
    """
    return frozenset(_COMMON.read_text().split("\n"))
