"""People of other issuers: genuine and made tokens, and everything that must not pass for one."""

import json
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from libs.testkit.clock import FakeClock
from services.auth.adapters.foreign.errors import (
    AnswerRefused,
    Flaw,
    Misconfigured,
    TokenRefused,
    Unreachable,
)
from services.auth.adapters.foreign.issuers import Foreign, Issuer, IssuerKind, Issuers, TokenKind
from tests.peers.hostile_provider import KEY, SAME_ID, Answer, Hostile, running_hostile

DATA = Path(__file__).parents[4].parent / "shared/data"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
US = "https://api.backline.test"
ELSEWHERE = "https://login.example.org/"
ALLOWED_PARTY = "https://app.example.org"
EC = ECKey.generate_key("P-256", {"kid": "ec", "alg": "ES256", "use": "sig"})

vectors = pytest.mark.skipif(
    not DATA.exists() and not os.environ.get("CI"),
    reason="the tokens of other issuers are not beside this checkout",
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
async def server() -> AsyncIterator[Hostile]:
    """Where keys are fetched."""
    async with running_hostile() as hostile:
        yield hostile


def keys(*held: RSAKey | ECKey | OKPKey) -> Answer:
    return Answer({"keys": [key.as_dict(private=False) for key in held]})


def sign(claims: Mapping[str, Any], key: RSAKey | ECKey = KEY, **header: Any) -> str:
    """A token; claims that are None are left out."""
    known = {name: value for name, value in claims.items() if value is not None}
    head = {"alg": key.get("alg"), "kid": key.kid, **header}
    head = {name: value for name, value in head.items() if value is not None}
    return jwt.encode(head, known, key, registry=JWSRegistry(strict_check_header=False))


async def flaw_of(issuers: Issuers, token: str) -> Flaw:
    with pytest.raises(TokenRefused) as caught:
        await issuers.verify(token)
    return caught.value.flaw


# ---------------------------------------------------------------------------------- vectors


def _cases(path: str) -> list[Any]:
    file = DATA / path
    if not file.exists():
        return []
    return [pytest.param(case, id=case["name"]) for case in json.loads(file.read_text())]


async def check(case: Mapping[str, Any], issuers: Issuers) -> None:
    """That a token is taken or not, as its vector says."""
    if case["expect"] == "accept":
        person = await issuers.verify(case["token"])
        assert person.subject
    else:
        with pytest.raises(TokenRefused):
            await issuers.verify(case["token"])


@vectors
@pytest.mark.parametrize("case", _cases("identity/open/idtoken_vectors.json"))
async def test_agrees_with_vectors_of_google_auth0_and_privy(
    case: dict[str, Any], server: Hostile
) -> None:
    policy = case["policy"]
    name, *other_names = policy["issuers"]
    server.answers["/jwks"] = Answer(case["jwks"])
    issuer = Issuer(
        name,
        IssuerKind.PRIVY if name == "privy.io" else IssuerKind.OIDC,
        audiences=(policy["audience"],),
        also_known_as=tuple(other_names),
        jwks_url=f"{server.issuer}/jwks",
    )
    at = datetime.fromtimestamp(policy["now"], UTC)
    await check(case, Issuers([issuer], FakeClock(at)))


@vectors
@pytest.mark.parametrize("is_pinned", [False, True])
@pytest.mark.parametrize("case", _cases("clerk/open/session_jwt_vectors.json"))
async def test_agrees_with_genuine_tokens_of_clerk(
    case: dict[str, Any], server: Hostile, is_pinned: bool
) -> None:
    server.answers["/jwks"] = Answer(case["jwks"])
    key = RSAKey.import_key(case["jwks"]["keys"][0])
    issuer = Issuer(
        case["issuer"],
        IssuerKind.CLERK,
        authorized_parties=tuple(case["authorized_parties"]),
        jwks_url="" if is_pinned else f"{server.issuer}/jwks",
        pinned_pem=key.as_pem(private=False).decode() if is_pinned else "",
    )
    at = datetime.fromtimestamp(case["now"], UTC)
    await check(case, Issuers([issuer], FakeClock(at)))
    assert not (is_pinned and server.asked)


# ---------------------------------------------------------------------------------- any issuer


def oidc(server: Hostile, **more: Any) -> Issuer:
    given = {"audiences": (US,), "jwks_url": f"{server.issuer}/jwks", **more}
    return Issuer(ELSEWHERE, **given)


CLAIMS = {
    "iss": ELSEWHERE,
    "aud": US,
    "sub": "ann",
    "iat": SECONDS,
    "exp": SECONDS + 300,
    "email": "ann@example.org",
    "email_verified": True,
    "name": "Ann Lee",
}


async def test_tells_whom_a_token_names(server: Hostile, clock: FakeClock) -> None:
    person = await Issuers([oidc(server)], clock).verify(sign(CLAIMS))
    assert person == Foreign(
        issuer=ELSEWHERE,
        subject="ann",
        email="ann@example.org",
        email_verified=True,
        display_name="Ann Lee",
        expires_at=NOW + timedelta(seconds=300),
    )


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({"iss": "https://login.example.org"}, Flaw.ISSUER),  # Without its slash.
        ({"iss": "https://evil.example"}, Flaw.ISSUER),
        ({"iss": None}, Flaw.ISSUER),
        ({"iss": [ELSEWHERE]}, Flaw.ISSUER),
        ({"aud": "https://else.test"}, Flaw.AUDIENCE),
        ({"aud": None}, Flaw.AUDIENCE),
        ({"aud": 5}, Flaw.AUDIENCE),
        ({"exp": SECONDS}, Flaw.EXPIRED),
        ({"exp": None}, Flaw.MALFORMED),
        ({"nbf": SECONDS + 31}, Flaw.NOT_YET_VALID),
        ({"iat": SECONDS + 31}, Flaw.NOT_YET_VALID),
        ({"sub": None}, Flaw.SUBJECT),
        ({"sub": 5}, Flaw.SUBJECT),
        ({"act": {"sub": "admin"}}, Flaw.KIND),
        ({"cnf": {"jkt": "x"}}, Flaw.KIND),
        ({"events": {"backchannel-logout": {}}}, Flaw.KIND),
        ({"typ": "Refresh"}, Flaw.KIND),
        ({"typ": ["Bearer"]}, Flaw.KIND),
        ({"token_use": "else"}, Flaw.KIND),
        ({"gty": "client-credentials", "azp": "c", "sub": "c@clients"}, Flaw.KIND),
        ({"client_id": "robot", "sub": "robot"}, Flaw.KIND),
        ({"nonce": "n", "azp": "https://else.test"}, Flaw.AUTHORIZED_PARTY),
        ({"nonce": "n", "aud": [US, "https://else.test"]}, Flaw.AUTHORIZED_PARTY),
    ],
)
async def test_refuses_a_token_with_a_wrong_claim(
    server: Hostile, clock: FakeClock, changes: dict[str, Any], flaw: Flaw
) -> None:
    assert await flaw_of(Issuers([oidc(server)], clock), sign({**CLAIMS, **changes})) is flaw


@pytest.mark.parametrize(
    ("token", "flaw"),
    [
        (sign(CLAIMS, SAME_ID), Flaw.SIGNATURE),
        (sign(CLAIMS, kid="k2"), Flaw.KEY),
        (sign(CLAIMS, kid="x" * 300), Flaw.MALFORMED),
        (sign(CLAIMS, crit=["b64"], b64=True), Flaw.MALFORMED),
        (sign(CLAIMS, typ="secevent+jwt"), Flaw.KIND),
        (sign(CLAIMS, EC, kid="k1"), Flaw.ALGORITHM),
        (sign(CLAIMS)[:-4], Flaw.SIGNATURE),
        (sign(CLAIMS).rpartition(".")[0] + ".", Flaw.SIGNATURE),
        (sign(CLAIMS).rpartition(".")[0], Flaw.MALFORMED),
        (sign({**CLAIMS, "pad": "x" * 20_000}), Flaw.OVERSIZED),
        (jwt.encode({"alg": "HS256"}, CLAIMS, OctKey.generate_key(256)), Flaw.ALGORITHM),
        ("", Flaw.MALFORMED),
        ("é.é.é", Flaw.MALFORMED),
        ("..", Flaw.MALFORMED),
        ("e30.e30.", Flaw.MALFORMED),
        ("bnVsbA.bnVsbA.", Flaw.MALFORMED),
        ("WyJhIl0.WyJhIl0.", Flaw.MALFORMED),
        ("eyJhbGciOlsieCJdfQ.e30.", Flaw.ISSUER),
    ],
)
async def test_refuses_what_its_issuer_did_not_sign(
    server: Hostile, clock: FakeClock, token: str, flaw: Flaw
) -> None:
    assert await flaw_of(Issuers([oidc(server)], clock), token) is flaw


@pytest.mark.parametrize(
    ("claims", "header", "kind"),
    [
        ({"nonce": "n"}, {}, TokenKind.ID),
        ({"typ": "ID"}, {}, TokenKind.ID),
        ({"token_use": "id"}, {}, TokenKind.ID),
        ({"scope": "openid"}, {}, TokenKind.ACCESS),
        ({"typ": "Bearer", "nonce": "n"}, {}, TokenKind.ACCESS),  # Keycloak, years ago.
        ({"token_use": "access"}, {}, TokenKind.ACCESS),
        ({}, {"typ": "at+jwt"}, TokenKind.ACCESS),
        ({}, {"typ": "application/at+JWT"}, TokenKind.ACCESS),
    ],
)
async def test_takes_one_kind_of_token_for_no_other(
    server: Hostile,
    clock: FakeClock,
    claims: dict[str, Any],
    header: dict[str, Any],
    kind: TokenKind,
) -> None:
    token = sign({**CLAIMS, **claims}, **header)
    taking = oidc(server, accepts=frozenset({kind}))
    assert (await Issuers([taking], clock).verify(token)).subject == "ann"
    refusing = oidc(server, accepts=frozenset(TokenKind) - {kind})
    assert await flaw_of(Issuers([refusing], clock), token) is Flaw.KIND


async def test_takes_no_key_of_another_tenant(server: Hostile, clock: FakeClock) -> None:
    """Two issuers have a key of the same id; each opens its own door."""
    server.answers["/other/jwks"] = keys(SAME_ID)
    other = Issuer("https://other.example", audiences=(US,), jwks_url=f"{server.issuer}/other/jwks")
    issuers = Issuers([oidc(server), other], clock)
    of_other = {**CLAIMS, "iss": "https://other.example"}
    assert (await issuers.verify(sign(CLAIMS, KEY))).issuer == ELSEWHERE
    assert (await issuers.verify(sign(of_other, SAME_ID))).issuer == "https://other.example"
    assert await flaw_of(issuers, sign(CLAIMS, SAME_ID)) is Flaw.SIGNATURE
    assert await flaw_of(issuers, sign(of_other, KEY)) is Flaw.SIGNATURE


async def test_finds_the_keys_by_discovery(server: Hostile, clock: FakeClock) -> None:
    issuers = Issuers([Issuer(server.issuer, audiences=(US,))], clock)
    assert (await issuers.verify(sign({**CLAIMS, "iss": server.issuer}))).issuer == server.issuer
    assert server.asked == ["/.well-known/openid-configuration", "/jwks"]


# ---------------------------------------------------------------------------------- keys


async def test_asks_again_for_a_new_key_though_not_too_often(
    server: Hostile, clock: FakeClock
) -> None:
    issuers = Issuers([oidc(server)], clock)
    await issuers.verify(sign(CLAIMS))
    for number in range(5):
        assert await flaw_of(issuers, sign(CLAIMS, EC, kid=f"guess-{number}")) is Flaw.KEY
    assert len(server.asked) == 1

    server.answers["/jwks"] = keys(EC)  # The issuer changes its key.
    clock.advance(seconds=11)
    assert (await issuers.verify(sign(CLAIMS, EC))).subject == "ann"
    assert len(server.asked) == 2
    clock.advance(seconds=11)
    assert await flaw_of(issuers, sign(CLAIMS, KEY)) is Flaw.KEY


async def test_forgets_keys_that_are_gone_within_an_hour(server: Hostile, clock: FakeClock) -> None:
    issuers = Issuers([oidc(server)], clock)
    lasting = {**CLAIMS, "exp": SECONDS + 10 * 3600}
    await issuers.verify(sign(lasting))
    server.answers["/jwks"] = keys(EC)
    clock.advance(seconds=61 * 60)
    assert await flaw_of(issuers, sign(lasting)) is Flaw.KEY


async def test_goes_on_for_some_hours_while_keys_cannot_be_had(
    server: Hostile, clock: FakeClock
) -> None:
    issuers = Issuers([oidc(server)], clock)
    lasting = {**CLAIMS, "exp": SECONDS + 10 * 3600}
    await issuers.verify(sign(lasting))
    server.answers["/jwks"] = Answer({}, 503)
    clock.advance(seconds=5 * 3600)
    assert (await issuers.verify(sign(lasting))).subject == "ann"
    clock.advance(seconds=2 * 3600)
    with pytest.raises(Unreachable):
        await issuers.verify(sign(lasting))
    with pytest.raises(Unreachable):  # Without asking: it is too soon.
        await issuers.verify(sign(lasting))
    assert len(server.asked) == 3


async def test_takes_a_token_without_a_key_id_when_there_is_one_key(
    server: Hostile, clock: FakeClock
) -> None:
    token = sign(CLAIMS, kid=None)
    assert (await Issuers([oidc(server)], clock).verify(token)).subject == "ann"
    server.answers["/jwks"] = keys(KEY, EC)
    assert await flaw_of(Issuers([oidc(server)], clock), token) is Flaw.KEY


async def test_leaves_out_keys_that_are_no_good(server: Hostile, clock: FakeClock) -> None:
    shared = OctKey.generate_key(256, {"kid": "shared", "alg": "HS256"})
    listed = [
        {**KEY.as_dict(private=False), "kid": "enc", "use": "enc"},
        {**KEY.as_dict(private=True), "kid": "private"},
        {**KEY.as_dict(private=False), "kid": "weak", "n": KEY.as_dict()["n"][:100]},
        {**KEY.as_dict(private=False), "kid": 5},
        {"kty": "RSA", "kid": "empty"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "off-the-curve"},
        "nonsense",
        shared.as_dict(),
        KEY.as_dict(private=False),
    ]
    server.answers["/jwks"] = Answer({"keys": listed})
    issuers = Issuers([oidc(server)], clock)
    for key_id in ("enc", "private", "weak", "empty", "off-the-curve"):
        assert await flaw_of(issuers, sign(CLAIMS, kid=key_id)) is Flaw.KEY
    forged = jwt.encode({"alg": "HS256", "kid": "shared"}, CLAIMS, shared)
    assert await flaw_of(issuers, forged) is Flaw.ALGORITHM
    assert (await issuers.verify(sign(CLAIMS))).subject == "ann"


@pytest.mark.parametrize("document", [{}, {"keys": {}}, {"keys": [{}] * 65}, []])
async def test_refuses_what_is_no_key_set(server: Hostile, clock: FakeClock, document: Any) -> None:
    server.answers["/jwks"] = Answer(document)
    with pytest.raises(AnswerRefused):
        await Issuers([oidc(server)], clock).verify(sign(CLAIMS))


# ---------------------------------------------------------------------------------- Clerk, Privy


SESSION = {
    "iss": "https://clerk.example.org",
    "azp": ALLOWED_PARTY,
    "sub": "user_1",
    "sid": "sess_1",
    "sts": "active",
    "v": 2,
    "iat": SECONDS,
    "nbf": SECONDS - 10,
    "exp": SECONDS + 60,
}


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({}, None),
        ({"sts": None}, None),  # Version 1.
        ({"sts": "pending"}, Flaw.KIND),
        ({"act": {"sub": "user_2"}}, Flaw.KIND),
        ({"sid": None}, Flaw.KIND),  # Of a template.
        ({"sub": "mch_1"}, Flaw.KIND),
        ({"azp": None}, Flaw.AUTHORIZED_PARTY),
        ({"azp": "https://evil.example"}, Flaw.AUTHORIZED_PARTY),
        ({"azp": [ALLOWED_PARTY]}, Flaw.AUTHORIZED_PARTY),
        ({"aud": "https://else.test"}, Flaw.AUDIENCE),
        ({"exp": SECONDS - 1}, Flaw.EXPIRED),
    ],
)
async def test_takes_sessions_of_clerk_and_nothing_else(
    server: Hostile, clock: FakeClock, changes: dict[str, Any], flaw: Flaw | None
) -> None:
    issuer = Issuer(
        "https://clerk.example.org",
        IssuerKind.CLERK,
        authorized_parties=(ALLOWED_PARTY,),
        jwks_url=f"{server.issuer}/jwks",
    )
    issuers = Issuers([issuer], clock)
    token = sign({**SESSION, **changes}, cat="cl_B7d4PD111AAA")  # A header field of its own.
    if flaw is None:
        assert (await issuers.verify(token)).subject == "user_1"
    else:
        assert await flaw_of(issuers, token) is flaw


ACCESS = {
    "iss": "privy.io",
    "aud": "app-a",
    "sub": "did:privy:1",
    "sid": "session-1",
    "iat": SECONDS,
    "exp": SECONDS + 3600,
}


def privy(app: str, url: str) -> Issuer:
    return Issuer("privy.io", IssuerKind.PRIVY, audiences=(app,), jwks_url=url)


@pytest.mark.parametrize(
    ("changes", "flaw"),
    [
        ({}, None),
        ({"aud": "app-c"}, Flaw.AUDIENCE),
        ({"sid": None, "linked_accounts": "[]"}, Flaw.KIND),  # An identity token.
        ({"sid": None}, Flaw.KIND),
        ({"sub": "ann"}, Flaw.KIND),
        ({"iss": "https://privy.io"}, Flaw.ISSUER),
    ],
)
async def test_takes_access_tokens_of_privy_and_nothing_else(
    server: Hostile, clock: FakeClock, changes: dict[str, Any], flaw: Flaw | None
) -> None:
    server.answers["/a"] = keys(EC)
    issuers = Issuers([privy("app-a", f"{server.issuer}/a")], clock)
    token = sign({**ACCESS, **changes}, EC)
    if flaw is None:
        assert (await issuers.verify(token)).subject == "did:privy:1"
    else:
        assert await flaw_of(issuers, token) is flaw


async def test_keeps_the_apps_of_privy_apart(server: Hostile, clock: FakeClock) -> None:
    """All have one issuer; each has keys of its own, here even under one id."""
    other = ECKey.generate_key("P-256", {"kid": "ec", "alg": "ES256"})
    server.answers |= {"/a": keys(EC), "/b": keys(other)}
    apps = [privy("app-a", f"{server.issuer}/a"), privy("app-b", f"{server.issuer}/b")]
    issuers = Issuers(apps, clock)
    of_b = {**ACCESS, "aud": "app-b"}
    assert (await issuers.verify(sign(ACCESS, EC))).subject == "did:privy:1"
    assert (await issuers.verify(sign(of_b, other))).subject == "did:privy:1"
    assert await flaw_of(issuers, sign(ACCESS, other)) is Flaw.SIGNATURE
    assert await flaw_of(issuers, sign(of_b, EC)) is Flaw.SIGNATURE


# ---------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "settings",
    [
        {"issuer": ""},
        {"audiences": ()},
        {"jwks_url": "http://login.example.org/jwks"},
        {"jwks_url": "https://login.example.org/jwks#keys"},
        {"jwks_url": "ftp://login.example.org/"},
        {"kind": IssuerKind.CLERK, "audiences": ()},
        {"kind": IssuerKind.PRIVY, "audiences": ("one", "two")},
        {"pinned_pem": "nonsense"},
        {"pinned_pem": KEY.as_pem(private=True).decode()},
        {"issuer": "login.example.org"},
    ],
)
def test_takes_no_issuer_that_would_let_strangers_in(settings: dict[str, Any]) -> None:
    good = Issuer(ELSEWHERE, audiences=(US,))
    with pytest.raises(Misconfigured):
        replace(good, **settings)


def test_takes_public_keys_of_every_kind_as_pem() -> None:
    for key in (KEY, EC, OKPKey.generate_key("Ed25519")):
        Issuer(ELSEWHERE, audiences=(US,), pinned_pem=key.as_pem(private=False).decode())
