"""Hot results: after a commit the owner itself tells the gateways what the answer of a live query
is now.

The first change is told at once; while changes keep coming, the newest result is told about every
SPACING_SECONDS. Only committed truth is told: a view is taken when a batch is closed and sent when
that batch is acknowledged, or taken later from a state on which nothing is under way. A result that
gets lost is repaired by the projection's notice, so these are sent without waiting for anybody.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from libs.owner.aggregates import Key, Live
from libs.owner.batch import Draft

logger = logging.getLogger(__name__)

SPACING_SECONDS = 0.05
LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class HotView:
    """A view the owner can give from the state in memory.

    query      the query it answers: `voting.get-tally`
    aggregate  whose state it is made of; the query's key is the aggregate's id
    view       (aggregate id, state, position) -> the view, exactly as the query answers
    """

    query: str
    aggregate: str
    view: Callable[[str, Any, int], Any]


class HotResults:
    """Tells the views of changed aggregates."""

    def __init__(self, client: Client, epoch: str, views: Sequence[HotView]) -> None:
        self._client = client
        self._epoch = epoch
        self._views = {view.aggregate: view for view in views}
        self._told_at: dict[Key, float] = {}
        self._due: dict[Key, str | None] = {}
        self._woken = asyncio.Event()

    def capture(self, draft: Draft) -> None:
        """Take the view of a draft whose batch is being closed, if it is time to tell it."""
        live = draft.live
        view = self._views.get(live.decider.aggregate)
        if view is None or not draft.events:
            return
        now = time.monotonic()
        if now - self._told_at.get(live.key, 0.0) >= SPACING_SECONDS:
            self._told_at[live.key] = now
            draft.view = self._view(live, 0)

    async def tell(self, drafts: Sequence[Draft]) -> None:
        """A batch is acknowledged: tell what was captured of it, remember the rest for later."""
        for draft in drafts:
            live = draft.live
            if live.decider.aggregate not in self._views:
                continue
            traceparent = draft.headers.get("traceparent")
            if draft.view is not None:
                draft.view.position = live.revision
                self._due.pop(live.key, None)
                await self._publish(live, draft.view, traceparent)
            else:
                self._due[live.key] = traceparent
                self._woken.set()

    async def run(
        self, is_settled: Callable[[Key], bool], get: Callable[[str, str], Live | None]
    ) -> None:
        """Tell what is due until cancelled.

        is_settled   whether no decision is under way on an aggregate
        get          an aggregate in memory; one that is no longer there is told by its next owner
        """
        while True:
            await self._woken.wait()
            await asyncio.sleep(LOOK_SECONDS)
            for key, traceparent in list(self._due.items()):
                if is_settled(key):
                    del self._due[key]
                    live = get(*key)
                    if live is not None:
                        self._told_at[key] = time.monotonic()
                        await self._publish(live, self._view(live, live.revision), traceparent)
            if not self._due:
                self._woken.clear()
                self._forget_old()

    def _view(self, live: Live, position: int) -> Any:
        """The view as it is now; None when it cannot be told, which is a bug."""
        try:
            return self._views[live.decider.aggregate].view(live.aggregate_id, live.state, position)
        except Exception:
            logger.exception("A hot view failed.", extra={"aggregate": live.decider.aggregate})
            return None

    def _forget_old(self) -> None:
        if len(self._told_at) > 10_000:
            self._told_at.clear()

    async def _publish(self, live: Live, view: Any, traceparent: str | None) -> None:
        if view is None:
            return
        body = {"position": live.revision, "epoch": self._epoch, "result": view}
        payload = orjson.dumps(body, option=orjson.OPT_UTC_Z)
        subject = f"hot.{self._views[live.decider.aggregate].query}.{live.aggregate_id}"
        headers = {"traceparent": traceparent} if traceparent else None
        try:
            await self._client.publish(subject, payload, headers=headers)
        except NatsError:
            logger.warning("A hot result was not sent; the projection's notice repairs it.")
