"""The gateway among the real services, on a real nats-server and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import jsonpatch
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect

from contracts.voting import Candidate, CastVote, OpenBallot, SetUpBallot
from contracts.voting_views import GetTally
from libs.kernel.ids import new_id
from libs.kernel.messages import NOBODY, Caller, service_caller
from libs.testkit.otlp import Collector, assert_one_tree
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats

pytestmark = pytest.mark.connected


@dataclass(frozen=True, slots=True)
class Guest:
    user_id: str
    headers: dict[str, str]
    token: str


def _subscribe(frame_id: int, query: str, args: dict[str, Any]) -> dict[str, Any]:
    return {"op": "subscribe", "id": frame_id, "query": query, "args": args}


class House:
    """Every service, an open ballot, and a way in."""

    def __init__(self, show_id: str, port: int, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.live = f"ws://127.0.0.1:{port}/v1/live"
        self.about = {"show_id": show_id}
        self.tally = _subscribe(1, "voting.get-tally", self.about)
        self.mine = _subscribe(2, "voting.get-my-vote", self.about)
        about_viewers = {"query": "voting.get-tally", "args": self.about}
        self.viewers = _subscribe(3, "gateway.get-viewers", about_viewers)

    async def guest(self) -> Guest:
        response = await self.client.post("/v1/auth/start-guest-session")
        session = response.json()
        headers = {"Authorization": f"Bearer {session['token']}"}
        return Guest(session["user_id"], headers, session["token"])

    async def vote(self, guest: Guest, song_id: str, **headers: str) -> dict[str, Any]:
        response = await self.client.post(
            "/v1/voting/cast-vote",
            json={**self.about, "song_id": song_id},
            headers={**guest.headers, **headers},
        )
        assert response.status_code == 200, response.text
        receipt: dict[str, Any] = response.json()
        return receipt


@asynccontextmanager
async def house(nats_server: RunningNats, database: RunningDatabase) -> AsyncIterator[House]:
    services = ["gateway", "auth", "voting", "catalog"]
    show_id = new_id("shw_")
    async with running_services(services, nats_server, database) as settings:
        async with bus_of("web", nats_server) as bus:
            songs = [Candidate(song_id=f"sng_{n}", title=f"Song {n}") for n in range(9)]
            await bus.send(
                SetUpBallot(show_id=show_id, candidates=songs), caller=service_caller("web")
            )
            opening = OpenBallot(show_id=show_id)
            opened = await bus.send(opening, caller=Caller("mod", ("moderator",)))
            await bus.ask(GetTally(show_id=show_id), caller=NOBODY, after=opened["position"])
        address = f"http://127.0.0.1:{settings.port}"
        async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=20) as client:
            yield House(show_id, settings.port, client)


class Watching:
    """A client that keeps what it is told, by the protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.results: dict[int, Any] = {}
        self.frames: dict[int, dict[str, Any]] = {}

    async def say(self, *frames: dict[str, Any]) -> None:
        for frame in frames:
            await self._connection.send(orjson.dumps(frame), text=True)

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            frame: dict[str, Any] = orjson.loads(await self._connection.recv())
        frame_id = frame.get("id", 0)
        if frame["op"] == "result":
            self.results[frame_id] = frame["result"]
        elif frame["op"] == "change":
            patch = orjson.dumps(frame["patch"]).decode()
            self.results[frame_id] = jsonpatch.apply_patch(self.results[frame_id], patch)
        self.frames[frame_id] = frame
        return frame

    async def until(self, frame_id: int, **fields: Any) -> None:
        """Until the result of a live query has these fields."""
        while not fields.items() <= self.results.get(frame_id, {}).items():
            await self.hear()


async def test_shows_a_vote_to_everyone_when_it_is_cast(
    nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with house(nats_server, database) as site, connect(site.live) as connection:
        alice, bob = await site.guest(), await site.guest()
        watching = Watching(connection)
        await watching.say(
            {"op": "auth", "token": alice.token}, site.tally, site.mine, site.viewers
        )
        await watching.until(1, total=0)
        await watching.until(2, votes=[])
        await watching.until(3, viewers=1)

        receipt = await site.vote(bob, "sng_3")
        await watching.until(1, total=1)
        assert watching.results[1]["counts"]["sng_3"] == 1
        assert watching.frames[1]["position"] >= receipt["position"]
        again = await site.vote(bob, "sng_3")
        assert again == {**receipt, "repeated": True}

        command = {"op": "command", "id": 9, "command": "voting.cast-vote", "key": "k"}
        await watching.say({**command, "args": {**site.about, "song_id": "sng_5"}})
        while 9 not in watching.frames:
            await watching.hear()
        reply = watching.frames[9]
        assert reply["op"] == "reply"
        assert reply["position"] == reply["result"]["position"] > receipt["position"]
        await watching.until(1, total=2)
        while not watching.results[2]["votes"]:  # By way of the projection's notice.
            await watching.hear()
        assert watching.results[2]["votes"][0]["song_id"] == "sng_5"

        fresh = await site.client.get(
            "/v1/voting/get-tally",
            params=site.about,
            headers={"Backline-After": str(reply["position"])},
        )
        assert int(fresh.headers["Backline-Position"]) >= reply["position"]
        shown, answered = dict(watching.results[1]), fresh.json()
        assert shown.pop("position") <= answered.pop("position")
        assert shown == answered


async def test_resumes_at_another_gateway_when_the_first_is_left(
    nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with (
        house(nats_server, database) as site,
        running_services(["gateway"], nats_server, database) as elsewhere,
    ):
        async with connect(site.live) as connection:
            watching = Watching(connection)
            await watching.say(site.tally)
            await watching.hear()
        cursor, before = watching.frames[1]["cursor"], watching.results[1]
        async with connect(f"ws://127.0.0.1:{elsewhere.port}/v1/live") as connection:
            watching = Watching(connection)
            watching.results[1] = before
            await watching.say({**site.tally, "cursor": cursor})
            await watching.hear()
            await site.vote(await site.guest(), "sng_1")
            await watching.until(1, total=1)
        async with connect(site.live) as connection:
            watching = Watching(connection)
            await watching.say(site.viewers)
            async with connect(f"ws://127.0.0.1:{elsewhere.port}/v1/live") as other:
                await Watching(other).say(site.tally)
                await watching.until(3, viewers=1)


async def test_is_one_trace_from_the_request_to_the_change(
    collector: Collector, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with house(nats_server, database) as site, connect(site.live) as connection:
        alice = await site.guest()
        watching = Watching(connection)
        await watching.say(site.tally)
        await watching.until(1, total=0)
        await site.vote(alice, "sng_3")
        await watching.until(1, total=1)
        spans = await asyncio.to_thread(
            collector.trace_with,
            "POST /v1/voting/cast-vote",
            "commit ballot",
            "push voting.get-tally",
        )
        root = assert_one_tree(spans)
        assert (root.service, root.name) == ("gateway", "POST /v1/voting/cast-vote")

        await watching.say({"op": "auth", "token": (await site.guest()).token})
        command = {
            "op": "command",
            "id": 9,
            "command": "voting.cast-vote",
            "args": {**site.about, "song_id": "sng_1"},
        }
        await watching.say(command)
        await watching.until(1, total=2)
        spans = await asyncio.to_thread(
            collector.trace_with, "receive command", "commit ballot", "push voting.get-tally"
        )
        root = assert_one_tree(spans)
        assert (root.service, root.name) == ("gateway", "receive command")
        assert {span.service for span in spans if span.name.startswith("push ")} == {"gateway"}


async def test_answers_votes_of_one_caller_with_one_vote_when_200_come_at_once(
    nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with house(nats_server, database) as site:
        alice = await site.guest()
        receipts = await asyncio.gather(
            *(site.vote(alice, f"sng_{number % 9}") for number in range(200))
        )
        assert len({receipt["vote_id"] for receipt in receipts}) == 1
        async with bus_of("web", nats_server) as bus:
            receipt = await bus.send(
                CastVote(show_id=site.about["show_id"], song_id="sng_1"),
                caller=Caller(alice.user_id, ("member",)),
            )
        assert receipt["repeated"]
