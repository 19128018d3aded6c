"""Tokens: who may make one, whose are believed, and for how long."""

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as some
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from libs.chassis.tokens import (
    REFRESH_PAUSE_SECONDS,
    Identity,
    Jwks,
    Signer,
    TokenExpired,
    TokenInvalid,
    Verifier,
)
from libs.kernel.errors import Unavailable
from libs.kernel.messages import Caller

NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Keys:
    """What `auth` would answer, and how often it was asked."""

    def __init__(self, *signers: Signer) -> None:
        self.signers = list(signers)
        self.asked = 0

    async def __call__(self) -> Jwks:
        self.asked += 1
        return {"keys": [key for signer in self.signers for key in signer.jwks()["keys"]]}


@pytest.fixture
def signer() -> Signer:
    return Signer.of_this_process()


@pytest.fixture
def clock() -> Hands:
    return Hands()


def sign(signer: Signer, **changes: Any) -> str:
    arguments = {"roles": ["moderator"], "kind": "named", "at": NOW, "ttl_seconds": 60, **changes}
    token, _ = signer.sign(arguments.pop("user_id", "usr_1"), **arguments)
    return token


async def test_names_the_user_when_the_token_is_good(signer: Signer, clock: Hands) -> None:
    verifier = Verifier(Keys(signer), clock)
    token = sign(signer)
    assert verifier.recall(token) is None
    identity = await verifier.verify(token)
    assert identity == Identity(
        "usr_1", ("moderator",), "named", "", NOW.timestamp(), NOW.timestamp() + 60
    )
    assert identity.caller.user_id == "usr_1"
    assert verifier.recall(token) is identity


async def test_says_when_it_expires_when_signed(signer: Signer) -> None:
    _, expires_at = signer.sign("usr_1", [], "guest", at=NOW, ttl_seconds=90.7)
    assert expires_at == NOW + timedelta(seconds=90)


@pytest.mark.parametrize("is_known", [True, False])
async def test_is_refused_when_it_has_expired(
    signer: Signer, clock: Hands, *, is_known: bool
) -> None:
    verifier = Verifier(Keys(signer), clock)
    token = sign(signer)
    if is_known:
        await verifier.verify(token)
    clock.now += timedelta(seconds=60)
    assert verifier.recall(token) is None
    with pytest.raises(TokenExpired):
        await verifier.verify(token)


async def test_is_refused_when_somebody_else_signed_it(signer: Signer, clock: Hands) -> None:
    verifier = Verifier(Keys(signer), clock)
    with pytest.raises(TokenInvalid, match="a key we do not know"):
        await verifier.verify(sign(Signer.of_this_process()))


async def test_is_refused_when_its_payload_was_changed(signer: Signer, clock: Hands) -> None:
    header, payload, signature = sign(signer).split(".")
    claims = json.loads(urlsafe_b64decode(payload + "=="))
    changed = json.dumps({**claims, "roles": ["admin"]}).encode()
    forged = ".".join([header, urlsafe_b64encode(changed).decode().rstrip("="), signature])
    with pytest.raises(TokenInvalid):
        await Verifier(Keys(signer), clock).verify(forged)


async def test_is_refused_when_it_is_signed_with_the_public_key_as_a_shared_secret(
    signer: Signer, clock: Hands
) -> None:
    public = signer.jwks()["keys"][0]
    secret = OctKey.import_key(urlsafe_b64decode(public["x"] + "=="))
    header = {"alg": "HS256", "kid": public["kid"]}
    claims = json.loads(urlsafe_b64decode(sign(signer).split(".")[1] + "=="))
    with pytest.raises(TokenInvalid):
        await Verifier(Keys(signer), clock).verify(jwt.encode(header, claims, secret))


@pytest.mark.parametrize(
    "changes", [{"roles": ["service"]}, {"roles": ["emperor"]}, {"user_id": ""}]
)
async def test_is_refused_when_it_claims_what_no_token_may(
    signer: Signer, clock: Hands, changes: dict[str, Any]
) -> None:
    with pytest.raises(TokenInvalid):
        await Verifier(Keys(signer), clock).verify(sign(signer, **changes))


async def test_says_what_it_was_narrowed_to_and_who_acts(signer: Signer, clock: Hands) -> None:
    verifier = Verifier(Keys(signer), clock)
    key = await verifier.verify(sign(signer, scope=["voting.cast-vote", "catalog.*"]))
    assert key.caller == Caller("usr_1", ("moderator",), ("voting.cast-vote", "catalog.*"))
    acting = await verifier.verify(sign(signer, impersonator="grace"))
    assert acting.caller == Caller("usr_1", ("moderator",), None, "grace")
    nothing = await verifier.verify(sign(signer, scope=[]))
    assert nothing.caller.scope == ()


CLAIMS: dict[str, Any] = {
    "iss": "backline",
    "aud": "backline",
    "sub": "usr_1",
    "iat": NOW.timestamp(),
    "exp": NOW.timestamp() + 60,
    "roles": ["member"],
    "kind": "named",
}


def compact(key: OKPKey, claims: Any, **header: Any) -> str:
    """A token of any header and payload, with a good signature."""
    parts = [{"alg": "EdDSA", "kid": key.kid, **header}, claims]
    texts = [urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    private = key.private_key
    assert isinstance(private, Ed25519PrivateKey)
    signature = urlsafe_b64encode(private.sign(b".".join(texts))).rstrip(b"=")
    return b".".join([*texts, signature]).decode()


@pytest.mark.parametrize(
    "claims",
    [
        [],
        "usr_1",
        {**CLAIMS, "act": {}},
        {**CLAIMS, "act": {"sub": ""}},
        {**CLAIMS, "act": {"sub": 5}},
        {**CLAIMS, "act": "grace"},
        {**CLAIMS, "act": None},
        {**CLAIMS, "scope": ["voting.*"]},
        {**CLAIMS, "scope": 5},
        {**CLAIMS, "sid": 5},
        {**CLAIMS, "sub": 5},
        {**CLAIMS, "kind": None},
        {**CLAIMS, "roles": "admin"},
        {**CLAIMS, "roles": [[]]},
        {**CLAIMS, "iss": "somebody"},
        {**CLAIMS, "aud": "another"},
        {**CLAIMS, "exp": "later"},
        {**CLAIMS, "iat": None},
        {name: value for name, value in CLAIMS.items() if name != "exp"},
    ],
)
async def test_is_refused_when_its_claims_are_not_ours_whoever_signed(
    clock: Hands, claims: Any
) -> None:
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    verifier = Verifier(Keys(Signer([key])), clock)
    assert (await verifier.verify(compact(key, CLAIMS))).user_id == "usr_1"
    with pytest.raises(TokenInvalid):
        await verifier.verify(compact(key, claims))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "Ed448"},
        {"alg": None},
        {"kid": None},
        {"kid": {}},
        {"kid": "another"},
        {"crit": ["exp"], "exp": 1},
        {"b64": False, "crit": ["b64"]},
    ],
)
async def test_is_refused_when_its_header_is_not_ours_whoever_signed(
    clock: Hands, header: dict[str, Any]
) -> None:
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    with pytest.raises(TokenInvalid):
        await Verifier(Keys(Signer([key])), clock).verify(compact(key, CLAIMS, **header))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token.rpartition(".")[0] + ".",
        lambda token: token[:-4],
        lambda token: token + ".",
        lambda token: token + "\n",
        lambda token: token + "=",
        lambda token: token.replace(".", ". ", 1),
        lambda token: "." + token,
        lambda token: token + "A" * 5000,
    ],
)
async def test_is_refused_when_it_was_cut_or_added_to(
    signer: Signer, clock: Hands, spoil: Callable[[str], str]
) -> None:
    with pytest.raises(TokenInvalid):
        await Verifier(Keys(signer), clock).verify(spoil(sign(signer)))


async def test_is_refused_when_it_comes_from_the_future(signer: Signer, clock: Hands) -> None:
    token = sign(signer, at=NOW + timedelta(minutes=5))
    with pytest.raises(TokenInvalid, match="future"):
        await Verifier(Keys(signer), clock).verify(token)


_of_this_module = Signer.of_this_process()


@given(some.text() | some.from_regex(r"\A[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\Z"))
def test_is_refused_when_it_is_garbage(text: str) -> None:
    verifier = Verifier(Keys(_of_this_module), lambda: NOW)
    with pytest.raises(TokenInvalid):
        asyncio.run(verifier.verify(text))


async def test_asks_for_keys_again_when_a_token_names_a_new_one(
    signer: Signer, clock: Hands
) -> None:
    keys = Keys(signer)
    verifier = Verifier(keys, clock)
    await verifier.verify(sign(signer))
    successor = Signer.of_this_process()
    keys.signers.append(successor)
    with pytest.raises(TokenInvalid):  # Too soon: whoever sends garbage must not make us ask.
        await verifier.verify(sign(successor))
    clock.now += timedelta(seconds=REFRESH_PAUSE_SECONDS + 1)
    await verifier.verify(sign(successor))
    assert keys.asked == 2


async def test_asks_for_keys_once_when_many_ask_at_once(signer: Signer, clock: Hands) -> None:
    keys = Keys(signer)
    verifier = Verifier(keys, clock)
    tokens = [sign(signer, user_id=f"usr_{number}") for number in range(20)]
    await asyncio.gather(*map(verifier.verify, tokens))
    assert keys.asked == 1


async def test_is_unavailable_when_the_keys_cannot_be_had(signer: Signer, clock: Hands) -> None:
    async def fetch() -> Jwks:
        raise Unavailable("auth is away")

    with pytest.raises(Unavailable):
        await Verifier(fetch, clock).verify(sign(signer))


async def test_forgets_the_oldest_when_it_knows_too_many(signer: Signer, clock: Hands) -> None:
    verifier = Verifier(Keys(signer), clock, entries_max=2)
    tokens = [sign(signer, user_id=f"usr_{number}") for number in range(3)]
    for token in tokens:
        await verifier.verify(token)
    assert [verifier.recall(token) is not None for token in tokens] == [False, True, True]


def test_signs_with_the_first_and_publishes_all_when_the_secret_holds_several_keys() -> None:
    keys = [OKPKey.generate_key("Ed25519", auto_kid=True) for _ in range(2)]
    secret = json.dumps({"keys": [key.as_dict(private=True) for key in keys]})
    signer = Signer.from_secret(secret)
    header = json.loads(urlsafe_b64decode(sign(signer).split(".")[0] + "=="))
    published = signer.jwks()["keys"]
    assert header["kid"] == keys[0].kid
    assert [key["kid"] for key in published] == [key.kid for key in keys]
    assert not any("d" in key for key in published)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "{}",
        "[]",
        '{"keys": []}',
        json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=False)),
        json.dumps(OKPKey.generate_key("X25519").as_dict(private=True)),
    ],
    # Drawn keys in the names of tests would be others in each worker.
    ids=("nothing", "an-object", "a-list", "no-keys", "a-public-key", "a-key-of-another-kind"),
)
def test_says_so_when_the_secret_is_no_signing_key(secret: str) -> None:
    with pytest.raises(ValueError, match="private JWK"):
        Signer.from_secret(secret)
