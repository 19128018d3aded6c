"""Partners who send signed deliveries, and send again what nobody has answered with 2xx."""

import asyncio
import hmac
import random
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

import httpx2
import orjson

from libs.kernel.ids import new_id

SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WRONG_SECRET: Final = "whsec_" + b64encode(b"nobody has agreed on this one").decode()
ENDPOINTS: Final[Mapping[str, object]] = {
    "partner/main": {"profile": "standard", "secrets": [SECRET]}
}
PATH: Final = "/hooks/partner/main"
FIRST_VERSION: Final = datetime(2026, 11, 20, 20, tzinfo=UTC)

RATE: Final = 40.0
"""Deliveries a second, new ones."""

UNDER_WAY_MAX: Final = 100
"""So many may wait for their answer; until one of them has it, nothing new is sent."""

ABOUT_EACH: Final = 4
DAMAGED_EVERY: Final = 15
"""Of so many things one has a delivery that nobody can read."""

AGAIN_SHARE: Final = 0.1
"""So many of those that were taken are sent once more: the partner has not heard the answer."""

FORGED_SHARE: Final = 0.05
ANSWER_SECONDS_MAX: Final = 10.0
PAUSE_SECONDS: Final = (0.1, 2.0)
"""Before it is sent again: doubled from one time to the next, up to the second."""


@dataclass(slots=True)
class Delivery:
    """What a partner has to say, and what became of it.

    version       of the thing: greater is newer, whenever it arrives
    is_readable   whether anybody can make sense of it
    is_forged     signed with a secret that nobody knows
    attempts      how often it was sent
    first_at      when it was first sent, by the monotonic clock
    taken_at      when it was answered with 2xx; None until then
    """

    message_id: str
    thing: str
    version: int
    is_readable: bool = True
    is_forged: bool = False
    attempts: int = 0
    first_at: float = 0.0
    taken_at: float | None = None

    def request(self) -> tuple[bytes, dict[str, str]]:
        """Body and headers, signed now."""
        moment = (FIRST_VERSION + timedelta(seconds=self.version)).isoformat()
        document = {
            "type": "subscription.updated",
            "timestamp": moment if self.is_readable else "soon",
            "data": {"id": self.thing, "status": f"state {self.version}"},
        }
        body = orjson.dumps(document)
        now = str(int(time.time()))
        key = b64decode((WRONG_SECRET if self.is_forged else SECRET).removeprefix("whsec_"))
        signed = b".".join((self.message_id.encode(), now.encode(), body))
        mac = b64encode(hmac.digest(key, signed, sha256)).decode()
        return body, {
            "content-type": "application/json",
            "webhook-id": self.message_id,
            "webhook-timestamp": now,
            "webhook-signature": f"v1,{mac}",
        }


@dataclass
class Ledger:
    """All that was sent, by its id, and answers that were wrong, in words."""

    deliveries: dict[str, Delivery] = field(default_factory=dict)
    attempts: int = 0
    repeated: int = 0
    violations: list[str] = field(default_factory=list)

    @property
    def taken(self) -> list[Delivery]:
        """Those that were answered with 2xx."""
        return [each for each in self.deliveries.values() if each.taken_at is not None]


class Partners:
    """They send new deliveries at a steady pace, and never give up on one."""

    def __init__(self, url: str, ledger: Ledger, chance: random.Random) -> None:
        self._url = f"{url}{PATH}"
        self._ledger = ledger
        self._chance = chance
        self._waiting: list[Delivery] = []
        self._things = 0
        self._free = asyncio.Semaphore(UNDER_WAY_MAX)
        self._is_over = asyncio.Event()

    async def run(self) -> None:
        """Send until told to end, and then until everything was taken."""
        timeout = httpx2.Timeout(ANSWER_SECONDS_MAX)
        limits = httpx2.Limits(max_connections=64)
        async with (
            httpx2.AsyncClient(timeout=timeout, limits=limits, trust_env=False) as client,
            asyncio.TaskGroup() as tasks,
        ):
            while not self._is_over.is_set():
                await self._free.acquire()
                task = tasks.create_task(self._see_through(client, self._next()))
                task.add_done_callback(lambda _: self._free.release())
                await asyncio.sleep(1 / RATE)

    def end(self) -> None:
        """Begin nothing new."""
        self._is_over.set()

    def _next(self) -> Delivery:
        if not self._waiting:
            self._waiting = self._some_things()
        delivery = self._waiting.pop()
        self._ledger.deliveries[delivery.message_id] = delivery
        return delivery

    def _some_things(self) -> list[Delivery]:
        """Several deliveries about each of some things, in no order at all."""
        found: list[Delivery] = []
        for _ in range(DAMAGED_EVERY):
            self._things += 1
            thing, damaged = f"sub_{self._things}", self._chance.randrange(ABOUT_EACH)
            found += [
                Delivery(
                    new_id("msg_"),
                    thing,
                    version,
                    is_readable=self._things % DAMAGED_EVERY > 0 or version != damaged,
                    is_forged=self._chance.random() < FORGED_SHARE,
                )
                for version in range(ABOUT_EACH)
            ]
        self._chance.shuffle(found)
        return found

    async def _see_through(self, client: httpx2.AsyncClient, delivery: Delivery) -> None:
        """Send a delivery until it is taken; one that is forged until it is refused."""
        delivery.first_at = time.monotonic()
        pause, most = PAUSE_SECONDS
        while not await self._is_settled(client, delivery):
            await asyncio.sleep(pause * self._chance.uniform(0.5, 1.0))
            pause = min(2 * pause, most)
        if delivery.is_forged:
            return
        delivery.taken_at = time.monotonic()
        if self._chance.random() < AGAIN_SHARE:
            self._ledger.repeated += 1
            await self._is_settled(client, delivery)

    async def _is_settled(self, client: httpx2.AsyncClient, delivery: Delivery) -> bool:
        """Send it once. Whether the answer is one after which a partner does not send again."""
        delivery.attempts += 1
        self._ledger.attempts += 1
        body, headers = delivery.request()
        try:
            answer = await client.post(self._url, content=body, headers=headers)
        except httpx2.TransportError:
            return False
        status = answer.status_code
        wanted = httpx2.codes.UNAUTHORIZED if delivery.is_forged else httpx2.codes.ACCEPTED
        if status == wanted:
            return True
        if status != httpx2.codes.SERVICE_UNAVAILABLE:
            self._ledger.violations.append(f"{delivery.message_id} was answered with {status}")
            return True
        return False
