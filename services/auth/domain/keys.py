"""An API key: made, and ended before its time or not.

Stream      evt.auth.key.{key_id}
Invariants  a key ends within a year; its scopes never change, and hold nothing of `auth` by which
            it could make more of itself; once revoked it stays so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from contracts.auth import ActorSuspended
from contracts.auth_keys import (
    KEY_LIFE_MAX,
    ApiKeyCreated,
    ApiKeyReceipt,
    ApiKeyRevoked,
    CreateApiKey,
    KeyLifeRefused,
    KeyNotFound,
    RevokeApiKey,
    RevokeApiKeyOfUser,
    ScopeRefused,
)
from libs.kernel.admission import is_grantable
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin, registry

type KeyCommand = CreateApiKey | RevokeApiKey | RevokeApiKeyOfUser
type KeyEvent = ApiKeyCreated | ApiKeyRevoked


@dataclass(slots=True)
class ApiKey:
    """The state. `expires_at` is None until the key is made."""

    key_id: str = ""
    user_id: str = ""
    scopes: list[str] = field(default_factory=list)
    expires_at: datetime | None = None
    is_revoked: bool = False

    def is_good(self, at: datetime) -> bool:
        """Whether it still opens anything."""
        return self.expires_at is not None and not self.is_revoked and at < self.expires_at


@dataclass(slots=True)
class Made:
    """What is told of a new key, but for the key itself, which is added outside."""

    key_id: str
    expires_at: datetime | None
    position: int = 0


def decide(command: KeyCommand, key: ApiKey, origin: Origin) -> Sequence[KeyEvent]:
    """The rules. raises the rejections of `contracts.auth_keys`"""
    match command:
        case CreateApiKey():
            return _create(command, key, origin)
        case RevokeApiKey():
            if not key.user_id or key.user_id != origin.actor:
                raise KeyNotFound
            return _revoke(key, origin, None)
        case RevokeApiKeyOfUser(reason=reason):
            if not key.user_id:
                raise KeyNotFound
            if origin.is_suspended:
                raise ActorSuspended
            return _revoke(key, origin, reason)
        case _:
            assert_never(command)


def _create(command: CreateApiKey, key: ApiKey, origin: Origin) -> Sequence[KeyEvent]:
    if key.user_id:
        return []
    if origin.is_suspended:
        raise ActorSuspended
    if not all(map(is_grantable, command.scopes)):
        raise ScopeRefused
    if not origin.at < command.expires_at <= origin.at + KEY_LIFE_MAX:
        raise KeyLifeRefused
    return [
        ApiKeyCreated(
            key_id=_founded_by(command, origin),
            user_id=origin.actor,
            name=command.name,
            scopes=list(dict.fromkeys(command.scopes)),
            created_at=origin.at,
            expires_at=command.expires_at,
        )
    ]


def _founded_by(command: CreateApiKey, origin: Origin) -> str:
    spec = registry.command_of[type(command)]
    key_id: str = spec.aggregate_id(command, origin.actor, origin.command_id)
    return key_id


def _revoke(key: ApiKey, origin: Origin, reason: str | None) -> Sequence[KeyEvent]:
    if key.is_revoked:
        return []
    actor = origin.actor
    return [ApiKeyRevoked(key_id=key.key_id, user_id=key.user_id, actor=actor, reason=reason)]


def evolve(key: ApiKey, event: KeyEvent) -> ApiKey:
    """What a fact does to a key."""
    match event:
        case ApiKeyCreated():
            key.key_id, key.user_id = event.key_id, event.user_id
            key.scopes, key.expires_at = list(event.scopes), event.expires_at
        case ApiKeyRevoked():
            key.is_revoked = True
        case _:
            assert_never(event)
    return key


def answer(
    command: KeyCommand, events: Sequence[KeyEvent], key: ApiKey, origin: Origin
) -> Made | ApiKeyReceipt:
    """What the caller is told; of a new key, all of it but the key."""
    del events, origin
    if isinstance(command, CreateApiKey):
        return Made(key.key_id, key.expires_at)
    return ApiKeyReceipt(key_id=key.key_id, user_id=key.user_id)


KEY: Decider[KeyCommand, KeyEvent, ApiKey] = Decider(
    aggregate="key",
    commands=members(KeyCommand),
    events=members(KeyEvent),
    state=ApiKey,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
