"""Auth on the real servers: sessions, standing, and what others learn of it."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from contracts.auth import UserRole
from libs.bus import Bus
from libs.chassis.tokens import Jwks, Verifier
from libs.kernel.clock import system_clock
from libs.kernel.errors import RemoteProblem
from libs.kernel.ids import new_id
from libs.kernel.messages import NOBODY, Caller
from libs.testkit.stack import RunningNats

pytestmark = pytest.mark.connected

ADMIN = Caller(user_id="usr_admin", roles=("admin",))


@pytest.fixture
def verifier(bus: Bus) -> Verifier:
    async def fetch() -> Jwks:
        return (await bus.ask_raw("auth.get-jwks", {}, caller=NOBODY)).result

    return Verifier(fetch, system_clock)


async def start_guest(bus: Bus, **options: Any) -> dict[str, Any]:
    return await bus.send_raw("auth.start-guest-session", {}, caller=NOBODY, **options)


async def test_names_the_guest_in_the_token_when_a_session_is_started(
    bus: Bus, verifier: Verifier
) -> None:
    session = await start_guest(bus)
    identity = await verifier.verify(session["token"])
    assert (identity.user_id, identity.roles) == (session["user_id"], ("member",))
    assert (identity.kind, identity.session_id) == ("guest", "")
    assert session["position"] > 0


async def test_is_the_same_guest_when_the_command_is_sent_again(
    bus: Bus, verifier: Verifier
) -> None:
    command_id = new_id()
    sessions = [await start_guest(bus, command_id=command_id) for _ in range(2)]
    assert sessions[0]["user_id"] == sessions[1]["user_id"]
    for session in sessions:
        assert (await verifier.verify(session["token"])).user_id == session["user_id"]


async def test_reads_its_own_write_when_a_guest_asks_who_they_are(bus: Bus) -> None:
    session = await start_guest(bus)
    guest = Caller(user_id=session["user_id"], roles=("member",))
    me = (await bus.ask_raw("auth.get-me", {}, caller=guest, after=session["position"])).result
    assert me["user_id"] == session["user_id"]
    assert me["kind"] == "guest"
    assert not me["suspended"]


async def test_holds_the_new_role_when_the_session_is_refreshed(
    bus: Bus, verifier: Verifier, certain: str
) -> None:
    session = await start_guest(bus)
    arguments = {"user_id": session["user_id"], "role": "moderator", "confirmation": certain}
    await bus.send_raw("auth.set-role", arguments, caller=ADMIN)
    guest = Caller(user_id=session["user_id"], roles=("member",))
    fresh = await bus.send_raw("auth.refresh-session", {}, caller=guest)
    assert (await verifier.verify(fresh["token"])).roles == ("moderator",)


async def test_lists_who_is_suspended_when_an_administrator_asks(bus: Bus) -> None:
    session = await start_guest(bus)
    arguments = {"user_id": session["user_id"], "reason": "spam"}
    receipt = await bus.send_raw("auth.suspend-user", arguments, caller=ADMIN)
    assert receipt["suspended"]
    listed = await bus.ask_raw(
        "auth.list-users", {"suspended": True}, caller=ADMIN, after=receipt["position"]
    )
    assert session["user_id"] in [user["user_id"] for user in listed.result["users"]]


async def test_continues_the_list_when_there_are_more(bus: Bus) -> None:
    *_, last = [await start_guest(bus) for _ in range(3)]
    seen: list[str] = []
    after = None
    while True:
        arguments = {"limit": 1, **({"after": after} if after else {})}
        page = await bus.ask_raw("auth.list-users", arguments, caller=ADMIN, after=last["position"])
        seen += [user["user_id"] for user in page.result["users"]]
        after = page.result["next"]
        if after is None or len(seen) >= 3:
            break
    assert seen[0] == last["user_id"]
    assert len(set(seen)) == len(seen) == 3


async def test_refuses_development_users_when_nobody_turned_them_on(bus: Bus) -> None:
    with pytest.raises(RemoteProblem) as refusal:
        await bus.send_raw("auth.start-development-session", {"name": "alice"}, caller=NOBODY)
    assert refusal.value.document["code"] == "auth.development-users-off"


async def test_refuses_strangers_when_a_command_is_for_administrators(bus: Bus) -> None:
    session = await start_guest(bus)
    guest = Caller(user_id=session["user_id"], roles=("member",))
    arguments = {"user_id": "usr_other", "role": UserRole.ADMIN}
    with pytest.raises(RemoteProblem) as refusal:
        await bus.send_raw("auth.set-role", arguments, caller=guest)
    assert refusal.value.document["code"] == "forbidden"


async def test_makes_an_administrator_when_the_command_line_says_so(
    bus: Bus, verifier: Verifier, nats_server: RunningNats
) -> None:
    sessions = [await create_admin(nats_server, "Grace Hopper") for _ in range(2)]
    assert sessions[0]["user_id"] == sessions[1]["user_id"]
    identity = await verifier.verify(sessions[1]["token"])
    assert identity.user_id == sessions[1]["user_id"]
    assert identity.roles == ("admin",)


async def create_admin(nats_server: RunningNats, name: str) -> dict[str, Any]:
    import asyncio

    environment = {
        **os.environ,
        "BACKLINE_NATS_URL": nats_server.url,
        "BACKLINE_SECRETS": str(nats_server.secrets),
    }
    arguments = [sys.executable, "-m", "libs.chassis.cli", "admin", "create", name, "--json"]
    done = await asyncio.to_thread(
        subprocess.run, arguments, env=environment, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    session: dict[str, Any] = json.loads(done.stdout)
    assert set(session) == {"user_id", "token", "expires_at"}
    return session
