"""An owner: a member of its service that takes its share of the slots and writes for them."""

import asyncio
import logging
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from libs.bus.wire import command_subject
from libs.eventlog.membership import Membership
from libs.eventlog.model import EventLog
from libs.eventlog.protocol import reached
from libs.eventlog.snapshots import SnapshotStore
from libs.kernel.clock import Clock, system_clock
from libs.kernel.errors import Unavailable
from libs.kernel.ids import new_id
from libs.kernel.messages import registry
from libs.kernel.slots import slot_of, slots_of
from libs.owner.aggregates import Aggregates, AnyDecider
from libs.owner.hot import HotResults, HotView
from libs.owner.inbox import Completer, Inbox, Resolver, Route
from libs.owner.lane import Lane, LaneParts
from libs.owner.observed import Observed

logger = logging.getLogger(__name__)


REACH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class OwnerLimits:
    """The bounds of an owner.

    slot_commands_max    commands waiting in one slot; beyond it callers are refused at once
    live_max             aggregates kept in memory
    snapshot_events_min  events since the last snapshot that make a new one worth while
    """

    slot_commands_max: int = 20_000
    live_max: int = 20_000
    snapshot_events_min: int = 5_000


@dataclass
class Owner:
    """The write side of one service in one process.

    deciders      one per aggregate
    resolvers     by command class: looks up what a command needs before it is decided
    completers    by command class: adds to its answer what the log must not hold
    hot           views pushed to live queries after each commit
    suspended     the actors who may look but not act
    """

    service: str
    client: Client
    log: EventLog
    deciders: Sequence[AnyDecider]
    resolvers: Mapping[type, Resolver] = field(default_factory=dict)
    completers: Mapping[type, Completer] = field(default_factory=dict)
    hot: Sequence[HotView] = ()
    suspended: Container[str] = frozenset()
    snapshots: SnapshotStore | None = None
    clock: Clock = system_clock
    limits: OwnerLimits = OwnerLimits()
    member: str = field(default_factory=lambda: new_id("m_"))

    def __post_init__(self) -> None:
        routes = self._routes()
        self._observed = Observed(self.service)
        self._inbox = Inbox(
            {route.spec.name: route for route in routes},
            self.limits.slot_commands_max,
            self._observed,
        )
        self._aggregates = Aggregates(
            self.log,
            self.snapshots,
            live_max=self.limits.live_max,
            snapshot_events_min=self.limits.snapshot_events_min,
        )
        self._hot = HotResults(self.client, self.log.epoch, self.hot)
        self._lane = Lane(
            LaneParts(
                service=self.service,
                log=self.log,
                inbox=self._inbox,
                aggregates=self._aggregates,
                route_of={route.spec.cls: route for route in routes},
                suspended=self.suspended,
                hot=self._hot,
                observed=self._observed,
            )
        )
        self._membership = Membership(self.client, self.service, self.member, self._on_members)
        self._subscriptions: dict[int, Subscription] = {}
        self._ready: Callable[[], None] = lambda: None

    def _routes(self) -> list[Route]:
        deciders = {cls: decider for decider in self.deciders for cls in decider.commands}
        return [
            Route(
                spec,
                deciders.get(spec.cls),
                self.resolvers.get(spec.cls),
                self.completers.get(spec.cls),
            )
            for spec in registry.commands.values()
            if spec.cls in deciders or spec.cls in self.resolvers
        ]

    async def run(self, ready: Callable[[], None]) -> None:
        """Own and write until cancelled; then hand over: leave, finish the commit, save snapshots.

        ready   called once the first slots are ours
        """
        self._ready = ready
        lane = asyncio.create_task(self._lane.run())
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch(lane))
                tasks.create_task(self._membership.run())
                tasks.create_task(self._hot.run(self._lane.is_settled, self._aggregates.get))
        finally:
            await self._own(frozenset())
            lane.cancel()
            await asyncio.gather(lane, return_exceptions=True)
            await self._aggregates.save_all()

    @staticmethod
    async def _watch(lane: "asyncio.Task[None]") -> None:
        """A lane that breaks ends the owner."""
        await asyncio.shield(lane)

    async def _on_members(self, members: frozenset[str]) -> None:
        mine = slots_of(self.member, members)
        if mine != self._lane.owned:
            logger.info(
                "Slots are divided anew.", extra={"members": len(members), "slots": len(mine)}
            )
        await self._own(mine)
        if mine or members:
            self._ready()

    async def _own(self, slots: frozenset[int]) -> None:
        """Listen for exactly these slots; when it returns, the server has taken notice."""
        gained = slots - self._lane.owned
        self._lane.gain(gained, slot_of)
        self._lane.owned = slots
        self._lane.wake()
        self._observed.owns(len(slots))
        if not self.client.is_closed:
            for slot in set(self._subscriptions) - slots:
                with suppress(NatsError):  # It went with its connection.
                    await self._subscriptions.pop(slot).unsubscribe()
            for slot in gained:
                self._subscriptions[slot] = await self.client.subscribe(
                    command_subject(self.service, slot),
                    cb=partial(self._on_message, slot),
                    pending_msgs_limit=-1,
                    pending_bytes_limit=-1,
                )
            with suppress(Unavailable):  # It will, once NATS is there again.
                await reached(self.client, timeout_seconds=REACH_SECONDS)

    async def _on_message(self, slot: int, message: Msg) -> None:
        if not self._membership.is_current:
            return  # Suspended and woken: others own the slot by now, and have answered.
        loop = asyncio.get_running_loop()
        answered = self._inbox.receive(message, slot, self.clock(), loop.time())
        if answered is not None:
            self._lane.replies.send(answered)
        self._lane.wake()
