"""Signing in with a certified OpenID provider, from the first redirect to renewed tokens."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from libs.kernel.clock import system_clock
from services.auth.adapters.foreign.errors import (
    CodeRefused,
    Declined,
    Flaw,
    ForeignError,
    Misconfigured,
    RenewalRefused,
    ResponseFlaw,
    ResponseRefused,
    TokenRefused,
)
from services.auth.adapters.foreign.issuers import Issuer, Issuers, TokenKind
from services.auth.adapters.foreign.oidc import Begun, Found, Oidc
from services.auth.adapters.foreign.providers import ClientAuth, Provider
from tests.peers.openid_provider import OpenIdProvider, sign_in

pytestmark = pytest.mark.connected

Query = dict[str, str]


@pytest.fixture
def oidc() -> Oidc:
    return Oidc(system_clock)


@pytest.fixture
def provider(peer: OpenIdProvider) -> Provider:
    return Provider("peer", peer.issuer, "basic", "a-secret-of-basic")


async def come_back(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider, login: str = "ann"
) -> tuple[Begun, Query]:
    begun = await oidc.begin(provider, peer.redirect_uri)
    return begun, await sign_in(peer, begun.url, login)


async def finish(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider, begun: Begun, query: Query
) -> Found:
    return await oidc.finish(provider, peer.redirect_uri, begun, query)


async def failing(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider, begun: Begun, query: Query
) -> ForeignError:
    with pytest.raises(ForeignError) as caught:
        await finish(oidc, provider, peer, begun, query)
    return caught.value


# ---------------------------------------------------------------------------------- what works


async def test_finds_who_signed_in(oidc: Oidc, provider: Provider, peer: OpenIdProvider) -> None:
    begun, query = await come_back(oidc, provider, peer)
    found = await finish(oidc, provider, peer, begun, query)
    assert (found.issuer, found.subject) == (peer.issuer, "ann")
    assert (found.email, found.email_verified) == ("ann@example.org", True)
    assert found.display_name == "ann of the peer"
    assert found.avatar == "https://pictures.example.org/ann.png"
    assert found.tokens.expires_at is not None
    assert datetime.now(UTC) < found.tokens.expires_at < datetime.now(UTC) + timedelta(hours=2)
    assert found.tokens.access_token not in repr(found)


async def test_tells_that_an_address_is_not_verified(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    begun, query = await come_back(oidc, provider, peer, "new")
    found = await finish(oidc, provider, peer, begun, query)
    assert (found.email, found.email_verified) == ("new@example.org", False)


@pytest.mark.parametrize(
    ("client_id", "secret", "auth"),
    [
        ("post", "a-secret-of-post", ClientAuth.POST),  # Its id tokens are signed with ES256.
        ("public", "", ClientAuth.NONE),
    ],
)
async def test_shows_who_we_are_in_every_way(
    oidc: Oidc, peer: OpenIdProvider, client_id: str, secret: str, auth: ClientAuth
) -> None:
    provider = Provider("peer", peer.issuer, client_id, secret, client_auth=auth)
    begun, query = await come_back(oidc, provider, peer)
    assert (await finish(oidc, provider, peer, begun, query)).subject == "ann"


async def test_takes_what_comes_back_in_a_form(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    provider = replace(provider, parameters=(("response_mode", "form_post"),))
    begun, form = await come_back(oidc, provider, peer)
    assert (await finish(oidc, provider, peer, begun, form)).subject == "ann"


async def test_renews_tokens_until_one_is_shown_twice(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    begun, query = await come_back(oidc, provider, peer)
    first = (await finish(oidc, provider, peer, begun, query)).tokens
    assert first.refresh_token is not None
    second = await oidc.renew(provider, first.refresh_token)
    assert second.access_token != first.access_token
    assert second.refresh_token not in (None, first.refresh_token)
    with pytest.raises(RenewalRefused):
        await oidc.renew(provider, first.refresh_token)


async def test_accepts_its_tokens_as_those_of_a_foreign_issuer(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    api = "https://api.backline.test"
    provider = replace(provider, parameters=(("resource", api),))
    begun, query = await come_back(oidc, provider, peer)
    token = (await finish(oidc, provider, peer, begun, query)).tokens.access_token
    accepted = Issuer(peer.issuer, audiences=(api,), authorized_parties=("basic",))
    person = await Issuers([accepted], system_clock).verify(token)
    assert (person.issuer, person.subject) == (peer.issuer, "ann")

    for refusing, flaw in (
        (replace(accepted, audiences=("https://else.test",)), Flaw.AUDIENCE),
        (replace(accepted, authorized_parties=("post",)), Flaw.AUTHORIZED_PARTY),
        (replace(accepted, accepts=frozenset({TokenKind.ID})), Flaw.KIND),
    ):
        with pytest.raises(TokenRefused) as caught:
            await Issuers([refusing], system_clock).verify(token)
        assert caught.value.flaw is flaw


# ---------------------------------------------------------------------------------- what does not


async def test_takes_a_code_once(oidc: Oidc, provider: Provider, peer: OpenIdProvider) -> None:
    begun, query = await come_back(oidc, provider, peer)
    await finish(oidc, provider, peer, begun, query)
    assert isinstance(await failing(oidc, provider, peer, begun, query), CodeRefused)


async def test_refuses_a_state_of_another_browser(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    begun, query = await come_back(oidc, provider, peer)
    other = await oidc.begin(provider, peer.redirect_uri)
    for state in (other.state, "", begun.state[:-1], begun.state + "é"):
        error = await failing(oidc, provider, peer, begun, {**query, "state": state})
        assert isinstance(error, ResponseRefused)
        assert error.flaw is ResponseFlaw.STATE
    del query["state"]
    assert isinstance(await failing(oidc, provider, peer, begun, query), ResponseRefused)


async def test_refuses_a_code_that_another_browser_was_given(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    """Somebody puts a stolen code into a sign-in of their own: PKCE binds it to where it was
    begun.
    """
    _, stolen = await come_back(oidc, provider, peer, "victim")
    begun, query = await come_back(oidc, provider, peer, "thief")
    error = await failing(oidc, provider, peer, begun, {**query, "code": stolen["code"]})
    assert isinstance(error, CodeRefused)


async def test_refuses_an_id_token_with_the_nonce_of_another_sign_in(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    begun, query = await come_back(oidc, provider, peer)
    error = await failing(oidc, provider, peer, replace(begun, nonce="another"), query)
    assert isinstance(error, TokenRefused)
    assert error.flaw is Flaw.NONCE


async def test_refuses_a_response_of_another_provider(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    begun, query = await come_back(oidc, provider, peer)
    assert query["iss"] == peer.issuer
    silent = {name: value for name, value in query.items() if name != "iss"}
    for mixed_up in ({**query, "iss": "https://evil.example"}, silent):
        error = await failing(oidc, provider, peer, begun, mixed_up)
        assert isinstance(error, ResponseRefused)
        assert error.flaw is ResponseFlaw.ISSUER


async def test_refuses_a_sign_in_that_was_begun_elsewhere(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    begun, query = await come_back(oidc, provider, peer)
    for other in (
        replace(begun, provider="else"),
        replace(begun, redirect_uri="https://else.test"),
    ):
        error = await failing(oidc, provider, peer, other, query)
        assert isinstance(error, ResponseRefused)
        assert error.flaw is ResponseFlaw.PROVIDER


async def test_sends_a_challenge_that_cannot_be_taken_away(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    begun = await oidc.begin(provider, peer.redirect_uri)
    parts = urlsplit(begun.url)
    query = parse_qs(parts.query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["code_challenge"] != [begun.verifier]
    kept = [each for each in parse_qsl(parts.query) if not each[0].startswith("code_challenge")]
    refused = await sign_in(peer, urlunsplit(parts._replace(query=urlencode(kept))), "ann")
    assert refused["error"] == "invalid_request"
    assert isinstance(await failing(oidc, provider, peer, begun, refused), Misconfigured)


async def test_tells_that_somebody_said_no(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    begun = await oidc.begin(provider, peer.redirect_uri)
    query = {"error": "access_denied", "state": begun.state, "iss": peer.issuer}
    error = await failing(oidc, provider, peer, begun, query)
    assert isinstance(error, Declined)
    assert error.code == "declined"


async def test_tells_that_our_secret_is_wrong(
    oidc: Oidc, provider: Provider, peer: OpenIdProvider
) -> None:
    begun, query = await come_back(oidc, provider, peer)
    error = await failing(oidc, replace(provider, secret="another"), peer, begun, query)
    assert isinstance(error, Misconfigured)
