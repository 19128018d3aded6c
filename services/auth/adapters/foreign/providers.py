"""Providers that people can sign in with: what is to be known of one, and five that are known.

    google("client-id", "secret")
    Provider("acme", "https://login.acme.example", "client-id", "secret")   # any OpenID provider

Each needs a redirect URI of its own, registered with it to the letter: it is what tells providers
apart that do not say their names (RFC 9700, 4.4).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from services.auth.adapters.foreign.apple import AppleKey
from services.auth.adapters.foreign.discovery import Metadata
from services.auth.adapters.foreign.errors import Misconfigured
from services.auth.adapters.foreign.outward import checked_url

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")


class Dialect(StrEnum):
    """How a provider tells who somebody is."""

    OIDC = "oidc"
    APPLE = "apple"
    GITHUB = "github"
    DISCORD = "discord"
    SPOTIFY = "spotify"


class ClientAuth(StrEnum):
    """How we show a provider who we are, by the names of OAuth."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Provider:
    """Somebody whom people sign in with.

    name           our own: in paths and settings, and what a sign-in is begun and ended under
    issuer         theirs: people are known by it and their subject. Of an OpenID provider as `iss`
                   has it
    secret         the client secret; empty for Apple, and for a client without one
    metadata       where it is asked what; None: as its discovery document says
    also_known_as  other spellings of the issuer
    parameters     what it wants to be told besides, in the authorization request
    title          what people call it; empty: its name
    pkce           whether it takes a code challenge; where it does not, the nonce binds the code to
                   us
    """

    name: str
    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    dialect: Dialect = Dialect.OIDC
    metadata: Metadata | None = None
    client_auth: ClientAuth = ClientAuth.BASIC
    also_known_as: tuple[str, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    pkce: bool = True
    title: str = ""
    apple_key: AppleKey | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise Misconfigured("a provider's name is lower case letters, digits and dashes")
        if not self.client_id:
            raise Misconfigured("a provider needs a client id")
        if self.has_id_tokens and "openid" not in self.scopes:
            raise Misconfigured("a provider of id tokens needs the scope openid")
        if not self.has_id_tokens and self.metadata is None:
            raise Misconfigured("a provider without discovery needs its metadata")
        if not (self.pkce or self.has_id_tokens):
            raise Misconfigured("a provider needs PKCE or id tokens")
        if (self.dialect is Dialect.APPLE) != (self.apple_key is not None):
            raise Misconfigured("Apple, and nobody else, needs a key")
        if not (self.secret or self.apple_key or self.client_auth is ClientAuth.NONE):
            raise Misconfigured("a provider needs a client secret")
        checked_url(self.issuer)

    @property
    def has_id_tokens(self) -> bool:
        """Whether it tells in signed id tokens who somebody is, or only by being asked."""
        return self.dialect in (Dialect.OIDC, Dialect.APPLE)

    def goes_by(self, issuer: object) -> bool:
        """Whether this is one of its names."""
        return issuer == self.issuer or issuer in self.also_known_as


# ---------------------------------------------------------------------------------- presets


def google(client_id: str, secret: str) -> Provider:
    """Google. People are told apart by the subject alone, whatever domain (`hd`) they belong to.

    source   developers.google.com/identity/openid-connect
    """
    return Provider(
        name="google",
        title="Google",
        issuer="https://accounts.google.com",
        also_known_as=("accounts.google.com",),
        client_id=client_id,
        secret=secret,
        client_auth=ClientAuth.POST,
        parameters=(("access_type", "offline"),),
        metadata=Metadata(
            issuer="https://accounts.google.com",
            authorization_url="https://accounts.google.com/o/oauth2/v2/auth",
            exchange_url="https://oauth2.googleapis.com/token",
            jwks_url="https://www.googleapis.com/oauth2/v3/certs",
            userinfo_url="https://openidconnect.googleapis.com/v1/userinfo",
            algorithms=frozenset({"RS256"}),
            tells_its_name=False,
        ),
    )


def apple(client_id: str, key: AppleKey) -> Provider:
    """Apple. It answers by a form that a page of its own posts to us, tells a name only the first
    time and outside the id token, and does not document PKCE.

    client_id   the Services ID
    source      developer.apple.com/documentation/signinwithapplerestapi
    """
    return Provider(
        name="apple",
        title="Apple",
        issuer="https://appleid.apple.com",
        client_id=client_id,
        scopes=("openid", "email", "name"),
        dialect=Dialect.APPLE,
        client_auth=ClientAuth.POST,
        parameters=(("response_mode", "form_post"),),
        pkce=False,
        apple_key=key,
        metadata=Metadata(
            issuer="https://appleid.apple.com",
            authorization_url="https://appleid.apple.com/auth/authorize",
            exchange_url="https://appleid.apple.com/auth/token",
            jwks_url="https://appleid.apple.com/auth/keys",
            userinfo_url="",
            algorithms=frozenset({"RS256"}),
            tells_its_name=False,
        ),
    )


def github(client_id: str, secret: str) -> Provider:
    """GitHub: no id tokens; the user, and their addresses, are asked for.

    source   docs.github.com/apps/oauth-apps; its issuer is what it has begun to send as `iss`
    """
    return Provider(
        name="github",
        title="GitHub",
        issuer="https://github.com/login/oauth",
        client_id=client_id,
        secret=secret,
        scopes=("read:user", "user:email"),
        dialect=Dialect.GITHUB,
        client_auth=ClientAuth.POST,
        metadata=_without_id_tokens(
            "https://github.com/login/oauth",
            authorization_url="https://github.com/login/oauth/authorize",
            exchange_url="https://github.com/login/oauth/access_token",
            user_url="https://api.github.com/user",
        ),
    )


def discord(client_id: str, secret: str) -> Provider:
    """Discord: the user is asked for, who tells whether their address is verified.

    source   docs.discord.com/developers/topics/oauth2
    """
    return Provider(
        name="discord",
        title="Discord",
        issuer="https://discord.com",
        client_id=client_id,
        secret=secret,
        scopes=("identify", "email"),
        dialect=Dialect.DISCORD,
        metadata=_without_id_tokens(
            "https://discord.com",
            authorization_url="https://discord.com/oauth2/authorize",
            exchange_url="https://discord.com/api/oauth2/token",
            user_url="https://discord.com/api/users/@me",
        ),
    )


def spotify(client_id: str, secret: str) -> Provider:
    """Spotify: the user is asked for. Their address is not verified, says its documentation.

    source   developer.spotify.com/documentation/web-api
    """
    return Provider(
        name="spotify",
        title="Spotify",
        issuer="https://accounts.spotify.com",
        client_id=client_id,
        secret=secret,
        scopes=("user-read-email",),
        dialect=Dialect.SPOTIFY,
        metadata=_without_id_tokens(
            "https://accounts.spotify.com",
            authorization_url="https://accounts.spotify.com/authorize",
            exchange_url="https://accounts.spotify.com/api/token",
            user_url="https://api.spotify.com/v1/me",
        ),
    )


def _without_id_tokens(
    issuer: str, *, authorization_url: str, exchange_url: str, user_url: str
) -> Metadata:
    return Metadata(
        issuer=issuer,
        authorization_url=authorization_url,
        exchange_url=exchange_url,
        jwks_url="",
        userinfo_url=user_url,
        algorithms=frozenset(),
        tells_its_name=False,
    )


PRESETS: Final[Mapping[str, Callable[[str, str], Provider]]] = {
    "google": google,
    "github": github,
    "discord": discord,
    "spotify": spotify,
}
"""Those that need a client id and a secret; Apple needs more (`apple`)."""
