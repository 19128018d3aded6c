"""`backline parked` against running process managers."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from contracts.voting import CloseBallot
from libs.kernel.clock import system_clock
from libs.kernel.ids import new_id
from libs.kernel.reactions import Send
from libs.reactions.message import Message
from libs.reactions.parking import Parking
from libs.reactions.sources import SCHEDULES, Effect, write_plan
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats

pytestmark = pytest.mark.connected

ROOT = Path(__file__).parents[3]
PROBLEM = {"code": "internal", "detail": "KeyError: 'encore'"}


@pytest.fixture
async def parking(nats_server: RunningNats) -> AsyncIterator[Parking]:
    async with bus_of("voting", nats_server) as bus:
        yield Parking(bus.connection, "voting")


@pytest.fixture
async def environment(
    nats_server: RunningNats, database: RunningDatabase
) -> AsyncIterator[dict[str, str]]:
    parts = ["voting.owner", "voting.process-managers"]
    async with running_services(parts, nats_server, database) as settings:
        yield {
            "PATH": os.environ["PATH"],
            "BACKLINE_NATS_URL": settings.nats_url,
            "BACKLINE_DATABASE_URL": settings.database_url,
            "BACKLINE_SECRETS": str(settings.secrets),
        }


async def backline(*arguments: str, environment: dict[str, str]) -> tuple[int, str, str]:
    """Run `backline`; its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "libs.chassis.cli",
        *arguments,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(50):
        out, errors = await process.communicate()
    return process.returncode or 0, out.decode(), errors.decode()


async def park(parking: Parking, key: str, payload: bytes) -> None:
    message = Message(f"due.voting.{key}", 7, payload, {})
    await parking.park(SCHEDULES, key, message, problem=PROBLEM, at=system_clock())


def closing(show_id: str) -> bytes:
    """A due command that the domain can answer, if only with no."""
    command = CloseBallot(show_id=show_id)
    return write_plan(command, Effect(Send(command), id=new_id(), correlation=new_id()))


async def test_lists_what_is_parked_and_has_it_done(
    environment: dict[str, str], parking: Parking
) -> None:
    show_id = new_id("shw_")
    await park(parking, show_id, closing(show_id))
    await park(parking, show_id, closing(show_id))
    code, out, errors = await backline("parked", "list", environment=environment)
    assert code == 0, errors
    assert f"voting.schedules {show_id}: 2 since" in out
    assert "internal KeyError: 'encore'" in out
    code, out, errors = await backline("parked", "list", "--json", environment=environment)
    (waiting,) = [each for each in orjson.loads(out) if each["key"] == show_id]
    assert (waiting["service"], waiting["process_manager"]) == ("voting", "schedules")
    assert (waiting["messages"], waiting["code"], waiting["position"]) == (2, "internal", 7)

    code, out, errors = await backline("parked", "replay", "voting", environment=environment)
    assert code == 0, errors
    assert "Nothing is parked." in out
    assert await parking.counts() == {}


async def test_fails_when_it_is_still_parked_after_a_replay(
    environment: dict[str, str], parking: Parking
) -> None:
    key = new_id("shw_")
    await park(parking, key, b"no command")
    code, out, errors = await backline(
        "parked", "replay", "--key", key, "--json", environment=environment
    )
    assert code == 1
    assert [each["key"] for each in orjson.loads(out)] == [key]
    assert "still parked" in errors
    first = await parking.first(SCHEDULES, key)
    assert first is not None
    await parking.remove(first.sequence)


async def test_says_who_parks_when_the_service_does_not(environment: dict[str, str]) -> None:
    code, _, errors = await backline("parked", "list", "gateway", environment=environment)
    assert code == 2
    assert "no service gateway parks; those are auth, catalog, voting" in errors
