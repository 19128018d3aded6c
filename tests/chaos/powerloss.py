"""An owner and a nats-server whose disk loses its power, again and again, while votes flow."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from libs.bus import Bus
from libs.chassis.connections import connect_nats
from libs.chassis.prepare import prepare
from libs.chassis.secrets import Secrets
from libs.chassis.settings import ProcessSettings
from libs.chassis.tokens import Signer
from libs.kernel.ids import new_id
from libs.stack.credentials import Credentials
from libs.stack.nats_config import render_nats_config
from libs.stack.nats_server import NatsServer
from libs.stack.permissions import SERVICES, databases, users
from libs.stack.ports import free_ports
from libs.stack.processes import Child
from libs.stack.readiness import answers_ok, until_ready
from libs.testkit.waiting import eventually
from tests.chaos.audit import LogAudit
from tests.chaos.ballots import open_ballots
from tests.chaos.disk import Disk
from tests.chaos.doors import BusDoor, Doors
from tests.chaos.ledger import Ledger
from tests.chaos.voters import Voters

SHOWS = 6
SONGS = 6
RATE = 300.0
READY_SECONDS_MAX = 60.0
FLOW_SECONDS = (0.3, 1.2)


class Forgetful(NatsServer):
    """A nats-server with its own default instead of our `sync_interval: always`."""

    def launch(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        text = render_nats_config(
            self._credentials,
            self._services,
            listen=self._listen,
            monitor=self._monitor,
            store=self._directory,
        )
        ours = 'sync_interval: "always"'
        assert ours in text
        (self._directory / "nats.conf").write_text(text.replace(ours, 'sync_interval: "2m"'))
        self.child.start()


class Rig:
    """Votes flow through an owner into a log on a disk that can lose its power."""

    def __init__(
        self, disk: Disk, server: NatsServer, settings: ProcessSettings, bus: Bus, voters: Voters
    ) -> None:
        self.ledger = voters.ledger
        self._disk = disk
        self._server = server
        self._settings = settings
        self._bus = bus
        self._voters = voters

    async def flow(self, chance: random.Random) -> None:
        """Let votes flow for a moment."""
        acknowledged = len(self.ledger.votes)
        self._voters.go()
        await asyncio.sleep(chance.uniform(*FLOW_SECONDS))
        await eventually(lambda: len(self.ledger.votes) > acknowledged, timeout_seconds=30)

    async def rest(self) -> None:
        """Send nothing more, and wait until all is answered."""
        await self._voters.rest()

    def cut_power(self) -> None:
        """Cut the power in the middle of whatever the server does, and start it again after."""
        crashed = self._disk.image.with_suffix(".crashed")
        self._server.child.signal(signal.SIGSTOP)
        self._disk.as_after_a_power_cut(crashed)
        self._server.child.kill()
        self._disk.detach()
        crashed.replace(self._disk.image)
        self._disk.attach()
        self._server.start()

    async def audit(self) -> LogAudit:
        """Read the log from its beginning. raises   nats.js.errors.NotFoundError when it is gone"""
        client = await connect_nats(
            "voting", self._settings, Secrets(self._settings.secrets), _on_broken
        )
        try:
            log = LogAudit(client)
            await log.read_on()
            return log
        finally:
            await client.close()


@asynccontextmanager
async def running_rig(
    directory: Path, chance: random.Random, kind: type[NatsServer] = NatsServer
) -> AsyncIterator[Rig]:
    """A rig in a directory, with open ballots and nothing voted for."""
    disk = Disk(directory / "disk.img", directory / "disk")
    disk.make()
    disk.attach()
    credentials = Credentials(directory / "secrets")
    credentials.ensure(users(SERVICES), databases(SERVICES))
    server = kind(disk.mount / "nats", credentials, log_path=directory / "nats-server.log")
    settings = ProcessSettings(nats_url=server.url, secrets=credentials.directory)
    health_port = free_ports(1)[0]
    health = f"http://127.0.0.1:{health_port}"
    owner = _owner(directory, settings, health_port)
    try:
        server.start()
        await prepare(server.url, credentials.directory)
        owner.start()
        await until_ready(
            owner, lambda: answers_ok(f"{health}/health/ready"), timeout_seconds=READY_SECONDS_MAX
        )
        client = await connect_nats("gateway", settings, Secrets(settings.secrets), _on_broken)
        bus = Bus(client)
        shows = [new_id("shw_") for _ in range(SHOWS)]
        songs = [f"song_{number}" for number in range(SONGS)]
        await open_ballots(bus, shows, songs)
        doors = Doors([BusDoor(bus)], chance, Signer.of_this_process())
        voters = Voters(doors, Ledger(), shows=shows, songs=songs, rate=RATE, chance=chance)
        voting = asyncio.create_task(voters.run())
        try:
            yield Rig(disk, server, settings, bus, voters)
        finally:
            voting.cancel()
            await asyncio.wait({voting})
            await client.close()
    finally:
        owner.kill()
        server.child.kill()
        disk.detach()


def _owner(directory: Path, settings: ProcessSettings, health_port: int) -> Child:
    environment = {
        **os.environ,
        "BACKLINE_NATS_URL": settings.nats_url,
        "BACKLINE_SECRETS": str(settings.secrets),
        "BACKLINE_HEALTH_PORT": str(health_port),
        "BACKLINE_VOTING_SNAPSHOT_EVENTS_MIN": "200",
    }
    arguments = (sys.executable, "-P", "-m", "libs.chassis.cli", "run", "voting.owner")
    return Child("owner", arguments, directory / "owner.log", environment)


def _on_broken(error: Exception) -> None:
    """NATS ended one of our own connections for good: what was to be learnt will be missed."""
    raise error
