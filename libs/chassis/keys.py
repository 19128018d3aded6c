"""API keys at the edge: each is exchanged for a short access token, which stands for it meanwhile.

A key is looked up by `auth` alone. Whoever checks tokens has it exchanged at first sight and keeps
the token, so that a key costs what a token costs, and ends as one does.
source    RFC 6749, 4.4 (the grant of clients)
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from libs.chassis.revocations import Revocations, TokenRevoked
from libs.chassis.tokens import Identity, TokenExpired, TokenInvalid, Verifier

KEY_PREFIX: Final = "bk_"
KEY_LENGTH_MAX: Final = 200
KEYS_MAX: Final = 10_000

Exchange = Callable[[str, str], Awaitable[str]]
"""(key, address) -> access token. Raises Unauthenticated, Forbidden, RateLimited, Unavailable."""


def is_key(text: str) -> bool:
    """Whether this is meant to be an API key: no token begins like that."""
    return text.startswith(KEY_PREFIX)


class KeyTokens:
    """The access tokens that keys were exchanged for."""

    def __init__(
        self,
        exchange: Exchange,
        verifier: Verifier,
        revocations: Revocations,
        *,
        keys_max: int = KEYS_MAX,
    ) -> None:
        self._exchange = exchange
        self._verifier = verifier
        self._revocations = revocations
        self._keys_max = keys_max
        self._tokens: dict[str, str] = {}
        self._exchanging: dict[str, asyncio.Task[str]] = {}

    async def identify(self, key: str, address: str) -> Identity:
        """Whom a key names, shown from an address.

        Exchanged at first sight, and when its token has ended or was taken back: the key may be
        good all the same, if only its user's role has changed.

        raises   as `Exchange`; TokenInvalid, TokenRevoked, RevocationsUnknown
        """
        if len(key) > KEY_LENGTH_MAX:
            raise TokenInvalid("no key is as long as this")
        token = self._tokens.get(key)
        if token is not None:
            try:
                identity = await self._verifier.verify(token)
                self._revocations.check(identity)
            except (TokenExpired, TokenRevoked):
                self._tokens.pop(key, None)
            else:
                return identity
        identity = await self._verifier.verify(await self._exchanged(key, address))
        self._revocations.check(identity)
        return identity

    async def _exchanged(self, key: str, address: str) -> str:
        """A token for a key; one exchange for all who show it at the same moment."""
        task = self._exchanging.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, address))
            self._exchanging[key] = task
            task.add_done_callback(lambda done: self._on_exchanged(key, done))
        return await asyncio.shield(task)  # Who goes away does not take the others' answer along.

    async def _ask(self, key: str, address: str) -> str:
        token = await self._exchange(key, address)
        if len(self._tokens) >= self._keys_max:
            del self._tokens[
                next(iter(self._tokens))
            ]  # The oldest: its turn to be exchanged again.
        self._tokens[key] = token
        return token

    def _on_exchanged(self, key: str, task: asyncio.Task[str]) -> None:
        del self._exchanging[key]
        if not task.cancelled():
            task.exception()  # Whoever still waits has it; nobody may.
