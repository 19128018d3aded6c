"""Leaving and coming back, or being erased, on the real servers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import pytest

from libs.bus import Bus
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from libs.testkit.waiting import eventually
from services.auth.conftest import Mailbox
from services.auth.test_accounts import (
    PASSWORD,
    an_address,
    code_of,
    owner,
    renewed,
    say,
    signed_up,
)
from services.auth.test_profiles import PROFILE, a_username, ask, member, outcome_of

pytestmark = pytest.mark.connected

SECOND = 1 / 86_400


async def left(bus: Bus, session: dict[str, Any]) -> dict[str, Any]:
    """Somebody closes their account."""
    return await say(bus, "leave", owner(session), confirmation=session["confirmation"])


async def test_closes_an_account_until_its_owner_comes_back(bus: Bus, mailbox: Mailbox) -> None:
    email, username = an_address(), a_username()
    session = await signed_up(bus, mailbox, email)
    ann = owner(session)
    await say(bus, "change-profile", ann, username=username, bio="I sing.")
    assert await code_of(say(bus, "leave", ann)) == "auth.confirmation-needed"
    gone, again = await left(bus, session), await left(bus, session)
    assert again["erased_at"] == gone["erased_at"]
    assert await code_of(renewed(bus, session)) == "auth.refresh-refused"
    seen = ask(bus, "get-profile", user_id=ann.user_id, after=gone["position"])
    assert await code_of(seen) == "auth.user-not-found"
    told = await mailbox.read(email, 2)
    assert f"{datetime.fromisoformat(gone['erased_at']):%-d %B %Y}" in told
    assert "/sign-in" in told
    taken = say(bus, "change-profile", await member(bus), username=username)
    assert await code_of(taken) == "auth.username-taken"
    wrong = say(bus, "sign-in", email=email, password="not it, sorry")
    assert await code_of(wrong) == "auth.credentials-wrong"
    assert (await ask(bus, "get-me", ann))["status"] == "leaving"
    back = await say(bus, "sign-in", email=email, password=PASSWORD)
    assert await ask(bus, "get-profile", user_id=ann.user_id, after=back["position"])
    me = await ask(bus, "get-me", ann, after=back["position"])
    assert (me["status"], me["erased_at"], me["username"]) == ("active", None, username)
    assert (await renewed(bus, back))["token"]


@asynccontextmanager
async def hasty(nats_server: RunningNats, database: RunningDatabase) -> AsyncIterator[Bus]:
    """Auth, and the gateway's bus to it."""
    async with (
        running_services(["auth"], nats_server, database),
        bus_of("gateway", nats_server) as bus,
    ):
        yield bus


@pytest.fixture
def haste(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Who leaves is erased a moment later, and so is a username free."""
    monkeypatch.setenv("BACKLINE_AUTH_LEAVE_DAYS", str(SECOND))
    monkeypatch.setenv("BACKLINE_AUTH_USERNAME_REST_DAYS", str(SECOND))
    return monkeypatch


async def test_erases_whoever_left_and_did_not_come_back(
    haste: object, mailbox: Mailbox, nats_server: RunningNats, database: RunningDatabase
) -> None:
    email, username = an_address(), a_username()
    async with hasty(nats_server, database) as bus:
        session = await signed_up(bus, mailbox, email)
        ann = owner(session)
        await say(bus, "change-profile", ann, username=username, **PROFILE)
        await left(bus, session)

        async def is_erased() -> bool:
            return bool((await ask(bus, "get-me", ann))["status"] == "erased")

        await eventually(is_erased)
        nothing: dict[str, Any] = {
            "username": None,
            "display_name": None,
            "bio": "",
            "avatar": "",
            "links": [],
        }
        own = await ask(bus, "get-my-profile", ann)
        assert own.items() >= {**nothing, "metadata": {}}.items()
        wanted = say(bus, "sign-in", email=email, password=PASSWORD)
        assert await code_of(wanted) == "auth.credentials-wrong"
        ben = await member(bus)

        async def is_free() -> bool:
            """Its rest is over too, and nobody has it any more."""
            return await outcome_of(say(bus, "change-profile", ben, username=username)) == "ok"

        await eventually(is_free)


async def test_erases_whoever_left_while_nothing_was_running(
    haste: object, mailbox: Mailbox, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with hasty(nats_server, database) as bus:
        session = await signed_up(bus, mailbox, an_address())
        ann = owner(session)
        await left(bus, session)
    async with hasty(nats_server, database) as bus:

        async def is_erased() -> bool:
            return bool((await ask(bus, "get-me", ann))["status"] == "erased")

        await eventually(is_erased)


async def test_erases_nobody_who_came_back_in_time(
    monkeypatch: pytest.MonkeyPatch,
    mailbox: Mailbox,
    nats_server: RunningNats,
    database: RunningDatabase,
) -> None:
    monkeypatch.setenv("BACKLINE_AUTH_LEAVE_DAYS", str(3 * SECOND))
    email = an_address()
    async with hasty(nats_server, database) as bus:
        session, later = [await signed_up(bus, mailbox, each) for each in (email, an_address())]
        ann, other = owner(session), owner(later)
        await left(bus, session)
        await say(bus, "sign-in", email=email, password=PASSWORD)
        await left(bus, later)

        async def other_is_erased() -> bool:
            """Who left later: so the hour of the one who came back has passed as well."""
            return bool((await ask(bus, "get-me", other))["status"] == "erased")

        await eventually(other_is_erased)
        assert (await ask(bus, "get-me", ann))["status"] == "active"
