"""Membership: who is alive in a service, as the server's clock sees it.

Each member writes its key into the bucket MEMBERS with a time to live, again and again. Who has not
renewed theirs in time is gone, whether the server has removed the key yet or not: it takes its
time, and one that was killed may come back with keys of members that died long ago. Membership
gives speed, the log gives correctness: two members may for a moment both believe they own a slot,
and the expected revision refuses one of them.
source    docs/adr/0003-one-writer-per-slot.md
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from libs.eventlog.protocol import raise_error, read_last, request
from libs.kernel.errors import Unavailable

BUCKET_STREAM = "KV_MEMBERS"
TTL_SECONDS = 2
RENEW_SECONDS = 0.5
CALL_TIMEOUT_SECONDS = 1.0
AFTER_EXPIRY_SECONDS = 0.01

OnChange = Callable[[frozenset[str]], Awaitable[None]]


class Membership:
    """One member's place among the live workers of a service."""

    def __init__(self, client: Client, service: str, member: str, on_change: OnChange) -> None:
        """`on_change` is awaited with the live members whenever they differ from before; with an
        empty set when we can no longer be sure that the others see us.
        """
        self._client = client
        self._prefix = f"$KV.MEMBERS.{service}."
        self._member = member
        self._on_change = on_change
        self._members: frozenset[str] = frozenset()
        self._renewed_at = float("-inf")
        self._woken = asyncio.Event()

    @property
    def is_current(self) -> bool:
        """Whether the others can still see us: our key has been renewed within its time to live.

        False in a process that was suspended and has just woken up.
        """
        return time.monotonic() - self._renewed_at < TTL_SECONDS

    async def run(self) -> None:
        """Stay a member until cancelled, then leave at once."""
        subscription = await self._client.subscribe(self._prefix + "*", cb=self._on_news)
        try:
            while True:
                self._woken.clear()
                pause_seconds = await self._renew_and_look()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), pause_seconds)
        finally:
            with suppress(NatsError):
                await subscription.unsubscribe()
            with suppress(Unavailable):
                await self._leave()

    async def _renew_and_look(self) -> float:
        """Say that we are alive, and see who else is.

        returns   how many seconds until it is time again: sooner when somebody is about to expire
        """
        try:
            await self._renew()
            ages = await self._look()
        except Unavailable:
            return RENEW_SECONDS  # What was true stays so until our time to live is over.
        if ages.get(self._member, TTL_SECONDS) >= TTL_SECONDS:
            return AFTER_EXPIRY_SECONDS  # Forgotten by the server, or suspended in the middle.
        await self._change(frozenset(name for name, age in ages.items() if age < TTL_SECONDS))
        left = min(TTL_SECONDS - age for age in ages.values() if age < TTL_SECONDS)
        return min(RENEW_SECONDS, left + AFTER_EXPIRY_SECONDS)

    async def _renew(self) -> None:
        """Say that we are alive.

        Who was suspended or cut off for so long that others took its place gives up everything
        first: it has moved on meanwhile, also if the members turn out to be the same as before.
        """
        if not self.is_current:
            await self._change(frozenset())
        asked_at = time.monotonic()
        await self._put(b"alive", {"Nats-TTL": f"{TTL_SECONDS}s"})
        self._renewed_at = asked_at

    async def _change(self, members: frozenset[str]) -> None:
        if members != self._members:
            self._members = members
            await self._on_change(members)

    async def _look(self) -> dict[str, float]:
        """How many seconds ago each member renewed its key, by the server's clock.

        The newest renewal counts as now: it is ours, or somebody's a moment later.
        """
        found = await read_last(
            self._client, BUCKET_STREAM, self._prefix + "*", timeout_seconds=CALL_TIMEOUT_SECONDS
        )
        renewals = {
            stored.subject.removeprefix(self._prefix): datetime.fromisoformat(
                stored.headers["Nats-Time-Stamp"]
            )
            for stored in found
            if "KV-Operation" not in stored.headers and "Nats-Marker-Reason" not in stored.headers
        }
        if not renewals:
            return {}
        now = max(renewals.values())
        return {member: (now - at).total_seconds() for member, at in renewals.items()}

    async def _leave(self) -> None:
        headers = {"KV-Operation": "PURGE", "Nats-Rollup": "sub", "Nats-TTL": f"{TTL_SECONDS}s"}
        await self._put(b"", headers)

    async def _put(self, payload: bytes, headers: dict[str, str]) -> None:
        answer = await request(
            self._client,
            self._prefix + self._member,
            payload,
            headers,
            timeout_seconds=CALL_TIMEOUT_SECONDS,
        )
        raise_error(answer)

    async def _on_news(self, message: Msg) -> None:
        """Somebody else joined or left: look now rather than at the next renewal."""
        member = message.subject.removeprefix(self._prefix)
        leaves = "KV-Operation" in (message.headers or {})
        if member != self._member and (leaves or member not in self._members):
            self._woken.set()
