"""The worker: finds syncs that are due, in the catalog's log, and runs them.

All workers see the same; which of them runs a sync the sync itself decides. A run whose worker is
not heard of any more is due again, and goes on where it was.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from contracts.catalog_syncs import Partner
from libs.bus import Bus
from libs.eventlog import EventLog
from libs.kernel.clock import Clock
from libs.kernel.errors import Unavailable
from libs.kernel.ids import new_id
from services.catalog.adapters.partners.page import Source
from services.catalog.adapters.syncing import Syncing
from services.catalog.domain.syncs import SYNC, Sync, Target

PATIENCE_SECONDS: Final = 5.0
"""How long a sync that could not be begun or told is left alone."""

logger = logging.getLogger(__name__)


class SyncWorker:
    """Runs the syncs that are due, a few at a time, and of each partner one."""

    def __init__(
        self,
        bus: Bus,
        log: EventLog,
        sources: Mapping[Partner, Source],
        clock: Clock,
        *,
        at_once_max: int,
    ) -> None:
        self.name = new_id("wrk_")
        self._log = log
        self._syncing = Syncing(bus, sources, clock, self.name)
        self._clock = clock
        self._at_once_max = at_once_max
        self._syncs: dict[str, Sync] = {}
        self._running: set[Partner] = set()

    async def run(self) -> None:
        """Follow the log and run what is due. Never ends.

        raises   LogRecreated
        """
        syncs = self._log.follow(after=0, aggregate=SYNC.aggregate, events=SYNC.events)
        is_caught_up = False
        async with asyncio.TaskGroup() as tasks:
            async for commits in syncs:
                for commit in commits:
                    for recorded in commit.events:
                        self._apply(commit.aggregate_id, recorded.data)
                is_caught_up |= not commits
                if is_caught_up:
                    self._begin_what_is_due(tasks)

    def _apply(self, sync_id: str, event: Any) -> None:
        sync = self._syncs.setdefault(sync_id, Sync())
        self._syncs[sync_id] = SYNC.evolve(sync, event)

    def _begin_what_is_due(self, tasks: asyncio.TaskGroup) -> None:
        now = self._clock()
        for sync_id, sync in self._syncs.items():
            if len(self._running) >= self._at_once_max:
                return
            partner = Target.of(sync_id).partner
            if partner not in self._running and sync.is_due(now):
                self._running.add(partner)
                tasks.create_task(self._run_one(sync_id, partner), name=f"sync {sync_id}")

    async def _run_one(self, sync_id: str, partner: Partner) -> None:
        try:
            await self._syncing.run(sync_id)
        except Unavailable as error:
            logger.warning(
                "A sync is left where it is: the catalog does not answer.",
                extra={"sync_id": sync_id, "reason": str(error)},
            )
            await asyncio.sleep(PATIENCE_SECONDS)
        except Exception:
            logger.exception("A sync broke.", extra={"sync_id": sync_id})
            await asyncio.sleep(PATIENCE_SECONDS)
        finally:
            self._running.discard(partner)
