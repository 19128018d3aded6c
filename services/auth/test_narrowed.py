"""API keys, impersonation and acts, with auth as it runs."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from libs.bus import Bus
from libs.chassis.tokens import Jwks, Verifier
from libs.kernel.clock import system_clock
from libs.kernel.ids import new_id
from libs.kernel.messages import NOBODY, Caller, service_caller
from libs.testkit.stack import RunningNats
from services.auth.adapters.digests import Digests
from services.auth.conftest import Mailbox
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

MODERATOR = Caller("usr_mod", ("moderator",))


@pytest.fixture
def verifier(bus: Bus) -> Verifier:
    async def fetch() -> Jwks:
        return (await bus.ask_raw("auth.get-jwks", {}, caller=NOBODY)).result

    return Verifier(fetch, system_clock)


def in_days(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


async def sure(bus: Bus, caller: Caller) -> str:
    """A confirmation."""
    confirmed = await say(bus, "confirm-with-password", caller, password=PASSWORD)
    return str(confirmed["confirmation"])


async def with_key(bus: Bus, caller: Caller, *scopes: str) -> dict[str, Any]:
    wanted = {"name": "a partner", "scopes": list(scopes), "expires_at": in_days(30)}
    return await say(bus, "create-api-key", caller, **wanted, confirmation=await sure(bus, caller))


async def opened(bus: Bus, key: str) -> dict[str, Any]:
    return await say(bus, "open-key-session", key=key)


async def acts_on(bus: Bus, user_id: str, after: int) -> list[dict[str, Any]]:
    answer = await bus.ask_raw("auth.list-acts", {"user_id": user_id}, caller=ADMIN, after=after)
    acts: list[dict[str, Any]] = answer.result["acts"]
    return acts


# ---------------------------------------------------------------------------------- keys


async def test_gives_a_short_token_for_a_key(
    bus: Bus, mailbox: Mailbox, verifier: Verifier
) -> None:
    ann = owner(await signed_up(bus, mailbox, an_address()))
    made = await with_key(bus, ann, "voting.*", "auth.get-me")
    assert made["key"].startswith(f"bk_{made['key_id']}.")
    session = await opened(bus, made["key"])
    identity = await verifier.verify(session["token"])
    assert identity.caller == Caller(ann.user_id, ("member",), ("voting.*", "auth.get-me"))
    assert identity.session_id == made["key_id"]
    assert identity.expires_at - identity.issued_at <= 900
    assert "refresh_token" not in session


async def test_gives_no_token_for_longer_than_the_key(
    bus: Bus, mailbox: Mailbox, verifier: Verifier
) -> None:
    ann = owner(await signed_up(bus, mailbox, an_address()))
    end = datetime.now(UTC) + timedelta(seconds=30)
    wanted = {"name": "soon over", "scopes": ["voting.*"], "expires_at": end.isoformat()}
    assert await code_of(say(bus, "create-api-key", ann, **wanted)) == "auth.confirmation-needed"
    wanted["confirmation"] = await sure(bus, ann)
    made = await say(bus, "create-api-key", ann, **wanted)
    identity = await verifier.verify((await opened(bus, made["key"]))["token"])
    assert identity.expires_at <= end.timestamp()


async def test_holds_the_key_nowhere_but_in_its_answer(bus: Bus, mailbox: Mailbox) -> None:
    session = await signed_up(bus, mailbox, an_address())
    ann, command_id = owner(session), new_id()
    wanted = {
        "name": "a partner",
        "scopes": ["voting.*"],
        "expires_at": in_days(30),
        "confirmation": session["confirmation"],
    }
    made, again = [
        await bus.send_raw("auth.create-api-key", wanted, caller=ann, command_id=command_id)
        for _ in range(2)
    ]
    assert again == made  # Whoever did not get the answer asks again, and gets it.
    listed = await bus.ask_raw("auth.list-api-keys", {}, caller=ann, after=made["position"])
    (key,) = listed.result["keys"]
    assert (key["key_id"], key["name"]) == (made["key_id"], "a partner")
    held = await bus.ask_raw("auth.export-me", {}, caller=ann, after=made["position"])
    secret = made["key"].partition(".")[2]
    assert secret not in str(listed.result) + str(held.result)
    assert held.result["api_keys"][0]["name"] == "a partner"


async def test_refuses_a_key_that_is_over_or_whose_user_is_out(bus: Bus, mailbox: Mailbox) -> None:
    session = await signed_up(bus, mailbox, an_address())
    ann, about = owner(session), {"user_id": session["user_id"]}
    made, other = await with_key(bus, ann, "voting.*"), await with_key(bus, ann, "voting.*")
    assert await code_of(opened(bus, made["key"] + "A")) == "auth.key-refused"
    assert await code_of(opened(bus, "bk_nobody.here")) == "auth.key-refused"
    await say(bus, "revoke-api-key", ann, key_id=made["key_id"])
    assert await code_of(opened(bus, made["key"])) == "auth.key-refused"
    await say(bus, "suspend-user", ADMIN, **about, reason="spam")
    assert await code_of(opened(bus, other["key"])) == "auth.key-suspended"
    assert await code_of(with_key(bus, ann, "voting.*")) == "auth.actor-suspended"
    await say(bus, "reinstate-user", ADMIN, **about)
    assert (await opened(bus, other["key"]))["user_id"] == session["user_id"]
    await say(bus, "ban-user", ADMIN, **about, reason="spam")
    assert await code_of(opened(bus, other["key"])) == "auth.banned"
    await say(bus, "unban-user", ADMIN, **about)
    done = await say(bus, "erase-me", ann, confirmation=session["confirmation"])
    assert await code_of(opened(bus, other["key"])) == "auth.key-refused"
    listed = await bus.ask_raw(
        "auth.list-api-keys-of-user", about, caller=ADMIN, after=done["position"]
    )
    assert listed.result["keys"] == []


async def test_refuses_a_key_that_no_log_knows(
    bus: Bus, mailbox: Mailbox, nats_server: RunningNats
) -> None:
    ann = owner(await signed_up(bus, mailbox, an_address()))
    made = await with_key(bus, ann, "voting.*")
    digests = Digests((nats_server.secrets / "auth.secret").read_text().strip())
    assert digests.api_key(made["key_id"]) == made["key"]
    assert await code_of(opened(bus, digests.api_key(new_id()))) == "auth.key-refused"


async def test_makes_no_key_for_a_guest_nor_for_what_is_malformed(
    bus: Bus, mailbox: Mailbox
) -> None:
    guest = owner(await say(bus, "start-guest-session"))
    assert await code_of(with_key(bus, guest, "voting.*")) == "auth.no-account"
    ann = owner(await signed_up(bus, mailbox, an_address()))
    assert await code_of(with_key(bus, ann, "auth.*")) == "auth.scope-refused"
    for scopes in ([], ["*"], ["voting"], ["voting.*", "Voting.x"], ["voting.* auth.set-role"]):
        assert await code_of(with_key(bus, ann, *scopes)) == "invalid"
    late = {"name": "x", "scopes": ["voting.*"], "expires_at": in_days(400)}
    late["confirmation"] = await sure(bus, ann)
    assert await code_of(say(bus, "create-api-key", ann, **late)) == "auth.key-life-refused"
    naive = {**late, "expires_at": "2027-01-01T00:00:00"}
    assert await code_of(say(bus, "create-api-key", ann, **naive)) == "invalid"


async def test_gives_a_key_the_role_its_user_has_now(
    bus: Bus, mailbox: Mailbox, certain: str
) -> None:
    ann = owner(await signed_up(bus, mailbox, an_address()))
    made = await with_key(bus, ann, "voting.*")
    for role in ("moderator", "member"):
        wanted = {"user_id": ann.user_id, "role": role, "confirmation": certain}
        await say(bus, "set-role", ADMIN, **wanted)
        assert (await opened(bus, made["key"]))["roles"] == [role]


# ---------------------------------------------------------------------------------- impersonation


async def test_acts_as_a_member_for_a_while(
    bus: Bus, mailbox: Mailbox, verifier: Verifier, certain: str
) -> None:
    ann = await signed_up(bus, mailbox, an_address())
    wanted = {"user_id": ann["user_id"], "reason": "cannot see her vote", "minutes": 5}
    for unsure in ("", "a guess", ann["confirmation"]):
        refused = say(bus, "impersonate-user", ADMIN, **wanted, confirmation=unsure)
        assert await code_of(refused) == "auth.confirmation-needed"
    session = await say(bus, "impersonate-user", ADMIN, **wanted, confirmation=certain)
    assert session["impersonated_by"] == ADMIN.user_id
    assert session.get("refresh_token") is None
    identity = await verifier.verify(session["token"])
    assert identity.caller == Caller(ann["user_id"], ("member",), None, ADMIN.user_id)
    assert identity.session_id == session["session_id"]
    assert 295 < identity.expires_at - identity.issued_at <= 300
    await say(bus, "end-impersonation", identity.caller, session_id=session["session_id"])
    again = say(bus, "end-impersonation", owner(ann), session_id=session["session_id"])
    assert await code_of(again) == "auth.session-not-found"


async def test_acts_as_nobody_who_is_more_than_a_member_or_is_out(
    bus: Bus, mailbox: Mailbox, certain: str
) -> None:
    async def code(user_id: str, caller: Caller = ADMIN, sure: str = certain) -> str:
        wanted = {"user_id": user_id, "reason": "a look", "confirmation": sure}
        return await code_of(say(bus, "impersonate-user", caller, **wanted))

    signed_in = await signed_up(bus, mailbox, an_address())
    ann = signed_in["user_id"]
    assert await code("nobody") == "auth.user-unknown"
    assert await code(ADMIN.user_id) == "auth.user-unknown"
    herself = Caller(ann, ("admin",))
    assert await code(ann, herself, signed_in["confirmation"]) == "auth.impersonation-refused"
    assert await code(ann, MODERATOR) == "forbidden"
    trusting = {"user_id": ann, "confirmation": certain}
    for role in ("moderator", "admin"):
        await say(bus, "set-role", ADMIN, **trusting, role=role)
        assert await code(ann) == "auth.impersonation-refused"
    await say(bus, "set-role", ADMIN, **trusting, role="member")
    await say(bus, "ban-user", ADMIN, user_id=ann, reason="spam")
    assert await code(ann) == "auth.impersonation-refused"
    for wrong in ({"reason": "  "}, {"reason": "x", "minutes": 61}, {"reason": "x", "minutes": 0}):
        refused = say(bus, "impersonate-user", ADMIN, user_id=ann, **wrong, confirmation=certain)
        assert await code_of(refused) == "invalid"


async def test_is_not_given_the_token_again_when_it_is_over(
    bus: Bus, mailbox: Mailbox, certain: str
) -> None:
    ann = await signed_up(bus, mailbox, an_address())
    wanted = {"user_id": ann["user_id"], "reason": "a look", "confirmation": certain}
    command_id = new_id()

    async def begin() -> dict[str, Any]:
        return await bus.send_raw(
            "auth.impersonate-user", wanted, caller=ADMIN, command_id=command_id
        )

    session, again = await begin(), await begin()
    assert session["session_id"] == again["session_id"]
    trusting = {"user_id": ann["user_id"], "confirmation": certain}
    await say(bus, "set-role", ADMIN, **trusting, role="moderator")
    assert await code_of(begin()) == "auth.impersonation-refused"
    await say(bus, "set-role", ADMIN, **trusting, role="member")
    await say(bus, "end-impersonation", ADMIN, session_id=session["session_id"])
    assert await code_of(begin()) == "auth.impersonation-over"


async def test_changes_no_account_in_its_owners_name_past_the_gateway_either(
    bus: Bus, mailbox: Mailbox
) -> None:
    ann = await signed_up(bus, mailbox, an_address())
    acting = Caller(ann["user_id"], ("member",), None, ADMIN.user_id)
    for command, args in (
        ("change-profile", {"display_name": "Somebody"}),
        ("change-password", {"password": "mine now, thanks"}),
        ("erase-me", {}),
        ("end-all-sessions", {}),
        ("refresh-session", {}),
        ("create-api-key", {"name": "x", "scopes": ["voting.*"], "expires_at": in_days(1)}),
    ):
        assert await code_of(say(bus, command, acting, **args)) == "impersonating", command


# ---------------------------------------------------------------------------------- acts


async def test_tells_who_did_what_to_whom_and_why(bus: Bus, mailbox: Mailbox, certain: str) -> None:
    ann = await signed_up(bus, mailbox, an_address())
    about = {"user_id": ann["user_id"]}
    key = await with_key(bus, owner(ann), "voting.*")
    trusting = {**about, "confirmation": certain}
    await say(bus, "set-role", ADMIN, **trusting, role="moderator", reason="helps out")
    await say(bus, "set-role", ADMIN, **trusting, role="member")
    await say(bus, "suspend-user", MODERATOR, **about, reason="spam")
    await say(bus, "reinstate-user", MODERATOR, **about)
    await say(bus, "end-sessions-of-user", ADMIN, **about, reason="a lost telephone")
    await say(bus, "revoke-api-key-of-user", ADMIN, key_id=key["key_id"], reason="it leaked")
    looking = {"reason": "a look", "minutes": 1, "confirmation": certain}
    session = await say(bus, "impersonate-user", ADMIN, **about, **looking)
    await say(bus, "end-impersonation", ADMIN, session_id=session["session_id"])
    await say(bus, "ban-user", ADMIN, **about, reason="more spam")
    done = await say(bus, "unban-user", ADMIN, **about)
    own = await say(bus, "end-all-sessions", owner(ann))
    acts = await acts_on(bus, ann["user_id"], max(done["position"], own["position"]))
    assert [(act["kind"], act["actor"], act["reason"]) for act in reversed(acts)] == [
        ("set-role", "usr_admin", "helps out"),
        ("set-role", "usr_admin", None),
        ("suspend", "usr_mod", "spam"),
        ("reinstate", "usr_mod", None),
        ("end-sessions", "usr_admin", "a lost telephone"),
        ("revoke-key", "usr_admin", "it leaked"),
        ("impersonate", "usr_admin", "a look"),
        ("end-impersonation", "usr_admin", None),
        ("ban", "usr_admin", "more spam"),
        ("unban", "usr_admin", None),
    ]
    by_kind = {act["kind"]: act for act in acts}
    assert by_kind["set-role"]["detail"] == "moderator"
    assert by_kind["revoke-key"]["detail"] == key["key_id"]
    assert by_kind["impersonate"]["detail"] == session["session_id"]
    assert by_kind["impersonate"]["until"] is not None


async def test_trusts_somebody_with_more_only_when_it_is_sure_who_says_so(
    bus: Bus, mailbox: Mailbox, certain: str
) -> None:
    ann = await signed_up(bus, mailbox, an_address())
    wanted = {"user_id": ann["user_id"], "role": "admin"}
    for unsure in ("", "a guess", ann["confirmation"]):
        refused = say(bus, "set-role", ADMIN, **wanted, confirmation=unsure)
        assert await code_of(refused) == "auth.confirmation-needed"
    assert (await say(bus, "set-role", ADMIN, **wanted, confirmation=certain))["role"] == "admin"
    by_us = await say(bus, "set-role", service_caller("auth"), **wanted | {"role": "member"})
    assert by_us["role"] == "member"


async def test_asks_why_somebody_is_kept_out(bus: Bus) -> None:
    for command in ("suspend-user", "ban-user"):
        for args in ({}, {"reason": " "}):
            assert await code_of(say(bus, command, ADMIN, user_id="x", **args)) == "invalid"


async def test_lists_acts_page_by_page(bus: Bus, mailbox: Mailbox, certain: str) -> None:
    ann = await signed_up(bus, mailbox, an_address())
    position = 0
    for number in range(5):
        role = ("moderator", "member")[number % 2]
        wanted = {"user_id": ann["user_id"], "role": role, "reason": str(number)}
        done = await say(bus, "set-role", ADMIN, **wanted, confirmation=certain)
        position = done["position"]
    found: list[str] = []
    after = None
    while True:
        args = {"user_id": ann["user_id"], "limit": 2, "after": after}
        page = (await bus.ask_raw("auth.list-acts", args, caller=ADMIN, after=position)).result
        found += [act["reason"] for act in page["acts"]]
        after = page["next"]
        if after is None:
            break
    assert found == ["4", "3", "2", "1", "0"]
    everything = await bus.ask_raw("auth.list-acts", {"limit": 2}, caller=ADMIN)
    assert len(everything.result["acts"]) == 2


FORGED: dict[str, list[Any]] = {
    "auth.list-acts": ["", [], [1], [1, 1], [-1, "a"], [2**63, "a"], [1, "a\0"], ["now", "a"]],
    "auth.list-users": [
        "",
        [],
        ["now", "a"],
        ["2026-11-21T00:00:00", "a"],
        ["2026-11-21T00:00:00Z", "a\0"],
    ],
}


@pytest.mark.parametrize("query", FORGED)
async def test_refuses_a_cursor_that_is_none_of_its_own(bus: Bus, query: str) -> None:
    for forged in FORGED[query]:
        after = urlsafe_b64encode(orjson.dumps(forged)).decode()
        asking = bus.ask_raw(query, {"after": after}, caller=ADMIN)
        assert await code_of(asking) == "invalid", forged
    assert await code_of(bus.ask_raw(query, {"after": "a"}, caller=ADMIN)) == "invalid"
