"""The reactor: runs the process managers of a service, and sends what became due.

Any number of processes may run one; each worker is run by one of them, as the slots of an owner
are: its neighbours take over a moment after it is gone. Two may for a moment both work for the same
source, which costs time and nothing else.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from faststream.nats import NatsBroker
from faststream.nats.security import NatsNKey
from nats.aio.client import Client
from nats.errors import Error as NatsError

from libs.bus import Bus
from libs.eventlog.agenda import Agenda
from libs.eventlog.membership import Membership
from libs.eventlog.schedules import Schedules
from libs.kernel.clock import Clock, system_clock
from libs.kernel.errors import Unavailable
from libs.kernel.ids import new_id
from libs.kernel.reactions import ProcessManager
from libs.kernel.slots import owner_of, slot_of
from libs.reactions.effects import Effects
from libs.reactions.parking import Parking
from libs.reactions.sources import SCHEDULES, DueSource, LogSource, Source
from libs.reactions.subscription import Interrupted, Subscription
from libs.reactions.worker import Worker
from libs.telemetry import metrics

RECONNECT_SECONDS: Final = 0.2
DRAIN_SECONDS: Final = 3
GRACE_SECONDS: Final = 2.0
"""For a batch to be handed over; what is in work is not waited for: it comes again."""
PAUSE_SECONDS: Final = 0.5

logger = logging.getLogger(__name__)


class Refused(Exception):
    """NATS refused us a subject: the permissions and the process managers do not fit together."""


class Reactor:
    """The process managers of one service in one process."""

    def __init__(
        self,
        *,
        service: str,
        managers: Sequence[ProcessManager],
        client: Client,
        nats_url: str,
        nkey_seed: str | None,
        clock: Clock = system_clock,
    ) -> None:
        """`client` is the service's connection; messages are read through one of FastStream's own,
        made with the same key.
        """
        names = [SCHEDULES, *(manager.name for manager in managers)]
        if len(set(names)) != len(names):
            raise ValueError(f"two process managers of one name in {service}: {names}")
        self._service = service
        self._client = client
        self._nats_url = nats_url
        self._nkey_seed = nkey_seed
        self._member = new_id("m_")
        agenda = Agenda(client, service, clock)
        effects = Effects(service, Bus(client), Schedules(client, service), agenda)
        parking = Parking(client, service)
        sources: list[Source] = [DueSource(service)]
        sources += [LogSource(service, manager) for manager in managers]
        self._workers = {
            source.name: Worker(
                source,
                service=service,
                subscription=Subscription(
                    client, service, source.name, stream=source.stream, subjects=source.subjects
                ),
                effects=effects,
                parking=parking,
                clock=clock,
            )
            for source in sources
        }
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._refused: asyncio.Future[None] | None = None

    async def run(self, ready: Callable[[], None]) -> None:
        """Work until cancelled.

        ready    called once it is known which workers are ours
        raises   an ExceptionGroup of Refused, or of a bug of this house
        """
        self._refused = asyncio.get_running_loop().create_future()
        broker = self._broker()
        connection = await broker.connect()
        try:
            await broker.start()
            async with asyncio.TaskGroup() as tasks:

                async def on_members(members: frozenset[str]) -> None:
                    self._divide(members, broker, tasks)
                    if members:
                        ready()

                group = f"{self._service}.process-managers"
                membership = Membership(self._client, group, self._member, on_members)
                tasks.create_task(membership.run())
                await self._refused
        finally:
            await _end(broker, connection)

    def _divide(
        self, members: frozenset[str], broker: NatsBroker, tasks: asyncio.TaskGroup
    ) -> None:
        """Run the workers that are ours among these members, and no others."""
        for name, worker in self._workers.items():
            task = self._tasks.get(name)
            if owner_of(slot_of(name), members) != self._member:
                if task is not None:
                    task.cancel()
            elif task is None or task.done() or task.cancelling():
                work = self._keep_working(worker, broker, task)
                self._tasks[name] = tasks.create_task(work)

    @staticmethod
    async def _keep_working(
        worker: Worker, broker: NatsBroker, before: "asyncio.Task[None] | None"
    ) -> None:
        """Work until cancelled, once whoever worked before is done."""
        if before is not None:
            await asyncio.wait({before})
        while True:
            try:
                await worker.run(broker)
            except* (Interrupted, Unavailable) as interruption:
                logger.warning(
                    "Reading was interrupted; it begins anew.",
                    extra={"process_manager": worker.name, "detail": _first(interruption)},
                )
            await asyncio.sleep(PAUSE_SECONDS)

    def _broker(self) -> NatsBroker:
        return NatsBroker(
            self._nats_url.split(","),
            name=f"{self._service} process managers",
            security=None if self._nkey_seed is None else NatsNKey.from_seed(self._nkey_seed),
            inbox_prefix=f"_INBOX_{self._service}",
            error_cb=self._on_error,
            max_reconnect_attempts=-1,
            reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]  # Slept with: a float.
            drain_timeout=DRAIN_SECONDS,
            graceful_timeout=GRACE_SECONDS,
            logger=None,
            apply_types=False,
        )

    async def _on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if "permissions violation" not in text.lower():
            return  # An outage: the service's own connection tells of it.
        metrics.NATS_PERMISSION_VIOLATIONS.labels(self._service).inc()
        if self._refused is not None and not self._refused.done():
            self._refused.set_exception(Refused(text))


def _first(group: BaseExceptionGroup[Exception]) -> str:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else str(error)


async def _end(broker: NatsBroker, connection: Client) -> None:
    """Take leave of NATS in order, if it is there."""
    try:
        if connection.is_connected:
            await broker.stop()
    except NatsError as error:
        logger.warning("A connection to NATS did not drain.", extra={"detail": str(error)})
    finally:
        await connection.close()
