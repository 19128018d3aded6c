"""Change notices: what a projection has just changed, told to whoever watches.

    chg.<service>.<projection>   {"n": 7, "publisher": "…", "epoch": "…", "position": 1042,
                                  "keys": {"tally.shw_1": 1042}, "traceparent": "…"}

    n            counts the notices of this publisher: a hole means that some were lost
    publisher    changes whenever the projection cannot vouch for what changed before: it was taken
                 over, rebuilt, or has lost its database for a moment. Ask everything again.
    position     what the read model now includes
    keys         change key -> position of the last event that touched it
    traceparent  only when a change was made for someone whose trace is sampled

Many keys are told in several notices; without keys a notice is a heartbeat, once a second.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from itertools import batched
from typing import Any, Final

import orjson

from libs.kernel.ids import new_id

KEYS_MAX: Final = 2000
"""In one notice: with keys as long as they come, a quarter of what NATS takes in one message."""

Publish = Callable[[str, bytes], Awaitable[None]]
"""Sends bytes to a subject, without waiting for anybody to have received them."""

logger = logging.getLogger(__name__)


class Notices:
    """The notices of one projection, from the moment it can vouch for them."""

    def __init__(self, publish: Publish, service: str, projection: str, epoch: str) -> None:
        self._publish = publish
        self._subject = f"chg.{service}.{projection}"
        self._epoch = epoch
        self._publisher = new_id()
        self._number = 0

    async def tell(
        self, position: int, keys: Mapping[str, int], traceparent: str | None = None
    ) -> None:
        """Tell what changed up to a position. What cannot be sent leaves a hole in the numbers."""
        if not keys:
            await self._send(position, {}, traceparent)
        for part in batched(keys.items(), KEYS_MAX):
            await self._send(position, dict(part), traceparent)

    async def _send(self, position: int, keys: Mapping[str, int], traceparent: str | None) -> None:
        self._number += 1
        body: dict[str, Any] = {
            "n": self._number,
            "publisher": self._publisher,
            "epoch": self._epoch,
            "position": position,
            "keys": keys,
        }
        if traceparent is not None:
            body["traceparent"] = traceparent
        try:
            await self._publish(self._subject, orjson.dumps(body))
        except Exception:
            logger.exception(
                "A change notice was not sent.",
                extra={"subject": self._subject, "position": position},
            )
