"""Signing in with somebody else: one client of OAuth 2 and OpenID Connect, for every provider.

    begun = await oidc.begin(provider, redirect_uri)       # keep it with the browser, send that to
    begun.url found = await oidc.finish(provider, redirect_uri, begun, parameters)   # with what
    came back, once tokens = await oidc.renew(provider, found.tokens.refresh_token)

The code flow with PKCE (S256), a state and a nonce. What begins in one browser ends there or
nowhere, so the caller keeps `Begun` where only that browser can show it again, for some minutes,
and takes it once.

source    RFC 6749, 7636, 9207, 9700; OpenID Connect Core 1.0; Authlib makes the requests
"""

import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from libs.kernel.clock import Clock
from services.auth.adapters.foreign.apple import name_in_form
from services.auth.adapters.foreign.discovery import Discovery, Metadata
from services.auth.adapters.foreign.errors import (
    AnswerRefused,
    CodeRefused,
    Declined,
    ForeignError,
    Misconfigured,
    RenewalRefused,
    ResponseFlaw,
    ResponseRefused,
    Unreachable,
)
from services.auth.adapters.foreign.id_tokens import Expected, is_same
from services.auth.adapters.foreign.jwks import Keys
from services.auth.adapters.foreign.outward import checked_url, client_options, get_object
from services.auth.adapters.foreign.profiles import Profile, ask_for_profile, read_claims
from services.auth.adapters.foreign.providers import Dialect, Provider

CODE_LENGTH_MAX: Final = 4096
PROVIDER_TOKEN_LENGTH_MAX: Final = 16 * 1024
_TOKEN_SECONDS_MAX: Final = 10 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way. All but the url is needed again, and is a secret of one browser until
    then.

    provider, redirect_uri   where it was sent, and where it is to come back
    """

    url: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    provider: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class ProviderTokens:
    """What lets us ask the provider in a person's name. Secrets, to be stored encrypted.

    expires_at   of the access token; None: it does not tell, or never
    scopes       what was granted, which may be less than was asked for
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime | None
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Who came back.

    issuer, subject   who they are there: the pair identifies them, and nothing else does
    email             only to be trusted when `email_verified`
    """

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    display_name: str | None
    avatar: str | None
    tokens: ProviderTokens


class Oidc:
    """The client. Keeps what providers publish of themselves, and nothing of anybody's sign-in."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._discovery = Discovery(clock)
        self._keys = Keys(clock)

    async def begin(self, provider: Provider, redirect_uri: str) -> Begun:
        """Begin to sign in.

        redirect_uri   ours, for this provider alone, as it is registered there
        raises         Misconfigured; Unreachable and AnswerRefused of a discovery document
        """
        checked_url(redirect_uri)
        metadata = await self._metadata(provider)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        client = AsyncOAuth2Client(
            provider.client_id, redirect_uri=redirect_uri, code_challenge_method="S256"
        )
        parameters = dict(provider.parameters)
        if provider.has_id_tokens:
            parameters["nonce"] = nonce
        url, _ = client.create_authorization_url(
            metadata.authorization_url,
            state=state,
            code_verifier=verifier if provider.pkce else None,
            scope=" ".join(provider.scopes),
            **parameters,
        )
        return Begun(url, state, nonce, verifier, provider.name, redirect_uri)

    async def finish(
        self, provider: Provider, redirect_uri: str, begun: Begun, parameters: Mapping[str, str]
    ) -> Found:
        """End a sign-in, once: who it is.

        begun        what `begin` gave to the browser that now comes back
        parameters   what it brings: of the query, or of the form that Apple has it post
        raises       ResponseRefused when it was not sent there by us; Declined; CodeRefused,
                     TokenRefused, AnswerRefused, Unreachable, Misconfigured when the provider's
                     word cannot be had or is not good
        """
        if (begun.provider, begun.redirect_uri) != (provider.name, redirect_uri):
            raise ResponseRefused(ResponseFlaw.PROVIDER)
        if not is_same(parameters.get("state", ""), begun.state):
            raise ResponseRefused(ResponseFlaw.STATE)
        metadata = await self._metadata(provider)
        _check_who_answers(provider, metadata, parameters)
        code = _code_of(parameters)
        answer = await self._exchange(provider, metadata, begun, code)
        tokens = self._tokens(provider, answer)
        if provider.has_id_tokens:
            profile = await self._profile(provider, metadata, begun, answer)
        else:
            profile = await ask_for_profile(
                provider.dialect, metadata.userinfo_url, tokens.access_token
            )
        name = profile.display_name
        if provider.dialect is Dialect.APPLE:
            name = name or name_in_form(parameters.get("user", ""))
        return Found(
            issuer=provider.issuer,
            subject=profile.subject,
            email=profile.email,
            email_verified=profile.email_verified,
            display_name=name,
            avatar=profile.avatar,
            tokens=tokens,
        )

    async def renew(self, provider: Provider, refresh_token: str) -> ProviderTokens:
        """The next tokens. The refresh token may be another one now, or the same.

        raises   RenewalRefused when the person has to sign in there again; Unreachable,
                 AnswerRefused, Misconfigured
        """
        metadata = await self._metadata(provider)
        async with self._client(provider) as client:
            answer = await _asking(
                client.refresh_token(metadata.exchange_url, refresh_token=refresh_token),
                RenewalRefused,
            )
        return self._tokens(provider, answer)

    # ------------------------------------------------------------------------------ asking

    async def _metadata(self, provider: Provider) -> Metadata:
        return provider.metadata or await self._discovery.of(provider.issuer)

    def _client(self, provider: Provider) -> AsyncOAuth2Client:
        secret = provider.secret
        if provider.apple_key is not None:
            secret = provider.apple_key.client_secret(provider.client_id, self._clock())
        return AsyncOAuth2Client(
            provider.client_id,
            secret,
            token_endpoint_auth_method=str(provider.client_auth),
            **client_options(),
        )

    async def _exchange(
        self, provider: Provider, metadata: Metadata, begun: Begun, code: str
    ) -> Mapping[str, Any]:
        proof = {"code_verifier": begun.verifier} if provider.pkce else {}
        async with self._client(provider) as client:
            return await _asking(
                client.fetch_token(
                    metadata.exchange_url,
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=begun.redirect_uri,
                    **proof,
                ),
                CodeRefused,
            )

    def _tokens(self, provider: Provider, answer: Mapping[str, Any]) -> ProviderTokens:
        access, renewal = answer.get("access_token"), answer.get("refresh_token")
        if not _is_token(access) or not (renewal is None or _is_token(renewal)):
            raise AnswerRefused("no access token")
        if str(answer.get("token_type")).lower() != "bearer":
            raise AnswerRefused("not a bearer token")
        granted = answer.get("scope")
        return ProviderTokens(
            access_token=str(access),
            refresh_token=renewal,
            expires_at=self._expiry(answer.get("expires_in")),
            scopes=(
                tuple(granted.replace(",", " ").split())  # GitHub has commas.
                if isinstance(granted, str)
                else provider.scopes
            ),
        )

    def _expiry(self, seconds: object) -> datetime | None:
        if seconds is None:
            return None
        text = str(seconds)
        if not (text.isascii() and text.isdecimal()) or int(text[:12]) > _TOKEN_SECONDS_MAX:
            raise AnswerRefused("tokens that expire who knows when")
        return self._clock() + timedelta(seconds=int(text))

    async def _profile(
        self, provider: Provider, metadata: Metadata, begun: Begun, answer: Mapping[str, Any]
    ) -> Profile:
        """Who an id token names; what it leaves out is asked for."""
        id_token = answer.get("id_token")
        if not isinstance(id_token, str):
            raise AnswerRefused("no id token")
        expected = Expected(provider, metadata, begun.nonce, answer["access_token"])
        claims = await expected.claims_of(id_token, self._keys, self._clock())
        if "email" in claims or not metadata.userinfo_url:
            return read_claims(claims)
        told = await get_object(metadata.userinfo_url, bearer=answer["access_token"])
        if told.get("sub") != claims["sub"]:
            raise AnswerRefused("userinfo of somebody else")
        return read_claims({**claims, **told})


# ---------------------------------------------------------------------------------- responses


def _check_who_answers(
    provider: Provider, metadata: Metadata, parameters: Mapping[str, str]
) -> None:
    """RFC 9207: a provider that says its name says its own, and one that promises to, does."""
    issuer = parameters.get("iss")
    if issuer is None and not metadata.tells_its_name:
        return
    if not provider.goes_by(issuer):
        raise ResponseRefused(ResponseFlaw.ISSUER)


def _code_of(parameters: Mapping[str, str]) -> str:
    match parameters.get("error"):
        case None:
            pass
        case "access_denied" | "user_cancelled_authorize":
            raise Declined("by the person")
        case "server_error" | "temporarily_unavailable":
            raise Unreachable("says so itself")
        case "invalid_request" | "invalid_scope" | "unauthorized_client":
            raise Misconfigured("the provider does not take what we ask for")
        case _:
            raise Declined("for a reason of its own")
    code = parameters.get("code", "")
    if not 1 <= len(code) <= CODE_LENGTH_MAX or not code.isascii() or not code.isprintable():
        raise ResponseRefused(ResponseFlaw.CODE)
    return code


async def _asking(
    answer: Awaitable[Mapping[str, Any]], refusal: type[ForeignError]
) -> Mapping[str, Any]:
    """What the token endpoint answers; `refusal` when it does not take what it was shown."""
    try:
        return await answer
    except OAuthError as error:
        told = str(error.error)
        if told in _GRANT_REFUSED:
            raise refusal("by the provider") from None
        if told in _CLIENT_REFUSED:
            raise Misconfigured("the provider does not take who we are") from None
        raise AnswerRefused("an error of its own") from None
    except (httpx2.HTTPError, ValueError, TypeError):
        raise AnswerRefused("no token response") from None


_GRANT_REFUSED: Final = frozenset(
    {"invalid_grant", "bad_verification_code", "bad_refresh_token"}  # The latter two are GitHub's.
)
_CLIENT_REFUSED: Final = frozenset(
    {
        *("invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request"),
        *("incorrect_client_credentials", "redirect_uri_mismatch"),  # GitHub's.
    }
)


# ---------------------------------------------------------------------------------- secrets


def _is_token(value: object) -> bool:
    return (
        isinstance(value, str)
        and 1 <= len(value) <= PROVIDER_TOKEN_LENGTH_MAX
        and value.isascii()
        and value.isprintable()
    )
