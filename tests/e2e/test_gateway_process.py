"""A gateway that is stopped, killed, or cut off from NATS, as its clients see it."""

import asyncio
import json
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from nats.errors import Error as NatsError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from contracts.voting import Candidate, CastVote, OpenBallot, SetUpBallot
from contracts.voting_views import GetTally
from libs.chassis.prepare import prepare
from libs.kernel.errors import BacklineError, RemoteProblem, Unavailable
from libs.kernel.ids import new_id
from libs.kernel.messages import NOBODY, Caller, service_caller
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats, running_database, running_nats
from libs.testkit.waiting import eventually
from tests.e2e.elsewhere import services_elsewhere

pytestmark = [pytest.mark.connected, pytest.mark.timeout(120)]

STOPPED_SECONDS = 8.0


def tally_of(show_id: str, cursor: str | None = None) -> str:
    frame = {"op": "subscribe", "id": 1, "query": "voting.get-tally", "cursor": cursor}
    return json.dumps({**frame, "args": {"show_id": show_id}})


def total_of(frame: dict[str, Any], before: int | None) -> int | None:
    """How many votes there are after a frame: a whole result, or a change of it."""
    if frame["op"] == "result":
        total: int = frame["result"]["total"]
        return total
    values = [it["value"] for it in frame.get("patch", []) if it["path"] == "/total"]
    return values[-1] if values else before


async def open_ballot(nats_server: RunningNats) -> str:
    """An open ballot, once its tally can be asked for."""
    show_id = new_id("shw_")
    songs = [Candidate(song_id="sng_1", title="Song")]
    async with bus_of("web", nats_server) as bus:
        await bus.send(SetUpBallot(show_id=show_id, candidates=songs), caller=service_caller("web"))
        await bus.send(OpenBallot(show_id=show_id), caller=Caller("mod", ("moderator",)))

        async def is_known() -> bool:
            try:
                await bus.ask(GetTally(show_id=show_id), caller=NOBODY)
            except (RemoteProblem, Unavailable):
                return False
            return True

        await eventually(is_known)
    return show_id


async def vote(nats_server: RunningNats, show_id: str) -> None:
    async with bus_of("web", nats_server) as bus:
        voter = Caller(new_id("usr_"), ("member",))
        await bus.send(CastVote(show_id=show_id, song_id="sng_1"), caller=voter)


async def test_sends_everyone_away_and_ends_when_it_is_stopped(
    nats_server: RunningNats, database: RunningDatabase
) -> None:
    await prepare(nats_server.url, nats_server.secrets)
    with services_elsewhere(["gateway"], nats_server, database) as gateway:
        viewers = json.dumps({"query": "voting.get-tally", "args": {"show_id": "s"}})
        stream = f"/v1/live?{httpx2.QueryParams(query='gateway.get-viewers', args=viewers)}"
        async with (
            connect(gateway.live) as idle,
            httpx2.AsyncClient(base_url=gateway.address, trust_env=False) as client,
            client.stream("GET", stream) as events,
        ):
            lines = events.aiter_lines()
            async for line in lines:
                if line.startswith("data: "):
                    break
            gateway.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            await idle.wait_closed()
            assert (idle.close_code, idle.close_reason) == (4000, "draining")
            async for _ in lines:
                pass
        assert await asyncio.to_thread(gateway.process.wait, 20) == 0
        assert time.monotonic() - began < STOPPED_SECONDS


async def test_leaves_no_gap_when_it_is_killed_and_another_one_takes_over(
    nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with running_services(["voting"], nats_server, database):
        show_id = await open_ballot(nats_server)
        with services_elsewhere(["gateway"], nats_server, database) as first:
            async with connect(first.live) as client:
                await client.send(tally_of(show_id))
                frame = json.loads(await client.recv())
                first.process.kill()
                await vote(nats_server, show_id)
                with suppress(ConnectionClosed):
                    while True:
                        frame = json.loads(await client.recv())
        with services_elsewhere(["gateway"], nats_server, database) as second:
            async with connect(second.live) as client:
                await client.send(tally_of(show_id, frame["cursor"]))
                total = None
                while total != 1:
                    total = total_of(json.loads(await client.recv()), total)


async def test_goes_on_when_nats_was_away(tmp_path: Path) -> None:
    with running_nats(tmp_path) as nats_server, running_database(tmp_path) as database:
        await prepare(nats_server.url, nats_server.secrets)
        async with running_services(["voting"], nats_server, database):
            show_id = await open_ballot(nats_server)
            with services_elsewhere(["gateway"], nats_server, database) as gateway:
                async with connect(gateway.live) as client:
                    await client.send(tally_of(show_id))
                    await client.recv()
                    await asyncio.to_thread(nats_server.server.stop)
                    nats_server.server.start()  # In this thread, as it insists.
                    await until_voted(nats_server, show_id)
                    async with asyncio.timeout(20):
                        text = str(await client.recv())
                        while '"/total","value":1' not in text and '"total":1' not in text:
                            text = str(await client.recv())


async def until_voted(nats_server: RunningNats, show_id: str) -> None:
    """The services reconnect in their own time."""
    async with asyncio.timeout(30):
        while True:
            try:
                await vote(nats_server, show_id)
            except (OSError, BacklineError, NatsError):
                await asyncio.sleep(0.2)
            else:
                return
