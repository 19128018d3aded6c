"""Accounts on the real servers, mail included."""

import asyncio
import re
from typing import Any

import pytest

from contracts.auth_mail import MailRefused
from libs.bus import Bus
from libs.eventlog import JetStreamLog
from libs.kernel.errors import RemoteProblem
from libs.kernel.ids import derive_id, new_id
from libs.kernel.messages import NOBODY, Caller
from libs.testkit.stack import RunningNats
from libs.testkit.waiting import eventually
from services.auth.conftest import Mailbox, insist

pytestmark = pytest.mark.connected

PASSWORD = "a harmonica in the rain"
ADMIN = Caller(user_id="usr_admin", roles=("admin",))


def an_address() -> str:
    return f"{new_id()}@example.org".lower()


async def say(bus: Bus, command: str, caller: Caller = NOBODY, **args: Any) -> dict[str, Any]:
    return await bus.send_raw(f"auth.{command}", args, caller=caller)


async def code_of(work: Any) -> str:
    """Why it was refused."""
    with pytest.raises(RemoteProblem) as refused:
        await work
    return str(refused.value.document["code"])


async def signed_up(bus: Bus, mailbox: Mailbox, email: str) -> dict[str, Any]:
    """A session of a new account, which readers know of."""
    await say(bus, "sign-up", email=email, password=PASSWORD, display_name="Ann")
    proof = await mailbox.proof(email)
    session = await say(bus, "sign-in-with-proof", proof=proof, device="test")
    await bus.ask_raw("auth.get-me", {}, caller=owner(session), after=session["position"])
    return session


def owner(session: dict[str, Any]) -> Caller:
    return Caller(session["user_id"], tuple(session["roles"]))


async def test_signs_up_confirms_and_signs_in(bus: Bus, mailbox: Mailbox) -> None:
    email = an_address()
    session = await signed_up(bus, mailbox, email)
    assert session["kind"] == "named"
    assert session["display_name"] == "Ann"
    again = await say(bus, "sign-in", email=email.upper(), password=PASSWORD)
    assert again["user_id"] == session["user_id"]
    assert again["session_id"] != session["session_id"]
    me = await bus.ask_raw("auth.get-me", {}, caller=owner(again), after=again["position"])
    assert (me.result["email"], me.result["email_verified"]) == (email, True)


async def test_lets_nobody_in_before_the_address_is_confirmed(bus: Bus, mailbox: Mailbox) -> None:
    email = an_address()
    await say(bus, "sign-up", email=email, password=PASSWORD)
    wanted = say(bus, "sign-in", email=email, password=PASSWORD)
    assert await code_of(wanted) == "auth.email-unverified"
    await say(bus, "sign-in-with-proof", proof=await mailbox.proof(email, 2))
    assert (await say(bus, "sign-in", email=email, password=PASSWORD))["token"]


async def test_keeps_a_guest_who_signs_up(bus: Bus, mailbox: Mailbox) -> None:
    guest = await say(bus, "start-guest-session")
    email = an_address()
    await say(bus, "sign-up", owner(guest), email=email, password=PASSWORD)
    session = await say(bus, "sign-in-with-proof", proof=await mailbox.proof(email))
    assert session["user_id"] == guest["user_id"]
    assert session["kind"] == "named"


@pytest.mark.timeout(240)  # Two hundred at once, each patient, on a machine that may be busy.
async def test_makes_one_user_of_two_hundred_sign_ups_at_once(bus: Bus, mailbox: Mailbox) -> None:
    from contracts.auth_private import OpenAccount
    from services.auth.adapters.entry import OURSELVES

    email, name = an_address(), f"email-{new_id()}"

    async def sign_up(command_id: str) -> int:
        account = OpenAccount(
            user_id=derive_id(command_id),
            email=email,
            email_name=name,
            password_hash="none",
            display_name=None,
            mail_id=derive_id(command_id, "mail"),
        )
        return int((await bus.send(account, caller=OURSELVES, command_id=command_id))["position"])

    last = max(await asyncio.gather(*(insist(sign_up) for _ in range(200))))
    await mailbox.read(email)
    newest = {"kind": "named", "limit": 200}
    users = (await bus.ask_raw("auth.list-users", newest, caller=ADMIN, after=last)).result
    assert [each["email"] for each in users["users"]].count(email) == 1


async def test_says_the_same_to_whoever_signs_up_with_a_taken_address(
    bus: Bus, mailbox: Mailbox
) -> None:
    email = an_address()
    first = await say(bus, "sign-up", email=email, password=PASSWORD)
    await say(bus, "sign-in-with-proof", proof=await mailbox.proof(email))
    second = await say(bus, "sign-up", email=email, password="another one of mine")
    assert first == second
    assert "has an account" in await mailbox.read(email, 2)
    wrong = say(bus, "sign-in", email=email, password="another one of mine")
    assert await code_of(wrong) == "auth.credentials-wrong"


async def test_says_the_same_to_a_wrong_password_and_an_unknown_address(
    bus: Bus, mailbox: Mailbox
) -> None:
    email = an_address()
    await signed_up(bus, mailbox, email)
    for address in (email, an_address()):
        wrong = say(bus, "sign-in", email=address, password="not it, sorry")
        assert await code_of(wrong) == "auth.credentials-wrong"
        assert await say(bus, "send-sign-in-mail", email=address) == {"position": 0}


async def test_refuses_common_passwords(bus: Bus) -> None:
    common = say(bus, "sign-up", email=an_address(), password="Qwertyuiop1")
    assert await code_of(common) == "auth.password-common"


async def test_signs_in_by_link_and_by_code_once(bus: Bus, mailbox: Mailbox) -> None:
    email = an_address()
    session = await signed_up(bus, mailbox, email)
    await say(bus, "send-sign-in-mail", email=email)
    proof = await mailbox.proof(email, 2)
    assert (await say(bus, "sign-in-with-proof", proof=proof))["user_id"] == session["user_id"]
    used = say(bus, "sign-in-with-proof", proof=proof)
    assert await code_of(used) == "auth.proof-refused"
    await say(bus, "send-sign-in-mail", email=email)
    code = re.search(r"code: (\d{6})", await mailbox.read(email, 3))
    assert code is not None
    wrong = say(
        bus, "sign-in-with-code", email=email, code="000000" if code[1] != "000000" else "1"
    )
    assert await code_of(wrong) == "auth.proof-refused"
    by_code = await say(bus, "sign-in-with-code", email=email, code=code[1])
    assert by_code["user_id"] == session["user_id"]


@pytest.mark.parametrize("change", ["x", "v", "truncated", "other-user"])
async def test_refuses_a_proof_that_is_not_ours(bus: Bus, mailbox: Mailbox, change: str) -> None:
    email = an_address()
    await say(bus, "sign-up", email=email, password=PASSWORD)
    proof = await mailbox.proof(email)
    letter, user_id, rest = proof.split(".", 2)
    changed = {
        "x": f"x.{user_id}.{rest}",
        "v": f"s.{user_id}.{rest}",
        "truncated": proof[:-3],
        "other-user": f"{letter}.{new_id()}.{rest}",
    }[change]
    assert await code_of(say(bus, "sign-in-with-proof", proof=changed)) == "auth.proof-refused"


async def test_resets_a_password_and_ends_all_sessions(bus: Bus, mailbox: Mailbox) -> None:
    email = an_address()
    session = await signed_up(bus, mailbox, email)
    await say(bus, "send-password-reset", email=email)
    proof = await mailbox.proof(email, 2)
    fresh = await say(bus, "reset-password", proof=proof, password="a new one, much better")
    assert "just been changed" in await mailbox.read(email, 3)
    assert await code_of(renewed(bus, session)) == "auth.refresh-refused"
    assert (await renewed(bus, fresh))["token"]
    old = say(bus, "sign-in", email=email, password=PASSWORD)
    assert await code_of(old) == "auth.credentials-wrong"


async def renewed(bus: Bus, session: dict[str, Any], **more: Any) -> dict[str, Any]:
    args = {"session_id": session["session_id"], "refresh_token": session["refresh_token"]}
    return await bus.send_raw("auth.renew-session", args, caller=NOBODY, **more)


async def test_renews_a_session_and_ends_it_when_a_token_comes_again(
    bus: Bus, mailbox: Mailbox
) -> None:
    session = await signed_up(bus, mailbox, an_address())
    second = await renewed(bus, session, command_id="once")
    again = await renewed(bus, session, command_id="once")
    for kept in ("session_id", "refresh_token", "position"):
        assert again[kept] == second[kept]
    third = await renewed(bus, second)
    assert await code_of(renewed(bus, session)) == "auth.refresh-refused"
    assert await code_of(renewed(bus, third)) == "auth.refresh-refused"


async def test_changes_a_password_and_keeps_the_session_at_hand(bus: Bus, mailbox: Mailbox) -> None:
    email = an_address()
    session = await signed_up(bus, mailbox, email)
    other = await say(bus, "sign-in", email=email, password=PASSWORD)
    change = {"password": "quite another one", "keep": session["session_id"]}
    unsure = say(bus, "change-password", owner(session), **change)
    assert await code_of(unsure) == "auth.confirmation-needed"
    wrong = say(bus, "confirm-with-password", owner(session), password="no idea at all")
    assert await code_of(wrong) == "auth.credentials-wrong"
    sure = await say(bus, "confirm-with-password", owner(session), password=PASSWORD)
    change["confirmation"] = sure["confirmation"]
    await say(bus, "change-password", owner(session), **change)
    assert await code_of(renewed(bus, other)) == "auth.refresh-refused"
    assert (await renewed(bus, session))["token"]


async def test_lists_and_ends_sessions(bus: Bus, mailbox: Mailbox) -> None:
    email = an_address()
    session = await signed_up(bus, mailbox, email)
    other = await say(bus, "sign-in", email=email, password=PASSWORD, device="a telephone")
    stranger = Caller("usr_other", ("member",))
    theirs = say(bus, "end-session", stranger, session_id=other["session_id"])
    assert await code_of(theirs) == "auth.session-not-found"
    listed = await bus.ask_raw(
        "auth.list-sessions", {}, caller=owner(session), after=other["position"]
    )
    assert [each["device"] for each in listed.result["sessions"]] == ["a telephone", "test"]
    ended = await say(bus, "end-session", owner(session), session_id=other["session_id"])
    listed = await bus.ask_raw(
        "auth.list-sessions", {}, caller=owner(session), after=ended["position"]
    )
    assert [each["device"] for each in listed.result["sessions"]] == ["test"]
    assert await code_of(renewed(bus, other)) == "auth.refresh-refused"


async def test_lets_a_banned_user_in_nowhere(bus: Bus, mailbox: Mailbox) -> None:
    email = an_address()
    session = await signed_up(bus, mailbox, email)
    await say(bus, "ban-user", ADMIN, user_id=session["user_id"], reason="spam")
    assert await code_of(renewed(bus, session)) == "auth.banned"
    wanted = say(bus, "sign-in", email=email, password=PASSWORD)
    assert await code_of(wanted) == "auth.banned"
    await say(bus, "unban-user", ADMIN, user_id=session["user_id"], reason="a mistake")
    assert (await say(bus, "sign-in", email=email, password=PASSWORD))["token"]


async def test_stops_answering_whoever_tries_too_often(bus: Bus) -> None:
    for address in (an_address(), an_address()):
        codes = [
            await code_of(say(bus, "sign-in", email=address, password=f"attempt {number}"))
            for number in range(12)
        ]
        assert codes[0] == "auth.credentials-wrong"
        assert codes[-1] == "auth.too-many-attempts"


async def test_takes_the_password_away_from_whoever_signed_up_with_anothers_address(
    bus: Bus, mailbox: Mailbox
) -> None:
    email = an_address()
    await say(bus, "sign-up", email=email, password="of an impostor")
    await say(bus, "send-sign-in-mail", email=email)
    await say(bus, "sign-in-with-proof", proof=await mailbox.proof(email, 2))
    impostor = say(bus, "sign-in", email=email, password="of an impostor")
    assert await code_of(impostor) == "auth.credentials-wrong"


async def test_forgets_a_person_who_wants_to_be_forgotten(bus: Bus, mailbox: Mailbox) -> None:
    email = an_address()
    session = await signed_up(bus, mailbox, email)
    export = await bus.ask_raw(
        "auth.export-me", {}, caller=owner(session), after=session["position"]
    )
    assert export.result["emails"][0]["email"] == email
    assert export.result["display_name"] == "Ann"
    done = await say(bus, "erase-me", owner(session), confirmation=session["confirmation"])
    me = await bus.ask_raw("auth.get-me", {}, caller=owner(session), after=done["position"])
    assert (me.result["email"], me.result["display_name"]) == (None, None)
    assert await code_of(renewed(bus, session)) == "auth.refresh-refused"

    async def starts_anew() -> bool:
        """The address belongs to nobody any more."""
        await say(bus, "sign-up", email=email, password=PASSWORD)
        return len(mailbox.mails[email]) > 1

    await eventually(starts_anew)


@pytest.mark.parametrize(
    "address",
    [
        "ann",
        "ann@",
        "@example.org",
        "ann@example",
        "ann@example.org\nBcc: x@y.zz",
        "änn@example.org",
    ],
)
async def test_takes_no_address_that_is_none(bus: Bus, address: str) -> None:
    assert await code_of(say(bus, "sign-up", email=address, password=PASSWORD)) == "invalid"


async def test_is_done_with_a_mail_that_nobody_takes(bus: Bus, nats_server: RunningNats) -> None:
    await say(bus, "sign-up", email=f"nobody-{an_address()}", password=PASSWORD)
    client = await nats_server.connect("auth")
    try:
        log = await JetStreamLog.open(client, "auth")
        async with asyncio.timeout(10):
            async for commits in log.follow(after=0, events=[MailRefused]):
                if any(commit.events for commit in commits):
                    return
    finally:
        await client.close()
