"""The plan: one telling for each record, so that an import that is repeated adds no event."""

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.catalog import Kind
from contracts.catalog_artists import RegisterArtist
from contracts.catalog_setlists import PlayedSet, PlayedSong, RecordSetlist
from contracts.catalog_shows import ScheduleShow
from contracts.catalog_songs import RegisterSong
from contracts.catalog_venues import RegisterVenue
from libs.testkit.spec import ORIGIN
from services.catalog.adapters.findings import Fact, Part, Refusal, Telling, Where
from services.catalog.cli.plan import Plan, id_of_telling, performances_of
from services.catalog.domain import DECIDERS

SHOW = ScheduleShow(show_id="shw_1", artist_id="art_1", local_date=date(1972, 5, 26))
OTHER_DAY = ScheduleShow(show_id="shw_1", artist_id="art_1", local_date=date(1972, 5, 27))


def facts(*tellings: Telling) -> list[Fact]:
    return [Fact(telling, Where("a.yaml", line)) for line, telling in enumerate(tellings, 1)]


def planned(*tellings: Telling) -> Plan:
    plan = Plan()
    plan.add(facts(*tellings))
    return plan


def test_tells_artists_and_songs_before_the_shows_that_name_them() -> None:
    artist = RegisterArtist(artist_id="art_1", name="Grateful Dead")
    song = RegisterSong(song_id="sng_1", artist_id="art_1", title="Dark Star")
    plan = planned(SHOW, song, artist)
    assert [fact.telling for fact in plan.facts()] == [artist, song, SHOW]


def test_tells_a_record_once_when_many_rows_name_it() -> None:
    venue = RegisterVenue(venue_id="ven_1", name="Lyceum")
    plan = planned(venue, venue, venue)
    assert [fact.telling for fact in plan.facts()] == [venue]
    assert plan.repeated[Kind.VENUE] == 0


def test_puts_together_what_several_rows_know_of_a_record() -> None:
    plan = planned(
        RegisterVenue(venue_id="ven_1", name="Lyceum", external_ids={"a": "1"}),
        RegisterVenue(venue_id="ven_1", city="London", external_ids={"b": "2"}),
    )
    (fact,) = plan.facts()
    assert fact.telling == RegisterVenue(
        venue_id="ven_1", name="Lyceum", city="London", external_ids={"a": "1", "b": "2"}
    )
    assert fact.where == Where("a.yaml", 1)


def test_keeps_the_first_spelling_when_only_capitals_differ() -> None:
    plan = planned(
        RegisterSong(song_id="sng_1", artist_id="art_1", title="I Believe In You"),
        RegisterSong(song_id="sng_1", artist_id="art_1", title="I Believe in You"),
    )
    (fact,) = plan.facts()
    assert isinstance(fact.telling, RegisterSong)
    assert fact.telling.title == "I Believe In You"
    assert plan.refusals == []


def test_counts_a_show_as_repeated_when_a_row_says_the_same_again() -> None:
    plan = planned(SHOW, SHOW)
    assert len(plan) == 1
    assert plan.repeated[Kind.SHOW] == 1
    assert plan.refusals == []


def test_refuses_the_second_row_when_it_contradicts_the_first() -> None:
    plan = planned(SHOW, OTHER_DAY)
    assert [fact.telling for fact in plan.facts()] == [SHOW]
    assert plan.refusals == [
        Refusal(
            Part.SHOW,
            Where("a.yaml", 2),
            "contradicts a.yaml:1: local_date is 1972-05-26 there, and 1972-05-27 here",
        )
    ]


def test_refuses_the_second_setlist_when_it_is_another() -> None:
    plan = planned(
        RecordSetlist(show_id="shw_1", sets=[PlayedSet(songs=[PlayedSong(song_id="sng_1")])]),
        RecordSetlist(show_id="shw_1", sets=[PlayedSet(songs=[PlayedSong(song_id="sng_2")])]),
    )
    assert [refusal.reason for refusal in plan.refusals] == ["contradicts a.yaml:1: sets differ"]
    assert sum(performances_of(fact.telling) for fact in plan.facts()) == 1


# ---------------------------------------------------------------------------------- properties

names = st.sampled_from(["One", "one", "Two", "Three"])
ids = st.sampled_from(["x_1", "x_2", "x_3"])
external_ids = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "2"]))
played_sets = st.lists(
    st.builds(
        PlayedSet,
        name=st.none() | names,
        songs=st.lists(st.builds(PlayedSong, song_id=ids), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=2,
)
tellings = st.one_of(
    st.builds(RegisterArtist, artist_id=ids, name=names, external_ids=external_ids),
    st.builds(
        RegisterVenue, venue_id=ids, name=st.none() | names, city=names, external_ids=external_ids
    ),
    st.builds(RegisterSong, song_id=ids, artist_id=ids, title=names, external_ids=external_ids),
    st.builds(
        ScheduleShow,
        show_id=ids,
        artist_id=ids,
        local_date=st.sampled_from([date(1972, 5, 26), date(1972, 5, 27)]),
        venue_id=st.none() | ids,
        external_ids=external_ids,
    ),
    st.builds(RecordSetlist, show_id=ids, sets=played_sets, external_ids=external_ids),
)


class Catalog:
    """All records in memory, decided as an owner decides them."""

    def __init__(self) -> None:
        self._decider_of = {decider.commands[0]: decider for decider in DECIDERS}
        self._states: dict[tuple[str, str], Any] = {}

    def tell(self, telling: Telling) -> int:
        """Returns how many events it added."""
        decider = self._decider_of[type(telling)]
        key = decider.aggregate, id_of_telling(telling)
        state = self._states.setdefault(key, decider.state())
        events = decider.decide(telling, state, ORIGIN)
        for event in events:
            decider.evolve(state, event)
        return len(events)


@given(st.lists(tellings, max_size=20))
def test_an_import_that_is_repeated_adds_no_event(rows: list[Telling]) -> None:
    catalog = Catalog()
    added = [catalog.tell(fact.telling) for fact in planned(*rows).facts()]
    assert all(count == 1 for count in added)
    assert [catalog.tell(fact.telling) for fact in planned(*rows).facts()] == [0] * len(added)


@given(st.lists(tellings, max_size=20))
def test_rows_that_are_there_twice_change_nothing(rows: list[Telling]) -> None:
    once, twice = planned(*rows), planned(*rows, *rows)
    assert [fact.telling for fact in twice.facts()] == [fact.telling for fact in once.facts()]
    assert len(once) == len({(type(row), id_of_telling(row)) for row in rows})
