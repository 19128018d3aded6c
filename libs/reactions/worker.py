"""A worker: does what the messages of one source ask for.

For each key in order; other keys do not wait. What fails is tried again, ever more slowly. While
something is merely down, slow or full its key waits, as long as it takes. What fails for another
reason after ATTEMPTS tries is parked with its error, and later messages of its key behind it, until
somebody has them replayed.
"""

import asyncio
import logging
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Final

import stamina
from faststream.nats import NatsBroker
from opentelemetry.trace import Span, SpanKind

from libs.kernel.clock import Clock
from libs.kernel.errors import Problem
from libs.reactions.effects import Effects, is_outage, problem_of
from libs.reactions.lanes import Lanes
from libs.reactions.message import Message
from libs.reactions.parking import Parking
from libs.reactions.sources import Effect, Source
from libs.reactions.subscription import Delivery, Subscription
from libs.telemetry import edge_span, metrics, span
from libs.telemetry.names import TRACEPARENT

ATTEMPTS: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.1
PAUSE_SECONDS_MAX: Final = 5.0
UNFINISHED_MAX: Final = 64
LOOK_SECONDS: Final = 2.0
"""How often a worker looks how far behind it is, and whether somebody wants a replay."""

logger = logging.getLogger(__name__)


class Worker:
    """Works for one source while it has its turn."""

    def __init__(
        self,
        source: Source,
        *,
        service: str,
        subscription: Subscription,
        effects: Effects,
        parking: Parking,
        clock: Clock,
    ) -> None:
        self.name = source.name
        self._source = source
        self._subscription = subscription
        self._effects = effects
        self._parking = parking
        self._clock = clock
        self._parked: dict[str, int] = {}
        self._replaying: set[str] = set()
        self._newest: datetime | None = None
        subscribed = (service, subscription.name)
        self._gap = metrics.SUBSCRIPTION_GAP.labels(*subscribed)
        self._lag = metrics.SUBSCRIPTION_LAG_SECONDS.labels(*subscribed)
        self._handled = metrics.SUBSCRIPTION_EVENTS.labels(*subscribed)
        self._outcomes = partial(metrics.REACTIONS.labels, service, source.name)
        self._parked_now = metrics.PARKED.labels(service, source.name)

    async def run(self, broker: NatsBroker) -> None:
        """Work until cancelled, or until reading is interrupted.

        raises   Unavailable, or a group of Interrupted, Unavailable and bugs
        """
        counts = await self._parking.counts(self.name)
        self._parked = {key: count for (_, key), count in counts.items()}
        self._replaying.clear()
        async with asyncio.TaskGroup() as tasks:
            lanes = Lanes(tasks, UNFINISHED_MAX)
            tasks.create_task(self._look_around(lanes))
            await self._subscription.read(broker, partial(self._take, lanes))

    async def _take(self, lanes: Lanes, delivery: Delivery) -> None:
        self._newest = delivery.at
        key = self._source.key(delivery.message)
        if key is None:
            await delivery.acknowledge()
            self._handled.inc()
        else:
            await lanes.put(key, partial(self._work, key, delivery))

    async def _work(self, key: str, delivery: Delivery) -> None:
        """Do what a message asks for, or park it; then it is done with."""
        if key in self._parked:
            await self._park(key, delivery.message, None)
        else:
            error = await self._try(delivery.message)
            if error is not None:
                await self._park(key, delivery.message, problem_of(error))
        await delivery.acknowledge()
        self._handled.inc()

    # ------------------------------------------------------------------ doing

    async def _try(self, message: Message) -> Exception | None:
        """Do what a message asks for. Returns what keeps it from being done."""
        trace = message.headers.get(TRACEPARENT)
        try:
            effects = self._source.effects(message)
            with self._span(trace):
                for effect in effects:
                    await self._carry_out(effect, trace)
        except Exception as error:
            logger.exception(
                "A message cannot be worked on.",
                extra={"process_manager": self.name, "position": message.position},
            )
            return error
        return None

    def _span(self, trace: str | None) -> AbstractContextManager[Span]:
        if self._source.is_timer:
            return edge_span(f"fire {self.name}", kind=SpanKind.CONSUMER)
        return span(f"react {self.name}", parent=trace, kind=SpanKind.CONSUMER)

    async def _carry_out(self, effect: Effect, trace: str | None) -> None:
        """Carry out an effect: outages are waited for, failures tried again a few times.

        What goes well at once, as nearly all does, is spared the machinery of trying again: it
        would cost a fifth of a process that does little else.
        """
        try:
            await self._carry_out_once(effect, trace)
        except Exception as error:  # noqa: BLE001  # Judged where it is raised again.
            await self._carry_out_patiently(effect, trace, error)

    async def _carry_out_once(self, effect: Effect, trace: str | None) -> None:
        done = await self._effects.carry_out(self.name, effect, trace)
        self._outcomes("done" if done else "rejected").inc()

    async def _carry_out_patiently(
        self, effect: Effect, trace: str | None, first: Exception | None
    ) -> None:
        """Go on trying an effect whose first attempt has failed."""
        async for patience in stamina.retry_context(
            on=self._is_worth_waiting,
            attempts=None,
            timeout=None,
            wait_initial=FIRST_PAUSE_SECONDS,
            wait_max=PAUSE_SECONDS_MAX,
        ):
            with patience:
                async for attempt in stamina.retry_context(
                    on=self._is_worth_another_try,
                    attempts=ATTEMPTS,
                    timeout=None,
                    wait_initial=FIRST_PAUSE_SECONDS,
                    wait_max=PAUSE_SECONDS_MAX,
                ):
                    with attempt:
                        if first is not None:
                            error, first = first, None
                            raise error
                        await self._carry_out_once(effect, trace)

    def _is_worth_waiting(self, error: BaseException) -> bool:
        if not is_outage(error):
            return False
        self._outcomes("unavailable").inc()
        return True

    def _is_worth_another_try(self, error: BaseException) -> bool:
        if not isinstance(error, Exception) or is_outage(error):
            return False  # Also of a cancellation stamina asks what to do.
        self._outcomes("failed").inc()
        return True

    # ------------------------------------------------------------------ parking

    async def _park(self, key: str, message: Message, problem: Problem | None) -> None:
        """Put a message aside, as soon as that is possible."""
        async for patience in stamina.retry_context(
            on=is_outage, attempts=None, timeout=None, wait_max=PAUSE_SECONDS_MAX
        ):
            with patience:
                await self._parking.park(self.name, key, message, problem=problem, at=self._clock())
        self._parked[key] = self._parked.get(key, 0) + 1
        self._outcomes("parked").inc()
        logger.error("A message is parked.", extra={"process_manager": self.name, "key": key})

    async def _replay(self, key: str) -> None:
        """Try again what is parked for a key, as somebody wanted."""
        async for patience in stamina.retry_context(
            on=is_outage, attempts=None, timeout=None, wait_max=PAUSE_SECONDS_MAX
        ):
            with patience:
                await self._replay_parked(key)
                await self._parking.end_replay(self.name, key)
        self._replaying.discard(key)

    async def _replay_parked(self, key: str) -> None:
        """Oldest first, up to the first that still fails."""
        while (parked := await self._parking.first(self.name, key)) is not None:
            if await self._try(parked.message) is not None:
                return
            await self._parking.remove(parked.sequence)
            self._parked[key] = self._parked.get(key, 1) - 1
            logger.info(
                "A parked message is done with.",
                extra={"process_manager": self.name, "key": key},
            )
        self._parked.pop(key, None)

    # ------------------------------------------------------------------ looking around

    async def _look_around(self, lanes: Lanes) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            gap = await self._subscription.gap()
            self._gap.set(gap.to_read + gap.in_work)
            self._lag.set(self._lag_seconds() if gap.to_read or gap.in_work else 0)
            self._parked_now.set(sum(self._parked.values()))
            for key in await self._parking.replays(self.name) - self._replaying:
                self._replaying.add(key)
                await lanes.put(key, partial(self._replay, key))

    def _lag_seconds(self) -> float:
        return 0 if self._newest is None else (self._clock() - self._newest).total_seconds()
