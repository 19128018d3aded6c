"""Acting as somebody else: seen in the log, changing no account, and over when either is out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect

from libs.bus import Bus
from libs.eventlog import JetStreamLog
from libs.kernel.ids import new_id
from libs.kernel.messages import Caller, service_caller
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


async def acting_as(
    bus: Bus, nats_server: RunningNats, user_id: str, caller: Caller = ADMIN
) -> dict[str, Any]:
    sure = sure_of(nats_server, caller.user_id)
    wanted = {"user_id": user_id, "reason": "cannot see their vote", "confirmation": sure}
    return await bus.send_raw("auth.impersonate-user", wanted, caller=caller)


async def an_administrator(bus: Bus, sure: str) -> Caller:
    """One who is registered, and can lose what they have."""
    user_id = (await signed_in(bus))["user_id"]
    wanted = {"user_id": user_id, "role": "admin", "confirmation": sure}
    await bus.send_raw("auth.set-role", wanted, caller=ADMIN)
    return Caller(user_id, ("admin",))


async def ask(port: int, token: str, path: str, **args: Any) -> tuple[int, dict[str, Any]]:
    async with httpx2.AsyncClient(timeout=10) as client:
        answer = await client.request(
            "POST" if args else "GET",
            f"http://127.0.0.1:{port}/v1/{path}",
            headers={"authorization": f"Bearer {token}"},
            json=args or None,
        )
    return answer.status_code, answer.json()


async def live(port: int, token: str) -> ClientConnection:
    connection = await connect(f"ws://127.0.0.1:{port}/v1/live")
    await connection.send(orjson.dumps({"op": "auth", "token": token}).decode())
    assert orjson.loads(await connection.recv())["op"] == "ready"
    return connection


async def closes(connection: ClientConnection) -> None:
    async with asyncio.timeout(REVOKED_SECONDS_MAX):
        await connection.wait_closed()
    assert connection.close_code == CloseCode.TOKEN_EXPIRED


async def test_says_in_the_log_who_really_voted(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    services = ["auth", "voting", "catalog", "gateway"]
    async with running_services(services, nats_server, database) as settings:
        ann, show_id = await signed_in(bus), new_id("shw_")
        about = {"show_id": show_id}
        candidates = [{"song_id": "sng_bertha", "title": "Bertha"}]
        await bus.send_raw(
            "voting.set-up-ballot",
            {**about, "candidates": candidates, "changeable": True},
            caller=service_caller("voting"),
        )
        await bus.send_raw("voting.open-ballot", about, caller=ADMIN)
        session = await acting_as(bus, nats_server, ann["user_id"])
        for token in (session["token"], ann["token"]):
            vote = {**about, "song_id": "sng_bertha"}
            status, said = await ask(settings.port, token, "voting/cast-vote", **vote)
            assert status == 200, said
            out = await ask(settings.port, token, "voting/withdraw-vote", **vote)
            assert out[0] == 200, out
        client = await nats_server.connect("voting")
        log = await JetStreamLog.open(client, "voting")
        history = await log.load("ballot", show_id)
        await client.close()
        votes = [
            (recorded.actor, recorded.impersonator)
            for commit in history.commits
            for recorded in commit.events
            if recorded.type.startswith(("voting.vote_cast", "voting.vote_withdrawn"))
        ]
        acted, themselves = (ann["user_id"], ADMIN.user_id), (ann["user_id"], "")
        assert votes == [acted, acted, themselves, themselves]


async def test_reads_what_the_user_would_and_changes_nothing_of_the_account(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with running_services(["auth", "gateway"], nats_server, database) as settings:
        ann, port = await signed_in(bus), settings.port
        token = (await acting_as(bus, nats_server, ann["user_id"]))["token"]
        status, me = await ask(port, token, "auth/get-me")
        assert (status, me["user_id"]) == (200, ann["user_id"])
        assert (await ask(port, token, "auth/list-users"))[0] == 403
        for path, args in (
            ("auth/change-profile", {"display_name": "Somebody"}),
            ("auth/end-session", {"session_id": ann["session_id"]}),
            ("auth/end-all-sessions", {"keep": None}),
            ("auth/sign-up", {"email": "a@example.org", "password": "0123456789"}),
            ("auth/start-guest-session", {"display_name": "Ann"}),
        ):
            status, problem = await ask(port, token, path, **args)
            assert (status, problem["code"]) == (403, "impersonating"), path
        connection = await live(port, token)
        frame = {"op": "command", "id": 1, "command": "auth.end-all-sessions"}
        await connection.send(orjson.dumps(frame).decode())
        refused = orjson.loads(await connection.recv())
        assert refused["problem"]["code"] == "impersonating"
        await connection.close()
        assert (await ask(port, ann["token"], "auth/get-me"))[0] == 200


async def test_is_over_on_every_gateway_when_either_of_the_two_is_out(
    bus: Bus, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with AsyncExitStack() as stack:
        ports = [
            (await stack.enter_async_context(running_services(specs, nats_server, database))).port
            for specs in (["auth", "gateway"], ["gateway"])
        ]
        users = [(await signed_in(bus))["user_id"] for _ in range(6)]
        sure = sure_of(nats_server, ADMIN.user_id)
        demoted, banned = [await an_administrator(bus, sure) for _ in range(2)]
        callers = [ADMIN, ADMIN, ADMIN, demoted, banned, ADMIN]
        sessions = [
            await acting_as(bus, nats_server, user_id, caller)
            for user_id, caller in zip(users, callers, strict=True)
        ]
        opened = [[await live(port, session["token"]) for port in ports] for session in sessions]
        ended = {"session_id": sessions[0]["session_id"]}
        acting = Caller(users[0], ("member",), None, ADMIN.user_id)
        await bus.send_raw("auth.end-impersonation", ended, caller=acting)
        for command, args in (
            ("auth.ban-user", {"user_id": users[1], "reason": "spam"}),
            ("auth.set-role", {"user_id": users[2], "role": "moderator", "confirmation": sure}),
            (
                "auth.set-role",
                {"user_id": demoted.user_id, "role": "member", "confirmation": sure},
            ),
            ("auth.ban-user", {"user_id": banned.user_id, "reason": "a grudge"}),
        ):
            await bus.send_raw(command, args, caller=ADMIN)
        *over, (staying, *others) = opened
        await asyncio.gather(*(closes(connection) for its in over for connection in its))
        for session in sessions[:-1]:
            for port in ports:
                status, problem = await ask(port, session["token"], "auth/get-me")
                assert (status, problem["code"]) == (401, "token-revoked")
        for connection in (staying, *others):
            await connection.send('{"op":"ping"}')
            assert orjson.loads(await connection.recv())["op"] == "pong"
            await connection.close()
