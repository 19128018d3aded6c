"""Tokens that were taken back before their time: what everyone who checks tokens must know.

Kept for as long as such a token could still be shown, and no longer.
"""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from libs.chassis.tokens import Identity
from libs.kernel.clock import Clock
from libs.kernel.errors import Unauthenticated, Unavailable

KEPT_SECONDS: Final = 8 * 24 * 3600.0
"""Longer than any token is good."""

PRUNE_EVERY: Final = 10_000
PATIENCE_SECONDS: Final = 2.0


class TokenRevoked(Unauthenticated):
    code = "token-revoked"
    title = "This token was taken back; sign in again."


@dataclass(slots=True)
class _Standing:
    """Tokens of a user from before these moments are not good, in seconds since 1970.

    before       none, but for those of the kept session
    roles_before those that can be renewed, as what they say of roles is out of date
    """

    before: float = 0.0
    kept_session_id: str = ""
    roles_before: float = 0.0


class RevocationsUnknown(Unavailable):
    code = "revocations-unknown"
    title = "Nobody can tell yet whether this token is still good; try again shortly."


class Revocations:
    """Tells whether a token was taken back. Takes none before it knows what was so far."""

    def __init__(self, clock: Clock) -> None:
        self._known = asyncio.Event()
        self._clock = clock
        self._sessions: dict[str, float] = {}
        self._users: dict[str, _Standing] = {}
        self._learned = 0

    def check(self, identity: Identity) -> None:
        """Let a token pass. raises   TokenRevoked, RevocationsUnknown"""
        if not self._known.is_set():
            raise RevocationsUnknown(retry_after_seconds=0.5)
        if not self.is_good(identity):
            raise TokenRevoked

    async def wait(self) -> None:
        """Return once it is known what was taken back so far, or it takes too long to wait for."""
        if self._known.is_set():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._known.wait()

    def is_good(self, identity: Identity) -> bool:
        """Whether a token that is valid by itself still is.

        An administrator who acts as somebody else does so for as long as neither of the two has
        anything taken from them.
        """
        if identity.session_id and identity.session_id in self._sessions:
            return False
        if not self._is_good_for(identity.user_id, identity):
            return False
        impersonator = identity.impersonator
        return not impersonator or self._is_good_for(impersonator, identity)

    def _is_good_for(self, user_id: str, identity: Identity) -> bool:
        session_id = identity.session_id
        standing = self._users.get(user_id)
        if standing is None:
            return True
        if session_id and identity.issued_at < standing.roles_before:
            return False
        is_kept = bool(session_id) and session_id == standing.kept_session_id
        return is_kept or identity.issued_at >= standing.before

    def learn(self, revocations: Iterable[Mapping[str, Any]]) -> set[str]:
        """Take in what was revoked, as `auth.list-revocations` tells it. Returns whose tokens."""
        self._known.set()
        users = set()
        for each in revocations:
            user_id, before = each["user_id"], _seconds(each["before"])
            users.add(user_id)
            self._learned += 1
            if each["session_id"] is not None:
                self._sessions[each["session_id"]] = before
                continue
            standing = self._users.setdefault(user_id, _Standing())
            if each["renewable"]:
                standing.roles_before = max(standing.roles_before, before)
            elif before >= standing.before:
                standing.before, standing.kept_session_id = before, each["kept_session_id"] or ""
        if self._learned >= PRUNE_EVERY:
            self._prune()
        return users

    def _prune(self) -> None:
        since = self._clock().timestamp() - KEPT_SECONDS
        self._learned = 0
        self._sessions = {key: at for key, at in self._sessions.items() if at > since}
        self._users = {
            key: each
            for key, each in self._users.items()
            if max(each.before, each.roles_before) > since
        }


def _seconds(at: str | datetime) -> float:
    return (at if isinstance(at, datetime) else datetime.fromisoformat(at)).timestamp()
