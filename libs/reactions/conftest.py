"""A toy service with a real owner on a server of its own, and the reactions of its raffles.

News of a raffle `r1` makes the toy draw a ticket of the raffle `prizes_r1`, by a name: the id of
the command that the news came from. What that drawing does is in the hands of the test.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.bus import Bus
from libs.chassis.prepare import prepare
from libs.eventlog import JetStreamLog
from libs.eventlog.schedules import Schedules
from libs.kernel.errors import Unavailable
from libs.kernel.messages import Origin
from libs.kernel.reactions import ProcessManager, Reaction, Send
from libs.kernel.recorded import Recorded
from libs.owner import Owner
from libs.reactions.parking import Parking
from libs.reactions.reactor import Reactor
from libs.stack.credentials import Credentials
from libs.testkit.builders import commit_of
from libs.testkit.stack import TEST_SERVICES, RunningNats, running_nats
from libs.testkit.toy import RAFFLE, DrawByName, DrawTicket, RaffleClosed, RaffleOpened

SERVICE = "toy"
RECONNECTING = {
    "allow_reconnect": True,
    "max_reconnect_attempts": -1,
    "reconnect_time_wait": 0.1,
}


def prizes_of(raffle_id: str) -> str:
    return f"prizes_{raffle_id}"


def is_of_prizes(recorded: Recorded) -> bool:
    return recorded.aggregate_id.startswith(prizes_of(""))


def draw(recorded: Recorded) -> Sequence[Reaction]:
    """Draw a ticket of the prizes by the name of the news."""
    if is_of_prizes(recorded):
        return []
    prizes = prizes_of(recorded.aggregate_id)
    return [Send(DrawByName(raffle_id=prizes, name=recorded.causation_id))]


DRAWINGS = ProcessManager("drawings", "toy", "raffle", (RaffleOpened, RaffleClosed), draw)


@dataclass
class House:
    """The toy service. `drawn` are the names that were drawn, in order; `broken` are to fail."""

    server: RunningNats
    client: Client
    log: JetStreamLog
    drawn: list[tuple[str, str]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.bus = Bus(self.client)
        self.schedules = Schedules(self.client, SERVICE)
        self.parking = Parking(self.client, SERVICE)

    async def record(
        self, raffle_id: str, *names: str, headers: dict[str, str] | None = None
    ) -> None:
        """Record that a raffle opened, once for each name and in a commit of its own."""
        for name in names:
            revision = (await self.log.load("raffle", raffle_id)).revision
            commit = commit_of(
                raffle_id,
                RaffleOpened(raffle_id=raffle_id),
                expected=revision,
                command_id=name,
                headers=headers,
            )
            await self.log.append([commit])

    async def is_reachable(self) -> bool:
        """Whether the log answers."""
        try:
            await self.log.last_position()
        except Unavailable:
            return False
        return True

    def drawn_of(self, raffle_id: str) -> list[str]:
        """The names drawn of the prizes of a raffle, each once: what is sent twice counts once."""
        names = [name for drawn_of, name in self.drawn if drawn_of == prizes_of(raffle_id)]
        return list(dict.fromkeys(names))

    @asynccontextmanager
    async def hearing(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Hear every command that is sent during the block, as it is on the wire."""
        heard: list[dict[str, Any]] = []

        async def on_message(message: Msg) -> None:
            heard.extend(orjson.loads(message.data))

        subscription = await self.client.subscribe(f"cmd.{SERVICE}.*", cb=on_message)
        yield heard
        await subscription.unsubscribe()

    @asynccontextmanager
    async def owning(self) -> AsyncIterator[None]:
        """Own the raffles during the block."""
        owner = Owner(
            service=SERVICE,
            client=self.client,
            log=self.log,
            deciders=[RAFFLE],
            resolvers={DrawByName: self._draw_by_name},
        )
        async with _running(owner.run):
            yield

    @asynccontextmanager
    async def reacting(self, *managers: ProcessManager, url: str = "") -> AsyncIterator[None]:
        """Run process managers during the block: those that draw, if none is named.

        url   where they are told to send what they ask for, when it is not the server itself
        """
        server = replace(self.server, url=url or self.server.url)
        client = await server.connect(SERVICE, **RECONNECTING)
        reactor = Reactor(
            service=SERVICE,
            managers=managers or [DRAWINGS],
            client=client,
            nats_url=self.server.url,
            nkey_seed=Credentials(self.server.secrets).nats_seed(SERVICE),
        )
        try:
            async with _running(reactor.run):
                yield
        finally:
            await client.close()

    async def _draw_by_name(self, command: DrawByName, _: Origin) -> DrawTicket:
        if command.name in self.broken:
            raise RuntimeError(f"{command.name} is broken")
        self.drawn.append((command.raffle_id, command.name))
        return DrawTicket(raffle_id=command.raffle_id)


@asynccontextmanager
async def _running(run: Any) -> AsyncIterator[None]:
    ready = asyncio.Event()
    task = asyncio.create_task(run(ready.set))
    waiting = asyncio.create_task(ready.wait())
    try:
        async with asyncio.timeout(10):
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        waiting.cancel()
        await asyncio.wait({task, waiting})


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    with running_nats(tmp_path) as server:
        await prepare(server.url, server.secrets, services=TEST_SERVICES)
        client = await server.connect(SERVICE, **RECONNECTING)
        yield House(server, client, await JetStreamLog.open(client, SERVICE))
        await client.close()
