import json
from datetime import date
from typing import Any

import pytest

from contracts.catalog import Kind, id_of
from contracts.catalog_artists import RegisterArtist
from contracts.catalog_setlists import PlayedSong, RecordSetlist
from contracts.catalog_shows import ScheduleShow
from contracts.catalog_songs import RegisterSong
from contracts.catalog_venues import RegisterVenue
from services.catalog.adapters.findings import Fact, Finding, Refusal
from services.catalog.adapters.setlistfm import read

SHOW: dict[str, Any] = {
    "id": "1b511138",
    "date": "25-02-1988",
    "url": "https://www.setlist.fm/setlist/the-tragically-hip/1988/the-hideaway-on-1b511138.html",
    "tour": "First Tour",
    "venue": "The Hideaway",
    "city": "St. Catharines",
    "state": "ON",
    "country": "CA",
    "songs": [],
    "venueId": "23d700e7",
    "lat": 43.166814908,
    "lng": -79.249584296,
}


def song(name: str, set_name: str = "Main Set", **more: Any) -> dict[str, Any]:
    return {"name": name, "set": set_name, "info": None, "cover": None, "tape": False, **more}


def line(**changes: Any) -> str:
    return json.dumps({**SHOW, **changes})


def findings(text: str) -> list[Finding]:
    return list(read(text, "setlists.jsonl"))


def tellings[T](text: str, kind: type[T]) -> list[T]:
    return [
        found.telling
        for found in findings(text)
        if isinstance(found, Fact) and isinstance(found.telling, kind)
    ]


def refusals(text: str) -> list[tuple[str, int, str]]:
    return [
        (found.part, found.where.line, found.reason)
        for found in findings(text)
        if isinstance(found, Refusal)
    ]


def test_reads_a_show_with_its_venue_and_artist() -> None:
    (show,) = tellings(line(), ScheduleShow)
    (venue,) = tellings(line(), RegisterVenue)
    (artist,) = tellings(line(), RegisterArtist)
    assert artist.name == "The Tragically Hip"
    assert show == ScheduleShow(
        show_id=id_of(Kind.SHOW, "setlistfm", "1b511138"),
        artist_id=artist.artist_id,
        local_date=date(1988, 2, 25),
        venue_id=venue.venue_id,
        tour="First Tour",
        url=SHOW["url"],
        external_ids={"setlistfm": "1b511138"},
        source="setlistfm",
    )
    assert venue == RegisterVenue(
        venue_id=id_of(Kind.VENUE, "setlistfm", "23d700e7"),
        name="The Hideaway",
        city="St. Catharines",
        region="ON",
        country="CA",
        latitude=43.166814908,
        longitude=-79.249584296,
        external_ids={"setlistfm": "23d700e7"},
        source="setlistfm",
    )
    assert tellings(line(), RecordSetlist) == []
    assert refusals(line()) == []


def test_keeps_sets_notes_segues_and_tapes_when_there_are_any() -> None:
    text = line(
        songs=[
            song("Show Intro", tape=True),
            song("Courage", info=">"),
            song("Gloria", cover="Them", info="with  a\nchorus"),
            song("Fiddler's Green", "Encore 1:"),
        ]
    )
    (setlist,) = tellings(text, RecordSetlist)
    songs = {found.title: found for found in tellings(text, RegisterSong)}
    assert [(played.name, len(played.songs)) for played in setlist.sets] == [
        ("Main Set", 3),
        ("Encore 1", 1),
    ]
    assert setlist.sets[0].songs == [
        PlayedSong(song_id=songs["Show Intro"].song_id, tape=True),
        PlayedSong(song_id=songs["Courage"].song_id, segue=True),
        PlayedSong(song_id=songs["Gloria"].song_id, note="with a chorus"),
    ]
    assert songs["Gloria"].original_artist == "Them"


def test_is_one_song_when_only_capitals_and_quotes_differ() -> None:
    text = line(songs=[song("I\u2019ll Believe In You"), song("I'll Believe in You")])
    assert len({found.song_id for found in tellings(text, RegisterSong)}) == 1


def test_is_another_song_when_it_is_a_cover() -> None:
    text = line(songs=[song("Gloria"), song("Gloria", cover="Them")])
    assert len({found.song_id for found in tellings(text, RegisterSong)}) == 2


def test_does_not_name_a_venue_when_only_its_place_is_known() -> None:
    (venue,) = tellings(line(venue=""), RegisterVenue)
    assert (venue.name, venue.city) == (None, "St. Catharines")
    assert refusals(line(venue="")) == []


def test_refuses_a_song_and_keeps_the_others_when_it_has_no_name() -> None:
    text = line(songs=[song("Courage"), song(""), song("Poets")])
    (setlist,) = tellings(text, RecordSetlist)
    assert len(setlist.sets[0].songs) == 2
    assert refusals(text) == [("performance", 1, "song 2: it has no name")]


@pytest.mark.parametrize(
    ("changes", "part", "reason"),
    [
        ({"id": None}, "show", "the id is not one of setlist.fm"),
        ({"id": "nonsense"}, "show", "the id is not one of setlist.fm"),
        ({"id": "1b511139"}, "show", "the url is that of another setlist"),
        ({"date": "31-02-1988"}, "show", "there is no day 31-02-1988"),
        ({"date": "1988-02-25"}, "show", "the date is not day-month-year"),
        ({"date": "25-02-1989"}, "show", "the date is of 1989, and its page of 1988"),
        ({"date": 19880225}, "show", "date is not text"),
        ({"url": None}, "show", "so the artist is not known"),
        ({"tour": "T\ufffdur"}, "show", "damaged character"),
        ({"lat": 143.2}, "venue", "lat is not a number from -90 to 90"),
        ({"lng": "west"}, "venue", "lng is not a number from -180 to 180"),
        ({"city": "Qu\ufffdbec"}, "venue", "city holds a damaged character (U+FFFD)"),
        ({"songs": "none"}, "setlist", "songs is not a list"),
        ({"songs": [song("Poets", tape="yes")]}, "performance", "neither true nor false"),
        ({"songs": ["Poets"]}, "performance", "not a JSON object"),
    ],
)
def test_refuses_with_a_reason_when_something_is_wrong(
    changes: dict[str, Any], part: str, reason: str
) -> None:
    ((found_part, found_line, found_reason),) = refusals(f"\n{line(**changes)}\n")
    assert (found_part, found_line) == (part, 2)
    assert reason in found_reason
    assert len(tellings(line(**changes), ScheduleShow)) == (part != "show")


def test_reads_the_other_lines_when_one_is_no_json() -> None:
    text = f'{line()}\n{{"id": "1b5\n[1]\n{{"id": NaN}}\n{line()}\n'
    assert len(tellings(text, ScheduleShow)) == 2
    assert [(part, at) for part, at, _ in refusals(text)] == [
        ("show", 2),
        ("show", 3),
        ("show", 4),
    ]


def test_reads_the_same_when_the_rows_are_in_an_array() -> None:
    rows = [line(), line(id="1b511139"), line(date="x")]
    as_lines = findings("\n".join(rows))
    assert findings("[" + ",\n".join(rows) + "]\n") == as_lines
    assert findings("[]") == []


def test_reads_the_same_when_objects_are_spread_over_lines() -> None:
    rows = [json.loads(line(songs=[song("Poets")])), json.loads(line(id="1b511139"))]
    found = findings(json.dumps(rows, indent=2))
    shows = [each for each in found if isinstance(each, Fact)]
    assert [each.telling for each in shows] == [
        each.telling
        for each in findings("\n".join(json.dumps(row) for row in rows))
        if isinstance(each, Fact)
    ]
    assert shows[0].where.line == 2


def test_reads_the_other_objects_of_an_array_when_one_is_damaged() -> None:
    pretty = json.dumps([json.loads(line(id=f"1b51113{at}", url="x")) for at in range(3)], indent=2)
    damaged = pretty.replace('"id": "1b511131"', '"id" "1b511131"')
    assert [(part, at) for part, at, _ in refusals(damaged)] == [
        ("show", 2),
        ("show", 17),
        ("show", 30),
    ]


def test_says_so_when_an_array_is_cut_off() -> None:
    text = f'[\n{line()},\n{{"id": "1b5'
    assert len(tellings(text, ScheduleShow)) == 1
    assert [(part, at) for part, at, _ in refusals(text)] == [("show", 3), ("file", 3)]
