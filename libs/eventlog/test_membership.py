"""Membership: who joins is seen, who leaves or dies is missed, and who slept knows it."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client

from libs.chassis.prepare import prepare
from libs.eventlog.membership import RENEW_SECONDS, TTL_SECONDS, Membership
from libs.kernel.ids import new_id
from libs.stack.credentials import Credentials
from libs.testkit.proxy import Proxy
from libs.testkit.stack import TEST_SERVICES, RunningNats, running_nats
from libs.testkit.waiting import eventually

pytestmark = pytest.mark.connected

EXPIRY_SECONDS_MAX = TTL_SECONDS + RENEW_SECONDS + 1.0


class Member:
    """A member, and what it was told."""

    def __init__(self, client: Client, name: str) -> None:
        self.name = name
        self.told: list[frozenset[str]] = []
        self.membership = Membership(client, "toy", name, self._on_change)
        self.task: asyncio.Task[None] | None = None

    @property
    def sees(self) -> frozenset[str]:
        return self.told[-1] if self.told else frozenset()

    async def _on_change(self, members: frozenset[str]) -> None:
        self.told.append(members)

    @asynccontextmanager
    async def joined(self) -> AsyncIterator["Member"]:
        self.task = asyncio.create_task(self.membership.run())
        try:
            await eventually(lambda: self.name in self.sees)
            yield self
        finally:
            self.task.cancel()
            await asyncio.wait({self.task})


@pytest.fixture
def names() -> tuple[str, str]:
    return new_id("m_"), new_id("m_")


async def test_sees_itself_and_others_when_they_join_and_leave(
    client: Client, names: tuple[str, str]
) -> None:
    ann, bob = (Member(client, name) for name in names)
    async with ann.joined():
        assert ann.sees == {ann.name}
        assert ann.membership.is_current
        async with bob.joined(), asyncio.timeout(RENEW_SECONDS * 3):
            await eventually(lambda: ann.sees == bob.sees == {ann.name, bob.name})
        # Whoever leaves says so: nobody waits for the time to live.
        await eventually(lambda: ann.sees == {ann.name}, timeout_seconds=RENEW_SECONDS)
    assert ann.told == [{ann.name}, {ann.name, bob.name}, {ann.name}]


async def test_stays_a_member_when_much_time_goes_by(
    client: Client, names: tuple[str, str]
) -> None:
    ann = Member(client, names[0])
    async with ann.joined():
        until = time.monotonic() + TTL_SECONDS * 1.5
        await eventually(lambda: time.monotonic() > until)
        assert ann.told == [{ann.name}]
        assert ann.membership.is_current


async def test_is_missed_when_it_is_cut_off_and_knows_it(
    nats_server: RunningNats, client: Client, names: tuple[str, str]
) -> None:
    async with Proxy(nats_server.url).running() as proxy:
        lonely = RunningNats(proxy.url, nats_server.secrets, nats_server.server)
        other = await lonely.connect("toy")
        ann, bob = Member(client, names[0]), Member(other, names[1])
        async with ann.joined(), bob.joined():
            await eventually(lambda: ann.sees == bob.sees == {ann.name, bob.name})
            proxy.hold()
            await eventually(lambda: ann.sees == {ann.name}, timeout_seconds=EXPIRY_SECONDS_MAX)
            assert not bob.membership.is_current, "it thinks it owns what another has taken"
            await eventually(lambda: bob.sees == frozenset(), timeout_seconds=EXPIRY_SECONDS_MAX)
            proxy.mend()
            await eventually(lambda: ann.sees == bob.sees == {ann.name, bob.name})
        await other.close()


async def test_gives_up_what_it_had_when_it_was_suspended(
    nats_server: RunningNats, client: Client, names: tuple[str, str]
) -> None:
    ann = Member(client, names[0])
    both = set(names)
    async with ann.joined(), sleeper(nats_server, names[1]) as bob:
        await told(bob, both)
        await eventually(lambda: ann.sees == both)
        bob.send_signal(signal.SIGSTOP)
        await eventually(lambda: ann.sees == {ann.name}, timeout_seconds=EXPIRY_SECONDS_MAX)
        bob.send_signal(signal.SIGCONT)
        # It is told that it is alone in the dark, so that it forgets what it knew.
        assert (await told(bob, both))[0] == set()


async def told(process: asyncio.subprocess.Process, members: set[str]) -> list[set[str]]:
    """What a member in a process of its own is told, until it is told of these."""
    assert process.stdout is not None
    lines: list[set[str]] = []
    async with asyncio.timeout(10):
        while members not in lines:
            lines.append(set(json.loads(await process.stdout.readline())))
    return lines


@asynccontextmanager
async def sleeper(nats_server: RunningNats, name: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A member in a process of its own, which says what it is told, line by line."""
    environment = {
        **os.environ,
        "MEMBER": name,
        "URL": nats_server.url,
        "SEED": Credentials(nats_server.secrets).nats_seed("toy"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SLEEPER, stdout=asyncio.subprocess.PIPE, env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


SLEEPER = """
import asyncio, json, os, nats
from libs.eventlog.membership import Membership

async def told(members):
    print(json.dumps(sorted(members)), flush=True)

async def main():
    client = await nats.connect(
        os.environ["URL"], nkeys_seed_str=os.environ["SEED"], inbox_prefix=b"_INBOX_toy"
    )
    await Membership(client, "toy", os.environ["MEMBER"], told).run()

asyncio.run(main())
"""


async def test_comes_back_when_the_server_has_lost_its_memory(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    with running_nats(tmp_path) as server:
        await prepare(server.url, server.secrets, services={"toy": TEST_SERVICES["toy"]})
        clients = [
            await server.connect(
                "toy",
                allow_reconnect=True,
                reconnect_time_wait=0.05,
                max_reconnect_attempts=-1,
                error_cb=_ignore,
            )
            for _ in names
        ]
        ann, bob = (Member(client, name) for client, name in zip(clients, names, strict=True))
        async with ann.joined(), bob.joined():
            both = set(names)
            await eventually(lambda: ann.sees == bob.sees == both)
            server.server.child.kill()
            server.server.launch()
            told = len(ann.told)
            await eventually(lambda: ann.membership.is_current and bob.membership.is_current)
            await eventually(
                lambda: ann.sees == bob.sees == both, timeout_seconds=EXPIRY_SECONDS_MAX
            )
            assert len(ann.told) - told <= 3
        for client in clients:
            await client.close()


async def test_does_not_take_the_dead_for_alive_when_the_server_brings_their_keys_back(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    with running_nats(tmp_path) as server:
        await prepare(server.url, server.secrets, services={"toy": TEST_SERVICES["toy"]})
        client = await server.connect(
            "toy", allow_reconnect=True, reconnect_time_wait=0.05, error_cb=_ignore
        )
        ann = Member(client, names[0])
        async with ann.joined():
            async with sleeper(server, names[1]):
                await eventually(lambda: ann.sees == set(names))
            await eventually(lambda: ann.sees == {ann.name}, timeout_seconds=EXPIRY_SECONDS_MAX)
            ann.told.clear()
            server.server.child.kill()
            server.server.start()
            again = time.monotonic() + RENEW_SECONDS * 3
            await eventually(lambda: ann.membership.is_current and time.monotonic() > again)
            assert set(names) not in ann.told
        await client.close()


async def _ignore(_error: Exception) -> None:
    """Losing the connection is what the test is about."""
