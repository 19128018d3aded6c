"""What OpenID providers tell of themselves: their discovery documents.

source    OpenID Connect Discovery 1.0, RFC 8414, RFC 9207
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from libs.kernel.clock import Clock
from services.auth.adapters.foreign.documents import Documents
from services.auth.adapters.foreign.errors import AnswerRefused, Misconfigured
from services.auth.adapters.foreign.jwts import ALGORITHMS
from services.auth.adapters.foreign.outward import checked_url, get_object, is_loopback

WELL_KNOWN: Final = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where a provider is asked what.

    exchange_url       the token endpoint
    userinfo_url       who an access token belongs to; empty where nobody can ask
    algorithms         that it signs id tokens with, and that we take
    tells_its_name     whether every response of it holds `iss` (RFC 9207)
    """

    issuer: str
    authorization_url: str
    exchange_url: str
    jwks_url: str
    userinfo_url: str
    algorithms: frozenset[str]
    tells_its_name: bool


class Discovery:
    """The metadata of issuers."""

    def __init__(self, clock: Clock) -> None:
        self._documents: Documents[str, Metadata] = Documents(_fetch, clock)

    async def of(self, issuer: str) -> Metadata:
        """What an issuer tells of itself. raises   Unreachable, AnswerRefused, Misconfigured"""
        return await self._documents.get(issuer)


async def _fetch(issuer: str) -> Metadata:
    checked_url(issuer)
    return read_metadata(issuer, await get_object(issuer.rstrip("/") + WELL_KNOWN))


def read_metadata(issuer: str, document: Mapping[str, Any]) -> Metadata:
    """Read a discovery document.

    raises   AnswerRefused when it is another issuer's, or has no S256; Misconfigured when it leads
             to where we do not ask
    """
    if document.get("issuer") != issuer:
        raise AnswerRefused("a discovery document of another issuer")
    # Only a list that is there and lacks it says no; Microsoft's and Apple's have none.
    if "S256" not in _listed(document, "code_challenge_methods_supported", "S256"):
        raise AnswerRefused("a provider without PKCE by S256")
    return Metadata(
        issuer=issuer,
        authorization_url=_endpoint(issuer, document, "authorization_endpoint"),
        exchange_url=_endpoint(issuer, document, "token_endpoint"),
        jwks_url=_endpoint(issuer, document, "jwks_uri"),
        userinfo_url=(
            _endpoint(issuer, document, "userinfo_endpoint")
            if "userinfo_endpoint" in document
            else ""
        ),
        algorithms=ALGORITHMS.intersection(
            _listed(document, "id_token_signing_alg_values_supported", "RS256")
        ),
        tells_its_name=document.get("authorization_response_iss_parameter_supported") is True,
    )


def _endpoint(issuer: str, document: Mapping[str, Any], name: str) -> str:
    url = checked_url(document.get(name))
    if is_loopback(url) and not is_loopback(issuer):
        raise Misconfigured("an issuer elsewhere that sends us to this machine")
    return url


def _listed(document: Mapping[str, Any], name: str, default: str) -> frozenset[str]:
    listed = document.get(name, [default])
    if not isinstance(listed, list):
        raise AnswerRefused("a discovery document of another shape")
    return frozenset(each for each in listed if isinstance(each, str))
