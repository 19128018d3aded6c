"""The sandbox, started as people start it; and the world in it."""

import asyncio
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import httpx2
import pytest

from libs.stack.ports import free_ports
from libs.testkit.waiting import eventually
from services.catalog.adapters.partners.sandbox import BAND_MBID
from services.catalog.cli.sandboxes import quay
from services.catalog.cli.sandboxes.world import (
    COMING_SHOWS,
    DEAD_MBID,
    EPOCH,
    PAST_SHOWS,
    coming,
    meetings,
    played_by,
    tracks,
)
from services.catalog.conftest import RunningSandbox, sandbox

__all__ = ["sandbox"]


def test_holds_the_same_world_on_the_same_day() -> None:
    assert played_by(BAND_MBID, EPOCH) == played_by(BAND_MBID, EPOCH)
    assert len({show.setlist_id for show in played_by(BAND_MBID, EPOCH)}) == PAST_SHOWS
    assert len({show.event_id for show in coming(EPOCH)}) == COMING_SHOWS
    assert coming(EPOCH)[0].locally.date() == EPOCH
    assert len(played_by(DEAD_MBID, EPOCH)) == 22
    assert played_by("nobody", EPOCH) == []
    assert len({track.track_id for track in tracks()}) == len(tracks())
    assert meetings(EPOCH)[0].starts_at < meetings(EPOCH)[-1].starts_at


@pytest.mark.parametrize("days", [1, 2, 3, 4, 40, 4000])
def test_is_the_same_world_on_a_later_day_but_for_what_has_happened(days: int) -> None:
    before, later = EPOCH + timedelta(days=days - 1), EPOCH + timedelta(days=days)
    shows = {show.event_id: show for show in coming(before)}
    assert all(shows.get(each.event_id, each) == each for each in coming(later))
    assert len(shows.keys() - {each.event_id for each in coming(later)}) <= 1
    assert all(each.locally.date() >= later for each in coming(later))
    played = {show.setlist_id: show for show in played_by(BAND_MBID, before)}
    assert all(played.get(each.setlist_id, each) == each for each in played_by(BAND_MBID, later))
    assert max(each.day for each in played_by(BAND_MBID, later)) < later
    gatherings = {each.event_id: each for each in meetings(before)}
    assert all(gatherings.get(each.event_id, each) == each for each in meetings(later))


@pytest.mark.parametrize("minutes", [0, 4, 5, 19, 20, 1_439, 2_000_000])
def test_has_somebody_playing_on_the_quay_around_the_clock(minutes: int) -> None:
    now = datetime.combine(EPOCH, time(), UTC) + timedelta(minutes=minutes)
    shows, over = quay.coming(now), quay.played(now)
    assert timedelta() < shows[0].starts_at - now <= quay.EVERY
    assert shows[-1].starts_at - now > timedelta(hours=1)
    (last, *_) = (each.written_at for each in over if each.written_at is not None)
    assert timedelta() <= now - last < quay.EVERY
    assert len({each.setlist_id for each in over}) == quay.PAST_SHOWS
    later = shows[0].starts_at + quay.LASTS
    (played, *_) = quay.played(later)
    assert (played.day, played.venue) == (shows[0].locally.date(), shows[0].venue.name)
    assert shows[1:] == quay.coming(later)[:-1]


async def test_refuses_orders_that_make_no_sense(sandbox: RunningSandbox) -> None:
    async with httpx2.AsyncClient(base_url=sandbox.url, trust_env=False) as client:
        for body in ({"partner": "nobody", "fault": "html"}, {"partner": "luma", "fault": "x"}, 7):
            assert (await client.put("/_sandbox/faults", json=body)).status_code == 400
        assert (await client.get("/nobody/x")).status_code == 404
        assert (await client.get("/_sandbox/nothing")).status_code == 404
        await client.get("/luma/v1/calendars/events/list")
        asked = (await client.get("/_sandbox/requests")).json()["requests"]
        assert [(each["partner"], each["status"]) for each in asked] == [("luma", 401)]
        assert (await client.delete("/_sandbox")).status_code == 204
        assert (await client.get("/_sandbox/requests")).json() == {"requests": []}


@pytest.mark.connected
async def test_serves_when_it_is_started_from_the_command_line() -> None:
    (port,) = free_ports(1)
    command = (sys.executable, "-P", "-m", "libs.chassis.cli", "sandbox", "--port", str(port))
    process = await asyncio.create_subprocess_exec(
        *command, cwd=Path(__file__).parents[3], stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with httpx2.AsyncClient(trust_env=False) as client:

            async def answers() -> bool:
                try:
                    address = f"http://127.0.0.1:{port}/ics/harbour.ics"
                    return (await client.get(address)).text.startswith("BEGIN:VCALENDAR")
                except httpx2.ConnectError:
                    return False

            await eventually(answers, timeout_seconds=60)
    finally:
        process.terminate()
        await process.wait()
