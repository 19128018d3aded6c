"""People of other issuers: tokens of Clerk, Privy, Auth0 or any OpenID provider, accepted as
somebody's word for who they are.

An issuer is named in the settings or it is a stranger. Whose token it is, is read from `iss` (and
`aud`, where one issuer has several); the signature is then checked with the keys of that issuer
alone, so that another tenant's key under the same id opens nothing.

    clerk = Issuer("https://clerk.example.org", IssuerKind.CLERK, authorized_parties=(…,))
    person = await Issuers([clerk], clock).verify(token)

source    OpenID Connect Core 1.0, RFC 9068; Clerk's session tokens v1 and v2; Privy's access tokens
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from libs.kernel.clock import Clock
from services.auth.adapters.foreign.discovery import Discovery
from services.auth.adapters.foreign.errors import Flaw, Misconfigured, TokenRefused
from services.auth.adapters.foreign.jwks import FindKey, Key, Keys, Source, pinned_key
from services.auth.adapters.foreign.jwts import (
    ALGORITHMS,
    Unverified,
    audiences_of,
    check_times,
    read,
    says_yes,
    subject_of,
    text_of,
)
from services.auth.adapters.foreign.outward import checked_url


class IssuerKind(StrEnum):
    """What an issuer calls a token that stands for a person."""

    OIDC = "oidc"
    CLERK = "clerk"
    PRIVY = "privy"


class TokenKind(StrEnum):
    """What a token of an OpenID provider is for."""

    ID = "id"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Somebody whose tokens are accepted.

    issuer              as `iss` has it, to the letter: with or without a slash at its end; for
                        Privy `privy.io`
    kind                which rules hold
    audiences           `aud` must name one of them: our client ids and APIs there, the app's id for
                        Privy. Clerk's session tokens name none
    authorized_parties  `azp` must be one of them, if there are any: origins of our pages for Clerk,
                        client ids elsewhere
    also_known_as       other spellings of the issuer, as Google has one; people are known by
                        `issuer` whichever was used
    accepts             which tokens of an OpenID provider
    jwks_url            where its keys are; empty: where Clerk and Privy have them, or as its
                        discovery document says
    pinned_pem          its public key, which is then the only one, and nothing is fetched
    """

    issuer: str
    kind: IssuerKind = IssuerKind.OIDC
    audiences: tuple[str, ...] = ()
    authorized_parties: tuple[str, ...] = ()
    also_known_as: tuple[str, ...] = ()
    accepts: frozenset[TokenKind] = frozenset(TokenKind)
    jwks_url: str = ""
    pinned_pem: str = ""

    def __post_init__(self) -> None:
        if not self.issuer:
            raise Misconfigured("an issuer without a name")
        if self.kind is IssuerKind.CLERK:
            if not (self.audiences or self.authorized_parties):
                raise Misconfigured("an issuer of Clerk needs authorized parties")
        elif not self.audiences:
            raise Misconfigured(
                "an issuer needs audiences: who else's tokens would be taken for ours"
            )
        if self.kind is IssuerKind.PRIVY and len(self.audiences) != 1:
            raise Misconfigured("an issuer of Privy is one app")
        if self.pinned_pem:
            pinned_key(self.pinned_pem)
        elif self.kind is not IssuerKind.PRIVY or self.jwks_url:
            checked_url(self.jwks_url or self.issuer)


@dataclass(frozen=True, slots=True)
class Foreign:
    """Whom a token is about.

    issuer, subject   who they are there: the pair never changes, nothing else identifies anybody
    email             only to be trusted when `email_verified`
    expires_at        when the token stops being good
    """

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    display_name: str | None
    expires_at: datetime


class Issuers:
    """Verifies tokens of those issuers that are accepted, and of nobody else."""

    def __init__(self, accepted: Sequence[Issuer], clock: Clock) -> None:
        self._accepted = tuple(accepted)
        self._clock = clock
        self._keys = Keys(clock)
        self._discovery = Discovery(clock)
        self._pinned = {
            issuer: pinned_key(issuer.pinned_pem) for issuer in accepted if issuer.pinned_pem
        }

    async def verify(self, token: str) -> Foreign:
        """Whom a token names.

        raises   TokenRefused, whose `flaw` tells why; Unreachable, AnswerRefused, Misconfigured
                 when the issuer's keys cannot be had
        """
        unverified = read(token)
        issuer = self._issuer_of(unverified.claims)
        await unverified.verify(await self._keys_of(issuer), _ALGORITHMS[issuer.kind])
        claims = unverified.claims
        expires = check_times(claims, self._clock().timestamp())
        _check(issuer, unverified)
        return Foreign(
            issuer=issuer.issuer,
            subject=subject_of(claims),
            email=text_of(claims, "email"),
            email_verified=says_yes(claims.get("email_verified")),
            display_name=text_of(claims, "name", "nickname", "preferred_username"),
            expires_at=datetime.fromtimestamp(expires, UTC),
        )

    def _issuer_of(self, claims: Mapping[str, Any]) -> Issuer:
        """Who says to have issued it, and for us: the token's own word, which its signature must
        then bear out.
        """
        named = claims.get("iss")
        of_name = [each for each in self._accepted if named in (each.issuer, *each.also_known_as)]
        if not of_name:
            raise TokenRefused(Flaw.ISSUER)
        audiences = audiences_of(claims)
        for issuer in of_name:
            if audiences.intersection(issuer.audiences) or not (audiences or issuer.audiences):
                return issuer
        raise TokenRefused(Flaw.AUDIENCE)

    async def _keys_of(self, issuer: Issuer) -> FindKey:
        pinned = self._pinned.get(issuer)
        if pinned is not None:

            async def find(_key_id: str | None) -> Key:
                return pinned

            return find
        return self._keys.of(Source(issuer.issuer, await self._jwks_url(issuer)))

    async def _jwks_url(self, issuer: Issuer) -> str:
        if issuer.jwks_url:
            return issuer.jwks_url
        match issuer.kind:
            case IssuerKind.CLERK:
                return f"{issuer.issuer.rstrip('/')}/.well-known/jwks.json"
            case IssuerKind.PRIVY:
                app = quote(issuer.audiences[0], safe="")
                return f"https://auth.privy.io/api/v1/apps/{app}/jwks.json"
            case IssuerKind.OIDC:
                return (await self._discovery.of(issuer.issuer)).jwks_url


# ---------------------------------------------------------------------------------- rules


def _check(issuer: Issuer, token: Unverified) -> None:
    """That a token of a known signature stands for a person, and was given to somebody who may show
    it here.
    """
    claims = token.claims
    parties = issuer.authorized_parties
    if parties and claims.get("azp", claims.get("client_id")) not in parties:
        raise TokenRefused(Flaw.AUTHORIZED_PARTY)
    if "act" in claims:  # Somebody else acts as this person.
        raise TokenRefused(Flaw.KIND)
    if not _RULES[issuer.kind](issuer, token):
        raise TokenRefused(Flaw.KIND)


def _is_of_a_person(issuer: Issuer, token: Unverified) -> bool:
    """A token of a kind that is accepted, and not of a client by itself."""
    kinds = _kinds(token)
    if kinds == {TokenKind.ID} and not issuer.authorized_parties:
        _check_party_of_id_token(issuer, token.claims)
    return bool(kinds & issuer.accepts) and not _is_of_a_machine(token.claims)


def _is_session_of_clerk(_issuer: Issuer, token: Unverified) -> bool:
    """A session, and no token of a template, a machine or an OAuth client; `pending`: something is
    still asked of the person.
    """
    claims = token.claims
    return (
        token.kind in ("", "jwt")
        and str(claims.get("sid", "")).startswith("sess_")
        and str(claims.get("sub")).startswith("user_")
        and claims.get("sts", "active") == "active"
    )


def _is_access_of_privy(_issuer: Issuer, token: Unverified) -> bool:
    """An access token. Identity tokens have the same key and audience, but no session; they show
    what is known of a person, not that the person is here.
    """
    claims = token.claims
    return (
        token.kind in ("", "jwt")
        and bool(text_of(claims, "sid"))
        and "linked_accounts" not in claims
        and str(claims.get("sub")).startswith("did:privy:")
    )


def _kinds(token: Unverified) -> frozenset[TokenKind]:
    """What a token of an OpenID provider can be taken for: by its type (RFC 9068; Keycloak,
    Cognito: a claim), or else by claims that only one kind has. Empty for logout tokens, refresh
    tokens and what else has the same keys.
    """
    claims = token.claims
    if "events" in claims or "cnf" in claims:  # An event; or a token of whoever holds another key.
        return frozenset()
    told = [
        _TYPES.get(str(each).lower(), frozenset())
        for each in (token.kind or "jwt", claims.get("typ", "jwt"), claims.get("token_use", "jwt"))
    ]
    kinds = frozenset(TokenKind).intersection(*told)
    if len(kinds) > 1:
        if not _ID_TOKENS_ONLY.isdisjoint(claims) and _ACCESS_TOKENS_ONLY.isdisjoint(claims):
            return frozenset({TokenKind.ID})
        if not _ACCESS_TOKENS_ONLY.isdisjoint(claims) and _ID_TOKENS_ONLY.isdisjoint(claims):
            return frozenset({TokenKind.ACCESS})
    return kinds


_TYPES: Final[Mapping[str, frozenset[TokenKind]]] = {
    "jwt": frozenset(TokenKind),
    "at+jwt": frozenset({TokenKind.ACCESS}),
    "bearer": frozenset({TokenKind.ACCESS}),
    "access": frozenset({TokenKind.ACCESS}),
    "id": frozenset({TokenKind.ID}),
}
_ID_TOKENS_ONLY: Final = frozenset({"nonce", "at_hash", "c_hash"})
_ACCESS_TOKENS_ONLY: Final = frozenset({"scope", "scp", "client_id"})


def _is_of_a_machine(claims: Mapping[str, Any]) -> bool:
    """Whether a token stands for a client by itself (RFC 9068; Auth0 by `gty` and the subject)."""
    return claims.get("gty") == "client-credentials" or claims.get("sub") in (
        claims.get("client_id", ""),
        f"{claims.get('azp')}@clients",
    )


def _check_party_of_id_token(issuer: Issuer, claims: Mapping[str, Any]) -> None:
    """OpenID Connect Core, 3.1.3.7: of several audiences one has to be the authorized party, and it
    has to be us.
    """
    party = claims.get("azp")
    if party is None and len(audiences_of(claims)) > 1:
        raise TokenRefused(Flaw.AUTHORIZED_PARTY)
    if party is not None and party not in issuer.audiences:
        raise TokenRefused(Flaw.AUTHORIZED_PARTY)


_RULES: Final[Mapping[IssuerKind, Callable[[Issuer, Unverified], bool]]] = {
    IssuerKind.OIDC: _is_of_a_person,
    IssuerKind.CLERK: _is_session_of_clerk,
    IssuerKind.PRIVY: _is_access_of_privy,
}
_ALGORITHMS: Final[Mapping[IssuerKind, frozenset[str]]] = {
    IssuerKind.OIDC: ALGORITHMS,
    IssuerKind.CLERK: frozenset({"RS256"}),
    IssuerKind.PRIVY: frozenset({"ES256"}),
}
