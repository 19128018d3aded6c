"""The law of live queries, for every query there is, on the real thing.

Things happen at random; whoever watched from the beginning, with connections lost in between, must
end up with what a fresh question is answered with.
"""

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx2
import jsonpatch
import orjson
import pytest
from standardwebhooks import Webhook
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from contracts.auth import RegisterUser, UserRole
from libs.kernel.ids import derive_id, new_id
from libs.kernel.messages import Access, QuerySpec, registry, service_caller
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from libs.testkit.waiting import eventually
from services.auth.conftest import sure_of
from tests.e2e.callers import headers_of, signed_in, token_of

pytestmark = [pytest.mark.connected, pytest.mark.timeout(180)]

SERVICES = ["gateway", "auth", "voting", "catalog", "scheduler", "ingress"]
SEED = 20261120
ACTIONS = 80
CONVERGE_SECONDS = 20.0
RESTING = ("scheduler.pause-schedule", "scheduler.resume-schedule")
ENDING = ("scheduler.cancel-run", "scheduler.retry-run")
PARTNER = "partner"
HOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK = {"url": "https://nobody.invalid/", "topics": ["ballot.opened", "show.changed"]}
HOOKS = {"partner/main": {"profile": "standard", "secrets": [HOOK_SECRET]}}
NOT_WATCHED = {
    "auth.list-revocations": "gateways alone ask; tests/e2e/test_revocation.py",
    "catalog.match-records": "syncs alone ask; services/catalog/test_syncs.py",
    "auth.get-jwks": "the keys of a running installation do not change",
    "auth.get-sign-in-options": "nor do its settings",
    "scheduler.list-running-attempts": "workers alone ask; libs/jobs/worker.py",
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
        self.holder = new_id("usr_")
        self.sure, self.admins_sure = "", ""
        self.keys = [new_id("key_")]
        self.schedule_id = new_id("sch_")
        self.run_id = derive_id(self.schedule_id, "once", "1")
        self.chance = random.Random(SEED)
        self.known_id, self.username = new_id("usr_"), f"u{new_id()[-20:]}"
        self.delivery_id, self.webhook_id, self.message_id = "", "", ""

    def arguments(self) -> dict[str, dict[str, Any]]:
        """What every query is asked with."""
        show, artist = {"show_id": self.show_id}, {"artist_id": self.artist_id}
        return {
            "auth.export-me": {},
            "auth.find-profile": {"username": self.username},
            "auth.list-acts": {"limit": 5},
            "auth.list-api-keys": {},
            "auth.list-api-keys-of-user": {"user_id": self.holder},
            "auth.get-me": {},
            "auth.list-emails": {},
            "auth.list-identities": {},
            "auth.list-wallets": {},
            "auth.get-my-profile": {},
            "auth.get-profile": {"user_id": self.known_id},
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
            "scheduler.count-runs": {},
            "scheduler.get-run": {"run_id": self.run_id},
            "scheduler.get-schedule": {"schedule_id": self.schedule_id},
            "scheduler.list-jobs": {},
            "scheduler.list-runs": {"which": "upcoming", "schedule_id": self.schedule_id},
            "scheduler.list-schedules": {},
            "ingress.get-delivery": {"delivery_id": self.delivery_id},
            "ingress.get-message": {"message_id": self.message_id},
            "ingress.list-messages": {"webhook_id": self.webhook_id},
            "ingress.list-webhooks": {},
            "ingress.list-deliveries": {"partner": "partner", "limit": 20},
            "ingress.list-partner-objects": {"partner": "partner"},
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
            (self.known_id, "auth.change-profile", {"username": self.username}),
            ("admin", "catalog.register-artist", {"artist_id": self.artist_id, "name": "A"}),
            ("admin", "catalog.register-venue", {"venue_id": self.venue_id, "name": "V"}),
            *(("admin", *self.song(number)) for number in range(6)),
            ("admin", "catalog.schedule-show", self.show("2030-05-01")),
            ("admin", "catalog.record-setlist", self.setlist()),
            ("admin", *self.gathering()),
            ("admin", "catalog.start-sync", {"sync_id": self.sync_id}),
            ("moderator", "voting.prepare-ballot", {**show, "song_ids": self.song_ids}),
            ("admin", *self.schedule(3600)),
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
                ("admin", "catalog.schedule-show", self.show(self.day())),
                ("admin", *self.schedule(chance.randint(3000, 4000))),
                ("admin", "scheduler.run-now", {"schedule_id": self.schedule_id}),
                ("admin", chance.choice(RESTING), {"schedule_id": self.schedule_id}),
                ("admin", chance.choice(ENDING), {"run_id": self.run_id}),
                ("admin", *self.gathering()),
                ("admin", "catalog.start-sync", {"sync_id": self.sync_id}),
                ("admin", "catalog.stop-sync", {"sync_id": self.sync_id}),
                ("admin", "catalog.merge-records", self.merge()),
                (voter, "auth.start-guest-session", {"display_name": f"N{chance.random()}"}),
                (self.voters[0], "auth.change-profile", {"bio": f"I sing {chance.random()}."}),
                (self.known_id, "auth.change-profile", {"bio": f"I play {chance.random()}."}),
                ("admin", "auth.set-role", self.role()),
                (self.holder, "auth.create-api-key", self.key()),
                ("admin", "auth.revoke-api-key-of-user", {"key_id": chance.choice(self.keys)}),
                (PARTNER, "hooks/partner/main", self.delivery()),
                (PARTNER, "hooks/partner/main", self.delivery()),
                ("admin", *self.webhook()),
            ]
        )

    def role(self) -> dict[str, Any]:
        role = self.chance.choice(["member", "moderator"])
        wanted = {"user_id": self.voters[0], "role": role, "reason": f"{self.chance.random()}"}
        return {**wanted, "confirmation": self.admins_sure}

    def key(self) -> dict[str, Any]:
        end = datetime.now(UTC) + timedelta(days=self.chance.randint(1, 300))
        about = {"name": "a partner", "scopes": ["voting.*"], "expires_at": end.isoformat()}
        return {**about, "confirmation": self.sure}

    def song(self, number: int) -> tuple[str, dict[str, Any]]:
        title = f"Song {number} {self.chance.random()}"
        song = {"song_id": self.song_ids[number], "artist_id": self.artist_id, "title": title}
        return "catalog.register-song", song

    def schedule(self, seconds: int) -> tuple[str, dict[str, Any]]:
        timing = {"kind": "once", "run_after_seconds": seconds}
        schedule = {"schedule_id": self.schedule_id, "job": "scheduler.canary", "arguments": {}}
        return "scheduler.put-schedule", {**schedule, "timing": timing}

    def gathering(self) -> tuple[str, dict[str, Any]]:
        ids = {"gathering_id": self.gathering_id, "calendar": self.gathering_id}
        name = f"Song evening {self.chance.random()}"
        return "catalog.register-gathering", {**ids, "name": name}

    def merge(self) -> dict[str, Any]:
        """One of two songs that nobody votes for is, by turns, part of one or the other."""
        into = self.chance.choice(self.song_ids[3:5])
        return {"kind": "song", "record_id": self.song_ids[5], "into_id": into}

    def day(self) -> str:
        return f"2030-05-0{self.chance.randint(1, 9)}"

    def show(self, day: str) -> dict[str, Any]:
        ids = {"show_id": self.show_id, "artist_id": self.artist_id, "venue_id": self.venue_id}
        return {**ids, "local_date": day, "tour": f"Tour {day}"}

    def delivery(self) -> dict[str, Any]:
        """What a partner says of one of three invoices; some of it cannot be read."""
        invoice = f"inv-{self.show_id}-{self.chance.randrange(3)}"
        hour = self.chance.choice(["2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z", "soon"])
        status = self.chance.choice(["paid", "void"])
        return {
            "type": "invoice.updated",
            "timestamp": hour,
            "data": {"id": invoice, "status": status},
        }

    def webhook(self) -> tuple[str, dict[str, Any]]:
        """What an administrator may do about a webhook whose address never answers."""
        about = {"webhook_id": self.webhook_id}
        change = {**about, **WEBHOOK, "description": f"Box {self.chance.random()}"}
        choices: list[tuple[str, dict[str, Any]]] = [
            ("ingress.disable-webhook", about),
            ("ingress.enable-webhook", about),
            ("ingress.enable-webhook", about),
            ("ingress.change-webhook", change),
        ]
        return self.chance.choice(choices)

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
        if who == PARTNER:
            return await self.deliver(command, args)
        role = who if who in {"admin", "moderator"} else "member"
        return await self._client.post(
            "/v1/" + command.replace(".", "/"),
            json=args,
            headers=headers_of(self._nats_server, who, role),
        )

    async def have_done(self, who: str, command: str, args: dict[str, Any]) -> None:
        """Do it, again while what it is about is still on its way to those who look it up."""
        said: list[str] = []

        async def is_done() -> bool:
            response = await self.do(who, command, args)
            said[:] = [response.text]
            return response.status_code == 200

        try:
            await eventually(is_done)
        except TimeoutError:
            raise AssertionError(f"{command}: {said[0]}") from None

    async def deliver(self, path: str, body: dict[str, Any]) -> httpx2.Response:
        """Send a webhook."""
        now, content = datetime.now(UTC), orjson.dumps(body).decode()
        message_id = new_id("msg_")
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(HOOK_SECRET).sign(message_id, now, content),
        }
        return await self._client.post(f"/{path}", content=content, headers=headers)

    async def knows(self, delivery_id: str) -> bool:
        """Whether a delivery can be asked for by now."""
        response = await self._client.get(
            "/v1/ingress/get-delivery",
            params={"delivery_id": delivery_id},
            headers=headers_of(self._nats_server, "admin", "admin"),
        )
        return response.is_success

    async def ask(self, token: str | None, query: str, args: dict[str, Any]) -> Any:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        response = await self._client.get(
            "/v1/" + query.replace(".", "/"), params=args, headers=headers
        )
        assert response.status_code == 200, (query, response.text)
        return response.json()

    async def has_told(self, stage: Stage) -> bool:
        """Change the show until the webhook is told of it, and remember the first message."""
        await self.do("admin", "catalog.schedule-show", stage.show(stage.day()))
        response = await self._client.get(
            "/v1/ingress/list-messages",
            params={"webhook_id": stage.webhook_id},
            headers=headers_of(self._nats_server, "admin", "admin"),
        )
        stage.message_id = next((it["message_id"] for it in response.json()["messages"]), "")
        return stage.message_id != ""

    async def until_there(
        self, token: str | None, query: str, args: dict[str, Any], text: str
    ) -> None:
        """Wait for what follows from a command a moment later."""
        path = "/v1/" + query.replace(".", "/")
        headers = {"Authorization": f"Bearer {token}"}
        async with asyncio.timeout(CONVERGE_SECONDS):
            while True:
                answer = await self._client.get(path, params=args, headers=headers)
                if answer.is_success and text in answer.text:
                    return
                await asyncio.sleep(0.1)


def who_may(spec: QuerySpec) -> str:
    """The least of those who may ask."""
    if spec.private or spec.access == Access.SIGNED_IN:
        return "voter"
    return "nobody" if spec.access == Access.PUBLIC else "admin"


def without_position(result: Any) -> Any:
    """A tally tells up to where it is true, and a fresh one may know it to be true further on."""
    return {key: value for key, value in result.items() if key != "position"}


async def test_result_and_changes_are_a_fresh_result_for_every_query(
    nats_server: RunningNats, database: RunningDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKLINE_INGRESS_ENDPOINTS", orjson.dumps(HOOKS).decode())
    stage = Stage()
    async with running_services(SERVICES, nats_server, database) as running:
        address = f"http://127.0.0.1:{running.port}"
        async with httpx2.AsyncClient(base_url=address, trust_env=False, timeout=30) as client:
            site = Site(client, nats_server)
            guest = (await client.post("/v1/auth/start-guest-session")).json()
            stage.voters[0] = guest["user_id"]
            async with bus_of("auth", nats_server) as bus:
                role, name = UserRole.MEMBER, "K"
                known = RegisterUser(user_id=stage.known_id, display_name=name, role=role)
                await bus.send(known, caller=service_caller("auth"))
            async with bus_of("gateway", nats_server) as bus:
                session = await signed_in(bus)
                stage.holder, stage.sure = session["user_id"], session["confirmation"]
            admin = token_of(nats_server, "admin", "admin")
            stage.admins_sure = sure_of(nats_server, "admin")
            await site.until_there(admin, "scheduler.list-jobs", {}, "scheduler.canary")
            for action in stage.opening():
                await site.have_done(*action)
            registered = await site.do("admin", "ingress.register-webhook", WEBHOOK)
            stage.webhook_id = registered.json()["webhook_id"]
            await eventually(partial(site.has_told, stage), timeout_seconds=60)
            first = await site.deliver("hooks/partner/main", stage.delivery())
            stage.delivery_id = first.headers["backline-delivery"]
            await eventually(lambda: site.knows(stage.delivery_id))
            tokens = {
                "nobody": None,
                "voter": guest["token"],
                "admin": admin,
            }
            run = {"run_id": stage.run_id}
            await site.until_there(admin, "scheduler.get-run", run, stage.run_id)
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
        answers = [each.json() for each in responses if each.status_code == 200]
        stage.keys += [answer["key_id"] for answer in answers if "key" in answer]
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
    assert outcomes == {200, 202, 404, 409}
    assert len(stage.keys) > 2


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
