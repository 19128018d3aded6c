"""After a show: fetching what was played, again and again until nobody writes at it any more.

A setlist grows for hours on setlist.fm: it is there without songs, then with some, then with all.
It counts as complete when it has songs and was the same the last time it was looked at. Whoever
fetches keeps what this returns, hands it in the next time, and stops when it is complete.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any, Final

import orjson

from contracts.catalog_artists import GetArtist
from contracts.catalog_shows import GetShow
from contracts.catalog_sync_views import GetSync
from contracts.catalog_syncs import Partner, Scope, StartSync, SyncId, SyncStatus, sync_id_of
from libs.bus import Bus
from services.catalog.adapters.telling import CALLER, send

LOOK_SECONDS: Final = 0.5
FETCH_SECONDS_MAX: Final = 300.0

_OVER = frozenset({SyncStatus.FINISHED, SyncStatus.FAILED, SyncStatus.WAITING, SyncStatus.STOPPED})


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was found.

    songs        how many were played, as far as is known; 0 when nothing is
    digest       of what was played, to be handed in the next time; None when nothing is known
    is_complete  there is no need to look again
    trouble      why it could not be looked at; None when it could
    """

    songs: int
    digest: str | None
    is_complete: bool
    trouble: str | None = None


async def fetch_setlist(bus: Bus, show_id: str, before: Fetched | None = None) -> Fetched:
    """Ask setlist.fm what was played at a show, and tell the catalog. May be repeated.

    before   what it came to the last time
    raises   RemoteProblem (`catalog.show-not-found`), Unavailable
    """
    show = (await bus.ask(GetShow(show_id=show_id), caller=CALLER)).result["show"]
    sync_id = await _sync_of(bus, show)
    if sync_id is None:
        return Fetched(0, None, is_complete=False, trouble="setlist.fm has no id for its artist")
    stands = await _synced(bus, sync_id)
    position = int(stands["position"])
    answer = await bus.ask(GetShow(show_id=show_id), caller=CALLER, after=position)
    trouble = None if stands["status"] == SyncStatus.FINISHED else str(stands["reason"])
    setlist = answer.result["setlist"]
    if setlist is None:
        return Fetched(0, None, is_complete=False, trouble=trouble)
    songs = sum(len(part["songs"]) for part in setlist["sets"])
    digest = hashlib.blake2b(orjson.dumps(setlist["sets"]), digest_size=16).hexdigest()
    is_settled = before is not None and before.digest == digest and trouble is None
    return Fetched(songs, digest, is_complete=is_settled and songs > 0, trouble=trouble)


async def _sync_of(bus: Bus, show: dict[str, Any]) -> SyncId | None:
    """The sync that tells of a show: of its setlist alone when setlist.fm has told of it before,
    else of its artist, whose latest shows come first.
    """
    setlist_id = show["external_ids"].get(Partner.SETLISTFM.value)
    if setlist_id is not None:
        return sync_id_of(Partner.SETLISTFM, Scope.SETLIST, setlist_id)
    query = GetArtist(artist_id=show["artist_id"])
    artist = (await bus.ask(query, caller=CALLER)).result
    mbid = artist["external_ids"].get("musicbrainz")
    return None if mbid is None else sync_id_of(Partner.SETLISTFM, Scope.ARTIST, mbid)


async def _synced(bus: Bus, sync_id: SyncId) -> dict[str, Any]:
    """Start a sync and wait until it is over: how it stands then, and at which position."""
    position = (await send(bus, StartSync(sync_id=sync_id)))["position"]
    async with asyncio.timeout(FETCH_SECONDS_MAX):
        while True:
            answer = await bus.ask(GetSync(sync_id=sync_id), caller=CALLER, after=position)
            if answer.result["status"] in _OVER:
                return {**answer.result, "position": answer.position}
            await asyncio.sleep(LOOK_SECONDS)
