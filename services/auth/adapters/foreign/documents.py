"""Documents that others publish, kept for a while: fetched by one who asks, not by all of them."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Final

from libs.kernel.clock import Clock
from services.auth.adapters.foreign.errors import ForeignError, Unreachable

DOCUMENTS_MAX: Final = 64
FRESH_SECONDS: Final = 3600.0
USABLE_SECONDS: Final = 6 * 3600.0
PAUSE_SECONDS: Final = 10.0


@dataclass(slots=True)
class _Place[T]:
    document: T | None = None
    fetched_at: float = float("-inf")
    tried_at: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Documents[K: Hashable, T]:
    """Documents by key. A fresh one is used as it is; an old one is fetched again, and used for
    some hours more when that fails. Whatever happens, each is asked for at most once in
    `PAUSE_SECONDS`.
    """

    def __init__(
        self,
        fetch: Callable[[K], Awaitable[T]],
        clock: Clock,
        *,
        documents_max: int = DOCUMENTS_MAX,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._documents_max = documents_max
        self._places: OrderedDict[K, _Place[T]] = OrderedDict()

    async def get(self, key: K, *, again: bool = False) -> T:
        """A document.

        again    fetch it although it is fresh: it lacks what one needs, so it may have changed
        raises   what `fetch` raised, where there is nothing to fall back on; Unreachable during the
                 pause after that
        """
        place = self._place(key)
        if place.document is not None and not again and self._age(place) < FRESH_SECONDS:
            return place.document
        async with place.lock:
            await self._renew(key, place, again=again)
        if place.document is None:
            raise Unreachable("asked a moment ago, in vain")
        return place.document

    async def _renew(self, key: K, place: _Place[T], *, again: bool) -> None:
        now = self._clock().timestamp()
        is_fresh = self._age(place) < FRESH_SECONDS
        if (is_fresh and not again) or now - place.tried_at < PAUSE_SECONDS:
            return
        place.tried_at = now
        try:
            place.document = await self._fetch(key)
            place.fetched_at = now
        except ForeignError:
            if self._age(place) >= USABLE_SECONDS:
                place.document = None
                raise

    def _age(self, place: _Place[T]) -> float:
        return self._clock().timestamp() - place.fetched_at

    def _place(self, key: K) -> _Place[T]:
        place = self._places.setdefault(key, _Place())
        self._places.move_to_end(key)
        while len(self._places) > self._documents_max:
            self._places.popitem(last=False)
        return place
