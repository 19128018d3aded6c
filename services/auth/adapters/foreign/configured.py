"""Which providers and issuers an installation knows: the secret `auth.providers`.

{
"providers": [
{"preset": "google", "client_id": "…", "secret": "…"},
{"preset": "apple", "client_id": "…", "team_id": "…", "key_id": "…", "private_key": "…"},
{"name": "acme", "title": "Acme", "issuer": "https://login.acme.example",
"client_id": "…", "secret": "…"}
],
"issuers": [
{"kind": "clerk", "issuer": "https://clerk.example.org",
"authorized_parties": ["https://example.org"]},
{"kind": "privy", "issuer": "privy.io", "audiences": ["the app's id"]},
{"issuer": "https://tenant.auth0.example/", "audiences": ["https://api.example.org"]}
]
}
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from libs.chassis.settings import SettingsInvalid
from services.auth.adapters.foreign.errors import Misconfigured
from services.auth.adapters.foreign.issuers import Issuer, IssuerKind
from services.auth.adapters.foreign.providers import PRESETS, AppleKey, Provider, apple

_TITLES = {"google": "Google", "github": "GitHub", "discord": "Discord", "spotify": "Spotify"}


@dataclass(frozen=True, slots=True)
class Offered:
    """A provider, and what people call it."""

    provider: Provider
    title: str


@dataclass(frozen=True, slots=True)
class Known:
    """Who is known outside; providers by their names."""

    providers: dict[str, Offered]
    issuers: list[Issuer]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Preset(_Strict):
    preset: Literal["google", "github", "discord", "spotify"]
    client_id: str
    secret: SecretStr

    def offered(self) -> Offered:
        made = PRESETS[self.preset](self.client_id, self.secret.get_secret_value())
        return Offered(made, _TITLES[self.preset])


class _Apple(_Strict):
    preset: Literal["apple"]
    client_id: str
    team_id: str
    key_id: str
    private_key: SecretStr

    def offered(self) -> Offered:
        key = AppleKey(self.team_id, self.key_id, self.private_key.get_secret_value())
        return Offered(apple(self.client_id, key), "Apple")


class _Any(_Strict):
    name: str
    title: str
    issuer: str
    client_id: str
    secret: SecretStr
    scopes: tuple[str, ...] = ("openid", "email", "profile")

    def offered(self) -> Offered:
        provider = Provider(
            self.name,
            self.issuer,
            self.client_id,
            self.secret.get_secret_value(),
            scopes=self.scopes,
        )
        return Offered(provider, self.title)


class _Issuer(_Strict):
    issuer: str
    kind: IssuerKind = IssuerKind.OIDC
    audiences: tuple[str, ...] = ()
    authorized_parties: tuple[str, ...] = ()
    jwks_url: str = ""
    pinned_pem: str = ""

    def accepted(self) -> Issuer:
        return Issuer(**self.model_dump())


class _Document(_Strict):
    providers: list[_Preset | _Apple | _Any] = []
    issuers: list[_Issuer] = []


def read_known(secret: str | None) -> Known:
    """Who the secret `auth.providers` names; nobody without one. raises   SettingsInvalid"""
    try:
        document = _Document.model_validate_json(secret or "{}")
        offered = [each.offered() for each in document.providers]
        issuers = [each.accepted() for each in document.issuers]
    except ValidationError as error:
        where = ", ".join(".".join(map(str, each["loc"])) for each in error.errors()[:3])
        raise SettingsInvalid(f"BACKLINE_SECRETS: auth.providers is not right: {where}") from None
    except Misconfigured as error:
        raise SettingsInvalid(f"BACKLINE_SECRETS: auth.providers: {error.reason}") from None
    by_name = {each.provider.name: each for each in offered}
    if len(by_name) < len(offered):
        raise SettingsInvalid("BACKLINE_SECRETS: auth.providers: two have the same name")
    return Known(by_name, issuers)
