"""What partners mean, rule by rule, where no recording shows it."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from contracts.catalog_gatherings import GatheringStatus, RegisterGathering, Registration
from contracts.catalog_shows import ScheduleShow, ShowStatus
from contracts.catalog_songs import RegisterSong
from contracts.catalog_venues import RegisterVenue
from services.catalog.adapters.findings import Fact, Finding, Refusal
from services.catalog.adapters.partners import luma, setlistfm, spotify, ticketmaster
from services.catalog.adapters.partners.sandbox import BAND_ATTRACTION
from services.catalog.adapters.partners.trouble import Garbled
from services.catalog.cli.sandboxes import luma as luma_sandbox
from services.catalog.cli.sandboxes import ticketmaster as ticketmaster_sandbox
from services.catalog.cli.sandboxes.world import EPOCH, coming, meetings

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVENT = ticketmaster_sandbox._event(coming(EPOCH)[0])
START = EVENT["dates"]["start"]
GATHERING = luma_sandbox._event(meetings(EPOCH)[1])
MBID = "5b0c3f0e-3c4e-4d0a-9d1f-7a1f5a8c2e11"
SETLIST: dict[str, Any] = {
    "id": "63de4613",
    "eventDate": "21-11-2026",
    "lastUpdated": "2026-11-21T09:00:00.000+0000",
    "artist": {"mbid": MBID, "name": "The Harbour Lights"},
    "venue": {"id": "23d700e7", "name": "Vega"},
    "sets": {"set": [{"song": [{"name": "Ebb", "tape": True}, {"name": "Flood", "info": ">"}]}]},
}


def only[T](findings: Iterable[Finding], kind: type[T]) -> T:
    (found,) = [
        each.telling
        for each in findings
        if isinstance(each, Fact) and isinstance(each.telling, kind)
    ]
    return found


def reasons(findings: Iterable[Finding]) -> list[str]:
    return [each.reason for each in findings if isinstance(each, Refusal)]


# ---------------------------------------------------------------------------------- setlist.fm


def of_setlistfm(**changes: Any) -> list[Finding]:
    return list(setlistfm.read_setlists([{**SETLIST, **changes}], "p=1", NOW))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "../etc"}, "the id is not one of setlist.fm (6 to 8 hexadecimal digits)"),
        ({"eventDate": "31-02-2026"}, "there is no day 31-02-2026 (day-month-year)"),
        ({"eventDate": "2026-11-21"}, "the date is not day-month-year"),
        ({"eventDate": None}, "there is no eventDate"),
        ({"artist": {"name": "X"}}, "there is no mbid"),
        (
            {"artist": {"mbid": "7", "name": "X"}},
            "the mbid of the artist is not one of MusicBrainz",
        ),
        ({"artist": 7}, "artist is not an object"),
        ({"url": 7}, "url is not text"),
    ],
)
def test_refuses_a_show_whose_meaning_is_damaged(changes: dict[str, Any], reason: str) -> None:
    findings = of_setlistfm(**changes)
    assert reasons(findings) == [reason]
    assert len(findings) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lastUpdated": "yesterday"}, "lastUpdated is no time: yesterday"),
        ({"lastUpdated": "2026-11-21T09:00:00"}, "lastUpdated has no offset: 2026-11-21T09:00:00"),
        (
            {"lastUpdated": "2099-01-01T00:00:00.000+0000"},
            "lastUpdated lies ahead of us: 2099-01-01 00:00 UTC",
        ),
        ({"venue": "Vega"}, "venue is not an object"),
        ({"tour": ["Tides"]}, "tour is not an object"),
        ({"sets": {"set": 7}}, "set is not a list"),
    ],
)
def test_refuses_a_field_alone_when_the_show_means_something_without_it(
    changes: dict[str, Any], reason: str
) -> None:
    findings = of_setlistfm(**changes)
    assert reasons(findings) == [reason]
    assert only(findings, ScheduleShow).local_date == date(2026, 11, 21)


def test_skips_only_what_is_no_setlist_at_all() -> None:
    rows: list[Any] = [7, None, [], SETLIST, {"id": "63de4613"}]
    findings = list(setlistfm.read_setlists(rows, "p=1", NOW))
    assert only(findings, ScheduleShow).external_ids == {"setlistfm": "63de4613"}
    assert len(reasons(findings)) == 4
    assert {each.where.line for each in findings if isinstance(each, Refusal)} == {1, 2, 3, 5}


def test_ends_where_the_list_ends() -> None:
    assert setlistfm.read_page({"setlist": [], "total": 99}, "2", NOW).next is None
    assert setlistfm.read_page({"setlist": [SETLIST], "total": 21}, "1", NOW).next == "2"
    assert setlistfm.read_page({"setlist": [SETLIST], "total": 21}, "2", NOW).next is None
    with pytest.raises(Garbled, match="setlist is not a list"):
        setlistfm.read_page({"setlist": "none"}, "1", NOW)


# ---------------------------------------------------------------------------------- Ticketmaster


def of_ticketmaster(**changes: Any) -> list[Finding]:
    return list(ticketmaster.read_events([{**EVENT, **changes}], BAND_ATTRACTION, "x", NOW))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("onsale", ShowStatus.SCHEDULED),
        ("canceled", ShowStatus.CANCELLED),
        ("cancelled", ShowStatus.CANCELLED),
        ("postponed", ShowStatus.POSTPONED),
        ("rescheduled", ShowStatus.SCHEDULED),
    ],
)
def test_reads_every_status(code: str, status: ShowStatus) -> None:
    dates = {**EVENT["dates"], "status": {"code": code}}
    assert only(of_ticketmaster(dates=dates), ScheduleShow).status is status


def test_knows_no_hour_that_is_not_announced() -> None:
    for name in ("timeTBA", "noSpecificTime"):
        dates = {**EVENT["dates"], "start": {**START, name: True}}
        assert only(of_ticketmaster(dates=dates), ScheduleShow).local_time is None
    assert only(of_ticketmaster(), ScheduleShow).local_time == time(19, 30)
    for name in ("dateTBA", "dateTBD"):
        dates = {**EVENT["dates"], "start": {**START, name: True}}
        assert reasons(of_ticketmaster(dates=dates)) == ["its day is not known yet"]


def test_takes_the_zone_of_the_venue_when_the_event_has_none_or_a_wrong_one() -> None:
    nowhere = of_ticketmaster(dates={**EVENT["dates"], "timezone": "Europe/Nowhere"})
    assert only(nowhere, ScheduleShow).time_zone == "Europe/Copenhagen"
    assert reasons(nowhere) == ["timezone is not an IANA time zone: Europe/Nowhere"]


def test_leaves_out_a_place_that_is_not_on_earth() -> None:
    (venue,) = EVENT["_embedded"]["venues"]
    odd = {**venue, "location": {"latitude": "NaN", "longitude": "200"}}
    findings = of_ticketmaster(_embedded={**EVENT["_embedded"], "venues": [odd]})
    told = only(findings, RegisterVenue)
    assert (told.latitude, told.longitude) == (None, None)
    assert len(reasons(findings)) == 2


def test_goes_on_from_the_last_day_where_pages_end() -> None:
    later = {**EVENT["dates"], "start": {**START, "localDate": "2027-03-01"}}
    events = [EVENT, {**EVENT, "dates": later}]

    def following(cursor: str, pages: int) -> str | None:
        body = {"_embedded": {"events": events}, "page": {"totalPages": pages}}
        return ticketmaster.read_page(body, BAND_ATTRACTION, cursor, NOW).next

    assert [following("0", 12), following("8", 12), following("9", 12)] == [
        "1",
        "9",
        "0@2027-03-01",
    ]
    assert following("3@2027-01-01", 12) == "4@2027-01-01"
    assert following("11@2027-01-01", 12) is None
    with pytest.raises(Garbled, match="on one day"):
        following("9@2027-03-01", 12)


# ---------------------------------------------------------------------------------- Spotify


@pytest.mark.parametrize(
    ("title", "plain"),
    [
        ("Ebb - Remastered 2011", "Ebb"),
        ("Ebb (Live at the Vega)", "Ebb"),
        ("Ebb - Live", "Ebb"),
        ("Ebb [Bonus Track]", "Ebb"),
        ("Living on the Edge", "Living on the Edge"),
        ("Live", "Live"),
        ("(Live)", "(Live)"),
        ("Ebb (And Flood)", "Ebb (And Flood)"),
        ("1969 - Radio Edit", "1969"),
    ],
)
def test_calls_a_song_by_its_plain_title(title: str, plain: str) -> None:
    assert spotify.plain(title) == plain


def test_takes_a_song_from_its_first_record_whichever_is_read_first() -> None:
    artist = {"id": "a", "name": "A"}
    track = {"id": "t", "name": "Ebb", "artists": [artist]}
    albums: list[dict[str, Any]] = [
        {"id": "2", "name": "Best of", "release_date": "2020", "tracks": [track]},
        {"id": "1", "name": "First", "release_date": "1999-05-01", "tracks": [track]},
        {"id": "3", "name": "Local", "tracks": [{**track, "id": None}, {**track, "id": 7}]},
    ]
    for order in (albums, albums[::-1]):
        assert only(spotify.read_artist(artist, order), RegisterSong).release == "First"


# ---------------------------------------------------------------------------------- Luma


def of_luma(**changes: Any) -> list[Finding]:
    return list(luma.read_entries([{**GATHERING, **changes}], "cal-x", "x", NOW))


def test_tells_what_everybody_may_know_of_a_gathering() -> None:
    told = only(of_luma(), RegisterGathering)
    assert told.location == "Paradiso, Amsterdam"
    assert told.registration is Registration.WAITLIST
    assert told.is_published
    assert told.status is GatheringStatus.SCHEDULED


def test_keeps_a_place_for_guests_to_itself() -> None:
    told = only(of_luma(location_visibility="guests-only"), RegisterGathering)
    assert (told.location, told.latitude, told.longitude) == (None, None, None)
    assert told.city == "Amsterdam"


def test_publishes_nothing_that_is_not_public() -> None:
    for visibility in ("private", "members-only", "somehow", None):
        assert only(of_luma(visibility=visibility), RegisterGathering).is_published is False


def test_takes_names_of_hosts_and_no_addresses() -> None:
    hosts = [{"name": "Ada", "email": "ada@example.org"}, {"email": "bob@example.org"}]
    told = only(of_luma(hosts=hosts), RegisterGathering)
    assert told.hosts == ["Ada"]
    assert "example.org" not in str(told)


def test_refuses_a_field_alone_when_the_gathering_means_something_without_it() -> None:
    findings = of_luma(start_at="soon", timezone="Mars/Base", cover_url="javascript:x")
    told = only(findings, RegisterGathering)
    assert (told.starts_at, told.time_zone, told.cover) == (None, None, None)
    assert len(reasons(findings)) == 3
    assert reasons(of_luma(name=None)) == ["there is no name"]


def test_goes_on_at_the_cursor_it_is_given() -> None:
    body = {"entries": [GATHERING], "has_more": True, "next_cursor": "abc"}
    assert luma.read_page(body, "cal-x", "first", NOW).next == "abc"
    assert luma.read_page({**body, "has_more": False}, "cal-x", "first", NOW).next is None
    with pytest.raises(Garbled):
        luma.read_page({"entries": {}}, "cal-x", "first", NOW)
