"""The questions, put to a catalog that runs."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from contracts.catalog import Kind, When
from contracts.catalog_artists import GetArtist, ListArtists, RegisterArtist
from contracts.catalog_search import ListTours, Search
from contracts.catalog_setlists import GetSetlist, PlayedSet, PlayedSong, RecordSetlist
from contracts.catalog_shows import GetShow, ListShows, ScheduleShow, ShowStatus
from contracts.catalog_songs import GetCandidates, GetSongs, ListSongs, RegisterSong, SongOrder
from contracts.catalog_venues import RegisterVenue
from libs.kernel.errors import RemoteProblem
from libs.kernel.messages import NOBODY, Query, service_caller
from services.catalog.conftest import RunningCatalog

pytestmark = pytest.mark.connected

CALLER = service_caller("catalog")
SONGS = ("Alligator", "Bertha", "Cassidy", "Dark Star")


class Asking:
    """Tells the catalog things, and asks it what they came to."""

    def __init__(self, catalog: RunningCatalog) -> None:
        self._bus = catalog.bus
        self.position = 0

    async def tell(self, *commands: Any) -> list[str]:
        """Returns what each record became."""
        outcomes = []
        for command in commands:
            answer = await self._bus.send(command, caller=CALLER)
            self.position = max(self.position, answer["position"])
            outcomes.append(answer["outcome"])
        return outcomes

    async def ask(self, query: Query[Any]) -> dict[str, Any]:
        answer = await self._bus.ask(query, caller=NOBODY, after=self.position)
        return answer.result


@pytest.fixture
async def asking(catalog: RunningCatalog) -> Asking:
    """A catalog with one artist, a venue and four songs."""
    asking = Asking(catalog)
    await asking.tell(
        RegisterArtist(artist_id="art_1", name="Grateful Dead", external_ids={"x": "dead"}),
        RegisterVenue(venue_id="ven_1", name="Lyceum", city="London", country="England"),
        *(
            RegisterSong(song_id=f"sng_{title[0]}", artist_id="art_1", title=title)
            for title in SONGS
        ),
    )
    return asking


def show(number: int, day: date, **more: Any) -> ScheduleShow:
    return ScheduleShow(show_id=f"shw_{number}", artist_id="art_1", local_date=day, **more)


def played(number: int, *letters: str, **more: Any) -> RecordSetlist:
    songs = [PlayedSong(song_id=f"sng_{letter}", **more) for letter in letters]
    return RecordSetlist(show_id=f"shw_{number}", sets=[PlayedSet(songs=songs)])


def ids(shows: dict[str, Any]) -> list[str]:
    return [found["show_id"] for found in shows["shows"]]


async def test_shows_everything_about_a_show_when_it_is_asked_for(asking: Asking) -> None:
    await asking.tell(
        show(
            1,
            date(1972, 5, 26),
            local_time=time(19, 30),
            time_zone="Europe/London",
            venue_id="ven_1",
            tour="Europe '72",
            url="https://example.org/1",
            external_ids={"x": "1"},
        ),
        RecordSetlist(
            show_id="shw_1",
            sets=[
                PlayedSet(
                    name="Set 1",
                    songs=[
                        PlayedSong(song_id="sng_A", segue=True, note="fast"),
                        PlayedSong(song_id="sng_unknown", tape=True),
                    ],
                ),
                PlayedSet(songs=[PlayedSong(song_id="sng_A")]),
            ],
            external_ids={"x": "1"},
        ),
    )
    found = await asking.ask(GetShow(show_id="shw_1"))
    assert found["show"] == {
        "show_id": "shw_1",
        "artist_id": "art_1",
        "artist": "Grateful Dead",
        "venue_id": "ven_1",
        "venue": "Lyceum",
        "city": "London",
        "region": None,
        "country": "England",
        "starts_at": "1972-05-26T18:30:00Z",
        "local_date": "1972-05-26",
        "local_time": "19:30:00",
        "time_zone": "Europe/London",
        "number_that_day": None,
        "status": "scheduled",
        "tour": "Europe '72",
        "song_count": 3,
        "url": "https://example.org/1",
        "external_ids": {"x": "1"},
        "is_listed": True,
    }
    of_alligator = {
        "song_id": "sng_A",
        "title": "Alligator",
        "original_artist": None,
        "tape": False,
    }
    assert found["setlist"] == await asking.ask(GetSetlist(show_id="shw_1"))
    assert found["setlist"] == {
        "show_id": "shw_1",
        "sets": [
            {
                "name": "Set 1",
                "songs": [
                    {**of_alligator, "segue": True, "note": "fast"},
                    {
                        "song_id": "sng_unknown",
                        "title": None,
                        "original_artist": None,
                        "segue": False,
                        "tape": True,
                        "note": None,
                    },
                ],
            },
            {"name": None, "songs": [{**of_alligator, "segue": False, "note": None}]},
        ],
        "external_ids": {"x": "1"},
    }


async def test_shows_what_a_record_became_when_it_changed(asking: Asking) -> None:
    day = date(1972, 5, 26)
    assert await asking.tell(
        show(1, day),
        show(1, day),
        show(1, day, status=ShowStatus.POSTPONED, venue_id="ven_1", external_ids={"y": "2"}),
        show(1, day + timedelta(days=1), external_ids={"x": "1"}),
        RegisterVenue(venue_id="ven_1", name="Lyceum Theatre"),
    ) == ["new", "unchanged", "changed", "changed", "changed"]
    found = (await asking.ask(GetShow(show_id="shw_1")))["show"]
    assert (found["status"], found["local_date"]) == ("postponed", "1972-05-27")
    assert (found["venue"], found["city"]) == ("Lyceum Theatre", "London")
    assert found["external_ids"] == {"x": "1", "y": "2"}


async def test_counts_the_shows_a_song_was_played_at_when_setlists_change(asking: Asking) -> None:
    days = [date(1972, 5, day) for day in (24, 25, 26)]
    await asking.tell(
        *(show(number, day) for number, day in enumerate(days, 1)),
        played(1, "A", "A", "B"),
        played(2, "A", "B"),
        played(3, "B", "C"),
        played(3, "C", "D"),
        played(2, "A", "B", tape=True),
    )
    songs = await asking.ask(ListSongs(artist_id="art_1", order=SongOrder.MOST_PLAYED))
    assert [(song["title"], song["plays"], song["last_played"]) for song in songs["songs"]] == [
        ("Alligator", 1, "1972-05-24"),
        ("Bertha", 1, "1972-05-24"),
        ("Cassidy", 1, "1972-05-26"),
        ("Dark Star", 1, "1972-05-26"),
    ]
    candidates = await asking.ask(GetCandidates(show_id="shw_1", limit=2))
    assert candidates == {
        "show_id": "shw_1",
        "artist_id": "art_1",
        "candidates": [
            {"song_id": "sng_A", "title": "Alligator", "plays": 1, "last_played": "1972-05-24"},
            {"song_id": "sng_B", "title": "Bertha", "plays": 1, "last_played": "1972-05-24"},
        ],
    }


async def test_tells_upcoming_from_past_shows_by_their_day(asking: Asking) -> None:
    today = datetime.now(UTC).date()
    days = {1: -400, 2: -2, 3: 2, 4: 30}
    await asking.tell(*(show(number, today + timedelta(days=of)) for number, of in days.items()))
    assert ids(await asking.ask(ListShows(when=When.UPCOMING))) == ["shw_3", "shw_4"]
    assert ids(await asking.ask(ListShows(when=When.PAST))) == ["shw_2", "shw_1"]
    everything = ["shw_4", "shw_3", "shw_2", "shw_1"]
    assert ids(await asking.ask(ListShows())) == everything
    assert ids(await asking.ask(ListShows(artist_id="art_1"))) == everything
    assert ids(await asking.ask(ListShows(artist_id="art_2"))) == []


async def test_pages_neither_skip_nor_repeat_when_a_list_is_read_to_its_end(asking: Asking) -> None:
    day = date(1972, 5, 26)
    numbers = {1: None, 2: 1, 3: 2, 4: None, 5: 1}
    await asking.tell(*(show(at, day, number_that_day=of) for at, of in numbers.items()))
    whole = ids(await asking.ask(ListShows()))
    assert sorted(whole) == [f"shw_{number}" for number in numbers]
    seen, after = [], None
    while True:
        page = await asking.ask(ListShows(limit=2, after=after))
        seen += ids(page)
        after = page["next"]
        if after is None:
            break
    assert seen == whole
    for order in SongOrder:
        first = await asking.ask(ListSongs(order=order, limit=3))
        rest = await asking.ask(ListSongs(order=order, limit=3, after=first["next"]))
        titles = [song["title"] for song in first["songs"] + rest["songs"]]
        assert (titles, rest["next"]) == (list(SONGS), None)


async def test_lists_artists_with_how_much_is_known_of_them(asking: Asking) -> None:
    await asking.tell(
        RegisterArtist(artist_id="art_2", name="Aerosmith"), show(1, date(1972, 1, 1))
    )
    artists = (await asking.ask(ListArtists()))["artists"]
    assert [(artist["name"], artist["shows"], artist["songs"]) for artist in artists] == [
        ("Aerosmith", 0, 0),
        ("Grateful Dead", 1, 4),
    ]
    page = await asking.ask(ListArtists(limit=1))
    rest = await asking.ask(ListArtists(limit=1, after=page["next"]))
    assert rest["artists"][0]["external_ids"] == {"x": "dead"}
    assert await asking.ask(GetArtist(artist_id="art_1")) == rest["artists"][0]


async def test_answers_songs_in_the_order_of_their_ids_and_leaves_unknown_ones_out(
    asking: Asking,
) -> None:
    found = await asking.ask(GetSongs(song_ids=["sng_C", "sng_nobody", "sng_A"]))
    assert [song["title"] for song in found["songs"]] == ["Cassidy", "Alligator"]


async def test_refuses_a_question_when_there_is_no_answer(asking: Asking) -> None:
    refusals: list[tuple[Query[Any], str]] = [
        (GetShow(show_id="shw_9"), "catalog.show-not-found"),
        (GetArtist(artist_id="art_9"), "catalog.artist-not-found"),
        (GetSetlist(show_id="shw_9"), "catalog.setlist-not-found"),
        (GetCandidates(show_id="shw_9"), "catalog.show-not-found"),
        (ListShows(after="nonsense"), "invalid"),
        (ListShows(after="WzFd"), "invalid"),
        (ListSongs(after="\u00e9"), "invalid"),
    ]
    for query, code in refusals:
        with pytest.raises(RemoteProblem) as refused:
            await asking.ask(query)
        assert refused.value.document["code"] == code


async def found(asking: Asking, text: str, **more: Any) -> list[tuple[str, str]]:
    hits = (await asking.ask(Search(text=text, **more)))["hits"]
    return [(hit["kind"], hit["name"]) for hit in hits]


async def test_finds_by_words_by_beginnings_and_by_what_is_written_alike(asking: Asking) -> None:
    await asking.tell(
        RegisterArtist(artist_id="art_2", name="Beyonc\u00e9"),
        RegisterVenue(venue_id="ven_2", name="Lyceum Theatre", city="New York"),
    )
    assert await found(asking, "dark star") == [("song", "Dark Star")]
    assert await found(asking, "dar") == [("song", "Dark Star")]
    assert await found(asking, "grateful ded") == [("artist", "Grateful Dead")]
    assert await found(asking, "BEYONCE") == [("artist", "Beyonc\u00e9")]
    assert await found(asking, "lyceum") == [("venue", "Lyceum"), ("venue", "Lyceum Theatre")]
    assert await found(asking, "lyceum", limit=1) == [("venue", "Lyceum")]
    assert await found(asking, "lyceum", kinds=[Kind.SONG]) == []
    for nothing in ("zzzz", "'", "& | !", "100%", "a:*b\\"):
        assert await found(asking, nothing) == []


async def test_lists_tours_with_their_days(asking: Asking) -> None:
    days = [date(1972, 4, 7), date(1972, 5, 26), date(1974, 9, 9)]
    tours = ["Europe '72", "Europe '72", "Europe '74"]
    await asking.tell(
        *(show(at, day, tour=tour) for at, (day, tour) in enumerate(zip(days, tours, strict=True)))
    )
    first = await asking.ask(ListTours(artist_id="art_1", limit=1))
    rest = await asking.ask(ListTours(artist_id="art_1", after=first["next"]))
    assert [(tour["name"], tour["shows"]) for tour in first["tours"] + rest["tours"]] == [
        ("Europe '74", 1),
        ("Europe '72", 2),
    ]
    assert rest["tours"][0]["last_day"] == "1972-05-26"
    assert rest["next"] is None
