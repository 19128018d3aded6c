"""What the sandbox and whoever asks it both know: the names of things there."""

from typing import Final

from contracts.catalog_syncs import Partner, Scope, SyncId, sync_id_of

KEY: Final = "sandbox"
"""It takes any key."""

BAND_MBID: Final = "5b0c3f0e-3c4e-4d0a-9d1f-7a1f5a8c2e11"
BAND_ATTRACTION: Final = "K8vZ917Sand"
BAND_SPOTIFY: Final = "0SandboxHarbourLights0"
QUAY_MBID: Final = "0e9a7d35-56f1-4d5c-8a55-9d0e7d6c4b21"
QUAY_ATTRACTION: Final = "K8vZ917Quay"
CALENDAR: Final = "cal-SandboxHarbour"
FEED: Final = "harbour"

REPEATED: Final[tuple[tuple[str, SyncId], ...]] = (
    ("nightly", sync_id_of(Partner.SETLISTFM, Scope.ARTIST, BAND_MBID)),
    ("hourly", sync_id_of(Partner.TICKETMASTER, Scope.ARTIST, BAND_ATTRACTION)),
    ("nightly", sync_id_of(Partner.SPOTIFY, Scope.ARTIST, BAND_SPOTIFY)),
    ("nightly", sync_id_of(Partner.SETLISTFM, Scope.ARTIST, QUAY_MBID)),
    ("hourly", sync_id_of(Partner.TICKETMASTER, Scope.ARTIST, QUAY_ATTRACTION)),
    ("hourly", sync_id_of(Partner.LUMA, Scope.CALENDAR, CALENDAR)),
)
"""How often, and which sync: what `backline up` keeps up to date."""
