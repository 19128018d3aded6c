"""Who vouches for somebody outside: providers one is sent to, issuers whose tokens are taken."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import structlog

from contracts.auth_challenges import GetSignInOptions
from contracts.auth_identities import IdentityKind, ProviderFailed, ProviderUnknown
from contracts.auth_identities_private import GivenTokens
from contracts.auth_mail import ProofRefused
from libs.bus import Answer
from libs.chassis.settings import SettingsInvalid
from libs.kernel.clock import Clock
from libs.kernel.messages import Caller
from services.auth.adapters.foreign.errors import (
    AnswerRefused,
    ForeignError,
    Misconfigured,
    RenewalRefused,
    Unreachable,
)
from services.auth.adapters.foreign.issuers import Issuer, Issuers
from services.auth.adapters.foreign.oidc import Begun, Oidc, ProviderTokens
from services.auth.adapters.foreign.providers import Provider
from services.auth.adapters.foreign.written import read_issuers, read_providers

_THEIRS: Final = (Misconfigured, Unreachable, AnswerRefused)
"""What is not the fault of whoever wants to sign in."""

DISPLAY_NAME_LENGTH_MAX: Final = 40

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """Who somebody has shown to be, outside.

    issuer    the name of a provider, the address of an issuer; empty for a wallet
    subject   who, according to the issuer; with `realm` it is them for ever
    label     by which its owner recognises it
    email     that the issuer vouches for; None: it does not, or there is none
    """

    kind: IdentityKind
    issuer: str
    realm: str
    subject: str
    label: str | None = field(repr=False)
    display_name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    tokens: GivenTokens | None = field(default=None, repr=False)


class Outside:
    """Asks them."""

    def __init__(
        self,
        *,
        providers: Mapping[str, Provider],
        accepted: Sequence[Issuer],
        base_url: str,
        clock: Clock,
    ) -> None:
        """`base_url` is where the pages are that providers send people back to."""
        self._providers = providers
        self._accepted = accepted
        self._base_url = base_url.rstrip("/")
        self._oidc = Oidc(clock)
        self._issuers = Issuers(accepted, clock)

    @classmethod
    def as_written(
        cls, *, providers: str | None, issuers: str, base_url: str, clock: Clock
    ) -> "Outside":
        """Whom an operator has named: `providers` in the secret of that name, `issuers` in the
        settings. raises   SettingsInvalid
        """
        try:
            return cls(
                providers=read_providers(providers or "{}"),
                accepted=read_issuers(issuers),
                base_url=base_url,
                clock=clock,
            )
        except Misconfigured as error:
            raise SettingsInvalid(
                f"auth.providers, BACKLINE_AUTH_ISSUERS: {error.reason}"
            ) from None

    async def begin(self, name: str) -> tuple[str, dict[str, Any]]:
        """Where to send the browser, and what to hold until it is back.

        raises   ProviderUnknown, ProviderFailed
        """
        provider = self._provider(name)
        with _spoken_for(name):
            begun = await self._oidc.begin(provider, self._redirect_uri(name))
        return begun.url, asdict(begun)

    async def finish(self, held: dict[str, Any], parameters: dict[str, str]) -> Shown:
        """Who the provider says it is. raises   ProofRefused, ProviderFailed, ProviderUnknown"""
        begun = Begun(**held)
        name = begun.provider
        provider = self._provider(name)
        with _spoken_for(name):
            found = await self._oidc.finish(provider, self._redirect_uri(name), begun, parameters)
        email = found.email if found.email_verified else None
        return Shown(
            kind=IdentityKind.PROVIDER,
            issuer=name,
            realm=found.issuer,
            subject=found.subject,
            label=found.email or found.display_name,
            display_name=_short(found.display_name),
            email=email,
            tokens=_given(found.tokens),
        )

    async def foreign(self, token: str) -> Shown:
        """Who a token of another issuer names. raises   ProofRefused, ProviderFailed"""
        with _spoken_for("an issuer"):
            person = await self._issuers.verify(token)
        return Shown(
            kind=IdentityKind.ISSUER,
            issuer=person.issuer,
            realm=person.issuer,
            subject=person.subject,
            label=person.email or person.subject,
            display_name=_short(person.display_name),
            email=person.email if person.email_verified else None,
        )

    async def renew(self, name: str, refresh_token: str) -> GivenTokens | None:
        """Other tokens of a provider; None when it gives none any more. raises   ProviderFailed"""
        provider = self._providers.get(name)
        if provider is None:
            return None
        try:
            return _given(await self._oidc.renew(provider, refresh_token))
        except RenewalRefused:
            return None
        except ForeignError as error:
            raise _said(error, name) from None

    async def get_options(
        self, _query: GetSignInOptions, _caller: Caller, _after: int | None
    ) -> Answer:
        """What to offer. It stands in no log: any position will do."""
        providers = [
            {"name": name, "title": each.title or name} for name, each in self._providers.items()
        ]
        issuers = [each.issuer for each in self._accepted]
        options = {"providers": providers, "issuers": issuers}
        return Answer(position=0, epoch="settings", result=options)

    def _provider(self, name: str) -> Provider:
        try:
            return self._providers[name]
        except KeyError:
            raise ProviderUnknown from None

    def _redirect_uri(self, name: str) -> str:
        """One for each provider: it tells those apart that do not say their names."""
        return f"{self._base_url}/callback/{name}"


@contextmanager
def _spoken_for(name: str) -> Iterator[None]:
    """Say in our own words what goes wrong outside. raises   ProofRefused, ProviderFailed"""
    try:
        yield
    except ForeignError as error:
        raise _said(error, name) from None


def _said(error: ForeignError, name: str) -> ProofRefused | ProviderFailed:
    is_theirs = isinstance(error, _THEIRS)
    logger.info("Nobody vouches.", provider=name, code=error.code, reason=error.reason)
    return ProviderFailed(retry_after_seconds=5) if is_theirs else ProofRefused()


def _given(tokens: ProviderTokens) -> GivenTokens:
    return GivenTokens(
        access_token=tokens.access_token,
        refresh_token=tokens.refresh_token,
        expires_at=tokens.expires_at,
    )


def _short(name: str | None) -> str | None:
    """A name as ours are: one line, not too long."""
    line = "".join(each for each in name or "" if each.isprintable()).strip()
    return line[:DISPLAY_NAME_LENGTH_MAX].strip() or None
