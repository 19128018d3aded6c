"""All partners that there are credentials for, ready to be asked."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import httpx2
from pydantic import SecretStr

from contracts.catalog_syncs import Partner
from libs.bus import Bus
from libs.kernel.clock import Clock
from services.catalog.adapters.partners import sandbox
from services.catalog.adapters.partners.http import Http, Manners
from services.catalog.adapters.partners.ics import Ics
from services.catalog.adapters.partners.luma import Luma
from services.catalog.adapters.partners.page import Source
from services.catalog.adapters.partners.setlistfm import SetlistFm
from services.catalog.adapters.partners.spotify import Spotify
from services.catalog.adapters.partners.ticketmaster import Ticketmaster
from services.catalog.adapters.quotas import QuotaBook
from services.catalog.settings import Settings

USER_AGENT: Final = "Backline"
SANDBOX_REQUESTS_PER_SECOND: Final = 200.0


@asynccontextmanager
async def opened(
    settings: Settings, bus: Bus, clock: Clock
) -> AsyncIterator[dict[Partner, Source]]:
    """The partners, during the block: those we have keys for, or with a sandbox all of them."""
    # It would log whole addresses, and Ticketmaster wants our key among the parameters.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    async with AsyncExitStack() as stack:
        yield await _Opening(settings, bus, clock, stack).sources()


class _Opening:
    def __init__(self, settings: Settings, bus: Bus, clock: Clock, stack: AsyncExitStack) -> None:
        self._settings = settings
        self._bus = bus
        self._clock = clock
        self._stack = stack

    async def sources(self) -> dict[Partner, Source]:
        """The partners there are credentials for."""
        settings = self._settings
        sources: dict[Partner, Source] = {}
        if (key := self._key(settings.setlistfm_api_key)) is not None:
            http = await self._http(
                Partner.SETLISTFM,
                settings.setlistfm_url,
                settings.setlistfm_requests_per_second,
                settings.setlistfm_requests_per_day,
            )
            sources[Partner.SETLISTFM] = SetlistFm(http, key)
        if (key := self._key(settings.ticketmaster_api_key)) is not None:
            http = await self._http(
                Partner.TICKETMASTER,
                settings.ticketmaster_url,
                settings.ticketmaster_requests_per_second,
                settings.ticketmaster_requests_per_day,
            )
            sources[Partner.TICKETMASTER] = Ticketmaster(http, key)
        if (key := self._key(settings.spotify_client_secret)) is not None:
            per_second = settings.spotify_requests_per_second
            sources[Partner.SPOTIFY] = Spotify(
                await self._http(Partner.SPOTIFY, settings.spotify_url, per_second),
                await self._http(Partner.SPOTIFY, settings.spotify_accounts_url, per_second),
                (settings.spotify_client_id or sandbox.KEY, key),
                self._clock,
            )
        if (key := self._key(settings.luma_api_key)) is not None:
            http = await self._http(
                Partner.LUMA, settings.luma_url, settings.luma_requests_per_second
            )
            sources[Partner.LUMA] = Luma(http, key)
        feeds = settings.feeds()
        if settings.sandbox_url is not None:
            feeds = {sandbox.FEED: ""}
        if feeds:
            sources[Partner.ICS] = Ics(
                {
                    name: (await self._feed(url), url or f"/{sandbox.FEED}.ics")
                    for name, url in feeds.items()
                }
            )
        return sources

    async def _feed(self, url: str) -> Http:
        return await self._http(Partner.ICS, url, self._settings.ics_requests_per_second)

    def _key(self, secret: SecretStr | None) -> str | None:
        """A credential; in the sandbox any will do."""
        if self._settings.sandbox_url is not None:
            return sandbox.KEY
        return None if secret is None else secret.get_secret_value()

    async def _http(
        self,
        partner: Partner,
        url: str,
        per_second: float,
        per_day: int | None = None,
    ) -> Http:
        """How a partner is asked; with a sandbox, there."""
        stand_in = self._settings.sandbox_url
        if stand_in is not None:
            url = f"{stand_in.rstrip('/')}/{partner}"
            per_second = SANDBOX_REQUESTS_PER_SECOND
        client = await self._stack.enter_async_context(
            httpx2.AsyncClient(
                base_url=url,
                timeout=self._settings.partner_timeout_seconds,
                headers={"user-agent": USER_AGENT},
                trust_env=stand_in is None,
            )
        )
        book = QuotaBook(self._bus, partner, per_day, self._clock)
        manners = Manners(per_second, book.take, book.close, self._settings.partner_retry_seconds)
        return Http(client, manners, self._clock)
