"""All partners that there are credentials for, ready to be asked."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import httpx2
from pydantic import SecretStr

from contracts.catalog_syncs import Partner
from libs.bus import Bus
from libs.kernel.clock import Clock
from services.catalog.adapters.partners.http import Http, Manners
from services.catalog.adapters.partners.page import Source
from services.catalog.adapters.partners.setlistfm import SetlistFm
from services.catalog.adapters.quotas import QuotaBook
from services.catalog.settings import Settings

USER_AGENT: Final = "Backline"
SANDBOX_KEY: Final = "sandbox"
SANDBOX_REQUESTS_PER_SECOND: Final = 200.0


@asynccontextmanager
async def opened(
    settings: Settings, bus: Bus, clock: Clock
) -> AsyncIterator[dict[Partner, Source]]:
    """The partners, during the block: those we have keys for, or with a sandbox all of them."""
    async with AsyncExitStack() as stack:
        yield await _Opening(settings, bus, clock, stack).sources()


class _Opening:
    def __init__(self, settings: Settings, bus: Bus, clock: Clock, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._bus = bus
        self._clock = clock
        self._stack = stack

    async def sources(self) -> dict[Partner, Source]:
        settings = self._settings
        sources: dict[Partner, Source] = {}
        key = self._key(settings.setlistfm_api_key)
        if key is not None:
            http = await self._http(
                Partner.SETLISTFM,
                settings.setlistfm_url,
                settings.setlistfm_requests_per_second,
                settings.setlistfm_requests_per_day,
            )
            sources[Partner.SETLISTFM] = SetlistFm(http, key)
        return sources

    def _key(self, secret: SecretStr | None) -> str | None:
        """A credential; in the sandbox any will do."""
        if self._settings.sandbox_url is not None:
            return SANDBOX_KEY
        return None if secret is None else secret.get_secret_value()

    async def _http(
        self,
        partner: Partner,
        url: str,
        per_second: float,
        per_day: int | None = None,
        *,
        name: str | None = None,
    ) -> Http:
        sandbox = self._settings.sandbox_url
        if sandbox is not None:
            url = f"{sandbox.rstrip('/')}/{name or partner}"
            per_second = SANDBOX_REQUESTS_PER_SECOND
        client = await self._stack.enter_async_context(
            httpx2.AsyncClient(
                base_url=url,
                timeout=self._settings.partner_timeout_seconds,
                headers={"user-agent": USER_AGENT},
                trust_env=sandbox is None,
            )
        )
        book = QuotaBook(self._bus, partner, per_day, self._clock)
        manners = Manners(per_second, book.take, book.close, self._settings.partner_retry_seconds)
        return Http(client, manners, self._clock)
