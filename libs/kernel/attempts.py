"""How often something may be tried: for each key a few at once, and then one now and then.

Kept in memory: each process counts for itself.
"""

import time
from collections import OrderedDict
from typing import Final, Self

from libs.kernel.errors import RateLimited

KEYS_MAX: Final = 100_000


class Attempts:
    """A bucket of attempts for each key (generic cell rate algorithm)."""

    def __init__(self, refusal: type[RateLimited], *, burst: int, seconds_each: float) -> None:
        """`burst` at once, then one every `seconds_each`; what is more is refused."""
        self._refusal = refusal
        self._seconds_each = seconds_each
        self._tolerance = seconds_each * (burst - 1)
        self._free_at: OrderedDict[str, float] = OrderedDict()

    @classmethod
    def by_address(cls, refusal: type[RateLimited]) -> Self:
        """Of one command from one address: a school behind one address can sign up, a list of
        passwords cannot be tried.
        """
        return cls(refusal, burst=30, seconds_each=2.0)

    def take(self, key: str) -> None:
        """Count an attempt. raises   the refusal, which says when the next one may be"""
        now = time.monotonic()
        free_at = max(self._free_at.get(key, now), now)
        if free_at - now > self._tolerance:
            wait = free_at - now - self._tolerance
            raise self._refusal(retry_after_seconds=round(wait, 1))
        self._free_at[key] = free_at + self._seconds_each
        self._free_at.move_to_end(key)
        while len(self._free_at) > KEYS_MAX:
            self._free_at.popitem(last=False)

    def forget(self, key: str) -> None:
        """It went well: begin to count anew."""
        self._free_at.pop(key, None)
