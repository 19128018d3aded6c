from datetime import date

import pytest

from contracts.catalog import Kind, id_of
from contracts.catalog_artists import RegisterArtist
from contracts.catalog_setlists import RecordSetlist
from contracts.catalog_shows import ScheduleShow
from contracts.catalog_songs import RegisterSong
from contracts.catalog_venues import RegisterVenue
from services.catalog.adapters.findings import Fact, Finding, Refusal
from services.catalog.adapters.gdshowsdb import read

SHOW = """\
---
1972/05/26:
  :uuid: 5e8db7a1-ab12-4bb3-b8ce-5c8a4a7e0a11
  :venue: Lyceum
  :city: London
  :state:
  :country: England
  :sets:
  - :uuid: 6c7a6f2e-7a5a-4e7e-8f4f-0f4f1f1f1f1f
    :songs:
    - :uuid: 1d5d0e1e-0000-4000-8000-000000000001
      :name: Truckin'
      :segued: true
    - :uuid: 1d5d0e1e-0000-4000-8000-000000000002
      :name: The Other One
      :segued: false
  - :uuid: 6c7a6f2e-7a5a-4e7e-8f4f-0f4f1f1f1f10
    :songs:
    - :uuid: 1d5d0e1e-0000-4000-8000-000000000003
      :name: Truckin'
      :segued: false
"""
UUID = "5e8db7a1-ab12-4bb3-b8ce-5c8a4a7e0a11"
OTHER_UUID = "00000000-1111-4222-8333-444444444444"


def tellings[T](text: str, kind: type[T]) -> list[T]:
    return [finding.telling for finding in facts(text) if isinstance(finding.telling, kind)]


def facts(text: str) -> list[Fact]:
    return [finding for finding in findings(text) if isinstance(finding, Fact)]


def refusals(text: str) -> list[tuple[str, int, str]]:
    return [
        (finding.part, finding.where.line, finding.reason)
        for finding in findings(text)
        if isinstance(finding, Refusal)
    ]


def findings(text: str) -> list[Finding]:
    return list(read(text, "1972.yaml"))


def test_reads_a_show_with_its_venue_and_artist() -> None:
    (show,) = tellings(SHOW, ScheduleShow)
    (venue,) = tellings(SHOW, RegisterVenue)
    (artist,) = tellings(SHOW, RegisterArtist)
    assert show == ScheduleShow(
        show_id=id_of(Kind.SHOW, "gdshowsdb", UUID),
        artist_id=artist.artist_id,
        local_date=date(1972, 5, 26),
        venue_id=venue.venue_id,
        external_ids={"gdshowsdb": UUID},
        source="gdshowsdb",
    )
    assert (venue.name, venue.city, venue.region, venue.country) == (
        "Lyceum",
        "London",
        None,
        "England",
    )
    assert artist.name == "Grateful Dead"
    assert refusals(SHOW) == []


def test_reads_what_was_played_in_order_with_segues() -> None:
    (setlist,) = tellings(SHOW, RecordSetlist)
    titles = {song.song_id: song.title for song in tellings(SHOW, RegisterSong)}
    assert [[(titles[song.song_id], song.segue) for song in a.songs] for a in setlist.sets] == [
        [("Truckin'", True), ("The Other One", False)],
        [("Truckin'", False)],
    ]
    assert [fact.where.line for fact in facts(SHOW) if isinstance(fact.telling, RegisterSong)] == [
        11,
        14,
        19,
    ]


def test_numbers_the_shows_of_a_day_when_there_are_two() -> None:
    text = SHOW.replace("1972/05/26:", "1972/05/26/0:") + SHOW.replace("---\n", "").replace(
        "1972/05/26:", "1972/05/26/1:"
    ).replace(UUID, OTHER_UUID)
    shows = tellings(text, ScheduleShow)
    assert [(show.local_date, show.number_that_day) for show in shows] == [
        (date(1972, 5, 26), 1),
        (date(1972, 5, 26), 2),
    ]


@pytest.mark.parametrize("sets", [":sets: []", ":sets:", ":sets: ~", ""])
def test_reads_a_show_without_setlist_when_none_is_known(sets: str) -> None:
    text = f"1966/01/08:\n  :uuid: {UUID}\n  :venue: Fillmore\n  {sets}\n"
    assert len(tellings(text, ScheduleShow)) == 1
    assert tellings(text, RecordSetlist) == []
    assert refusals(text) == []


def test_does_not_name_a_venue_when_the_source_says_unknown() -> None:
    text = SHOW.replace("Lyceum", "Unknown")
    (venue,) = tellings(text, RegisterVenue)
    assert (venue.name, venue.city) == (None, "London")


def test_knows_no_venue_when_the_source_tells_nothing_of_it() -> None:
    text = f"1966/01/08:\n  :uuid: {UUID}\n  :venue: Unknown\n  :city:\n  :sets: []\n"
    (show,) = tellings(text, ScheduleShow)
    assert show.venue_id is None
    assert tellings(text, RegisterVenue) == []


def test_refuses_the_name_of_a_venue_and_keeps_the_show_when_it_lost_characters() -> None:
    text = SHOW.replace("Lyceum", "Z\ufffdnith")
    (venue,) = tellings(text, RegisterVenue)
    assert (venue.name, venue.city) == (None, "London")
    assert len(tellings(text, ScheduleShow)) == 1
    assert refusals(text) == [("venue", 4, "the venue holds a damaged character (U+FFFD)")]


def test_reads_the_list_of_songs_under_the_ids_that_shows_use() -> None:
    (song,) = tellings(f'--- \n- "Truckin\'": {OTHER_UUID}\n', RegisterSong)
    assert song in [
        RegisterSong(
            song_id=played.song_id,
            artist_id=played.artist_id,
            title="Truckin'",
            external_ids={"gdshowsdb": "Truckin'", "gdshowsdb-song": OTHER_UUID},
            source="gdshowsdb",
        )
        for played in tellings(SHOW, RegisterSong)
    ]


@pytest.mark.parametrize(
    ("old", "new", "part", "line", "reason"),
    [
        ("1972/05/26", "1972/02/30", "show", 2, "there is no day 1972/02/30"),
        ("1972/05/26", "May 26", "show", 2, "not a day"),
        (UUID, "not-a-uuid", "show", 3, "the uuid is not one"),
        (f"  :uuid: {UUID}\n", "", "show", 2, "no uuid"),
        ("  :city: London\n", "  :venue: Two\n", "show", 5, "venue is there twice"),
        ("      :name: The Other One\n", "      :name:\n", "performance", 14, "no name"),
        ("      :name: The Other One\n", "", "performance", 14, "no name"),
        (":segued: true", ":segued: maybe", "performance", 13, "neither true nor false"),
        ("  :sets:\n", "  :sets: none\n", "show", 9, "not YAML"),
    ],
)
def test_refuses_with_line_and_reason_when_something_is_wrong(
    old: str, new: str, part: str, line: int, reason: str
) -> None:
    found = refusals(SHOW.replace(old, new, 1))
    assert [(part, line)] == [refusal[:2] for refusal in found]
    assert reason in found[0][2]


def test_refuses_the_second_show_when_a_day_is_there_twice() -> None:
    text = SHOW + SHOW.replace("---\n", "").replace(UUID, OTHER_UUID)
    assert len(tellings(text, ScheduleShow)) == 1
    assert refusals(text) == [("show", 22, "1972/05/26 is a show already, in line 2")]


def test_reads_the_other_shows_when_one_is_no_yaml() -> None:
    broken = '1972/05/27:\n  :uuid: "no end\n  :venue: x\n'
    text = (
        SHOW
        + broken
        + SHOW.replace("---\n", "").replace("05/26", "05/28").replace(UUID, OTHER_UUID)
    )
    days = [show.local_date.day for show in tellings(text, ScheduleShow)]
    assert days == [26, 28]
    ((part, line, reason),) = refusals(text)
    assert (part, line) == ("show", 23)
    assert "not YAML" in reason
    lines = {fact.where.line for fact in facts(text) if isinstance(fact.telling, ScheduleShow)}
    assert lines == {2, 25}


def test_refuses_a_file_when_it_is_something_else() -> None:
    assert refusals("just a sentence\n") == [
        ("file", 1, "neither shows by day nor a list of songs")
    ]
    assert refusals("") == []
