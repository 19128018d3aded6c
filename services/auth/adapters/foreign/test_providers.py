"""The providers that are known, and how each of them tells who somebody is."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey

from libs.testkit.clock import FakeClock
from services.auth.adapters.foreign.apple import AppleKey, name_in_form
from services.auth.adapters.foreign.errors import AnswerRefused, Misconfigured
from services.auth.adapters.foreign.oidc import Oidc
from services.auth.adapters.foreign.profiles import (
    Profile,
    read_claims,
    read_discord,
    read_github,
    read_spotify,
)
from services.auth.adapters.foreign.providers import (
    PRESETS,
    ClientAuth,
    Dialect,
    Provider,
    apple,
    discord,
    github,
    google,
    spotify,
)

APPLE_KEY = AppleKey("TEAM", "KEY", ECKey.generate_key("P-256").as_pem(private=True).decode())
ALL = [*(preset("us", "hush") for preset in PRESETS.values()), apple("us", APPLE_KEY)]


# ---------------------------------------------------------------------------------- presets


@pytest.mark.parametrize("provider", ALL, ids=lambda each: each.name)
async def test_begins_at_a_known_provider_without_asking_it(provider: Provider) -> None:
    redirect_uri = f"https://us.example.org/sign-in/{provider.name}"
    begun = await Oidc(FakeClock()).begin(provider, redirect_uri)
    url = urlsplit(begun.url)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    assert url.scheme == "https"
    assert query["client_id"] == "us"
    assert query["redirect_uri"] == redirect_uri
    assert query["response_type"] == "code"
    assert query["state"] == begun.state
    assert query["scope"].split() == list(provider.scopes)
    assert query.get("nonce") == (begun.nonce if provider.has_id_tokens else None)
    assert ("code_challenge" in query) == (provider is not ALL[-1])  # Apple alone takes none.
    for secret in (begun.verifier, "hush"):
        assert secret not in begun.url
    for secret in (begun.state, begun.nonce, begun.verifier):
        assert len(secret) == 43  # 256 bits.


async def test_begins_no_two_sign_ins_alike() -> None:
    oidc = Oidc(FakeClock())
    first, second = [
        await oidc.begin(google("us", "hush"), "https://us.example.org/") for _ in "ab"
    ]
    assert not {first.state, first.nonce, first.verifier} & {
        second.state,
        second.nonce,
        second.verifier,
    }


@pytest.mark.parametrize(
    ("provider", "host", "auth"),
    [
        (google("us", "hush"), "accounts.google.com", ClientAuth.POST),
        (apple("us", APPLE_KEY), "appleid.apple.com", ClientAuth.POST),
        (github("us", "hush"), "github.com", ClientAuth.POST),
        (discord("us", "hush"), "discord.com", ClientAuth.BASIC),
        (spotify("us", "hush"), "accounts.spotify.com", ClientAuth.BASIC),
    ],
    ids=lambda each: str(getattr(each, "name", "")),
)
def test_knows_its_providers(provider: Provider, host: str, auth: ClientAuth) -> None:
    assert urlsplit(provider.issuer).hostname == host
    assert provider.metadata is not None
    assert provider.metadata.issuer == provider.issuer
    assert provider.client_auth is auth
    assert "hush" not in repr(provider)
    assert "PRIVATE" not in repr(provider)


def test_knows_google_by_both_of_its_names() -> None:
    provider = google("us", "s")
    assert provider.goes_by("https://accounts.google.com")
    assert provider.goes_by("accounts.google.com")
    assert not provider.goes_by("https://accounts.google.com/")
    assert not provider.goes_by(None)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "Peer"},
        {"name": "../peer"},
        {"client_id": ""},
        {"secret": ""},
        {"scopes": ("email",)},
        {"issuer": "http://peer.example.org"},
        {"issuer": "peer.example.org"},
        {"dialect": Dialect.APPLE},
        {"dialect": Dialect.GITHUB},
        {"apple_key": APPLE_KEY},
    ],
)
def test_takes_no_provider_that_cannot_work(settings: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "name": "peer",
        "issuer": "https://peer.example.org",
        "client_id": "us",
        "secret": "secret",
    }
    Provider(**good)
    with pytest.raises(Misconfigured):
        Provider(**{**good, **settings})


async def test_takes_no_redirect_uri_that_others_can_read() -> None:
    for uri in ("http://us.example.org/", "javascript:alert(1)", "//us.example.org", ""):
        with pytest.raises(Misconfigured):
            await Oidc(FakeClock()).begin(google("us", "hush"), uri)


# ---------------------------------------------------------------------------------- profiles


def test_reads_standard_claims() -> None:
    claims = {
        "sub": "110169484474386276334",
        "name": "Ann Lee",
        "email": "ann@example.org",
        "email_verified": True,
        "picture": "https://lh3.example.org/a/x=s96-c",
        "hd": "example.org",
    }
    assert read_claims(claims) == Profile(
        "110169484474386276334",
        "ann@example.org",
        True,
        "Ann Lee",
        "https://lh3.example.org/a/x=s96-c",
    )


@pytest.mark.parametrize(
    ("told", "verified"),
    [(True, True), ("true", True), (False, False), ("false", False), (1, False)],
)
def test_believes_an_address_only_when_it_is_said_to_be_verified(
    told: object, verified: bool
) -> None:
    claims = {"sub": "ann", "email": "ann@example.org", "email_verified": told}
    assert read_claims(claims).email_verified is verified


def test_reads_a_user_of_github() -> None:
    user = {
        "id": 583231,
        "login": "octocat",
        "name": None,
        "email": "public@example.org",
        "avatar_url": "https://avatars.githubusercontent.com/u/583231?v=4",
    }
    unproven = [
        {"email": "ann@example.org", "primary": True, "verified": False, "visibility": "public"},
        {"email": "old@example.org", "primary": False, "verified": True, "visibility": None},
    ]
    profile = read_github(user, unproven)
    assert (profile.subject, profile.display_name) == ("583231", "octocat")
    assert (profile.email, profile.email_verified) == ("ann@example.org", False)
    assert profile.avatar == user["avatar_url"]
    assert read_github(user, []).email is None
    for emails in (None, {"message": "Not Found"}, "x"):
        with pytest.raises(AnswerRefused):
            read_github(user, emails)
    assert read_github(user, [None, 5, {"primary": True}]).email is None


def test_reads_a_user_of_discord() -> None:
    user = {
        "id": "80351110224678912",
        "username": "nelly",
        "global_name": "Nelly",
        "avatar": "8342729096ea3675442027381ff50dfe",
        "verified": True,
        "email": "nelly@example.org",
    }
    profile = read_discord(user)
    assert profile == Profile(
        "80351110224678912",
        "nelly@example.org",
        True,
        "Nelly",
        "https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png",
    )
    assert not read_discord({**user, "verified": False}).email_verified
    assert not read_discord({**user, "email": None}).email_verified
    assert read_discord({**user, "global_name": None}).display_name == "nelly"
    assert read_discord({**user, "avatar": None}).avatar is None
    assert read_discord({**user, "avatar": "../../etc"}).avatar is None


def test_believes_no_address_of_spotify() -> None:
    user: dict[str, Any] = {
        "id": "wizzler",
        "display_name": "Wizzler",
        "email": "wizzler@example.org",
        "images": [{"url": "https://i.scdn.example.org/image/ab", "height": 300, "width": 300}],
        "email_verified": True,
        "verified": True,
    }
    profile = read_spotify(user)
    assert (profile.subject, profile.display_name) == ("wizzler", "Wizzler")
    assert (profile.email, profile.email_verified) == ("wizzler@example.org", False)
    assert profile.avatar == "https://i.scdn.example.org/image/ab"
    others: list[Any] = [None, [], ["x"], [{}], {"url": "https://x.example.org"}]
    for images in others:
        assert read_spotify({**user, "images": images}).avatar is None


@pytest.mark.parametrize("read", [read_claims, read_discord, read_spotify])
def test_finds_nobody_where_nobody_is_named(read: Any) -> None:
    for told in (None, "", True, ["ann"], "x" * 300, "a\nb"):
        with pytest.raises(AnswerRefused):
            read({"id": told, "sub": told})


@pytest.mark.parametrize(
    "picture",
    ["javascript:alert(1)", "http://x.example.org/a.png", "data:image/png;base64,", 5, ""],
)
def test_leaves_out_a_picture_that_is_no_https_url(picture: object) -> None:
    assert read_claims({"sub": "ann", "picture": picture}).avatar is None


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ('{"name": {"firstName": "Ann", "lastName": "Lee"}}', "Ann Lee"),
        ('{"name": {"firstName": "Ann"}}', "Ann"),
        ('{"name": {"firstName": "Ann\\u0000", "lastName": "Lee"}}', "Lee"),
        ('{"name": {}}', None),
        ('{"name": "Ann"}', None),
        ("[]", None),
        ("", None),
        ("{", None),
        ('{"name": {"firstName": "' + "x" * 5000 + '"}}', None),
    ],
)
def test_reads_the_name_in_the_form_of_apple(form: str, name: str | None) -> None:
    assert name_in_form(form) == name


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "nonsense",
        ECKey.generate_key("P-256").as_pem(private=False).decode(),
        ECKey.generate_key("P-384").as_pem(private=True).decode(),
    ],
)
def test_makes_secrets_for_apple_with_no_other_key(pem: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        AppleKey("TEAM", "KEY", pem)
    assert not pem or pem not in str(caught.value)
