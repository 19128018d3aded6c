"""Pages as the partners sent them: everything on them is read, or refused with a reason."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from contracts.catalog_artists import RegisterArtist
from contracts.catalog_gatherings import GatheringStatus, RegisterGathering
from contracts.catalog_setlists import RecordSetlist
from contracts.catalog_shows import ScheduleShow, ShowStatus
from contracts.catalog_songs import RegisterSong
from contracts.catalog_venues import RegisterVenue
from libs.kernel.messages import registry
from services.catalog.adapters.findings import Fact, Finding, Refusal
from services.catalog.adapters.partners import ics, luma, setlistfm, spotify, ticketmaster
from services.catalog.adapters.partners.http import said_in_error
from services.catalog.adapters.partners.trouble import Garbled

NO_CALENDARS = {
    "fuzz_testcase_0_char_in_component_name",
    "fuzz_testcase_vtimezone_lone_cr",
    "issue_178_custom_component_contains_other",
}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def tellings[T](findings: Iterable[Finding], kind: type[T]) -> list[T]:
    """The facts of one kind, each of which would pass the owner's door."""
    found: list[T] = []
    for finding in findings:
        if isinstance(finding, Fact) and isinstance(finding.telling, kind):
            found.append(finding.telling)  # noqa: PERF401  # mypy sees a union in a comprehension.
    spec = registry.command_of[kind]
    for telling in found:
        arguments = spec.adapter.dump_python(telling, mode="json")
        assert spec.validate(arguments) == telling
    return found


def reasons(findings: Iterable[Finding]) -> list[str]:
    return [finding.reason for finding in findings if isinstance(finding, Refusal)]


def body_of(path: Path) -> Any:
    """The JSON of an answer: a plain file, one of nock's recordings, or one of the docs' texts."""
    text = path.read_text()
    if path.name.endswith(".http.txt"):
        return json.loads(text[text.index("{\n") :])
    value = json.loads(text)
    return value["response"] if path.name.endswith(".nock.json") else value


# ---------------------------------------------------------------------------------- setlist.fm


@pytest.mark.parametrize("number", [1, 2])
def test_reads_every_setlist_of_a_page_of_setlistfm(recorded: Path, number: int) -> None:
    body = body_of(recorded / f"setlistfm/open/artist_setlists_page{number}.json")
    page = setlistfm.read_page(body, str(number), NOW)
    assert (page.next, page.of) == (str(number + 1), 11)
    assert reasons(page.findings) == []
    shows = tellings(page.findings, ScheduleShow)
    assert len(shows) == len(body["setlist"]) == 20
    played = [
        song for row in body["setlist"] for part in row["sets"]["set"] for song in part["song"]
    ]
    setlists = tellings(page.findings, RecordSetlist)
    assert sum(len(part.songs) for setlist in setlists for part in setlist.sets) == len(played)
    assert {artist.name for artist in tellings(page.findings, RegisterArtist)} == {"BABYMETAL"}
    assert tellings(page.findings, RegisterVenue)
    assert {song.source for song in tellings(page.findings, RegisterSong)} == {"setlistfm"}


def test_reads_days_places_and_times_as_setlistfm_means_them(recorded: Path) -> None:
    body = body_of(recorded / "setlistfm/open/artist_setlists_page1.json")
    page = setlistfm.read_page(body, "1", NOW)
    show = tellings(page.findings, ScheduleShow)[0]
    assert show.local_date == date(2017, 9, 27)
    assert (show.local_time, show.time_zone) == (None, None)
    assert show.as_of == datetime(2017, 9, 27, 11, 25, 45, tzinfo=UTC)
    assert show.tour == "BIG FOX FESTIVAL"
    venue = tellings(page.findings, RegisterVenue)[0]
    assert (venue.name, venue.city, venue.country) == ("Saitama Super Arena", "Saitama", "JP")


def test_leaves_out_a_song_without_a_name_and_keeps_the_others(recorded: Path) -> None:
    body = body_of(recorded / "setlistfm/open/setlist_get_empty_song_name.json")
    findings = list(setlistfm.read_setlists([body], "setlist", NOW))
    assert reasons(findings) == ["set 1, song 5: there is no name"]
    (setlist,) = tellings(findings, RecordSetlist)
    assert [(part.name, len(part.songs)) for part in setlist.sets] == [(None, 10), ("Encore", 2)]


@pytest.mark.parametrize(
    "name",
    ["search_artists_404_error", "artist_get_200", "search_countries", "city_get", "venue_get"],
)
def test_finds_no_setlists_in_an_answer_of_another_kind(recorded: Path, name: str) -> None:
    page = setlistfm.read_page(body_of(recorded / f"setlistfm/open/{name}.json"), "1", NOW)
    assert (page.findings, page.next) == ([], None)


# ---------------------------------------------------------------------------------- Ticketmaster


def test_reads_every_event_of_a_page_of_ticketmaster(recorded: Path) -> None:
    body = body_of(recorded / "ticketmaster/open/events_search_options.nock.json")
    page = ticketmaster.read_page(body, "K8vZ917Kew0", "2", NOW)
    assert (reasons(page.findings), page.next) == ([], "3")
    shows = tellings(page.findings, ScheduleShow)
    assert len(shows) == 5
    assert {(show.local_time, show.time_zone) for show in shows} == {
        (time(20, 30), "America/Mexico_City")
    }
    assert {show.status for show in shows} == {ShowStatus.SCHEDULED}


def test_reads_one_event_with_its_artist_and_venue(recorded: Path) -> None:
    event = body_of(recorded / "ticketmaster/open/event_get_200.nock.json")
    findings = list(ticketmaster.read_events([event], "K8vZ917Kew0", "event", NOW))
    (show,) = tellings(findings, ScheduleShow)
    assert (show.local_date, show.local_time) == (date(2016, 5, 20), time(17))
    assert show.time_zone == "America/New_York"
    (venue,) = tellings(findings, RegisterVenue)
    assert venue.name == "The Pavilion at Montage Mountain"
    assert venue.longitude is not None
    assert venue.longitude < 0
    (artist,) = tellings(findings, RegisterArtist)
    assert artist.external_ids == {"ticketmaster": "K8vZ917Kew0"}


def test_reads_the_page_of_ticketmasters_own_docs(recorded: Path) -> None:
    body = body_of(recorded / "ticketmaster/open/docs_search-events.http.txt")
    page = ticketmaster.read_page(body, "K8vZ9174WP7", "0", NOW)
    assert len(tellings(page.findings, ScheduleShow)) + len(reasons(page.findings)) == 1
    assert page.next == "1"


@pytest.mark.parametrize(
    "name",
    [
        *("attraction_get.nock.json", "classification_get.nock.json", "event_get_404.nock.json"),
        *("venue_get.nock.json", "docs_get-attraction.http.txt", "docs_get-venue.http.txt"),
        "docs_get-event-images.http.txt",
    ],
)
def test_finds_no_events_in_an_answer_of_another_kind(recorded: Path, name: str) -> None:
    page = ticketmaster.read_page(body_of(recorded / f"ticketmaster/open/{name}"), "K8", "0", NOW)
    assert (tellings(page.findings, ScheduleShow), page.next) == ([], None)


# ---------------------------------------------------------------------------------- Spotify


def test_reads_every_song_of_an_album_of_spotify(recorded: Path) -> None:
    album = body_of(recorded / "spotify/open/real_album_get.json")
    tracks = album["tracks"]["items"]
    artist = album["artists"][0]
    findings = list(spotify.read_artist(artist, [{**album, "tracks": tracks}]))
    assert reasons(findings) == []
    songs = tellings(findings, RegisterSong)
    titles = dict.fromkeys(spotify.plain(track["name"]).casefold() for track in tracks)
    assert [song.title.casefold() for song in songs] == list(titles)
    assert {song.release for song in songs} == {"She's So Unusual"}


def test_passes_over_unknown_tracks_and_reports_what_is_none(recorded: Path) -> None:
    many = body_of(recorded / "spotify/open/real_tracks_many_with_nulls.json")["tracks"]
    found = body_of(recorded / "spotify/open/real_search_tracks.json")["tracks"]["items"]
    odd = body_of(recorded / "spotify/open/real_track_get_float_numbers.json")
    items = body_of(recorded / "spotify/open/real_playlist_items_tracks.json")["items"]
    tracks = [*many, *found, odd, *items]
    for track in tracks:
        artists = (track or {}).get("artists") or [{"id": "x", "name": "X"}]
        album = {"id": "1", "name": "One", "tracks": [track]}
        findings = list(spotify.read_artist(artists[0], [album]))
        songs = tellings(findings, RegisterSong)
        assert len(songs) + len(reasons(findings)) == (1 if track is None or "name" in track else 0)


@pytest.mark.parametrize("name", ["java_artist_albums_page", "real_my_playlists"])
def test_reports_albums_without_tracks_and_reads_on(recorded: Path, name: str) -> None:
    albums = body_of(recorded / f"spotify/open/{name}.json")["items"]
    findings = list(spotify.read_artist({"id": "x", "name": "X"}, albums))
    assert len(tellings(findings, RegisterArtist)) == 1
    assert tellings(findings, RegisterSong) == []


def test_reads_artists_as_spotify_tells_and_finds_them(recorded: Path) -> None:
    artist = body_of(recorded / "spotify/open/real_artist_get.json")
    (hit,) = body_of(recorded / "spotify/open/real_search_artist.json")["artists"]["items"]
    for each, name in ((artist, "Pitbull"), (hit, "Tania Bowra")):
        (told,) = tellings(spotify.read_artist(each, []), RegisterArtist)
        assert (told.name, told.external_ids) == (name, {"spotify": each["id"]})


# ---------------------------------------------------------------------------------- Luma


def test_reads_every_entry_of_a_calendar_of_luma(recorded: Path) -> None:
    body = body_of(recorded / "luma/open/calendar_get-items_shape_synthetic.json")
    page = luma.read_page(body, "cal-TestCalendar123", "first", NOW)
    assert (reasons(page.findings), page.next) == ([], None)
    found = {each.name: each for each in tellings(page.findings, RegisterGathering)}
    here = found["Physical Rust Event"]
    assert here.starts_at == datetime(2026, 10, 21, 1, tzinfo=UTC)
    assert (here.time_zone, here.city, here.is_online) == ("America/New_York", "New York", False)
    assert here.url == "https://luma.com/physical-rust"
    assert found["Cross-listed Rust Event"].is_online
    assert found["Virtual Rust Event"].is_online is None


@pytest.mark.parametrize("name", ["event.created", "event.updated", "calendar.event.added"])
def test_reads_what_luma_pushes_as_what_it_lists(recorded: Path, name: str) -> None:
    data = body_of(recorded / f"luma/open/webhook_{name}.synth.json")["data"]
    findings = list(luma.read_entries([data], "cal-x", "webhook", NOW))
    told = tellings(findings, RegisterGathering)
    assert len(told) + len(reasons(findings)) >= 1
    if name != "calendar.event.added":
        assert told[0].ends_at == datetime(2026, 8, 9, 2, tzinfo=UTC)
        assert told[0].external_ids == {"luma": data["id"]}


def test_takes_no_guest_for_a_gathering(recorded: Path) -> None:
    data = body_of(recorded / "luma/open/webhook_guest.registered.synth.json")["data"]
    findings = list(luma.read_entries([data], "cal-x", "webhook", NOW))
    assert not any("@" in str(each) for each in findings)


# ---------------------------------------------------------------------------------- iCalendar


def test_reads_every_event_of_a_feed_of_luma(recorded: Path) -> None:
    feed = (recorded / "luma/open/calendar_nairobidevops.ics").read_bytes()
    findings = list(ics.read_feed(feed, "nairobi", NOW))
    assert reasons(findings) == []
    told = tellings(findings, RegisterGathering)
    assert len(told) == feed.count(b"BEGIN:VEVENT") == 33
    assert all(each.status is None for each in told), "TENTATIVE says nothing there"
    assert all(each.time_zone is None for each in told)
    assert all(each.starts_at is not None and each.starts_at.tzinfo is UTC for each in told)
    named = Counter("luma" in each.external_ids for each in told)
    assert named[True] >= 31
    addresses = [each for each in told if each.location is None and each.url is not None]
    assert addresses
    assert all(each.hosts and "@" not in each.hosts[0] for each in told)


def test_says_nothing_new_when_only_the_stamps_of_a_feed_are_others(recorded: Path) -> None:
    from services.catalog.adapters.syncing import digest_of

    feed = (recorded / "luma/open/calendar_nairobidevops.ics").read_bytes()
    later = feed.replace(b"20260120T093026Z", b"20260121T093026Z").replace(b"191064626", b"7")
    assert later != feed
    once, again = (list(ics.read_feed(each, "nairobi", NOW)) for each in (feed, later))
    assert digest_of(once) == digest_of(again)


def test_reads_a_feed_of_a_venue_with_days_alone(recorded: Path) -> None:
    feed = (recorded / "ics/open/clemenscenter_venue_feed.ics").read_bytes()
    findings = list(ics.read_feed(feed, "clemens", NOW))
    told = tellings(findings, RegisterGathering)
    assert len(told) == feed.count(b"BEGIN:VEVENT")
    assert {reason.split(",")[0] for reason in reasons(findings)} <= {
        "DTSTART is a day",
        "DTEND is a day",
    }


def test_gets_through_every_file_of_the_suite_of_edge_cases(recorded: Path) -> None:
    files = sorted((recorded / "ics/open/icalendar-suite").glob("*.ics"))
    assert len(files) == 58
    for path in files:
        feed = path.read_bytes()
        events = feed.upper().count(b"BEGIN:VEVENT")
        if path.stem in NO_CALENDARS:
            with pytest.raises(Garbled, match="not a calendar"):
                list(ics.read_feed(feed, "suite", NOW))
            continue
        findings = list(ics.read_feed(feed, "suite", NOW))
        told = tellings(findings, RegisterGathering)
        refused = [
            reason for reason in reasons(findings) if reason.startswith(("event ", "another event"))
        ]
        where = {str(each.where) for each in findings if isinstance(each, Fact)}
        assert len(where) + len(refused) == events, path.name
        assert len({each.gathering_id for each in told}) == len(told), path.name
        assert all(reasons(findings)), path.name


def test_takes_a_broken_event_for_itself_alone() -> None:
    feed = b"""BEGIN:VCALENDAR
X-WR-TIMEZONE:Europe/London
BEGIN:VEVENT
UID:1
SUMMARY:One
DTSTART;VALUE=DATE:20260701
STATUS:CANCELLED
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART:nonsense
nonsense
END:VEVENT
BEGIN:VEVENT
UID:3
SUMMARY:Three
DTSTART;TZID=Europe/Nowhere:20260701T200000
END:VEVENT
"""
    findings = list(ics.read_feed(feed, "x", NOW))
    one, three = tellings(findings, RegisterGathering)
    assert one.starts_at == datetime(2026, 6, 30, 23, tzinfo=UTC)
    assert one.status is GatheringStatus.CANCELLED
    assert three.starts_at is None
    assert len(reasons(findings)) == 3  # The second event, the third's time, and no end.


# ---------------------------------------------------------------------------------- errors


def test_says_what_an_error_of_a_partner_says(recorded: Path) -> None:
    setlistfm_404 = recorded / "setlistfm/open/search_artists_404_error.json"
    oauth = recorded / "spotify/open/java_oauth_error_invalid_client.json"
    ticketmaster_404 = body_of(recorded / "ticketmaster/open/event_get_404.nock.json")
    assert said_in_error(setlistfm_404.read_bytes()) == "Not Found"
    assert said_in_error(oauth.read_bytes()) == "Invalid client"
    assert said_in_error(json.dumps(ticketmaster_404).encode()).startswith("Resource not found")
    for nothing in (b"", b"<html>", b"[]", b"{}", b'{"errors": []}', b'{"error": {"message": 7}}'):
        assert said_in_error(nothing) == ""
