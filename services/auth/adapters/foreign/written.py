"""Providers and issuers as an operator writes them down, in JSON.

Providers hold secrets, so they are a file among the secrets, by the names that sign-ins go by:

    {"google": {"client_id": "…", "secret": "…"},
     "apple": {"client_id": "…", "team_id": "…", "key_id": "…", "private_key": "-----BEGIN …"},
     "acme": {"title": "Acme", "issuer": "https://login.acme.example", "client_id": "…",
              "secret": "…"}}

Issuers hold none:

    [{"issuer": "https://clerk.acme.example", "kind": "clerk", "authorized_parties":
    ["https://acme.example"]},
     {"issuer": "privy.io", "kind": "privy", "audiences": ["the app's id"]}]
"""

from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.auth.adapters.foreign.apple import AppleKey
from services.auth.adapters.foreign.errors import Misconfigured
from services.auth.adapters.foreign.issuers import Issuer, IssuerKind, TokenKind
from services.auth.adapters.foreign.providers import PRESETS, ClientAuth, Provider, apple


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _Known(_Strict):
    client_id: str
    secret: str


class _Apple(_Strict):
    client_id: str
    team_id: str
    key_id: str
    private_key: str


class _Other(_Strict):
    issuer: str
    client_id: str
    secret: str = ""
    title: str = ""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    client_auth: ClientAuth = ClientAuth.BASIC
    parameters: dict[str, str] = {}


class _Issuer(_Strict):
    issuer: str
    kind: IssuerKind = IssuerKind.OIDC
    audiences: tuple[str, ...] = ()
    authorized_parties: tuple[str, ...] = ()
    also_known_as: tuple[str, ...] = ()
    accepts: frozenset[TokenKind] = frozenset(TokenKind)
    jwks_url: str = ""
    pinned_pem: str = ""


_ISSUERS: Final = TypeAdapter(list[_Issuer])


def read_providers(text: str) -> dict[str, Provider]:
    """Providers by name. raises   Misconfigured, which names the provider and the field, and no
    value
    """
    documents = _parsed(text)
    if not isinstance(documents, dict):
        raise Misconfigured("providers are a JSON object")
    return {name: _provider(name, document) for name, document in documents.items()}


def _provider(name: str, document: Any) -> Provider:
    try:
        if name == "apple":
            told = _Apple.model_validate(document)
            return apple(told.client_id, AppleKey(told.team_id, told.key_id, told.private_key))
        if name in PRESETS:
            known = _Known.model_validate(document)
            return PRESETS[name](known.client_id, known.secret)
        other = _Other.model_validate(document)
    except ValidationError as error:
        raise Misconfigured(f"provider {name}: {_told(error)}") from None
    return Provider(
        name=name,
        issuer=other.issuer,
        client_id=other.client_id,
        secret=other.secret,
        title=other.title,
        scopes=other.scopes,
        client_auth=other.client_auth,
        parameters=tuple(other.parameters.items()),
    )


def read_issuers(text: str) -> list[Issuer]:
    """Issuers whose tokens are accepted. raises   Misconfigured"""
    try:
        told = _ISSUERS.validate_python(_parsed(text))
    except ValidationError as error:
        raise Misconfigured(f"issuers: {_told(error)}") from None
    return [Issuer(**dict(each)) for each in told]


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Misconfigured("not JSON") from None


def _told(error: ValidationError) -> str:
    """Which fields are wrong and how, without what they hold."""
    flaws = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['type']}" for each in flaws)
