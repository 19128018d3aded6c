"""The law of live queries, for every query there is, on the real thing.

Things happen at random; whoever watched from the beginning, with connections lost in between, must
end up with what a fresh question is answered with.
"""

import asyncio
import random
from contextlib import suppress
from typing import Any

import httpx2
import jsonpatch
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from libs.kernel.ids import new_id
from libs.kernel.messages import Access, QuerySpec, registry
from libs.testkit.services import running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from tests.e2e.callers import headers_of, token_of

pytestmark = [pytest.mark.connected, pytest.mark.timeout(180)]

SERVICES = ["gateway", "auth", "voting", "catalog"]
SEED = 20261120
ACTIONS = 80
CONVERGE_SECONDS = 20.0
NOT_WATCHED = {
    "auth.list-revocations": "gateways alone ask; tests/e2e/test_revocation.py",
    "catalog.match-records": "syncs alone ask; services/catalog/test_syncs.py",
    "auth.get-jwks": "the keys of a running installation do not change",
    "gateway.get-viewers": "it is about the watching itself; services/gateway/test_connected.py",
}


class Stage:
    """One show, its artist and songs, and what can be done to them."""

    def __init__(self) -> None:
        self.show_id, self.artist_id = new_id("shw_"), new_id("art_")
        self.venue_id, self.gathering_id = new_id("ven_"), new_id("gat_")
        self.sync_id = f"spotify-artist-{new_id()}"
        self.song_ids = [new_id("sng_") for _ in range(6)]
        self.voters = [new_id("usr_") for _ in range(4)]
        self.chance = random.Random(SEED)

    def arguments(self) -> dict[str, dict[str, Any]]:
        """What every query is asked with."""
        show, artist = {"show_id": self.show_id}, {"artist_id": self.artist_id}
        return {
            "auth.export-me": {},
            "auth.get-me": {},
            "auth.list-sessions": {},
            "auth.list-users": {"limit": 20},
            "catalog.get-artist": artist,
            "catalog.get-gathering": {"gathering_id": self.gathering_id},
            "catalog.get-sayings": {"kind": "song", "record_id": self.song_ids[0]},
            "catalog.get-sync": {"sync_id": self.sync_id},
            "catalog.list-artists": {"limit": 20},
            "catalog.list-disputes": {"limit": 20},
            "catalog.list-gatherings": {"calendar": self.gathering_id},
            "catalog.list-quotas": {},
            "catalog.list-syncs": {"limit": 20},
            "catalog.list-tours": artist,
            "catalog.search": {"text": "song"},
            "catalog.list-shows": artist,
            "catalog.get-show": show,
            "catalog.get-setlist": show,
            "catalog.list-songs": artist,
            "catalog.get-songs": {"song_ids": self.song_ids[:3]},
            "catalog.get-candidates": show,
            "voting.get-ballot": show,
            "voting.get-tally": show,
            "voting.list-ballots": {"show_ids": [self.show_id]},
            "voting.get-my-vote": show,
            "voting.get-leaderboard": show,
            "voting.get-voter-history": {},
        }

    def opening(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(role or voter, command, arguments) after which every query has an answer."""
        show = {"show_id": self.show_id}
        return [
            ("admin", "catalog.register-artist", {"artist_id": self.artist_id, "name": "A"}),
            ("admin", "catalog.register-venue", {"venue_id": self.venue_id, "name": "V"}),
            *(("admin", *self.song(number)) for number in range(6)),
            ("admin", "catalog.schedule-show", self.show("2030-05-01")),
            ("admin", "catalog.record-setlist", self.setlist()),
            ("admin", *self.gathering()),
            ("admin", "catalog.start-sync", {"sync_id": self.sync_id}),
            ("moderator", "voting.prepare-ballot", {**show, "song_ids": self.song_ids}),
        ]

    def anything(self) -> tuple[str, str, dict[str, Any]]:
        """Something that may or may not be allowed just now."""
        chance, show = self.chance, {"show_id": self.show_id}
        voter = chance.choice(self.voters)
        song_id = chance.choice(self.song_ids)
        vote = (voter, "voting.cast-vote", {**show, "song_id": song_id})
        return chance.choice(
            [
                *[vote] * 6,
                ("moderator", "voting.open-ballot", show),
                ("moderator", "voting.open-ballot", show),
                ("moderator", "voting.close-ballot", show),
                ("moderator", "voting.suspend-voter", {**show, "voter_id": voter}),
                ("moderator", "voting.reinstate-voter", {**show, "voter_id": voter}),
                ("admin", *self.song(chance.randrange(6))),
                ("admin", "catalog.record-setlist", self.setlist()),
                ("admin", "catalog.schedule-show", self.show(f"2030-05-0{chance.randint(1, 9)}")),
                ("admin", *self.gathering()),
                ("admin", "catalog.start-sync", {"sync_id": self.sync_id}),
                ("admin", "catalog.stop-sync", {"sync_id": self.sync_id}),
                ("admin", "catalog.merge-records", self.merge()),
                (voter, "auth.start-guest-session", {"display_name": f"N{chance.random()}"}),
            ]
        )

    def song(self, number: int) -> tuple[str, dict[str, Any]]:
        title = f"Song {number} {self.chance.random()}"
        song = {"song_id": self.song_ids[number], "artist_id": self.artist_id, "title": title}
        return "catalog.register-song", song

    def gathering(self) -> tuple[str, dict[str, Any]]:
        ids = {"gathering_id": self.gathering_id, "calendar": self.gathering_id}
        name = f"Song evening {self.chance.random()}"
        return "catalog.register-gathering", {**ids, "name": name}

    def merge(self) -> dict[str, Any]:
        """One of two songs that nobody votes for is, by turns, part of one or the other."""
        into = self.chance.choice(self.song_ids[3:5])
        return {"kind": "song", "record_id": self.song_ids[5], "into_id": into}

    def show(self, day: str) -> dict[str, Any]:
        ids = {"show_id": self.show_id, "artist_id": self.artist_id, "venue_id": self.venue_id}
        return {**ids, "local_date": day, "tour": f"Tour {day}"}

    def setlist(self) -> dict[str, Any]:
        songs = self.chance.sample(self.song_ids, 3)
        sets = [{"songs": [{"song_id": song_id} for song_id in songs]}]
        return {"show_id": self.show_id, "sets": sets}


class Viewer:
    """Watches some queries in one name, and comes back with its cursors when sent away."""

    def __init__(self, address: str, token: str | None, queries: dict[str, dict[str, Any]]) -> None:
        self._address = address
        self._token = token
        self.queries = queries
        self._cursors: dict[str, str] = {}
        self.results: dict[str, Any] = {}
        self.connection: ClientConnection | None = None

    async def watch(self) -> None:
        """For ever."""
        while True:
            async with connect(self._address) as self.connection:
                with suppress(ConnectionClosed):
                    await self._ask(self.connection)
                    async for text in self.connection:
                        self._take(orjson.loads(text))

    async def _ask(self, connection: ClientConnection) -> None:
        frames: list[dict[str, Any]] = []
        if self._token is not None:
            frames.append({"op": "auth", "token": self._token})
        for name, args in self.queries.items():
            frame = {"op": "subscribe", "id": name, "query": name, "args": args}
            frames.append({**frame, "cursor": self._cursors.get(name)})
        for frame in frames:
            await connection.send(orjson.dumps(frame), text=True)

    def _take(self, frame: dict[str, Any]) -> None:
        assert frame["op"] != "error", frame
        if frame["op"] == "ready":
            return
        name = frame["id"]
        if frame["op"] == "result":
            self.results[name] = frame["result"]
        elif frame["op"] == "change":
            patch = orjson.dumps(frame["patch"]).decode()
            self.results[name] = jsonpatch.apply_patch(self.results[name], patch)
        self._cursors[name] = frame["cursor"]


class Site:
    """The API, and everyone who uses it."""

    def __init__(self, client: httpx2.AsyncClient, nats_server: RunningNats) -> None:
        self._client = client
        self._nats_server = nats_server

    async def do(self, who: str, command: str, args: dict[str, Any]) -> httpx2.Response:
        role = who if who in {"admin", "moderator"} else "member"
        return await self._client.post(
            "/v1/" + command.replace(".", "/"),
            json=args,
            headers=headers_of(self._nats_server, who, role),
        )

    async def ask(self, token: str | None, query: str, args: dict[str, Any]) -> Any:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        response = await self._client.get(
            "/v1/" + query.replace(".", "/"), params=args, headers=headers
        )
        assert response.status_code == 200, (query, response.text)
        return response.json()


def who_may(spec: QuerySpec) -> str:
    """The least of those who may ask."""
    if spec.private or spec.access == Access.SIGNED_IN:
        return "voter"
    return "nobody" if spec.access == Access.PUBLIC else "admin"


def without_position(result: Any) -> Any:
    """A tally tells up to where it is true, and a fresh one may know it to be true further on."""
    return {key: value for key, value in result.items() if key != "position"}


async def test_result_and_changes_are_a_fresh_result_for_every_query(
    nats_server: RunningNats, database: RunningDatabase
) -> None:
    stage = Stage()
    async with running_services(SERVICES, nats_server, database) as running:
        address = f"http://127.0.0.1:{running.port}"
        async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=30) as client:
            site = Site(client, nats_server)
            guest = (await client.post("/v1/auth/start-guest-session")).json()
            stage.voters[0] = guest["user_id"]
            for action in stage.opening():
                response = await site.do(*action)
                assert response.status_code == 200, response.text
            tokens = {
                "nobody": None,
                "voter": guest["token"],
                "admin": token_of(nats_server, "admin", "admin"),
            }
            watched = stage.arguments()
            ours = {spec.name for spec in registry.queries.values() if spec.service in SERVICES}
            assert watched.keys() | NOT_WATCHED.keys() == ours
            viewers = {
                who: Viewer(
                    address.replace("http", "ws") + "/v1/live",
                    token,
                    {name: watched[name] for name in watched if _is_for(name, who)},
                )
                for who, token in tokens.items()
            }
            async with asyncio.TaskGroup() as tasks:
                watching = [tasks.create_task(viewer.watch()) for viewer in viewers.values()]
                await play(stage, site, list(viewers.values()))
                for who, viewer in viewers.items():
                    await converge(site, tokens[who], viewer, watched)
                for task in watching:
                    task.cancel()


def _is_for(query: str, who: str) -> bool:
    return who_may(registry.queries[query]) == who


async def play(stage: Stage, site: Site, viewers: list[Viewer]) -> None:
    """Let things happen, some at the same moment, and connections break."""
    outcomes = set()
    for number in range(ACTIONS):
        actions = [stage.anything() for _ in range(stage.chance.randint(1, 3))]
        responses = await asyncio.gather(*(site.do(*action) for action in actions))
        outcomes |= {response.status_code for response in responses}
        if number % 9 == 5:
            lost = stage.chance.choice(viewers).connection
            if lost is not None:
                lost.transport.abort()
    for command, more in [
        ("close-ballot", {}),
        ("finalize-ballot", {"played": stage.song_ids[:3]}),
    ]:
        args = {"show_id": stage.show_id, **more}
        outcomes.add((await site.do("moderator", f"voting.{command}", args)).status_code)
    assert outcomes == {200, 409}


async def converge(
    site: Site, token: str | None, viewer: Viewer, watched: dict[str, dict[str, Any]]
) -> None:
    """Every result the viewer has becomes what a fresh question is answered with."""
    for name in viewer.queries:
        deadline = asyncio.get_running_loop().time() + CONVERGE_SECONDS
        while True:
            fresh = without_position(await site.ask(token, name, watched[name]))
            shown = without_position(viewer.results.get(name, {}))
            if shown == fresh:
                break
            assert asyncio.get_running_loop().time() < deadline, (name, shown, fresh)
            await asyncio.sleep(0.1)
