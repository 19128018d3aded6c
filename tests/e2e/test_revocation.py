"""What is taken away is gone at once, on every gateway and on connections that are open."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

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
"""What is promised is a second (docs/benchmarks); tests run beside others."""


@pytest.fixture
async def bus(nats_server: RunningNats) -> AsyncIterator[Bus]:
    async with bus_of("gateway", nats_server) as bus:
        yield bus


async def _live(port: int, token: str) -> ClientConnection:
    connection = await connect(f"ws://127.0.0.1:{port}/v1/live", max_size=None)
    await connection.send(orjson.dumps({"op": "auth", "token": token}).decode())
    assert orjson.loads(await connection.recv())["op"] == "ready"
    return connection


async def _closed(connection: ClientConnection) -> float:
    """When it was closed because of its token."""
    await connection.wait_closed()
    assert connection.close_code == CloseCode.TOKEN_EXPIRED
    return time.monotonic()


async def test_closes_what_is_open_on_every_gateway_when_rights_are_taken_away(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(
            running_services(["auth", "gateway"], nats_server, database)
        )
        other = await stack.enter_async_context(
            running_services(["gateway"], nats_server, database)
        )
        banned, leaving, staying = [await signed_in(bus) for _ in range(3)]
        open_to = {
            session["session_id"]: [
                await _live(port, session["token"])
                for port in (one.port, other.port)
                for _ in range(3)
            ]
            for session in (banned, leaving, staying)
        }
        began_at = time.monotonic()
        ban = {"user_id": banned["user_id"], "reason": "spam"}
        await bus.send_raw("auth.ban-user", ban, caller=ADMIN)
        out = {"session_id": leaving["session_id"]}
        await bus.send_raw("auth.end-session", out, caller=Caller(leaving["user_id"], ("member",)))
        ended = [
            connection
            for session in (banned, leaving)
            for connection in open_to[session["session_id"]]
        ]
        closed_at = await asyncio.wait_for(
            asyncio.gather(*(_closed(each) for each in ended)), REVOKED_SECONDS_MAX
        )
        assert max(closed_at) - began_at < REVOKED_SECONDS_MAX
        for connection in open_to[staying["session_id"]]:
            await connection.send('{"op":"ping"}')
            assert orjson.loads(await connection.recv())["op"] == "pong"
            await connection.close()
        async with httpx2.AsyncClient() as client:
            for port in (one.port, other.port):
                for session, status in ((banned, 401), (leaving, 401), (staying, 200)):
                    answer = await client.get(
                        f"http://127.0.0.1:{port}/v1/auth/get-me",
                        headers={"authorization": f"Bearer {session['token']}"},
                    )
                    assert answer.status_code == status, answer.text


async def test_ends_event_streams_when_roles_change(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with running_services(["auth", "gateway"], nats_server, database) as settings:
        session = await signed_in(bus)
        url = f"http://127.0.0.1:{settings.port}/v1/live?query=auth.get-me"
        headers = {"authorization": f"Bearer {session['token']}"}
        async with (
            httpx2.AsyncClient(timeout=10) as client,
            client.stream("GET", url, headers=headers) as stream,
        ):
            lines = stream.aiter_lines()
            while "result" not in await anext(lines):
                pass
            sure = {"confirmation": sure_of(nats_server, ADMIN.user_id)}
            role = {"user_id": session["user_id"], "role": "moderator", **sure}
            await bus.send_raw("auth.set-role", role, caller=ADMIN)
            async with asyncio.timeout(REVOKED_SECONDS_MAX):
                async for _ in lines:
                    pass
        renewed = await bus.send_raw(
            "auth.renew-session",
            {"session_id": session["session_id"], "refresh_token": session["refresh_token"]},
            caller=Caller(),
        )
        assert renewed["roles"] == ["moderator"]


async def test_knows_what_was_revoked_before_it_began(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with running_services(["auth"], nats_server, database):
        session = await signed_in(bus)
        done = await bus.send_raw(
            "auth.end-session",
            {"session_id": session["session_id"]},
            caller=Caller(session["user_id"], ("member",)),
        )
        await bus.ask_raw("auth.list-users", {}, caller=ADMIN, after=done["position"])
        async with running_services(["gateway"], nats_server, database) as settings:
            async with httpx2.AsyncClient() as client:
                answer = await client.get(
                    f"http://127.0.0.1:{settings.port}/v1/auth/get-me",
                    headers={"authorization": f"Bearer {session['token']}"},
                )
            assert answer.status_code == 401
            assert answer.json()["code"] == "token-revoked"


async def test_takes_only_so_many_sign_ins_from_one_address(
    nats_server: RunningNats, database: RunningDatabase
) -> None:
    wanted = {"email": "nobody", "password": "x"}  # Refused for its form, and counted all the same.
    async with running_services(["auth", "gateway"], nats_server, database) as settings:
        address = f"http://127.0.0.1:{settings.port}/v1/auth/sign-in"
        live = await connect(f"ws://127.0.0.1:{settings.port}/v1/live")
        async with live, httpx2.AsyncClient() as client:
            tried = await asyncio.gather(*(client.post(address, json=wanted) for _ in range(50)))
            command = {"op": "command", "id": 1, "command": "auth.sign-in", "args": wanted}
            await live.send(orjson.dumps(command).decode())
            answer = orjson.loads(await live.recv())
        codes = {each.json()["code"] for each in tried}
        assert codes == {"arguments-invalid", "too-many-from-here"}
        assert answer["problem"]["code"] == "too-many-from-here"
