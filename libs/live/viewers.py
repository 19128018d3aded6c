"""How many watch a question, over all gateways.

Each gateway announces its own counts by core NATS: what changed once a second, everything once in a
while, as messages may be lost. So the sum is approximate, and right a few seconds after nothing
changes any more. Counts are split into PARTS by the question's hash; a message replaces one part of
one gateway.

    chg.gateway.viewers   {"gateway", "part", "viewers": {hash: [query, count]}}
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import orjson

from libs.bus import Answer
from libs.kernel.messages import Caller
from libs.live.hub import Listen, LiveHub
from libs.live.patch import Json
from libs.live.question import Questions

logger = logging.getLogger(__name__)

SUBJECT: Final = "chg.gateway.viewers"
ANNOUNCE_SECONDS: Final = 1.0
EVERYTHING_EVERY: Final = 5
FORGET_SECONDS: Final = 15.0
PARTS: Final = 16

Part = dict[str, tuple[str, int]]
"""Question hash, in hex -> the name of its query, and how many watch."""


class ViewerCounts:
    """Counts what is watched here, hears what is watched elsewhere, and answers with the sum."""

    def __init__(
        self,
        *,
        gateway: str,
        service: str,
        hub: LiveHub,
        questions: Questions,
        publish: Callable[[str, bytes], Awaitable[None]],
        listen: Listen,
    ) -> None:
        """`gateway` tells this process from others; `service` is whose query it answers."""
        self._gateway = gateway
        self._service = service
        self._hub = hub
        self._questions = questions
        self._publish = publish
        self._listen = listen
        self._parts: dict[str, dict[int, Part]] = {gateway: {}}
        self._heard_at: dict[str, float] = {}
        self._position = 0
        self._turns_until_everything = 0

    async def ask_raw(
        self,
        name: str,  # noqa: ARG002  # There is but one query to answer.
        args: dict[str, Json],
        *,
        caller: Caller,
        after: int | None = None,  # noqa: ARG002  # What we know is always the newest.
    ) -> Answer:
        """Answer `get-viewers`: {"query", "args"} -> {"viewers"}. Raises as `Questions.of`."""
        question = self._questions.of(args["query"], args["args"], caller)
        return Answer(self._position, self._gateway, {"viewers": self.count(question.hash)})

    def count(self, question: bytes) -> int:
        """How many watch the question with this hash."""
        key, part = question.hex(), question[0] % PARTS
        return sum(
            parts[part][key][1] for parts in self._parts.values() if key in parts.get(part, ())
        )

    async def run(self) -> None:
        """Announce and listen until cancelled."""
        stop_listening = await self._listen(SUBJECT, self._on_message)
        try:
            while True:
                self._turns_until_everything -= 1
                await self._announce(everything=self._turns_until_everything <= 0)
                self._forget_the_silent()
                await asyncio.sleep(ANNOUNCE_SECONDS)
        finally:
            await stop_listening()

    async def _announce(self, *, everything: bool) -> None:
        if everything:
            self._turns_until_everything = EVERYTHING_EVERY
        counted = self._count_here()
        for part in range(PARTS):
            now = counted.get(part, {})
            if self._replace(self._gateway, part, now) or (everything and now):
                body = {"gateway": self._gateway, "part": part, "viewers": now}
                await self._publish(SUBJECT, orjson.dumps(body))

    def _count_here(self) -> dict[int, Part]:
        counted: dict[int, Part] = {}
        for question, watchers in self._hub.watched():
            if not question.spec.private:
                part = counted.setdefault(question.hash[0] % PARTS, {})
                part[question.hash.hex()] = (question.spec.name, watchers)
        return counted

    def _on_message(self, _subject: str, payload: bytes, _cause: str | None) -> None:
        try:
            body = orjson.loads(payload)
            gateway, part = str(body["gateway"]), int(body["part"])
            viewers = {str(key): (str(name), int(n)) for key, (name, n) in body["viewers"].items()}
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            logger.warning("An announcement of viewers cannot be read.")
            return
        if gateway != self._gateway:
            if gateway not in self._heard_at:
                self._turns_until_everything = 0  # It is new, and has not heard us yet.
            self._heard_at[gateway] = asyncio.get_running_loop().time()
            self._replace(gateway, part, viewers)

    def _replace(self, gateway: str, part: int, now: Part) -> bool:
        """Take a part's counts. Returns whether they changed."""
        parts = self._parts.setdefault(gateway, {})
        before = parts.get(part, {})
        if before == now:
            return False
        if now:
            parts[part] = now
        else:
            del parts[part]
        changed = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
        self._tell({(now.get(key) or before[key])[0] for key in changed})
        return True

    def _forget_the_silent(self) -> None:
        now = asyncio.get_running_loop().time()
        for gateway, heard_at in list(self._heard_at.items()):
            if now - heard_at > FORGET_SECONDS:
                gone = self._parts.pop(gateway, {})
                del self._heard_at[gateway]
                self._tell({name for part in gone.values() for name, _ in part.values()})

    def _tell(self, queries: set[str]) -> None:
        """Make the live queries that show these counts ask again."""
        self._position += 1
        keys = {f"viewers.{query}": self._position for query in queries}
        self._hub.stale(self._service, self._gateway, keys)
