"""The sandbox's partners in these rounds: each round they tell something else, and they fail."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import uvicorn

from contracts.catalog_syncs import Partner, Scope, SyncId, sync_id_of
from libs.stack.ports import free_ports
from services.catalog.adapters.partners.sandbox import (
    BAND_ATTRACTION,
    BAND_MBID,
    BAND_SPOTIFY,
    CALENDAR,
    FEED,
)
from services.catalog.cli.sandboxes.server import Sandbox
from services.catalog.cli.sandboxes.serving import Fault, Order
from services.catalog.cli.sandboxes.world import (
    BAND,
    VENUES,
    hex_of,
    played_by,
    tracks,
)

NEW_SETLISTS_PER_ROUND = 30
LONG_AGO = timedelta(days=400)
TIMEOUT_SECONDS = 1.0
SLOW_SECONDS = 0.4
SLOW_ANSWERS = 8
FAILING_MAX = 3
"""One fewer than the attempts a request has: so a run meets them all and gets to its end."""

SYNCS: Mapping[Partner, SyncId] = {
    Partner.SETLISTFM: sync_id_of(Partner.SETLISTFM, Scope.ARTIST, BAND_MBID),
    Partner.TICKETMASTER: sync_id_of(Partner.TICKETMASTER, Scope.ARTIST, BAND_ATTRACTION),
    Partner.SPOTIFY: sync_id_of(Partner.SPOTIFY, Scope.ARTIST, BAND_SPOTIFY),
    Partner.LUMA: sync_id_of(Partner.LUMA, Scope.CALENDAR, CALENDAR),
    Partner.ICS: sync_id_of(Partner.ICS, Scope.CALENDAR, FEED),
}
"""What is synced in a round, one after the other: who speaks first of a thing names it."""


def tell_more(world: Sandbox, number: int, day: date) -> None:
    """Have every partner tell what it tells from this round on: more, other things, and less.

    number   of the round, from 0; the same for the same one
    """
    setlists = world.changes[Partner.SETLISTFM]
    for at in range(NEW_SETLISTS_PER_ROUND):
        setlist = _setlist(number * NEW_SETLISTS_PER_ROUND + at, day)
        setlists.put(setlist["id"], setlist)
    known = played_by(BAND_MBID, day)
    for show in known[3 * number % len(known) :][:2]:
        setlists.put(show.setlist_id, {"tour": {"name": f"Tides, leg {number}"}})
    if number > 0:
        setlists.put(_setlist_id((number - 1) * NEW_SETLISTS_PER_ROUND), None)
    tickets = f"vvSandbox{1 + number % 11:03}"
    address = {"url": f"https://www.ticketmaster.com/event/{tickets}/{number}"}
    world.changes[Partner.TICKETMASTER].put(tickets, address)
    track = tracks()[number % len(tracks())]
    world.changes[Partner.SPOTIFY].put(track.track_id, {"name": f"{track.title} ({number})"})
    gathering = f"evt-Sandbox{number % 8:04}"
    world.changes[Partner.LUMA].put(gathering, {"name": f"Session of round {number}"})
    world.changes[Partner.LUMA].put(f"evt-Sandbox{10 + number % 8:04}", None)
    feed = f"evt-Sandbox{20 + number % 8:04}"
    world.changes[Partner.ICS].put(feed, {"SUMMARY": f"Evening of round {number}"})


def fail(world: Sandbox, partner: Partner, chance: random.Random) -> None:
    """Have a partner answer slowly for a while, and fail in some of the ways that pass.

    A feed that is cut is read as far as it goes, and its run ends without being whole: that is
    caught up with by the next one.
    """
    ways = (
        Order(Fault.LIMITED, retry_after=1),
        Order(Fault.BROKEN),
        Order(Fault.TRUNCATED),
        Order(Fault.SLOW, seconds=2 * TIMEOUT_SECONDS),
    )
    for order in chance.sample(ways, chance.randint(1, FAILING_MAX)):
        world.faults.ask(partner, order)
    world.faults.ask(partner, Order(Fault.SLOW, times=SLOW_ANSWERS, seconds=SLOW_SECONDS))


def _setlist_id(number: int) -> str:
    return hex_of("told in round", str(number))


def _setlist(number: int, day: date) -> dict[str, Any]:
    """A show of long ago that setlist.fm did not know of, now and then at a new place."""
    venue = VENUES[number % len(VENUES)]
    hall = venue.name if number % 7 else f"Hall {number}"
    titles = [tracks()[(number + 4 * at) % len(tracks())].title for at in range(6)]
    songs = [{"name": title} for title in (*titles, f"Song of night {number // 3}")]
    played_on = day - LONG_AGO - timedelta(days=number)
    setlist_id = _setlist_id(number)
    return {
        "id": setlist_id,
        "eventDate": f"{played_on:%d-%m-%Y}",
        "lastUpdated": f"{played_on:%Y-%m-%d}T23:30:00.000+0000",
        "artist": {"mbid": BAND_MBID, "name": BAND},
        "venue": {
            "id": hex_of(hall, venue.city),
            "name": hall,
            "city": {"name": venue.city, "country": {"code": venue.country}},
        },
        "sets": {"set": [{"song": songs[:4]}, {"encore": 1, "song": songs[4:]}]},
        "url": f"https://www.setlist.fm/setlist/band/night-{setlist_id}.html",
    }


@asynccontextmanager
async def running_partners(day: date) -> AsyncIterator[tuple[str, Sandbox]]:
    """The partners during the block: their address, and what serves there."""
    world = Sandbox(lambda: datetime.combine(day, time(12), UTC))
    (port,) = free_ports(1)
    config = uvicorn.Config(world, host="127.0.0.1", port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110  # uvicorn tells nobody.
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{port}", world
    finally:
        server.should_exit = True
        await serving
