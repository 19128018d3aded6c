"""What can be set about the catalog from outside."""

import re
from typing import ClassVar, Final

from pydantic import SecretStr, field_validator

from libs.chassis.settings import Settings as ChassisSettings
from libs.chassis.settings import setting
from libs.kernel.ids import ID_PATTERN

SANDBOX: Final = "sandbox"


class Settings(ChassisSettings):
    """The variables `BACKLINE_CATALOG_*`."""

    prefix: ClassVar[str] = "BACKLINE_CATALOG_"

    slot_commands_max: int = setting(
        20_000,
        "Commands that may wait in one slot; beyond it callers are refused.",
        "commands",
        ge=1,
    )
    live_records_max: int = setting(20_000, "Records an owner keeps in memory.", "records", ge=1)
    show_lasts_seconds: int = setting(
        10_800,
        "How long a show lasts, from its beginning to its end.",
        "seconds",
        ge=60,
        le=172_800,
    )

    setlist_after_seconds: int = setting(
        7200,
        "How long after the end of a show it is asked for the first time what was played.",
        "seconds",
        ge=0,
        le=604_800,
    )
    repeated_syncs: str = setting(
        "",
        "Syncs that are repeated: `nightly:<sync>` or `hourly:<sync>`, several separated by"
        " spaces; for example nightly:setlistfm-artist-<mbid> hourly:luma-calendar-<id>. Or"
        " `sandbox`: what the sandbox knows of.",
    )
    hastened_every_seconds: int = setting(
        30,
        "How often a sync begins at most because its partner tells us of news by webhook.",
        "seconds",
        ge=1,
        le=86_400,
    )

    sandbox_url: str | None = setting(
        None,
        "Where `backline sandbox` serves; all partners are then asked there, without credentials.",
        pattern=r"^http://",
    )
    partner_timeout_seconds: float = setting(
        15.0, "How long a partner may take to answer.", "seconds", gt=0, le=120
    )
    partner_retry_seconds: float = setting(
        0.5,
        "Before a partner is asked again; doubled from one attempt to the next.",
        "seconds",
        gt=0,
        le=60,
    )
    syncs_at_once: int = setting(4, "Syncs that one worker runs at a time.", "syncs", ge=1, le=64)

    setlistfm_url: str = setting("https://api.setlist.fm", "Where setlist.fm is asked.")
    setlistfm_api_key: SecretStr | None = setting(None, "The key that setlist.fm gave us.")
    setlistfm_requests_per_second: float = setting(
        2.0, "What setlist.fm allows our key.", "requests/s", gt=0, le=100
    )
    setlistfm_requests_per_day: int = setting(
        1440, "What setlist.fm allows our key.", "requests/day", ge=1
    )
    ticketmaster_url: str = setting(
        "https://app.ticketmaster.com", "Where Ticketmaster's Discovery API is asked."
    )
    ticketmaster_api_key: SecretStr | None = setting(None, "The key that Ticketmaster gave us.")
    ticketmaster_requests_per_second: float = setting(
        2.0, "What Ticketmaster allows our key.", "requests/s", gt=0, le=100
    )
    ticketmaster_requests_per_day: int = setting(
        5000, "What Ticketmaster allows our key.", "requests/day", ge=1
    )
    spotify_url: str = setting("https://api.spotify.com", "Where Spotify's Web API is asked.")
    spotify_accounts_url: str = setting(
        "https://accounts.spotify.com", "Where Spotify gives tokens."
    )
    spotify_client_id: str | None = setting(None, "Our app at Spotify.")
    spotify_client_secret: SecretStr | None = setting(None, "The secret of our app at Spotify.")
    spotify_requests_per_second: float = setting(
        3.0, "How often we ask Spotify, which counts in 30 seconds.", "requests/s", gt=0, le=100
    )
    luma_url: str = setting("https://public-api.luma.com", "Where Luma's API is asked.")
    luma_api_key: SecretStr | None = setting(None, "The key of our calendar at Luma.")
    luma_requests_per_second: float = setting(
        3.0, "What Luma allows the key of a calendar: 200 a minute.", "requests/s", gt=0, le=100
    )
    ics_feeds: str = setting(
        "",
        "Calendars to follow as iCalendar: `name=https://…`, several separated by spaces.",
    )
    ics_requests_per_second: float = setting(
        1.0, "How often we ask for feeds.", "requests/s", gt=0, le=100
    )

    @field_validator("ics_feeds")
    @classmethod
    def _names_feeds(cls, value: str) -> str:
        feeds_of(value)
        return value

    @field_validator("repeated_syncs")
    @classmethod
    def _names_syncs(cls, value: str) -> str:
        if value != SANDBOX:
            repeated_of(value)
        return value

    def repeated(self) -> list[tuple[str, str]] | None:
        """How often, and which sync; None for those of the sandbox."""
        return None if self.repeated_syncs == SANDBOX else repeated_of(self.repeated_syncs)

    def feeds(self) -> dict[str, str]:
        """The feeds by their names."""
        return feeds_of(self.ics_feeds)


def repeated_of(value: str) -> list[tuple[str, str]]:
    """`nightly:<sync>` or `hourly:<sync>`, several separated by spaces. raises ValueError"""
    found = []
    for pair in value.split():
        often, _, sync_id = pair.partition(":")
        if often not in {"hourly", "nightly"} or re.fullmatch(ID_PATTERN, sync_id) is None:
            raise ValueError(f"{pair}: `nightly:<sync>` or `hourly:<sync>`")
        found.append((often, sync_id))
    return found


def feeds_of(value: str) -> dict[str, str]:
    """`name=address`, several separated by spaces. raises ValueError"""
    feeds: dict[str, str] = {}
    for pair in value.split():
        name, _, address = pair.partition("=")
        if re.fullmatch(ID_PATTERN, name) is None or not address.startswith(("http:", "https:")):
            raise ValueError(f"{name}: a feed is `name=https://…`")
        feeds[name] = address
    return feeds
