"""The quota book: requests to a partner are taken from those of the day before they are sent.

They are taken some at a time, so that a request costs no commit of its own. What a worker has taken
and not used when it ends is lost to the day: too few are sent, never too many.
"""

import asyncio
from datetime import timedelta
from typing import Final

from contracts.catalog_syncs import CloseQuota, Partner, QuotaSpent, TakeQuota
from libs.bus import Bus
from libs.kernel.clock import Clock
from libs.kernel.errors import RemoteProblem
from services.catalog.adapters.partners.trouble import Limited
from services.catalog.adapters.telling import send

AT_ONCE_MAX: Final = 20
SHARE: Final = 50
"""At most so small a part of a day's requests is taken at once: one in 50."""

_DEFAULT_SECONDS: Final = 3600.0


class QuotaBook:
    """One partner's requests of the day."""

    def __init__(self, bus: Bus, partner: Partner, per_day: int | None, clock: Clock) -> None:
        """`per_day`: None for a partner that counts no days; then only its no is remembered."""
        self._bus = bus
        self._partner = partner
        self._per_day = per_day
        self._clock = clock
        self._left = 0
        self._taking = asyncio.Lock()

    async def take(self) -> None:
        """Count a request. raises Limited when there are no more today"""
        if self._per_day is None:
            return
        async with self._taking:
            if self._left == 0:
                self._left = await self._reserve(self._per_day)
            self._left -= 1

    async def close(self, seconds: float) -> None:
        """The partner takes no more requests for so long, whatever we have counted."""
        if self._per_day is None:
            return
        self._left = 0
        until = self._clock() + timedelta(seconds=seconds)
        await send(self._bus, CloseQuota(partner=self._partner, until=until))

    async def _reserve(self, per_day: int) -> int:
        wanted = max(1, min(AT_ONCE_MAX, per_day // SHARE))
        today = self._clock().date()
        command = TakeQuota(partner=self._partner, day=today, requests=wanted, limit=per_day)
        try:
            answer = await send(self._bus, command)
        except RemoteProblem as problem:
            if problem.document.get("code") != QuotaSpent.code:
                raise
            seconds = float(problem.document.get("retry_after") or _DEFAULT_SECONDS)
            raise Limited(problem.detail, retry_after_seconds=seconds) from None
        return int(answer["granted"])
