from datetime import date

import pytest

from contracts.catalog_setlists import RecordSetlist
from contracts.catalog_shows import ScheduleShow
from contracts.catalog_songs import RegisterSong
from contracts.catalog_venues import RegisterVenue
from services.catalog.adapters.csv_table import Table
from services.catalog.adapters.findings import Fact, Finding, Refusal
from services.catalog.adapters.pearljam import read

SHOWS = """\
year_page,show_link,show_name,year,date,location,venues,show_id
http://www.pearljam.com/setlists/1103/2016,http://www.pearljam.com/setlists/1103/2016/22937/\
air_canada_center_2,"Toronto, ON 05-12-2016",2016,05-12-2016,"Toronto, ON 0",air_canada_center_2,s1
"""
SONGS = """\
link,name,type,release,song_id
http://pearljam.com/music/lyrics/all/all/21025/why_go,Why Go,PJ Original,Ten,g1
http://pearljam.com/music/lyrics/all/all/21126/2000_mile,"2,000 Mile Blues",PJ Original,,g2
"""
SETLISTS = """\
show_id,songs,song_links,rank,song_id
s1,"2,000 Mile Blues",/21126/2000_mile,2,g2
s1,Why Go,/21025/why_go,1,g1
"""


def findings(
    shows: str | None = SHOWS, songs: str | None = SONGS, setlists: str | None = SETLISTS
) -> list[Finding]:
    files = {"setlists.csv": setlists, "shows.csv": shows, "songs.csv": songs}
    return list(read(Table(text, name) for name, text in files.items() if text is not None))


def tellings[T](found: list[Finding], kind: type[T]) -> list[T]:
    return [
        fact.telling for fact in found if isinstance(fact, Fact) and isinstance(fact.telling, kind)
    ]


def refusals(found: list[Finding]) -> list[tuple[str, str, str]]:
    return [
        (refusal.part, str(refusal.where), refusal.reason)
        for refusal in found
        if isinstance(refusal, Refusal)
    ]


def test_reads_a_show_and_takes_the_place_from_its_name() -> None:
    (show,) = tellings(findings(), ScheduleShow)
    (venue,) = tellings(findings(), RegisterVenue)
    assert show.local_date == date(2016, 5, 12)
    assert show.external_ids == {"pearljam.com": "22937", "pearljam-tables": "s1"}
    assert (venue.name, venue.city, venue.region) == ("air canada center 2", "Toronto", "ON")
    assert refusals(findings()) == []


def test_orders_a_setlist_by_rank_whatever_the_order_of_rows() -> None:
    (setlist,) = tellings(findings(), RecordSetlist)
    titles = {song.song_id: song.title for song in tellings(findings(), RegisterSong)}
    assert [titles[song.song_id] for song in setlist.sets[0].songs] == [
        "Why Go",
        "2,000 Mile Blues",
    ]


def test_reads_the_same_when_columns_and_delimiter_differ() -> None:
    songs = (
        "song_id;NAME;release;link\ng1;Why Go;Ten;x/21025/why_go\ng2;2,000 Mile Blues;;x/21126/m\n"
    )
    assert findings(songs=songs) == findings()


def test_reads_songs_from_the_setlists_when_there_is_no_table_of_songs() -> None:
    found = findings(songs=None)
    assert {song.title for song in tellings(found, RegisterSong)} == {"Why Go", "2,000 Mile Blues"}
    assert refusals(found) == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('05-12-2016,"Tor', '13-12-2016,"Tor', "there is no day 13-12-2016"),
        ('05-12-2016,"Tor', '2016-05-12,"Tor', "the date is not month-day-year"),
        (",2016,05", ",2015,05", "the date is of 2016, and the row says 2015"),
        ("/2016/22937", "/2014/22937", "the date is of 2016, and the row says 2014"),
        ("ON 05-12-2016", "ON 05-10-2016", "show_name says 05-10-2016"),
        ("/22937/", "/x/", "show_link is not that of a show"),
        (",s1", ",", "no show_id"),
        (",s1", ",s1,extra", "9 columns where the header has 8"),
        ('"Toronto, ON 0"', '"Toronto, ON 0', "not a row of the table"),
    ],
)
def test_refuses_a_show_and_what_was_played_when_something_is_wrong(
    old: str, new: str, reason: str
) -> None:
    found = findings(shows=SHOWS.replace(old, new))
    show, *performances = refusals(found)
    assert show[:2] == ("show", "shows.csv:2")
    assert reason in show[2]
    assert [part for part, _, _ in performances] == ["performance", "performance"]
    assert not tellings(found, ScheduleShow)
    assert not tellings(found, RecordSetlist)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"Toronto, ON 05', '"Toronto. ON 05', "not a city and its region"),
        ('"Toronto, ON 05-12-2016"', '"Toronto, ON"', "does not end with the date"),
        ('"Toronto, ON 0"', '"Ottawa, ON 0"', "and location 'Ottawa, ON'"),
    ],
)
def test_keeps_the_show_when_only_its_place_cannot_be_read(old: str, new: str, reason: str) -> None:
    shows = SHOWS.replace(old, new)
    if "." in new:
        shows = shows.replace("Toronto, ON 0", "Toronto. ON 0")
    found = findings(shows=shows)
    (venue,) = tellings(found, RegisterVenue)
    assert (venue.name, venue.city) == ("air canada center 2", None)
    assert len(tellings(found, ScheduleShow)) == len(tellings(found, RecordSetlist)) == 1
    ((part, _, found_reason),) = refusals(found)
    assert part == "venue"
    assert reason in found_reason


def test_does_not_name_a_venue_when_the_row_contradicts_itself() -> None:
    found = findings(shows=SHOWS.replace(",air_canada_center_2,", ",air_canada_center_1,"))
    (venue,) = tellings(found, RegisterVenue)
    assert (venue.name, venue.city) == (None, "Toronto")
    ((part, _, reason),) = refusals(found)
    assert part == "venue"
    assert "'air_canada_center_1'" in reason


def test_knows_no_venue_when_neither_its_name_nor_its_place_can_be_read() -> None:
    shows = SHOWS.replace("/air_canada_center_2", "").replace(",air_canada_center_2,", ",,")
    found = findings(shows=shows.replace("Toronto, ON", "Toronto"))
    (show,) = tellings(found, ScheduleShow)
    assert show.venue_id is None
    assert tellings(found, RegisterVenue) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("s2,Why Go,/21025/why_go,3,g1", "its show is in no table of shows"),
        ("s1,Why Go,/21025/why_go,first,g1", "the rank is not a number"),
        ("s1,Why Go,/21025/why_go,1,g1", "a song of rank 1 already"),
        ("s1,Alive,/21025/why_go,3,g1", "its song_id is that of 'Why Go', in songs.csv:2"),
        ("s1,Why Go,/20999/why_go,3,g1", "its song_id is that of 'Why Go', in songs.csv:2"),
        ("s1,Why Go,why_go,3,g9", "its link is not that of a song"),
        ("s1,,/21025/why_go,3,g1", "no songs"),
        ("s1,Why\ufffdGo,/21025/why_go,3,g1", "damaged character"),
        ("s1,Why Go", "2 columns where the header has 5"),
    ],
)
def test_refuses_one_row_of_a_setlist_when_something_is_wrong(row: str, reason: str) -> None:
    found = findings(setlists=f"{SETLISTS}\n{row}\n")
    ((part, where, found_reason),) = refusals(found)
    assert (part, where) == ("performance", "setlists.csv:5")
    assert reason in found_reason
    (setlist,) = tellings(found, RecordSetlist)
    assert len(setlist.sets[0].songs) == 2


def test_refuses_the_second_row_when_an_id_is_that_of_another_show() -> None:
    other = SHOWS.splitlines()[1].replace("/22937/", "/22938/")
    found = findings(shows=f"{SHOWS}{other}\n")
    assert refusals(found) == [
        ("show", "shows.csv:3", "its id is that of another one already, in shows.csv:2")
    ]


def test_refuses_a_file_when_its_columns_are_those_of_no_table() -> None:
    assert refusals(list(read([Table("a,b\n1,2\n", "other.csv")]))) == [
        ("file", "other.csv:1", "its columns are those of no table of shows, songs or setlists")
    ]
