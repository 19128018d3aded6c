"""Syncs, from a partner's pages to the log and the rows: on real servers, the sandbox as peer."""

import asyncio
import json
import os
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.catalog import Kind, id_of
from contracts.catalog_artists import ListArtists
from contracts.catalog_gatherings import ListGatherings
from contracts.catalog_identity import GetSayings, ListDisputes, MergeRecords, SplitRecords
from contracts.catalog_settling import SettleShow
from contracts.catalog_shows import GetShow, ListShows
from contracts.catalog_songs import ListSongs
from contracts.catalog_sync_views import GetSync, ListQuotas
from contracts.catalog_syncs import Partner, Scope, StartSync, sync_id_of
from libs.eventlog import JetStreamLog
from libs.kernel.messages import service_caller
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from libs.testkit.waiting import eventually
from services.catalog.adapters.aftermath import fetch_setlist
from services.catalog.adapters.findings import Part
from services.catalog.adapters.partners.sandbox import (
    BAND_ATTRACTION,
    BAND_MBID,
    BAND_SPOTIFY,
    CALENDAR,
)
from services.catalog.cli.importing import import_setlists
from services.catalog.cli.sandboxes.world import (
    COMING_SHOWS,
    DEAD_MBID,
    GATHERINGS,
    PAST_SHOWS,
    VENUES,
    albums,
)
from services.catalog.cli.seeding import SEED
from services.catalog.conftest import (
    TODAY,
    TONIGHT,
    RunningCatalog,
    RunningSandbox,
    delete_log,
    setlist_of_tonight,
    written,
)

pytestmark = pytest.mark.connected

CALLER = service_caller("catalog")
ENDS_SECONDS = 30.0
DEAD = sync_id_of(Partner.SETLISTFM, Scope.ARTIST, DEAD_MBID)
BAND = sync_id_of(Partner.SETLISTFM, Scope.ARTIST, BAND_MBID)
TICKETS = sync_id_of(Partner.TICKETMASTER, Scope.ARTIST, BAND_ATTRACTION)
RECORDS = sync_id_of(Partner.SPOTIFY, Scope.ARTIST, BAND_SPOTIFY)
GATHERINGS_OF_BAND = sync_id_of(Partner.LUMA, Scope.CALENDAR, CALENDAR)
FEED = sync_id_of(Partner.ICS, Scope.CALENDAR, "harbour")
TOMORROW = (TODAY + timedelta(days=1)).isoformat()
REST_SECONDS = 1.5
OVER = {"finished", "failed", "waiting", "stopped"}


async def sync(catalog: RunningCatalog, sync_id: str, **more: Any) -> dict[str, Any]:
    """Start a sync and wait until it is over; returns how it stands then."""
    started = await catalog.bus.send(StartSync(sync_id=sync_id, **more), caller=CALLER)
    return await over(catalog, sync_id, started["position"])


async def over(catalog: RunningCatalog, sync_id: str, position: int) -> dict[str, Any]:
    deadline = asyncio.get_running_loop().time() + ENDS_SECONDS
    while True:
        answer = await catalog.bus.ask(GetSync(sync_id=sync_id), caller=CALLER, after=position)
        if answer.result["status"] in OVER:
            end = await catalog.log.last_position()
            await catalog.bus.ask(ListArtists(), caller=CALLER, after=end)
            return answer.result
        assert asyncio.get_running_loop().time() < deadline, answer.result
        await asyncio.sleep(0.05)


async def recorded(catalog: RunningCatalog) -> Counter[str]:
    """The events of records there are, by type: those of syncs and quotas left out."""
    end = await catalog.log.last_position()
    found: Counter[str] = Counter()
    async for commits in catalog.log.follow(after=0):
        for commit in commits:
            if commit.aggregate not in {"sync", "quota"}:
                found.update(event.type for event in commit.events)
        if not commits or commits[-1].position >= end:
            return found
    raise AssertionError("a log is followed for ever")


async def test_brings_an_artist_in_and_adds_no_event_when_it_is_repeated(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    first = await sync(synced, DEAD)
    assert first["status"] == "finished", first
    assert (first["pages"], first["of"], first["refused"]) == (2, 2, 0)
    shows = await synced.bus.ask(ListShows(), caller=CALLER)
    assert len(shows.result["shows"]) == 22
    assert {show["artist"] for show in shows.result["shows"]} == {"Grateful Dead"}
    assert all(show["song_count"] > 0 for show in shows.result["shows"])
    events = await recorded(synced)
    assert events["catalog.show_scheduled.v1"] == events["catalog.setlist_recorded.v1"] == 22
    assert not [name for name in events if "changed" in name or "noted" in name]

    second = await sync(synced, DEAD)
    assert (second["status"], second["new"], second["changed"]) == ("finished", 0, 0)
    assert await recorded(synced) == events
    third = await sync(synced, DEAD, afresh=True)
    assert third["unchanged"] == first["new"] + first["unchanged"]
    assert await recorded(synced) == events


async def test_asks_only_for_what_has_changed_when_it_is_repeated(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    await sync(synced, BAND)
    await sync(synced, BAND)
    asked = [(each["params"]["p"], each["status"]) for each in sandbox.world.requests]
    assert asked == [(page, 200) for page in "123"] + [(page, 304) for page in "123"]


async def test_tells_every_occurrence_of_an_event_that_repeats_and_each_once(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    choir = {"UID": "choir", "SUMMARY": "Choir", "DTSTART": f"{TODAY:%Y%m%d}T180000Z"}
    rule = {"RRULE": "FREQ=WEEKLY;COUNT=6"}
    await sandbox.change("ics", "choir", {**choir, **rule})
    first = await sync(synced, FEED)
    assert (first["status"], first["new"]) == ("finished", GATHERINGS + 6), first
    before = await recorded(synced)
    again = await sync(synced, FEED, afresh=True)
    assert (again["status"], again["unchanged"]) == ("finished", GATHERINGS + 6)
    assert await recorded(synced) == before

    moved = {
        "UID": "choir",
        "SUMMARY": "Choir, outdoors",
        f"RECURRENCE-ID;VALUE=DATE-TIME:{TODAY + timedelta(days=14):%Y%m%d}T180000Z\nX-SAYS": "it",
        "DTSTART": f"{TODAY + timedelta(days=15):%Y%m%d}T170000Z",
    }
    excluded = {"EXDATE": f"{TODAY + timedelta(days=7):%Y%m%d}T180000Z"}
    await sandbox.change("ics", "choir", {**choir, **rule, **excluded})
    await sandbox.change("ics", "choir, outdoors", moved)
    changed = await sync(synced, FEED)
    assert (changed["new"], changed["changed"], changed["missing"]) == (0, 1, 1), changed
    found = await synced.bus.ask(ListGatherings(limit=200), caller=CALLER)
    choirs = [each for each in found.result["gatherings"] if each["name"].startswith("Choir")]
    assert sorted((each["name"], each["is_listed"]) for each in choirs) == [
        *[("Choir", False)] * 1,
        *[("Choir", True)] * 4,
        ("Choir, outdoors", True),
    ]


async def test_records_exactly_the_changes_when_a_page_has_changed(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    await sync(synced, BAND)
    before = await recorded(synced)
    shows = await synced.bus.ask(ListShows(limit=PAST_SHOWS), caller=CALLER)
    assert len(shows.result["shows"]) == PAST_SHOWS
    changed, gone = (show["external_ids"]["setlistfm"] for show in shows.result["shows"][:2])
    later = {"lastUpdated": written(), "tour": {"name": "Tides II"}}
    await sandbox.change("setlistfm", changed, later)
    await sandbox.change("setlistfm", gone, None)
    after = await sync(synced, BAND)
    assert (after["status"], after["changed"], after["missing"]) == ("finished", 1, 1)
    assert await recorded(synced) - before == Counter({"catalog.show_changed.v1": 2})
    now = await synced.bus.ask(ListShows(limit=2), caller=CALLER)
    assert [(show["tour"], show["is_listed"]) for show in now.result["shows"]] == [
        ("Tides II", True),
        ("Tides", False),
    ]


@pytest.mark.parametrize("fault", ["limited", "broken", "truncated", "html", "slow", "large"])
async def test_gets_over_a_fault_when_it_passes(
    sandbox: RunningSandbox, synced: RunningCatalog, fault: str
) -> None:
    await sandbox.order("setlistfm", fault, match="p=2", times=2, retry_after=0)
    ended = await sync(synced, BAND)
    assert (ended["status"], ended["refused"]) == ("finished", 0)
    shows = await synced.bus.ask(ListShows(limit=200), caller=CALLER)
    assert len(shows.result["shows"]) == PAST_SHOWS


async def test_gets_over_faults_of_every_partner(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    for name in ("ticketmaster", "spotify", "luma", "ics"):
        for fault in ("limited", "broken", "html" if name == "ics" else "truncated"):
            await sandbox.order(name, fault, retry_after=0)
    syncs = [TICKETS, RECORDS, GATHERINGS_OF_BAND, FEED]
    for ended in await asyncio.gather(*(sync(synced, each) for each in syncs)):
        assert (ended["status"], ended["refused"]) == ("finished", 0), ended


async def test_marks_nothing_as_missing_while_something_cannot_be_read(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    await sync(synced, BAND)
    await sync(synced, FEED)
    shows = (await synced.bus.ask(ListShows(limit=200), caller=CALLER)).result["shows"]
    damaged, gone = (show["external_ids"]["setlistfm"] for show in shows[:2])
    await sandbox.change("setlistfm", damaged, {"eventDate": "99-99-9999"})
    await sandbox.change("setlistfm", gone, None)
    ended = await sync(synced, BAND)
    assert (ended["status"], ended["refused"], ended["missing"]) == ("finished", 1, 0)
    await sandbox.order("ics", "truncated")
    await sandbox.change("ics", "evt-Sandbox0000", {"SUMMARY": "Another name"})
    cut = await sync(synced, FEED)
    assert (cut["status"], cut["missing"]) == ("finished", 0)
    assert cut["refusals"][0]["reason"] == "the calendar has no end, so events may be missing"
    await sandbox.change("setlistfm", damaged, {})
    mended = await sync(synced, BAND)
    assert (mended["refused"], mended["missing"]) == (0, 1)


@pytest.mark.parametrize("fault", ["html", "large", "garbage"])
async def test_leaves_out_the_page_alone_when_it_cannot_be_read(
    sandbox: RunningSandbox, synced: RunningCatalog, fault: str
) -> None:
    await sandbox.order("setlistfm", fault, match="p=2", times=10)
    ended = await sync(synced, BAND)
    assert (ended["status"], ended["refused"], ended["missing"]) == ("finished", 1, 0)
    (refusal,) = ended["refusals"]
    assert (refusal["what"], refusal["where"]) == ("page", "2")
    shows = await synced.bus.ask(ListShows(limit=200), caller=CALLER)
    assert len(shows.result["shows"]) == PAST_SHOWS - 20
    sandbox.world.faults.clear()
    again = await sync(synced, BAND)
    assert (again["status"], again["refused"]) == ("finished", 0)
    songs = await synced.bus.ask(ListSongs(), caller=CALLER)
    assert len(songs.result["songs"]) == 30


async def test_goes_on_at_its_cursor_when_a_run_did_not_come_to_its_end(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    await sandbox.order("setlistfm", "limited", match="p=3", times=1, retry_after=1000)
    waiting = await sync(synced, BAND)
    assert (waiting["status"], waiting["pages"]) == ("waiting", 2)
    assert "Too Many Requests" in waiting["reason"]
    asked = len(sandbox.world.requests)
    quota = await synced.bus.ask(ListQuotas(), caller=CALLER)
    assert quota.result["quotas"][0]["closed_until"] is not None
    refused = await sync(synced, BAND)
    assert refused["status"] == "waiting"  # The partner has said until when.
    assert len(sandbox.world.requests) == asked


async def test_says_why_when_the_partner_knows_no_such_artist(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    nobody = sync_id_of(Partner.SETLISTFM, Scope.ARTIST, "00000000-0000-4000-8000-000000000000")
    ended = await sync(synced, nobody)
    assert ended["status"] == "failed"
    assert "404, not found" in ended["reason"]


async def test_makes_one_artist_when_three_partners_speak_at_the_same_time(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    await asyncio.gather(*(sync(synced, sync_id) for sync_id in (BAND, TICKETS, RECORDS)))
    (band,) = (await synced.bus.ask(ListArtists(), caller=CALLER)).result["artists"]
    assert band["shows"] == PAST_SHOWS + COMING_SHOWS
    assert band["songs"] == 30


async def test_tells_two_partners_words_of_one_artist_as_one(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    for sync_id in (BAND, TICKETS, RECORDS):
        ended = await sync(synced, sync_id)
        assert (ended["status"], ended["refused"]) == ("finished", 0), ended
    artists = (await synced.bus.ask(ListArtists(), caller=CALLER)).result["artists"]
    (band,) = artists
    assert band["shows"] == PAST_SHOWS + COMING_SHOWS
    assert band["songs"] == 30
    assert band["external_ids"]["musicbrainz"] == BAND_MBID
    assert band["external_ids"]["ticketmaster"] == BAND_ATTRACTION
    said = await synced.bus.ask(
        GetSayings(kind=Kind.ARTIST, record_id=band["artist_id"]), caller=CALLER
    )
    own = {each["source"]: each["own_id"] for each in said.result["sources"]}
    assert own == {
        "setlistfm": id_of(Kind.ARTIST, "musicbrainz", BAND_MBID),
        "ticketmaster": id_of(Kind.ARTIST, "ticketmaster", BAND_ATTRACTION),
        "spotify": id_of(Kind.ARTIST, "spotify", BAND_SPOTIFY),
    }
    shows = (await synced.bus.ask(ListShows(limit=200), caller=CALLER)).result["shows"]
    assert len({show["venue_id"] for show in shows}) == len(VENUES)
    tonight = shows[COMING_SHOWS - 1]
    assert tonight["local_date"] == TODAY.isoformat()
    assert tonight["starts_at"] == f"{TONIGHT:%Y-%m-%dT%H:%M:%SZ}"
    songs = (await synced.bus.ask(ListSongs(), caller=CALLER)).result["songs"]
    assert {song["release"] for song in songs} == set(albums())
    events = await recorded(synced)
    for sync_id in (TICKETS, BAND, RECORDS):
        await sync(synced, sync_id, afresh=True)
    assert await recorded(synced) == events


async def test_tells_a_calendar_and_its_feed_as_one(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    for sync_id in (FEED, GATHERINGS_OF_BAND, FEED):
        ended = await sync(synced, sync_id)
        assert (ended["status"], ended["refused"]) == ("finished", 0), ended
    found = await synced.bus.ask(ListGatherings(limit=100), caller=CALLER)
    gatherings = found.result["gatherings"]
    assert len(gatherings) == GATHERINGS - 3  # Three are private.
    assert {each["status"] for each in gatherings} == {"scheduled"}
    by_id = {each["external_ids"]["luma"]: each for each in gatherings}
    hidden = by_id["evt-Sandbox0003"]  # Its place is for its guests; the feed tells its city alone.
    assert (hidden["latitude"], hidden["time_zone"]) == (None, "Europe/Copenhagen")
    events = await recorded(synced)
    await sync(synced, FEED, afresh=True)
    await sync(synced, GATHERINGS_OF_BAND, afresh=True)
    assert await recorded(synced) == events
    await sandbox.change("luma", "evt-Sandbox0020", None)
    missed = await sync(synced, GATHERINGS_OF_BAND)
    assert missed["missing"] == 1


async def test_fetches_what_was_played_until_nobody_writes_at_it_any_more(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    await sync(synced, TICKETS)
    tonight = (await synced.bus.ask(ListShows(limit=200), caller=CALLER)).result["shows"][-1]
    nothing = await fetch_setlist(synced.bus, tonight["show_id"])
    assert (nothing.songs, nothing.is_complete, nothing.trouble) == (0, False, None)

    await sandbox.change("setlistfm", "feed0001", setlist_of_tonight(sets={"set": []}))
    empty = await fetch_setlist(synced.bus, tonight["show_id"], nothing)
    assert (empty.songs, empty.is_complete) == (0, False)
    songs = [{"name": "Ebb"}, {"name": "Flood"}]
    some = {"sets": {"set": [{"song": songs[:1]}]}, "lastUpdated": written(minutes=10)}
    await sandbox.change("setlistfm", "feed0001", setlist_of_tonight(**some))
    first = await fetch_setlist(synced.bus, tonight["show_id"], empty)
    assert (first.songs, first.is_complete) == (1, False), first
    whole = {"sets": {"set": [{"song": songs}]}, "lastUpdated": written(minutes=20)}
    await sandbox.change("setlistfm", "feed0001", setlist_of_tonight(**whole))
    second = await fetch_setlist(synced.bus, tonight["show_id"], first)
    assert (second.songs, second.is_complete) == (2, False)
    third = await fetch_setlist(synced.bus, tonight["show_id"], second)
    assert (third.songs, third.is_complete) == (2, True)
    show = (await synced.bus.ask(GetShow(show_id=tonight["show_id"]), caller=CALLER)).result
    assert show["show"]["external_ids"] == {"setlistfm": "feed0001", "ticketmaster": "vvSandbox000"}
    assert show["show"]["starts_at"] == f"{TONIGHT:%Y-%m-%dT%H:%M:%SZ}"


async def test_goes_on_where_it_was_when_its_worker_is_stopped(
    sandbox: RunningSandbox, nats_server: RunningNats, database: RunningDatabase
) -> None:
    await sandbox.order("setlistfm", "slow", match="p=3", seconds=0.4, times=3)
    await delete_log(nats_server)
    rest = ["catalog.owner", "catalog.projections", "catalog.queries"]
    async with (
        running_services(rest, nats_server, database),
        bus_of("catalog", nats_server) as bus,
    ):
        log = await JetStreamLog.open(bus.connection, "catalog")
        catalog = RunningCatalog(bus, log)
        started = await bus.send(StartSync(sync_id=BAND, afresh=True), caller=CALLER)
        async with running_services(["catalog.syncs"], nats_server, database):
            await until_pages(catalog, 2, started["position"])
        position = await log.last_position()
        stopped = await bus.ask(GetSync(sync_id=BAND), caller=CALLER, after=position)
        assert (stopped.result["status"], stopped.result["pages"]) == ("waiting", 2)
        async with running_services(["catalog.syncs"], nats_server, database):
            ended = await until_finished(catalog)
    assert ended["pages"] == 3
    assert ended["new"] + ended["unchanged"] > 0
    pages = [each["params"]["p"] for each in sandbox.world.requests]
    assert pages[:2] == ["1", "2"]
    assert set(pages[2:]) == {"3"}


async def until_pages(catalog: RunningCatalog, pages: int, position: int) -> None:
    """Wait until so many pages of the band are done."""

    async def are_done() -> bool:
        answer = await catalog.bus.ask(GetSync(sync_id=BAND), caller=CALLER, after=position)
        return bool(answer.result["pages"] >= pages)

    await eventually(are_done, timeout_seconds=ENDS_SECONDS)


async def until_finished(catalog: RunningCatalog) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    async def is_finished() -> bool:
        found.append((await catalog.bus.ask(GetSync(sync_id=BAND), caller=CALLER)).result)
        return bool(found[-1]["status"] == "finished")

    await eventually(is_finished, timeout_seconds=ENDS_SECONDS)
    return found[-1]


async def test_shows_disputes_and_ends_them_by_merging_splitting_and_saying_so(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    for sync_id in (BAND, TICKETS):
        await sync(synced, sync_id)
    disputed = (await synced.bus.ask(ListDisputes(kind=Kind.VENUE), caller=CALLER)).result
    assert disputed["disputes"] == []
    await sandbox.change("setlistfm", "feed0001", setlist_of_tonight())
    moved = {"localDate": TOMORROW, "localTime": "20:00:00"}
    dates = {"start": moved, "timezone": "Europe/Copenhagen", "status": {"code": "onsale"}}
    await sandbox.change("ticketmaster", "vvSandbox000", {"dates": dates})
    for sync_id in (BAND, TICKETS):
        await sync(synced, sync_id)
    found = (await synced.bus.ask(ListDisputes(kind=Kind.SHOW), caller=CALLER)).result["disputes"]
    (dispute,) = found  # Each has a page of its own: that is no dispute.
    assert dispute["field"] == "local_date"
    show_id = dispute["record_id"]
    assert dispute["sayings"] == {
        "setlistfm": TODAY.isoformat(),
        "ticketmaster": TOMORROW,
    }
    assert set(dispute["said_at"]) == set(dispute["sayings"])
    assert dispute["held"] == "setlistfm"
    assert dispute["names"][show_id].startswith(f"The Harbour Lights, {TODAY}")
    assert await settled(synced, show_id, "ticketmaster") == (False, TOMORROW)
    assert await settled(synced, show_id, None) == (True, TODAY.isoformat())
    said = await sayings(synced, show_id)
    held = {
        (source["source"], each["field"])
        for source in said["sources"]
        for each in source["fields"]
        if each["is_held"]
    }
    assert {("setlistfm", "local_date"), ("ticketmaster", "local_time")} <= held

    (played,) = [source for source in said["sources"] if source["source"] == "setlistfm"]
    split = SplitRecords(
        kind=Kind.SHOW, record_id=played["own_id"], from_id=show_id, source="setlistfm"
    )
    await synced.bus.send(split, caller=CALLER)

    async def is_forgotten() -> bool:
        return [it["source"] for it in (await sayings(synced, show_id))["sources"]] == [
            "ticketmaster"
        ]

    await eventually(is_forgotten, timeout_seconds=ENDS_SECONDS)
    await sync(synced, BAND, afresh=True)
    apart = await sayings(synced, played["own_id"])
    assert [source["source"] for source in apart["sources"]] == ["setlistfm"]

    merge = MergeRecords(kind=Kind.SHOW, record_id=played["own_id"], into_id=show_id)
    await synced.bus.send(merge, caller=CALLER)
    await sync(synced, BAND, afresh=True)
    assert len((await sayings(synced, show_id))["sources"]) == 2
    shows = (await synced.bus.ask(ListShows(limit=200), caller=CALLER)).result["shows"]
    assert [each["show_id"] for each in shows if each["local_date"] == TODAY.isoformat()] == [
        show_id
    ]
    events = await recorded_at_rest(synced)
    await sync(synced, BAND, afresh=True)
    assert await recorded_at_rest(synced) == events


async def recorded_at_rest(catalog: RunningCatalog) -> Counter[str]:
    """What is recorded, once the process managers have planned the days of shows that moved."""
    found = [await recorded(catalog)]

    async def is_at_rest() -> bool:
        await asyncio.sleep(REST_SECONDS)
        found.append(await recorded(catalog))
        return found[-1] == found[-2]

    await eventually(is_at_rest, timeout_seconds=ENDS_SECONDS)
    return found[-1]


async def settled(catalog: RunningCatalog, show_id: str, source: str | None) -> tuple[bool, str]:
    """Settle whose word of a show's day counts: whether that is disputed then, and what is so."""
    settle = SettleShow(show_id=show_id, field="local_date", source=source)
    position = int((await catalog.bus.send(settle, caller=CALLER))["position"])
    disputes = await catalog.bus.ask(ListDisputes(kind=Kind.SHOW), caller=CALLER, after=position)
    found = await catalog.bus.ask(GetShow(show_id=show_id), caller=CALLER, after=position)
    disputed = {(it["record_id"], it["field"]) for it in disputes.result["disputes"]}
    return (show_id, "local_date") in disputed, found.result["show"]["local_date"]


async def sayings(catalog: RunningCatalog, show_id: str) -> dict[str, Any]:
    """Who says what of a show."""
    query = GetSayings(kind=Kind.SHOW, record_id=show_id)
    position = await catalog.log.last_position()
    answer = await catalog.bus.ask(query, caller=CALLER, after=position)
    return {
        **answer.result,
        "sources": [source for source in answer.result["sources"] if source["fields"]],
    }


async def test_syncs_from_the_command_line_against_a_sandbox_of_its_own(
    sandbox: RunningSandbox, synced: RunningCatalog, nats_server: RunningNats
) -> None:
    environment = {
        **os.environ,
        "BACKLINE_NATS_URL": nats_server.url,
        "BACKLINE_SECRETS": str(nats_server.secrets),
    }
    command = (sys.executable, "-P", "-m", "libs.chassis.cli", "sync", "--json", DEAD, TICKETS)
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=Path(__file__).parents[2],
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(ENDS_SECONDS):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    ended = {each["sync_id"]: each for each in json.loads(output)}
    assert {each["status"] for each in ended.values()} == {"finished"}
    assert ended[DEAD]["pages"] == 2


async def test_imports_what_is_synced_already_into_the_same_records(
    sandbox: RunningSandbox, synced: RunningCatalog
) -> None:
    first = await sync(synced, DEAD)
    assert first["status"] == "finished", first
    report = await import_setlists(synced.bus, [SEED])
    assert report.refusals == []
    new = {part: counted.new for part, counted in report.counts.items()}
    assert (new[Part.ARTIST], new[Part.SHOW], new[Part.SETLIST]) == (0, 0, 0)
    end = await synced.log.last_position()
    shows = (await synced.bus.ask(ListShows(limit=200), caller=CALLER, after=end)).result["shows"]
    assert len(shows) == 22
    assert all({"setlistfm", "gdshowsdb"} <= show["external_ids"].keys() for show in shows)
    artists = (await synced.bus.ask(ListArtists(), caller=CALLER)).result["artists"]
    assert len(artists) == 1
    show = (await synced.bus.ask(GetShow(show_id=shows[0]["show_id"]), caller=CALLER)).result
    assert all(song["title"] for part in show["setlist"]["sets"] for song in part["songs"])

    events = await recorded(synced)
    again = await import_setlists(synced.bus, [SEED])
    assert (again.total.new, again.total.changed) == (0, 0)
    assert await recorded(synced) == events
