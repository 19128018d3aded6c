"""API keys at the edge: each does what it was made for on every route, and ends at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect

from libs.bus import Bus
from libs.kernel.messages import Caller
from libs.live.errors import CloseCode
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from services.auth.conftest import sure_of
from tests.e2e.callers import signed_in

pytestmark = pytest.mark.connected

ADMIN = Caller(user_id="usr_admin", roles=("admin",))
REVOKED_SECONDS_MAX = 5.0


@pytest.fixture
async def bus(nats_server: RunningNats) -> AsyncIterator[Bus]:
    async with bus_of("gateway", nats_server) as bus:
        yield bus


async def with_key(bus: Bus, *scopes: str) -> dict[str, Any]:
    """A key of a new account, and whose it is."""
    session = await signed_in(bus)
    user_id = session["user_id"]
    end = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    wanted = {
        "name": "a partner",
        "scopes": list(scopes),
        "expires_at": end,
        "confirmation": session["confirmation"],
    }
    caller = Caller(user_id, ("member",))
    made = await bus.send_raw("auth.create-api-key", wanted, caller=caller)
    return {**made, "user_id": user_id}


class Partner:
    """Another system, and the key it was given."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key
        self._headers = {"authorization": f"Bearer {key}"}

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        return await self._say("GET", path)

    async def post(self, path: str, **args: Any) -> tuple[int, dict[str, Any]]:
        return await self._say("POST", path, json=args)

    async def _say(self, method: str, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
        async with httpx2.AsyncClient(timeout=10) as client:
            url = f"http://127.0.0.1:{self._port}/v1/{path}"
            answer = await client.request(method, url, headers=self._headers, **more)
        return answer.status_code, answer.json()

    async def live(self) -> ClientConnection:
        """A WebSocket that has shown the key."""
        connection = await connect(f"ws://127.0.0.1:{self._port}/v1/live")
        await tell(connection, op="auth", token=self._key)
        assert (await heard(connection))["op"] == "ready"
        return connection

    @asynccontextmanager
    async def stream(self, query: str) -> AsyncIterator[httpx2.Response]:
        url = f"http://127.0.0.1:{self._port}/v1/live?query={query}"
        async with (
            httpx2.AsyncClient(timeout=10) as client,
            client.stream("GET", url, headers=self._headers) as stream,
        ):
            yield stream


async def tell(connection: ClientConnection, **frame: Any) -> None:
    await connection.send(orjson.dumps(frame).decode())


async def heard(connection: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(10):
        frame: dict[str, Any] = orjson.loads(await connection.recv())
    return frame


async def closes(connection: ClientConnection) -> None:
    async with asyncio.timeout(REVOKED_SECONDS_MAX):
        await connection.wait_closed()
    assert connection.close_code == CloseCode.TOKEN_EXPIRED


async def test_does_what_its_scopes_name_on_every_route(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    services = ["auth", "catalog", "gateway"]
    async with running_services(services, nats_server, database) as settings:
        made = await with_key(bus, "auth.get-me", "catalog.list-shows")
        partner = Partner(settings.port, made["key"])
        status, me = await partner.get("auth/get-me")
        assert (status, me["user_id"]) == (200, made["user_id"])
        assert (await partner.get("catalog/list-shows"))[0] == 200
        for refused in (
            partner.get("catalog/list-songs?artist_id=x"),  # For anybody else, without a word.
            partner.get("auth/list-sessions"),
            partner.get("auth/list-api-keys"),
            partner.get("auth/export-me"),
            partner.post("auth/create-api-key", name="x", scopes=["voting.*"], expires_at="x"),
            partner.post("auth/end-all-sessions"),
            partner.post("auth/start-guest-session"),
            partner.post("auth/open-key-session", key=made["key"]),
            partner.post("catalog/register-artist", artist_id="x", name="X"),
        ):
            status, problem = await refused
            assert (status, problem["code"]) == (403, "scope-missing")
        live = await partner.live()
        await tell(live, op="subscribe", id=1, query="auth.get-me")
        assert (await heard(live))["result"]["user_id"] == made["user_id"]
        await tell(live, op="subscribe", id=2, query="auth.list-sessions")
        assert (await heard(live))["problem"]["code"] == "scope-missing"
        await tell(live, op="command", id=3, command="auth.end-all-sessions")
        assert (await heard(live))["problem"]["code"] == "scope-missing"
        await live.close()
        async with partner.stream("auth.get-me") as stream:
            assert stream.status_code == 200
        async with partner.stream("auth.list-sessions") as stream:
            assert stream.status_code == 403
            assert orjson.loads(await stream.aread())["code"] == "scope-missing"


async def test_takes_back_what_a_connection_watches_when_it_shows_a_key(
    nats_server: RunningNats, database: RunningDatabase, bus: Bus
) -> None:
    services = ["auth", "catalog", "gateway"]
    async with running_services(services, nats_server, database) as settings:
        made = await with_key(bus, "auth.get-me")
        async with connect(f"ws://127.0.0.1:{settings.port}/v1/live") as live:
            await tell(live, op="subscribe", id=1, query="catalog.list-shows")
            assert (await heard(live))["op"] == "result"
            await tell(live, op="auth", token=made["key"])
            assert (await heard(live))["op"] == "ready"
            assert (await heard(live))["problem"]["code"] == "scope-missing"


async def test_does_no_more_than_its_user_may(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    services = ["auth", "catalog", "gateway"]
    async with running_services(services, nats_server, database) as settings:
        made = await with_key(bus, "catalog.*")
        partner = Partner(settings.port, made["key"])
        artist = {"artist_id": "art_x", "name": "X"}
        status, problem = await partner.post("catalog/register-artist", **artist)
        assert (status, problem["code"]) == (403, "forbidden")
        sure = {"confirmation": sure_of(nats_server, ADMIN.user_id)}
        role = {"user_id": made["user_id"], "role": "admin", **sure}
        await bus.send_raw("auth.set-role", role, caller=ADMIN)
        async with asyncio.timeout(REVOKED_SECONDS_MAX):  # Until the gateway has heard of it.
            while (await partner.post("catalog/register-artist", **artist))[0] != 200:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_ends_at_once_on_every_gateway(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with AsyncExitStack() as stack:
        ports = [
            (await stack.enter_async_context(running_services(specs, nats_server, database))).port
            for specs in (["auth", "gateway"], ["gateway"])
        ]
        scopes = ("auth.get-me",)
        revoked, suspended, banned, staying = [await with_key(bus, *scopes) for _ in range(4)]
        partners = {
            each["key_id"]: [Partner(port, each["key"]) for port in ports]
            for each in (revoked, suspended, banned, staying)
        }
        lives = {
            key_id: [await partner.live() for partner in its] for key_id, its in partners.items()
        }
        streams = [
            await stack.enter_async_context(partner.stream("auth.get-me"))
            for partner in partners[revoked["key_id"]]
        ]
        assert [stream.status_code for stream in streams] == [200, 200]
        owner = Caller(revoked["user_id"], ("member",))
        await bus.send_raw("auth.revoke-api-key", {"key_id": revoked["key_id"]}, caller=owner)
        for each, command in ((suspended, "auth.suspend-user"), (banned, "auth.ban-user")):
            args = {"user_id": each["user_id"], "reason": "spam"}
            await bus.send_raw(command, args, caller=ADMIN)
        for each in (revoked, suspended, banned):
            await asyncio.gather(*map(closes, lives[each["key_id"]]))
        async with asyncio.timeout(REVOKED_SECONDS_MAX):
            for stream in streams:
                async for _ in stream.aiter_lines():
                    pass
        for each, expected in (
            (revoked, (401, "auth.key-refused")),
            (suspended, (403, "auth.key-suspended")),
            (banned, (403, "auth.banned")),
        ):
            for partner in partners[each["key_id"]]:
                status, problem = await partner.get("auth/get-me")
                assert (status, problem["code"]) == expected
        for partner in partners[staying["key_id"]]:
            assert (await partner.get("auth/get-me"))[0] == 200
        for live in lives[staying["key_id"]]:
            await tell(live, op="ping")
            assert (await heard(live))["op"] == "pong"
            await live.close()


async def test_answers_unknown_keys_with_401_and_not_for_ever(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with running_services(["auth", "gateway"], nats_server, database) as settings:
        made = await with_key(bus, "auth.get-me")
        good = Partner(settings.port, made["key"])
        assert (await good.get("auth/get-me"))[0] == 200

        async def code(key: str) -> tuple[int, str]:
            status, problem = await Partner(settings.port, key).get("auth/get-me")
            return status, problem["code"]

        for wrong in ("bk_", "bk_.", "bk_x.y", made["key"] + ".", made["key"][:-1]):
            assert await code(wrong) == (401, "auth.key-refused")
        assert await code("bk_" + "x" * 300) == (401, "token-invalid")
        codes = await asyncio.gather(*(code(f"bk_{number}.x") for number in range(50)))
        assert set(codes) == {(401, "auth.key-refused"), (429, "too-many-from-here")}
        assert (await good.get("auth/get-me"))[0] == 200  # Its token is at hand.


async def test_is_exchanged_for_a_token_as_oauth_clients_do(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with running_services(["auth", "gateway"], nats_server, database) as settings:
        made = await with_key(bus, "auth.get-me")
        stranger = f"http://127.0.0.1:{settings.port}/v1/auth/open-key-session"
        async with httpx2.AsyncClient(timeout=10) as client:
            session = (await client.post(stranger, json={"key": made["key"]})).json()
        assert session["scopes"] == ["auth.get-me"]
        partner = Partner(settings.port, session["token"])
        assert (await partner.get("auth/get-me"))[0] == 200
        status, problem = await partner.get("auth/list-sessions")
        assert (status, problem["code"]) == (403, "scope-missing")
        live = await partner.live()
        revoke = {"key_id": made["key_id"], "reason": "it leaked"}
        await bus.send_raw("auth.revoke-api-key-of-user", revoke, caller=ADMIN)
        await closes(live)
        status, problem = await partner.get("auth/get-me")
        assert (status, problem["code"]) == (401, "token-revoked")
