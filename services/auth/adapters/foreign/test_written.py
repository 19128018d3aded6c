"""Providers and issuers as an operator writes them down."""

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey

from services.auth.adapters.foreign.apple import AppleKey
from services.auth.adapters.foreign.errors import Misconfigured
from services.auth.adapters.foreign.issuers import Issuer, IssuerKind, TokenKind
from services.auth.adapters.foreign.providers import ClientAuth, Provider, apple, google
from services.auth.adapters.foreign.written import read_issuers, read_providers

KNOWN = {"client_id": "us", "secret": "hush-hush"}
ACME = {"issuer": "https://login.acme.example", **KNOWN}


def test_reads_providers() -> None:
    pem = ECKey.generate_key("P-256").as_pem(private=True).decode()
    key = {"team_id": "TEAM", "key_id": "KEY", "private_key": pem}
    other = {**ACME, "client_auth": "client_secret_post", "parameters": {"prompt": "login"}}
    text = json.dumps({"google": KNOWN, "apple": {"client_id": "us", **key}, "acme": other})
    assert read_providers(text) == {
        "google": google("us", "hush-hush"),
        "apple": apple("us", AppleKey(**key)),
        "acme": Provider(
            "acme",
            "https://login.acme.example",
            "us",
            "hush-hush",
            client_auth=ClientAuth.POST,
            parameters=(("prompt", "login"),),
        ),
    }


@pytest.mark.parametrize(
    "providers",
    [
        [],
        {"google": {**KNOWN, "issuer": "https://evil.example"}},
        {"google": {"client_id": "us"}},
        {"apple": KNOWN},
        {"acme": KNOWN},
        {"acme": {**ACME, "client_auth": "hush-hush"}},
        {"acme": {**ACME, "secret": ["hush-hush"]}},
        {"acme": {**ACME, "unknown": "hush-hush"}},
        {"acme": {**ACME, "issuer": "http://login.acme.example"}},
        {"Acme": ACME},
        {"acme": "hush-hush"},
    ],
)
def test_says_what_is_wrong_with_a_provider_and_no_secret(providers: Any) -> None:
    with pytest.raises(Misconfigured) as caught:
        read_providers(json.dumps(providers))
    assert "hush" not in str(caught.value)


def test_reads_issuers() -> None:
    text = """[
        {"issuer": "https://clerk.acme.example", "kind": "clerk",
         "authorized_parties": ["https://acme.example"]},
        {"issuer": "privy.io", "kind": "privy", "audiences": ["app"]},
        {"issuer": "https://acme.eu.auth0.com/", "audiences": ["https://api.acme.example"],
         "accepts": ["access"]}
    ]"""
    assert read_issuers(text) == [
        Issuer(
            "https://clerk.acme.example",
            IssuerKind.CLERK,
            authorized_parties=("https://acme.example",),
        ),
        Issuer("privy.io", IssuerKind.PRIVY, audiences=("app",)),
        Issuer(
            "https://acme.eu.auth0.com/",
            audiences=("https://api.acme.example",),
            accepts=frozenset({TokenKind.ACCESS}),
        ),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '[{"issuer": "https://x.example"}]',
        '[{"issuer": "https://x.example", "audiences": "us"}]',
        '[{"issuer": "https://x.example", "audiences": ["us"], "kind": "saml"}]',
        '[{"issuer": "https://x.example", "audiences": ["us"], "audience": "us"}]',
    ],
)
def test_takes_no_issuers_that_are_not_written_down_well(text: str) -> None:
    with pytest.raises(Misconfigured):
        read_issuers(text)
