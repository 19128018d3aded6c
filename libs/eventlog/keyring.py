"""Keys of persons at hand, and what is done with them: personal values sealed and opened.

A sealed value is `{"sealed": "<base64 of nonce and AES-256-GCM ciphertext>"}`. It is bound to its
person and its field, so that none can be put in another's place.
"""

import os
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from libs.eventlog.model import Commit
from libs.kernel.messages import EventSpec, registry

KEY_BYTES: Final = 32
KEYS_MAX: Final = 50_000
_NONCE_BYTES: Final = 12
_SEALED: Final = "sealed"
_SIGN: Final = b'{"sealed":"'


class Keyring:
    """Keys by person, the least used forgotten first. None stands for somebody who was erased."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, AESGCM | None] = OrderedDict()

    def __contains__(self, person: str) -> bool:
        return person in self._keys

    def is_erased(self, person: str) -> bool:
        """Whether it is known that a person has no key any more."""
        return person in self._keys and self._keys[person] is None

    def put(self, person: str, key: bytes | None) -> None:
        """Keep the key of a person; None: there is none any more."""
        self._keys[person] = None if key is None else AESGCM(key)
        self._keys.move_to_end(person)
        while len(self._keys) > KEYS_MAX:
            self._keys.popitem(last=False)

    def forget_all(self) -> None:
        self._keys.clear()

    def seal(self, person: str, field: str, value: Any) -> dict[str, str]:
        """A value as it stands in the log. raises   KeyError when the key is not at hand"""
        key = self._keys[person]
        if key is None:
            raise KeyError(person)
        nonce = os.urandom(_NONCE_BYTES)
        sealed = key.encrypt(
            nonce, orjson.dumps(value, option=orjson.OPT_UTC_Z), _about(person, field)
        )
        return {_SEALED: b64encode(nonce + sealed).decode()}

    def open(self, person: str, field: str, sealed: str) -> Any:
        """The value, or None when nobody may know it: erased, or not with a key of ours."""
        key = self._keys.get(person)
        if key is None:
            return None
        raw = b64decode(sealed)
        try:
            text = key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _about(person, field))
        except InvalidTag:
            return None
        return orjson.loads(text)


def _about(person: str, field: str) -> bytes:
    return f"{person}/{field}".encode()


def sealed(spec: EventSpec, event: Any, keyring: Keyring) -> dict[str, Any]:
    """The data of an event with its personal fields sealed; one that is None stays so."""
    data = dict(vars(event))
    person = data[_person(spec)]
    for field in spec.personal:
        if data[field] is not None:
            data[field] = keyring.seal(person, field, data[field])
    return data


def opened(spec: EventSpec, data: dict[str, Any], keyring: Keyring | None) -> dict[str, Any]:
    """The data of an event as it was before it was sealed, as far as we may know it."""
    person = data[_person(spec)]
    found = {}
    for field in spec.personal:
        value = data.get(field)
        if isinstance(value, dict) and value.keys() == {_SEALED}:
            found[field] = None if keyring is None else keyring.open(person, field, value[_SEALED])
    return {**data, **found}


def persons_of(payloads: Iterable[bytes]) -> set[str]:
    """Whose keys it takes to read some commits."""
    return {
        raw["data"][_person(spec)]
        for payload in payloads
        if _SIGN in payload
        for raw in orjson.loads(payload)
        if (spec := registry.events.get(raw["type"])) is not None and spec.personal
    }


def is_personal(event_type: str) -> bool:
    """Whether events of a type have personal fields."""
    spec = registry.events.get(event_type)
    return spec is not None and bool(spec.personal)


def persons_in(commits: Iterable[Commit]) -> set[str]:
    """Whose keys it takes to write some commits."""
    names = {event["type"] for commit in commits for event in commit.events}
    personal = {name for name in names if is_personal(name)}
    if not personal:
        return set()
    return {
        getattr(event["data"], _person(registry.events[event["type"]]))
        for commit in commits
        for event in commit.events
        if event["type"] in personal
    }


def _person(spec: EventSpec) -> str:
    assert spec.person is not None, "`EventSpec.personal` has made sure"
    return spec.person
