"""An owner without NATS: the real inbox, lane and replies, on whatever log a test gives them.

owner = LoneOwner(MemoryLog("toy"))
async with owner.running():
    [answer] = await owner.ask(item("draw-ticket", "r1", actor="ann"))
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.bus.wire import command_item
from libs.eventlog import EventLog
from libs.eventlog.snapshots import SnapshotStore
from libs.kernel.clock import Clock
from libs.kernel.ids import new_id
from libs.kernel.messages import registry
from libs.kernel.slots import SLOT_COUNT, slot_of
from libs.owner.aggregates import Aggregates, AnyDecider
from libs.owner.hot import HotResults, HotView
from libs.owner.inbox import Completer, Inbox, Resolver, Route
from libs.owner.lane import Lane, LaneParts
from libs.owner.observed import Observed
from libs.testkit.clock import FakeClock
from libs.testkit.toy import RAFFLE

ANSWER_SECONDS_MAX = 10.0
EVERY_SLOT = frozenset(range(SLOT_COUNT))

Answer = dict[str, Any]
"""{"answer": {…}} or {"problem": {…}}, as it goes over the bus."""


def item(
    command: str,
    raffle_id: str,
    /,
    *,
    actor: str = "ann",
    command_id: str = "",
    roles: Sequence[str] = ("moderator",),
    **args: Any,
) -> dict[str, Any]:
    """A command to a raffle as it comes over the bus; from a moderator, if nothing else is said."""
    return command_item(
        f"toy.{command}",
        {"raffle_id": raffle_id, **args},
        command_id=command_id or new_id(),
        actor=actor,
        roles=tuple(roles),
        trace=None,
        correlation=None,
    )


class LoneOwner:
    """Owns every slot, until it is told otherwise.

    told   the hot results it has pushed: (subject, body)
    """

    def __init__(
        self,
        log: EventLog,
        *,
        deciders: Sequence[AnyDecider] = (RAFFLE,),
        resolvers: Mapping[type, Resolver] | None = None,
        completers: Mapping[type, Completer] | None = None,
        hot: Sequence[HotView] = (),
        snapshots: SnapshotStore | None = None,
        clock: Clock | None = None,
        slot_commands_max: int = 1000,
        live_max: int = 1000,
        snapshot_events_min: int = 1000,
    ) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.clock = clock or FakeClock()
        routes = self._routes(deciders, resolvers or {}, completers or {})
        observed = Observed("toy")
        self.inbox = Inbox({each.spec.name: each for each in routes}, slot_commands_max, observed)
        self.aggregates = Aggregates(
            log, snapshots, live_max=live_max, snapshot_events_min=snapshot_events_min
        )
        self._hot = HotResults(cast(Client, _Publisher(self.told)), log.epoch, hot)
        self.lane = Lane(
            LaneParts(
                service="toy",
                log=log,
                inbox=self.inbox,
                aggregates=self.aggregates,
                route_of={each.spec.cls: each for each in routes},
                suspended=frozenset(),
                hot=self._hot,
                observed=observed,
            )
        )
        self.lane.owned = EVERY_SLOT
        self.tasks: list[asyncio.Task[None]] = []

    @staticmethod
    def _routes(
        deciders: Sequence[AnyDecider],
        resolvers: Mapping[type, Resolver],
        completers: Mapping[type, Completer],
    ) -> list[Route]:
        found = {cls: decider for decider in deciders for cls in decider.commands}
        return [
            Route(spec, found.get(spec.cls), resolvers.get(spec.cls), completers.get(spec.cls))
            for spec in registry.commands.values()
            if spec.cls in found or spec.cls in resolvers
        ]

    def start(self) -> None:
        """Begin to work, in tasks that the caller ends."""
        self.tasks = [
            asyncio.create_task(self.lane.run()),
            asyncio.create_task(self._hot.run(self.lane.is_settled, self.aggregates.get)),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["LoneOwner"]:
        """Work during the block, then stop in order. What broke the lane is raised."""
        self.start()
        lane, hot = self.tasks
        try:
            yield self
        finally:
            hot.cancel()
            lane.cancel()
            await asyncio.wait({lane, hot})
            if not lane.cancelled() and (error := lane.exception()) is not None:
                raise error

    def send(self, *items: Any, slot: int | None = None) -> "asyncio.Future[list[Answer]]":
        """Send commands in one message; their answers come together, or never."""
        reply: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()
        message = cast(Msg, _Message(orjson.dumps(items), reply.set_result))
        if slot is None:
            slot = slot_of(items[0]["args"]["raffle_id"])
        answered = self.inbox.receive(message, slot, self.clock(), loop.time())
        if answered is not None:
            self.lane.replies.send(answered)
        self.lane.wake()
        return reply

    async def ask(self, *items: Any, slot: int | None = None) -> list[Answer]:
        """Send commands in one message and wait for their answers. raises   TimeoutError"""
        return await asyncio.wait_for(self.send(*items, slot=slot), ANSWER_SECONDS_MAX)

    def own(self, slots: frozenset[int]) -> None:
        """Gain and lose slots, as membership has it."""
        self.lane.gain(slots - self.lane.owned, slot_of)
        self.lane.owned = slots
        self.lane.wake()


class _Message:
    """A request that came over the bus, and where its reply goes."""

    reply = "inbox"

    def __init__(self, data: bytes, on_reply: Callable[[list[Answer]], None]) -> None:
        self.data = data
        self._on_reply = on_reply

    async def respond(self, payload: bytes) -> None:
        self._on_reply(orjson.loads(payload))


class _Publisher:
    """Keeps what is published."""

    def __init__(self, told: list[tuple[str, dict[str, Any]]]) -> None:
        self._told = told

    async def publish(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None
    ) -> None:
        del headers
        self._told.append((subject, orjson.loads(payload)))
