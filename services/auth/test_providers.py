"""Signing in with a certified OpenID provider, and with tokens of another issuer, through auth."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from libs.bus import Bus
from libs.kernel.clock import system_clock
from libs.kernel.messages import NOBODY, Caller, service_caller
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from services.auth.adapters import identity_ways
from services.auth.adapters.foreign.oidc import Oidc
from services.auth.adapters.foreign.providers import Provider
from services.auth.conftest import Mailbox
from services.auth.test_accounts import an_address, code_of, owner, say, signed_up
from tests.peers.openid_provider import NotInstalled, OpenIdProvider, running_provider, sign_in

pytestmark = pytest.mark.connected

REDIRECT_URI = "http://localhost:8080/callback/peer"


@pytest.fixture(scope="module")
def peer() -> Iterator[OpenIdProvider]:
    """The `oidc-provider` of npm, which sends people back to our pages."""
    try:
        with running_provider(REDIRECT_URI) as provider:
            yield provider
    except NotInstalled as error:
        pytest.skip(f"npm cannot install the OpenID provider: {error}")


@pytest.fixture
async def bus(
    nats_server: RunningNats,
    database: RunningDatabase,
    mailbox: Mailbox,
    peer: OpenIdProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Bus]:
    """The gateway's bus to an auth that knows the peer, and takes its id tokens."""
    client = {"client_id": "basic", "secret": "a-secret-of-basic", "issuer": peer.issuer}
    accepted = [{"issuer": peer.issuer, "audiences": ["basic"]}]
    monkeypatch.setenv("BACKLINE_AUTH_ISSUERS", json.dumps(accepted))
    secret = nats_server.secrets / "auth.providers"
    before = secret.read_text()
    secret.write_text(json.dumps({"peer": {"title": "The peer", **client}}))
    try:
        async with (
            running_services(["auth"], nats_server, database),
            bus_of("gateway", nats_server) as bus,
        ):
            yield bus
    finally:
        secret.write_text(before)


async def back_from(
    bus: Bus, peer: OpenIdProvider, login: str, caller: Caller = NOBODY
) -> dict[str, Any]:
    """What a browser brings back that was sent to the peer and signed in there."""
    begun = await say(bus, "begin-provider", caller, provider="peer")
    parameters = await sign_in(peer, begun.pop("url"), login)
    begun.pop("position")
    return {**begun, "parameters": parameters}


async def with_provider(bus: Bus, peer: OpenIdProvider, login: str) -> dict[str, Any]:
    return await say(bus, "sign-in-with-provider", **await back_from(bus, peer, login))


async def test_offers_what_the_installation_knows(bus: Bus) -> None:
    options = (await bus.ask_raw("auth.get-sign-in-options", {}, caller=NOBODY)).result
    assert options["providers"] == [{"name": "peer", "title": "The peer"}]
    assert await code_of(say(bus, "begin-provider", provider="other")) == "auth.provider-unknown"


async def test_makes_a_user_at_first_sight_with_a_confirmed_address(
    bus: Bus, peer: OpenIdProvider, mailbox: Mailbox
) -> None:
    first = await with_provider(bus, peer, "carol")
    again = await with_provider(bus, peer, "carol")
    assert first["user_id"] == again["user_id"]
    assert first["display_name"] == "carol of the peer"
    me = await bus.ask_raw("auth.get-me", {}, caller=owner(again), after=again["position"])
    assert (me.result["email"], me.result["email_verified"]) == ("carol@example.org", True)
    await say(bus, "send-sign-in-mail", email="carol@example.org")
    by_mail = await say(bus, "sign-in-with-proof", proof=await mailbox.proof("carol@example.org"))
    assert by_mail["user_id"] == first["user_id"]


async def test_makes_one_user_of_many_who_come_at_once(bus: Bus, peer: OpenIdProvider) -> None:
    back = [await back_from(bus, peer, "dave") for _ in range(5)]
    sessions = await asyncio.gather(*(say(bus, "sign-in-with-provider", **each) for each in back))
    assert len({each["user_id"] for each in sessions}) == 1


async def test_takes_no_word_for_an_address_that_the_provider_has_not_confirmed(
    bus: Bus, peer: OpenIdProvider
) -> None:
    session = await with_provider(bus, peer, "new")
    listed = await bus.ask_raw(
        "auth.list-emails", {}, caller=owner(session), after=session["position"]
    )
    assert listed.result["emails"] == []


async def test_gives_no_account_away_to_whoever_has_its_address_elsewhere(
    bus: Bus, peer: OpenIdProvider, mailbox: Mailbox
) -> None:
    session = await signed_up(bus, mailbox, "erin@example.org")
    refused = with_provider(bus, peer, "erin")
    assert await code_of(refused) == "auth.address-has-account"
    back = await back_from(bus, peer, "erin", owner(session))
    link = {"ticket": back["ticket"], "parameters": back["parameters"]}
    await say(bus, "link-provider", owner(session), **link, confirmation=session["confirmation"])
    assert (await with_provider(bus, peer, "erin"))["user_id"] == session["user_id"]


async def test_keeps_a_guest(bus: Bus, peer: OpenIdProvider) -> None:
    guest = await say(bus, "start-guest-session")
    back = await back_from(bus, peer, "frank", owner(guest))
    session = await say(bus, "sign-in-with-provider", **back)
    assert session["user_id"] == guest["user_id"]


@pytest.mark.parametrize("wrong", ["state", "code", "again", "mixed up", "other user"])
async def test_refuses_what_was_not_begun_here(
    bus: Bus, peer: OpenIdProvider, mailbox: Mailbox, wrong: str
) -> None:
    back = await back_from(bus, peer, "gina")
    match wrong:
        case "state":
            back["parameters"]["state"] = "another"
        case "code":
            back["parameters"]["code"] = "another"
        case "again":
            await say(bus, "sign-in-with-provider", **back)
        case "mixed up":
            other = await back_from(bus, peer, "gina")
            back["ticket"], back["challenge_id"] = other["ticket"], other["challenge_id"]
        case _:
            session = await signed_up(bus, mailbox, an_address())
            link = {"ticket": back["ticket"], "parameters": back["parameters"]}
            theirs = say(
                bus,
                "link-provider",
                owner(session),
                **link,
                confirmation=session["confirmation"],
            )
            assert await code_of(theirs) == "auth.proof-refused"
            return
    assert await code_of(say(bus, "sign-in-with-provider", **back)) == "auth.proof-refused"


async def test_lends_a_token_to_services_only(bus: Bus, peer: OpenIdProvider) -> None:
    session = await with_provider(bus, peer, "hugo")
    asked = {"user_id": session["user_id"], "provider": "peer"}
    lent = await bus.send_raw("auth.lend-provider-token", asked, caller=service_caller("gateway"))
    assert lent["access_token"]
    refused = bus.send_raw("auth.lend-provider-token", asked, caller=owner(session))
    assert await code_of(refused) == "forbidden"


async def test_renews_a_token_that_ends_soon(
    bus: Bus, peer: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await with_provider(bus, peer, "ida")
    asked = {"user_id": session["user_id"], "provider": "peer"}
    ours = service_caller("gateway")
    before = await bus.send_raw("auth.lend-provider-token", asked, caller=ours)
    monkeypatch.setattr(identity_ways, "LENT_FOR", timedelta(days=1))
    renewed = await bus.send_raw("auth.lend-provider-token", asked, caller=ours)
    assert renewed["access_token"] != before["access_token"]
    monkeypatch.undo()
    kept = await bus.send_raw("auth.lend-provider-token", asked, caller=ours)
    assert kept["access_token"] == renewed["access_token"]


async def test_takes_tokens_of_an_issuer_it_knows(bus: Bus, peer: OpenIdProvider) -> None:
    token = await id_token(peer, "judy")
    session = await say(bus, "sign-in-with-token", token=token)
    assert session["user_id"] == (await say(bus, "sign-in-with-token", token=token))["user_id"]
    for wrong in (token[:-20], token + "a", "a.b.c", session["token"]):
        assert await code_of(say(bus, "sign-in-with-token", token=wrong)) == "auth.proof-refused"


async def id_token(peer: OpenIdProvider, login: str) -> str:
    """One that the peer gives to its client `basic`."""
    provider = Provider("peer", peer.issuer, "basic", "a-secret-of-basic")
    begun = await Oidc(system_clock).begin(provider, peer.redirect_uri)
    back = await sign_in(peer, begun.url, login)
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{peer.issuer}/token",
            auth=("basic", "a-secret-of-basic"),
            data={
                "grant_type": "authorization_code",
                "code": back["code"],
                "redirect_uri": peer.redirect_uri,
                "code_verifier": begun.verifier,
            },
        )
    return str(answer.json()["id_token"])
