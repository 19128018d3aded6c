"""Who vouches for somebody outside: providers one is sent to, issuers whose tokens are taken."""

from dataclasses import dataclass
from typing import Any

from contracts.auth_identities import GetSignInOptions, IdentityKind, ProviderUnknown
from contracts.auth_identities_private import GivenTokens
from libs.bus import Answer
from libs.kernel.messages import Caller


@dataclass(frozen=True, slots=True)
class Shown:
    """Who somebody has shown to be, outside.

    subject   who, according to the issuer
    label     by which its owner recognises it
    email     that the issuer vouches for; None: it does not, or there is none
    """

    kind: IdentityKind
    issuer: str
    subject: str
    label: str | None
    display_name: str | None = None
    email: str | None = None
    tokens: GivenTokens | None = None


class Outside:
    """Asks them."""

    async def begin(self, provider: str) -> tuple[str, dict[str, Any]]:
        """Where to send the browser, and what to hold until it is back.

        raises   ProviderUnknown, ProviderFailed
        """
        raise ProviderUnknown

    async def finish(self, held: dict[str, Any], parameters: dict[str, str]) -> Shown:
        """Who the provider says it is. raises   ProofRefused, ProviderFailed"""
        raise ProviderUnknown

    async def foreign(self, token: str) -> Shown:
        """Who a token of another issuer names. raises   ProofRefused, ProviderFailed"""
        raise ProviderUnknown

    async def renew(self, issuer: str, refresh_token: str) -> GivenTokens | None:
        """Other tokens of a provider; None when it gives none any more. raises   ProviderFailed"""
        raise ProviderUnknown

    async def get_options(
        self, _query: GetSignInOptions, _caller: Caller, _after: int | None
    ) -> Answer:
        """What to offer. It stands in no log: any position will do."""
        return Answer(position=0, epoch="settings", result={"providers": [], "issuers": []})
