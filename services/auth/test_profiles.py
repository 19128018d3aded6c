"""Profiles, usernames and status, on the real servers."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import pytest

from contracts.auth_accounts import NameClaimed, NameReleased
from libs.bus import Bus
from libs.eventlog import JetStreamLog
from libs.eventlog.protocol import last_message
from libs.kernel.errors import RemoteProblem
from libs.kernel.ids import new_id
from libs.kernel.messages import NOBODY, Caller, service_caller
from libs.testkit.stack import RunningNats
from services.auth.conftest import Mailbox, insist
from services.auth.test_accounts import (
    ADMIN,
    PASSWORD,
    an_address,
    code_of,
    owner,
    say,
    signed_up,
)

pytestmark = pytest.mark.connected

OURSELVES = service_caller("auth")
PROFILE = {
    "display_name": "Ann B.",
    "bio": "I sing.\nOn Sundays.",
    "avatar": "https://example.org/ann.png",
    "links": [{"label": "Band", "url": "https://example.org/band?of=ann#top"}],
    "metadata": {"seat": "12"},
}


def a_username() -> str:
    return f"u{new_id()[-20:]}".lower()


async def ask(bus: Bus, query: str, caller: Caller = NOBODY, **args: Any) -> dict[str, Any]:
    """The answer, as of now: after all that this test has done."""
    after = args.pop("after", None)
    return (await bus.ask_raw(f"auth.{query}", args, caller=caller, after=after)).result


async def member(bus: Bus) -> Caller:
    """Somebody with an account, whom an administrator has registered."""
    user_id = new_id("usr_")
    args = {"user_id": user_id, "display_name": "Ben", "role": "member"}
    await say(bus, "register-user", OURSELVES, **args)
    return Caller(user_id, ("member",))


async def test_shows_others_what_a_user_says_and_no_more(bus: Bus, mailbox: Mailbox) -> None:
    email, username = an_address(), a_username()
    ann = owner(await signed_up(bus, mailbox, email))
    done = await say(bus, "change-profile", ann, username=username, **PROFILE)
    by_id = await ask(bus, "get-profile", user_id=ann.user_id, after=done["position"])
    shown = {name: value for name, value in PROFILE.items() if name != "metadata"}
    assert by_id.items() >= {**shown, "username": username, "user_id": ann.user_id}.items()
    assert by_id.keys() & {"email", "metadata", "role", "status"} == set()
    assert await ask(bus, "find-profile", username=username.upper()) == by_id
    own = await ask(bus, "get-my-profile", ann)
    assert own.items() >= {**PROFILE, "username": username, "status": "active"}.items()
    done = await say(bus, "change-profile", ann, bio="", links=[])
    own = await ask(bus, "get-my-profile", ann, after=done["position"])
    assert (own["bio"], own["links"], own["avatar"]) == ("", [], PROFILE["avatar"])
    assert await code_of(ask(bus, "get-profile", user_id="usr_nobody")) == "auth.user-not-found"
    assert await code_of(ask(bus, "find-profile", username="nobody")) == "auth.user-not-found"


async def test_gives_a_person_all_that_is_held_of_their_profile(bus: Bus, mailbox: Mailbox) -> None:
    username = a_username()
    ann = owner(await signed_up(bus, mailbox, an_address()))
    done = await say(bus, "change-profile", ann, username=username, **PROFILE)
    held = await ask(bus, "export-me", ann, after=done["position"])
    assert held.items() >= {**PROFILE, "username": username, "status": "active"}.items()


async def test_keeps_what_is_said_unreadable_in_the_log(bus: Bus, nats_server: RunningNats) -> None:
    ben, username = await member(bus), a_username()
    await say(bus, "change-profile", ben, username=username, **PROFILE)
    client = await nats_server.connect("auth")
    try:
        subject = f"evt.auth.user.{ben.user_id}"
        stored = await last_message(client, "EVT_AUTH", subject, timeout_seconds=2)
    finally:
        await client.close()
    assert stored is not None
    assert b"auth.profile_changed" in stored.payload
    secrets = [username, "Ann B.", "I sing.", "example.org", "Band", "seat"]
    assert [each for each in secrets if each.encode() in stored.payload] == []


@pytest.mark.parametrize(
    "field",
    [
        {"bio": "x" * 501},
        {"bio": "a bell \x07"},
        {"display_name": "two\nlines"},
        {"avatar": "http://example.org/a.png"},
        {"avatar": "javascript:alert(1)"},
        {"avatar": "https://ann:secret@example.org/"},
        {"avatar": "https://example.org/\"onload='x'"},
        {"avatar": "https://ex\u0430mple.org/"},
        {"links": [{"label": "x", "url": "https://example.org/"}] * 11},
        {"links": [{"label": "x", "url": "data:text/html,x"}]},
        {"links": [{"label": "", "url": "https://example.org/"}]},
        {"metadata": {str(number): "" for number in range(21)}},
        {"metadata": {"seat": "x" * 501}},
        {"metadata": {"a key": "x"}},
        {"metadata": {"seat": 12}},
        {"role": "admin"},
    ],
)
async def test_takes_nothing_that_does_not_fit(bus: Bus, field: dict[str, Any]) -> None:
    ben = await member(bus)
    assert await code_of(say(bus, "change-profile", ben, **field)) == "invalid"


# ---------------------------------------------------------------------------------- usernames


async def test_makes_one_holder_of_two_hundred_who_claim_a_username_at_once(
    bus: Bus, nats_server: RunningNats
) -> None:
    people = await asyncio.gather(*(member(bus) for _ in range(200)))
    username = a_username()
    spellings = [username, username.upper(), username.replace("0", "o").replace("i", "l")]
    outcomes = await asyncio.gather(
        *(
            outcome_of(insist(partial(claim, bus, each, spellings[number % 3])))
            for number, each in enumerate(people)
        )
    )
    assert sorted(set(outcomes)) == ["auth.username-taken", "ok"]
    assert outcomes.count("ok") == 1
    (holder,) = [each for each, outcome in zip(people, outcomes, strict=True) if outcome == "ok"]
    client = await nats_server.connect("auth")
    try:
        log = await JetStreamLog.open(client, "auth")
        claims = [event async for event in names_in(log) if event.holder == holder.user_id]
        others = {each.user_id for each in people} - {holder.user_id}
        assert [event.holder async for event in names_in(log) if event.holder in others] == []
    finally:
        await client.close()
    assert [type(event) for event in claims] == [NameClaimed]


async def claim(bus: Bus, who: Caller, username: str, command_id: str) -> None:
    args = {"username": username}
    await bus.send_raw("auth.change-profile", args, caller=who, command_id=command_id)


async def names_in(log: JetStreamLog) -> AsyncIterator[NameClaimed | NameReleased]:
    """What became of names, up to now."""
    end = await log.last_position()
    async for commits in log.follow(after=0):
        for commit in commits:
            for recorded in commit.events:
                if isinstance(recorded.data, NameClaimed | NameReleased):
                    yield recorded.data
        if commits and commits[-1].position >= end:
            return


async def outcome_of(work: Any) -> str:
    try:
        await work
    except RemoteProblem as refused:
        return str(refused.document["code"])
    return "ok"


@pytest.mark.parametrize(
    ("username", "code"),
    [
        ("an", "auth.username-invalid"),
        ("1ann", "auth.username-invalid"),
        ("\u0430nn-cyrillic", "auth.username-invalid"),
        ("\uff41\uff4e\uff4e", "auth.username-invalid"),
        ("ann\u202enna", "auth.username-invalid"),
        ("Adm1n", "auth.username-reserved"),
        ("back.line", "auth.username-reserved"),
    ],
)
async def test_refuses_a_username_that_misleads(bus: Bus, username: str, code: str) -> None:
    ben = await member(bus)
    assert await code_of(say(bus, "change-profile", ben, username=username, bio="x")) == code
    done = await say(bus, "change-profile", ben, metadata={"tried": "yes"})
    own = await ask(bus, "get-my-profile", ben, after=done["position"])
    assert (own["username"], own["bio"]) == (None, "")


async def test_signs_in_with_a_username(bus: Bus, mailbox: Mailbox) -> None:
    username, other = a_username(), a_username()
    session = await signed_up(bus, mailbox, an_address())
    await say(bus, "change-profile", owner(session), username=username)
    by_name = await say(
        bus, "sign-in-with-username", username=username.upper(), password=PASSWORD, device="test"
    )
    assert by_name["user_id"] == session["user_id"]
    assert by_name["refresh_token"]
    await say(bus, "change-profile", owner(session), username=other)
    for name in (username, a_username(), "n", "admin", "nobody@example.org"):
        wanted = say(bus, "sign-in-with-username", username=name, password=PASSWORD)
        assert await code_of(wanted) == "auth.credentials-wrong"
    wrong = say(bus, "sign-in-with-username", username=other, password="not it, sorry")
    assert await code_of(wrong) == "auth.credentials-wrong"


async def test_answers_as_late_whether_there_is_such_a_username_or_not(
    bus: Bus, mailbox: Mailbox
) -> None:
    username = a_username()
    session = await signed_up(bus, mailbox, an_address())
    await say(bus, "change-profile", owner(session), username=username)
    took: dict[str, list[float]] = {username: [], a_username(): []}
    for _ in range(5):
        for name, seconds in took.items():
            began = perf_counter()
            wrong = say(bus, "sign-in-with-username", username=name, password="not it, sorry")
            assert await code_of(wrong) == "auth.credentials-wrong"
            seconds.append(perf_counter() - began)
    one, other = (median(seconds) for seconds in took.values())
    assert 0.5 < one / other < 2  # Without the hash of nobody's password it would be a tenth.


async def test_stops_answering_whoever_guesses_by_username(bus: Bus) -> None:
    username = a_username()
    codes = [
        await code_of(say(bus, "sign-in-with-username", username=username, password=f"try {n}"))
        for n in range(12)
    ]
    assert (codes[0], codes[-1]) == ("auth.credentials-wrong", "auth.too-many-attempts")


# ---------------------------------------------------------------------------------- status


async def test_tells_how_everybody_stands(bus: Bus, mailbox: Mailbox) -> None:
    guest = await say(bus, "start-guest-session")
    email = an_address()
    pending = await say(bus, "start-guest-session")
    await say(bus, "sign-up", owner(pending), email=email, password=PASSWORD)
    expected = {guest["user_id"]: "incomplete", pending["user_id"]: "pending"}
    for status, command, args in [
        ("active", None, {}),
        ("suspended", "suspend-user", {"reason": "spam"}),
        ("banned", "ban-user", {"reason": "spam"}),
        ("leaving", None, {}),
        ("erased", None, {}),
    ]:
        session = await signed_up(bus, mailbox, an_address())
        expected[session["user_id"]] = status
        if command is not None:
            done = await say(bus, command, ADMIN, user_id=session["user_id"], **args)
        elif status == "leaving":
            done = await say(bus, "leave", owner(session), confirmation=session["confirmation"])
        elif status == "erased":
            done = await say(bus, "erase-me", owner(session), confirmation=session["confirmation"])
        else:
            done = session
        me = await ask(bus, "get-me", owner(session), after=done["position"])
        assert me["status"] == status
    for user_id, status in expected.items():
        listed = await ask(bus, "list-users", ADMIN, status=status, limit=200)
        found = {user["user_id"]: user["status"] for user in listed["users"]}
        assert set(found.values()) == {status}
        assert {each for each in expected if each in found} == {user_id}


async def test_shows_nobody_to_others_who_is_banned(bus: Bus) -> None:
    ben, username = await member(bus), a_username()
    await say(bus, "change-profile", ben, username=username)
    done = await say(bus, "ban-user", ADMIN, user_id=ben.user_id, reason="spam")
    seen = ask(bus, "get-profile", user_id=ben.user_id, after=done["position"])
    assert await code_of(seen) == "auth.user-not-found"
    assert await code_of(ask(bus, "find-profile", username=username)) == "auth.user-not-found"
    done = await say(bus, "unban-user", ADMIN, user_id=ben.user_id, reason="a mistake")
    assert await ask(bus, "find-profile", username=username, after=done["position"])


# ---------------------------------------------------------------------------------- passwords


async def test_refuses_a_password_that_is_made_of_what_is_known(bus: Bus, mailbox: Mailbox) -> None:
    for password in ("berta-1990!", "Backline-2026", "1990bertabackline", "Blackbird99"):
        wanted = say(
            bus,
            "sign-up",
            email=f"berta.{an_address()}",
            password=password,
            display_name="Black Bird",
        )
        assert await code_of(wanted) == "auth.password-guessable"
    email, username = an_address(), a_username()
    session = await signed_up(bus, mailbox, email)
    ann, sure = owner(session), session["confirmation"]
    await say(bus, "change-profile", ann, username=username)
    change = say(bus, "change-password", ann, password=f"{username}123", confirmation=sure)
    assert await code_of(change) == "auth.password-guessable"
    await say(bus, "send-password-reset", email=email)
    proof = await mailbox.proof(email, 2)
    reset = say(bus, "reset-password", proof=proof, password=f"my-{username}")
    assert await code_of(reset) == "auth.password-guessable"
    fine = say(bus, "reset-password", proof=proof, password="berta plays the harmonica")
    assert (await fine)["token"]
