"""Providers that lie, break or dawdle: nobody gets in by them, and nothing of ours waits for
them.
"""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from libs.kernel.clock import system_clock
from services.auth.adapters.foreign import outward
from services.auth.adapters.foreign.apple import AppleKey
from services.auth.adapters.foreign.errors import (
    AnswerRefused,
    CodeRefused,
    Flaw,
    ForeignError,
    Misconfigured,
    ResponseFlaw,
    ResponseRefused,
    TokenRefused,
    Unreachable,
)
from services.auth.adapters.foreign.oidc import Begun, Found, Oidc
from services.auth.adapters.foreign.providers import ClientAuth, Provider, apple, github
from tests.peers.hostile_provider import (
    CLIENT_ID,
    KEY,
    SAME_ID,
    Answer,
    Hostile,
    running_hostile,
)

REDIRECT_URI = "https://us.example.org/sign-in/hostile"


@pytest.fixture
async def hostile() -> AsyncIterator[Hostile]:
    async with running_hostile() as hostile:
        yield hostile


@pytest.fixture
def oidc() -> Oidc:
    return Oidc(system_clock)


@pytest.fixture
def provider(hostile: Hostile) -> Provider:
    return Provider("hostile", hostile.issuer, CLIENT_ID, "secret")


def query_of(begun: Begun, **more: str) -> dict[str, str]:
    return {"state": begun.state, "code": "a code", **more}


async def finishing(oidc: Oidc, provider: Provider, begun: Begun, **more: str) -> Found:
    return await oidc.finish(provider, REDIRECT_URI, begun, query_of(begun, **more))


# ---------------------------------------------------------------------------------- id tokens


def encoded(*parts: dict[str, Any]) -> bytes:
    return b".".join(base64url(json.dumps(part).encode()) for part in parts)


def base64url(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def unsigned(claims: dict[str, Any]) -> str:
    return f"{encoded({'alg': 'none', 'kid': 'k1'}, claims).decode()}."


def signed_with_the_public_key(claims: dict[str, Any]) -> str:
    """HMAC, with what everybody knows as the secret."""
    text = encoded({"alg": "HS256", "kid": "k1"}, claims)
    mac = hmac.digest(KEY.as_pem(private=False), text, "sha256")
    return b".".join([text, base64url(mac)]).decode()


def signed_by_another_algorithm(claims: dict[str, Any]) -> str:
    """With the right key, which is for RS256 alone."""
    key = RSAKey.import_key(KEY.as_pem(private=True))
    return jwt.encode({"alg": "RS512", "kid": "k1"}, claims, key, algorithms=["RS512"])


def with_a_key_of_its_own(claims: dict[str, Any]) -> str:
    """The key to check it with comes along in its header."""
    header = {"alg": "RS256", "kid": "k1", "jwk": SAME_ID.as_dict(private=False)}
    return jwt.encode(header, claims, SAME_ID)


async def test_lets_a_good_id_token_in(oidc: Oidc, provider: Provider, hostile: Hostile) -> None:
    """Or the refusals below would prove nothing."""
    begun = await oidc.begin(provider, REDIRECT_URI)
    hostile.will_give(hostile.sign(hostile.claims(begun.nonce)))
    found = await finishing(oidc, provider, begun)
    assert (found.issuer, found.subject) == (hostile.issuer, "ann")
    # A provider that is known is asked for a token and nothing else.
    hostile.asked.clear()
    again = await oidc.begin(provider, REDIRECT_URI)
    hostile.will_give(hostile.sign(hostile.claims(again.nonce)))
    await finishing(oidc, provider, again)
    assert hostile.asked == ["/token"]


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"nonce": "another"}, Flaw.NONCE),
        ({"nonce": None}, Flaw.NONCE),
        ({"iss": "https://evil.example"}, Flaw.ISSUER),
        ({"iss": None}, Flaw.ISSUER),
        ({"aud": "somebody else"}, Flaw.AUDIENCE),
        ({"aud": None}, Flaw.AUDIENCE),
        ({"aud": {"us": True}}, Flaw.AUDIENCE),
        ({"aud": [CLIENT_ID, "somebody else"]}, Flaw.AUTHORIZED_PARTY),
        ({"aud": [CLIENT_ID, "else"], "azp": "else"}, Flaw.AUTHORIZED_PARTY),
        ({"azp": "somebody else"}, Flaw.AUTHORIZED_PARTY),
        ({"exp": 1_700_000_000}, Flaw.EXPIRED),
        ({"exp": None}, Flaw.MALFORMED),
        ({"exp": "soon"}, Flaw.MALFORMED),
        ({"exp": True}, Flaw.MALFORMED),
        ({"exp": 1e300}, Flaw.MALFORMED),
        ({"iat": 4_000_000_000}, Flaw.NOT_YET_VALID),
        ({"nbf": 4_000_000_000}, Flaw.NOT_YET_VALID),
        ({"sub": ""}, Flaw.SUBJECT),
        ({"sub": ["ann"]}, Flaw.SUBJECT),
        ({"sub": "x" * 256}, Flaw.SUBJECT),
        ({"sub": "ann\nbob"}, Flaw.SUBJECT),
        ({"at_hash": "of-another-token"}, Flaw.ACCESS_TOKEN_HASH),
    ],
)
async def test_refuses_an_id_token_with_a_wrong_claim(
    oidc: Oidc, provider: Provider, hostile: Hostile, changes: dict[str, Any], flaw: Flaw
) -> None:
    begun = await oidc.begin(provider, REDIRECT_URI)
    hostile.will_give(hostile.sign(hostile.claims(begun.nonce, changes)))
    with pytest.raises(TokenRefused) as caught:
        await finishing(oidc, provider, begun)
    assert caught.value.flaw is flaw


@pytest.mark.parametrize(
    ("make", "flaw"),
    [
        (unsigned, Flaw.ALGORITHM),
        (signed_with_the_public_key, Flaw.ALGORITHM),
        (lambda claims: jwt.encode({"alg": "RS256", "kid": "k1"}, claims, SAME_ID), Flaw.SIGNATURE),
        (with_a_key_of_its_own, Flaw.SIGNATURE),
        (lambda claims: jwt.encode({"alg": "RS256", "kid": "k2"}, claims, KEY), Flaw.KEY),
        (
            signed_by_another_algorithm,
            Flaw.ALGORITHM,
        ),
        (
            lambda claims: jwt.encode({"alg": "RS256", "kid": "k1"}, claims, KEY)[:-9],
            Flaw.SIGNATURE,
        ),
        (
            lambda claims: jwt.encode({"alg": "RS256"}, claims, KEY).rpartition(".")[0],
            Flaw.MALFORMED,
        ),
        (lambda claims: jwt.encode({"alg": "RS256", "typ": "logout+jwt"}, claims, KEY), Flaw.KIND),
        (lambda claims: jwt.encode({"alg": "RS256", "typ": "at+jwt"}, claims, KEY), Flaw.KIND),
        (
            lambda claims: jwt.encode({"alg": "RS256"}, {**claims, "x": "y" * 20_000}, KEY),
            Flaw.OVERSIZED,
        ),
        (lambda _claims: "not a token", Flaw.MALFORMED),
    ],
)
async def test_refuses_an_id_token_that_is_not_signed_as_it_should(
    oidc: Oidc,
    provider: Provider,
    hostile: Hostile,
    make: Callable[[dict[str, Any]], str],
    flaw: Flaw,
) -> None:
    begun = await oidc.begin(provider, REDIRECT_URI)
    hostile.will_give(make(hostile.claims(begun.nonce)))
    with pytest.raises(TokenRefused) as caught:
        await finishing(oidc, provider, begun)
    assert caught.value.flaw is flaw


async def test_refuses_userinfo_of_somebody_else(
    oidc: Oidc, provider: Provider, hostile: Hostile
) -> None:
    described = hostile.metadata(userinfo_endpoint=f"{hostile.issuer}/me")
    hostile.answers["/.well-known/openid-configuration"] = Answer(described)
    hostile.answers["/me"] = Answer({"sub": "bob", "email": "bob@example.org"})
    begun = await oidc.begin(provider, REDIRECT_URI)
    hostile.will_give(hostile.sign(hostile.claims(begun.nonce, {"email": None})))
    with pytest.raises(AnswerRefused):
        await finishing(oidc, provider, begun)


# ---------------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(b"<html>Sign in</html>", headers={"Content-Type": "text/html"}), AnswerRefused),
        (Answer(b'{"pad": "' + b"x" * 300_000 + b'"}'), AnswerRefused),
        (Answer(b"[" * 100_000), AnswerRefused),
        (Answer(b""), AnswerRefused),
        (Answer(["a list"]), AnswerRefused),
        (Answer({"access_token": "a"}), AnswerRefused),
        (Answer({"access_token": "a", "token_type": "mac"}), AnswerRefused),
        (Answer({"access_token": {}, "token_type": "bearer"}), AnswerRefused),
        (Answer({"access_token": "a", "token_type": "bearer"}), AnswerRefused),  # No id token.
        (
            Answer({"access_token": "a", "token_type": "bearer", "expires_in": "ever"}),
            AnswerRefused,
        ),
        (Answer({"access_token": "a\r\nX: y", "token_type": "bearer"}), AnswerRefused),
        (Answer({}, 302, {"Location": "http://127.0.0.1:1/"}), AnswerRefused),
        (Answer(b"x", headers={"Content-Encoding": "gzip"}), AnswerRefused),
        (Answer({"error": "invalid_grant"}, 400), CodeRefused),
        (Answer({"error": "invalid_client"}, 401), Misconfigured),
        (Answer({"error": "<script>"}, 400), AnswerRefused),
        (Answer({"error": ["x"]}, 400), AnswerRefused),
        (Answer({"message": "no"}, 403), AnswerRefused),
        (Answer({"error": "down"}, 503), Unreachable),
        (Answer({}, 429), Unreachable),
    ],
)
async def test_refuses_what_is_no_token_response(
    oidc: Oidc, provider: Provider, hostile: Hostile, answer: Answer, error: type[ForeignError]
) -> None:
    begun = await oidc.begin(provider, REDIRECT_URI)
    hostile.answers["/token"] = answer
    with pytest.raises(error) as caught:
        await finishing(oidc, provider, begun)
    assert "script" not in str(caught.value)


async def test_waits_for_nobody_who_dawdles(
    oidc: Oidc, provider: Provider, hostile: Hostile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outward, "ANSWER_SECONDS_MAX", 0.3)
    begun = await oidc.begin(provider, REDIRECT_URI)
    hostile.answers["/token"] = Answer({"access_token": "x" * 1000}, pause_seconds=0.05)
    started = time.monotonic()
    with pytest.raises(Unreachable):
        await finishing(oidc, provider, begun)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"issuer": "https://evil.example"}, AnswerRefused),
        ({"token_endpoint": "http://evil.example/token"}, Misconfigured),
        ({"token_endpoint": "file:///etc/passwd"}, Misconfigured),
        ({"token_endpoint": None}, Misconfigured),
        ({"jwks_uri": "https://user:password@evil.example/"}, Misconfigured),
        ({"code_challenge_methods_supported": ["plain"]}, AnswerRefused),
        ({"code_challenge_methods_supported": 1}, AnswerRefused),
        ({"id_token_signing_alg_values_supported": "none"}, AnswerRefused),
    ],
)
async def test_refuses_a_discovery_document_that_leads_astray(
    oidc: Oidc,
    provider: Provider,
    hostile: Hostile,
    changes: dict[str, Any],
    error: type[ForeignError],
) -> None:
    described = hostile.metadata(**changes)
    hostile.answers["/.well-known/openid-configuration"] = Answer(described)
    with pytest.raises(error):
        await oidc.begin(provider, REDIRECT_URI)


async def test_asks_a_provider_that_is_down_only_now_and_then(
    oidc: Oidc, provider: Provider, hostile: Hostile
) -> None:
    hostile.answers["/.well-known/openid-configuration"] = Answer({}, 500)
    for _ in range(5):
        with pytest.raises(Unreachable):
            await oidc.begin(provider, REDIRECT_URI)
    assert len(hostile.asked) == 1


async def test_wants_the_issuer_of_a_provider_that_promises_it(
    oidc: Oidc, provider: Provider, hostile: Hostile
) -> None:
    described = hostile.metadata(authorization_response_iss_parameter_supported=True)
    hostile.answers["/.well-known/openid-configuration"] = Answer(described)
    begun = await oidc.begin(provider, REDIRECT_URI)
    hostile.will_give(hostile.sign(hostile.claims(begun.nonce)))
    with pytest.raises(ResponseRefused) as caught:
        await finishing(oidc, provider, begun)
    assert caught.value.flaw is ResponseFlaw.ISSUER
    assert "/token" not in hostile.asked
    assert (await finishing(oidc, provider, begun, iss=hostile.issuer)).subject == "ann"


@pytest.mark.parametrize("code", ["", "x" * 5000, "with\nlines", "é"])
async def test_shows_the_provider_no_code_that_cannot_be_one(
    oidc: Oidc, provider: Provider, hostile: Hostile, code: str
) -> None:
    begun = await oidc.begin(provider, REDIRECT_URI)
    with pytest.raises(ResponseRefused) as caught:
        await finishing(oidc, provider, begun, code=code)
    assert caught.value.flaw is ResponseFlaw.CODE
    assert "/token" not in hostile.asked


# ---------------------------------------------------------------------------------- other dialects


async def test_makes_a_secret_for_apple_and_reads_its_form(oidc: Oidc, hostile: Hostile) -> None:
    private = ECKey.generate_key("P-256")
    key = AppleKey("TEAM", "KEYID", private.as_pem(private=True).decode())
    preset = apple(CLIENT_ID, key)
    assert preset.metadata is not None
    metadata = replace(
        preset.metadata,
        issuer=hostile.issuer,
        exchange_url=f"{hostile.issuer}/token",
        jwks_url=f"{hostile.issuer}/jwks",
    )
    provider = replace(preset, issuer=hostile.issuer, metadata=metadata)
    begun = await oidc.begin(provider, REDIRECT_URI)
    assert "response_mode=form_post" in begun.url
    hostile.will_give(hostile.sign(hostile.claims(begun.nonce, {"email_verified": "true"})))
    name = {"firstName": "Ann", "lastName": "Lee"}
    user = json.dumps({"name": name, "email": "else@example.org"})
    found = await finishing(oidc, provider, begun, user=user)
    assert (found.display_name, found.email_verified) == ("Ann Lee", True)
    assert found.email == "ann@example.org"  # As signed, not as the form says.

    (request,) = [each for each in hostile.requests if each.startswith("POST /token ")]
    sent = dict(parse_qsl(request.rpartition("\r\n\r\n")[2]))
    token = jwt.decode(sent["client_secret"], private, algorithms=["ES256"])
    assert token.header["kid"] == "KEYID"
    assert (token.claims["iss"], token.claims["sub"]) == ("TEAM", CLIENT_ID)
    assert token.claims["aud"] == "https://appleid.apple.com"
    assert 0 < token.claims["exp"] - time.time() <= 300


async def test_asks_a_provider_without_id_tokens(oidc: Oidc, hostile: Hostile) -> None:
    preset = github(CLIENT_ID, "secret")
    assert preset.metadata is not None
    metadata = replace(
        preset.metadata,
        exchange_url=f"{hostile.issuer}/token",
        userinfo_url=f"{hostile.issuer}/user",
    )
    provider = replace(preset, metadata=metadata)
    assert provider.client_auth is ClientAuth.POST
    hostile.will_give(None, scope="read:user,user:email")
    hostile.answers["/user"] = Answer({"id": 583231, "login": "octocat", "email": "o@example.org"})
    hostile.answers["/user/emails"] = Answer(
        [
            {"email": "old@example.org", "verified": True, "primary": False},
            {"email": "cat@example.org", "verified": True, "primary": True},
        ]
    )
    begun = await oidc.begin(provider, REDIRECT_URI)
    found = await finishing(oidc, provider, begun, iss="https://github.com/login/oauth")
    assert (found.issuer, found.subject) == ("https://github.com/login/oauth", "583231")
    assert (found.email, found.email_verified) == ("cat@example.org", True)
    assert found.tokens.scopes == ("read:user", "user:email")
    assert "authorization: bearer opaque" in hostile.requests[-1].lower()

    # It refuses with 200 and an error.
    hostile.answers["/token"] = Answer({"error": "bad_verification_code"})
    with pytest.raises(CodeRefused):
        await finishing(oidc, provider, begun)
    with pytest.raises(ResponseRefused):
        await finishing(oidc, provider, begun, iss="https://discord.com")
