"""The vault: one key per person, in a bucket of its own. To destroy it is to erase the person.
What else a service must be able to forget can stand in the person's place, in another bucket.

Bucket PERSONS holds each key under the id of its person, itself encrypted with the secret
`persons.key` of the installation: neither of the two says anything without the other. Where a key
was destroyed stands a mark, so that nobody makes another by accident.
source    docs/adr/0012-personal-data.md
"""

import asyncio
import os
from collections.abc import Collection
from contextlib import suppress
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.eventlog.keyring import KEY_BYTES, Keyring
from libs.eventlog.protocol import (
    EXPECTED_REVISION,
    Stored,
    call,
    last_message,
    raise_error,
    request,
)
from libs.kernel.errors import BacklineError, Conflict, NotFound

BUCKET: Final = "PERSONS"
STREAM: Final = f"KV_{BUCKET}"
TIMEOUT_SECONDS: Final = 2.0
LOOKUPS_AT_ONCE: Final = 32
_ERASED: Final = "Backline-Erased"
_NONCE_BYTES: Final = 12


class PersonErased(NotFound):
    code = "person-erased"
    title = "This person was erased; nothing personal can be recorded of them."


class KeyUnreadable(BacklineError):
    code = "person-key-unreadable"


class Vault:
    """The keys of persons, as a service that may have them gets at them.

    keyring   those at hand
    """

    def __init__(self, client: Client, secret: str, bucket: str = BUCKET) -> None:
        """`secret` is the installation's `persons.key`, or what else the bucket's keys are
        encrypted with.
        """
        self._stream = f"KV_{bucket}"
        self._prefix = f"$KV.{bucket}."
        self.keyring = Keyring()
        self._client = client
        self._wrapping = AESGCM(sha256(secret.encode()).digest())
        self._connection = client.stats["reconnects"]
        self._lookups = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    @classmethod
    async def open(cls, client: Client, secret: str, bucket: str = BUCKET) -> "Vault":
        """A vault that hears at once of every key that is destroyed."""
        vault = cls(client, secret, bucket)
        await client.subscribe(f"{vault._prefix}*", cb=vault._on_news)
        return vault

    async def prepare(self, persons: Collection[str]) -> None:
        """See to it that the keys of some persons are at hand, and make those there are not yet.

        raises   PersonErased; Unavailable
        """
        await self._fetch(persons, is_made=True)
        for person in persons:
            if self.keyring.is_erased(person):
                raise PersonErased(person)

    async def fetch(self, persons: Collection[str]) -> None:
        """See to it that the keys of some persons are at hand, as far as there are any.

        raises   Unavailable
        """
        await self._fetch(persons, is_made=False)

    async def destroy(self, person: str) -> None:
        """Destroy a key, for good. Done again it changes nothing. raises   Unavailable"""
        found = await self._look(person)
        if found is not None and _ERASED not in found.headers:
            # First, as this overwrites the bytes on the disk; a newer message would only hide them.
            answer = await call(
                self._client,
                f"STREAM.MSG.DELETE.{self._stream}",
                {"seq": found.sequence},
                timeout_seconds=TIMEOUT_SECONDS,
            )
            raise_error(answer)
        if found is None or _ERASED not in found.headers:
            await self._put(person, b"", {_ERASED: "1"})
        self.keyring.put(person, None)

    # ------------------------------------------------------------------------------ keys

    async def _fetch(self, persons: Collection[str], *, is_made: bool) -> None:
        if self._client.stats["reconnects"] != self._connection:
            self._connection = self._client.stats["reconnects"]
            self.keyring.forget_all()  # We may have missed that one of them was destroyed.
        missing = [person for person in persons if person not in self.keyring]
        await asyncio.gather(*(self._get(person, is_made=is_made) for person in missing))

    async def _get(self, person: str, *, is_made: bool) -> None:
        async with self._lookups:
            found = await self._look(person)
            if found is None and is_made:
                found = await self._make(person)
            self.keyring.put(person, None if found is None else self._unwrapped(person, found))

    async def _look(self, person: str) -> Stored | None:
        subject = self._prefix + person
        return await last_message(
            self._client, self._stream, subject, timeout_seconds=TIMEOUT_SECONDS
        )

    async def _make(self, person: str) -> Stored | None:
        """Make a key, unless somebody else just did."""
        nonce, key = os.urandom(_NONCE_BYTES), AESGCM.generate_key(KEY_BYTES * 8)
        payload = nonce + self._wrapping.encrypt(nonce, key, person.encode())
        with suppress(Conflict):
            await self._put(person, payload, {EXPECTED_REVISION: "0"})
        return await self._look(person)

    async def _put(self, person: str, payload: bytes, headers: dict[str, str]) -> None:
        answer = await request(
            self._client, self._prefix + person, payload, headers, timeout_seconds=TIMEOUT_SECONDS
        )
        raise_error(answer)

    def _unwrapped(self, person: str, stored: Stored) -> bytes | None:
        if _ERASED in stored.headers:
            return None
        nonce, wrapped = stored.payload[:_NONCE_BYTES], stored.payload[_NONCE_BYTES:]
        try:
            return self._wrapping.decrypt(nonce, wrapped, person.encode())
        except InvalidTag:
            raise KeyUnreadable("persons.key is not the secret it was made with") from None

    async def _on_news(self, message: Msg) -> None:
        if message.headers and _ERASED in message.headers:
            self.keyring.put(message.subject.removeprefix(self._prefix), None)
