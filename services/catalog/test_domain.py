"""Records: added once, changed by what is news, and never by what was said before."""

from dataclasses import fields, replace
from datetime import date, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.catalog import EditorSuspended, Outcome, RecordReceipt
from contracts.catalog_artists import ArtistAdded, ArtistChanged, RegisterArtist
from contracts.catalog_setlists import (
    PlayedSet,
    PlayedSong,
    RecordSetlist,
    SetlistChanged,
    SetlistRecorded,
)
from contracts.catalog_shows import ScheduleShow, ShowChanged, ShowScheduled, ShowStatus
from contracts.catalog_venues import RegisterVenue, VenueAdded, VenueChanged
from libs.kernel.decider import Decider
from libs.kernel.messages import registry
from libs.testkit.spec import ORIGIN, DeciderSpec
from services.catalog.domain import ARTIST, RECORDS, SETLIST, SHOW, VENUE

AnyDecider = Decider[Any, Any, Any]

DEAD = RegisterArtist(artist_id="art_1", name="Grateful Dead", external_ids={"a": "1"})
DEAD_ADDED = ArtistAdded(artist_id="art_1", name="Grateful Dead", external_ids={"a": "1"})
LYCEUM = ScheduleShow(
    show_id="shw_1",
    artist_id="art_1",
    local_date=date(1972, 5, 26),
    venue_id="ven_1",
    external_ids={"gdshowsdb": "5e8d"},
)
LYCEUM_SCHEDULED = ShowScheduled(
    show_id="shw_1",
    artist_id="art_1",
    local_date=date(1972, 5, 26),
    venue_id="ven_1",
    external_ids={"gdshowsdb": "5e8d"},
)


artist, venue = DeciderSpec(ARTIST), DeciderSpec(VENUE)
show, setlist = DeciderSpec(SHOW), DeciderSpec(SETLIST)


def receipt(record_id: str, outcome: Outcome) -> RecordReceipt:
    return RecordReceipt(id=record_id, outcome=outcome)


def test_adds_a_record_when_it_is_new() -> None:
    artist.given().when(DEAD).then(DEAD_ADDED).and_answers(receipt("art_1", Outcome.NEW))


def test_schedules_a_show_when_nothing_is_said_of_its_status() -> None:
    show.given().when(LYCEUM).then(LYCEUM_SCHEDULED)
    assert LYCEUM_SCHEDULED.status is ShowStatus.SCHEDULED


def test_rejects_what_is_told_when_its_teller_is_suspended() -> None:
    artist.given().when(DEAD, is_suspended=True).then_rejected(EditorSuspended)


def test_records_nothing_when_everything_is_known() -> None:
    again = artist.given(DEAD_ADDED).when(DEAD)
    again.then().and_answers(receipt("art_1", Outcome.UNCHANGED))


def test_records_exactly_the_changes_when_some_of_it_is_news() -> None:
    command = ScheduleShow(
        show_id="shw_1",
        artist_id="art_1",
        local_date=date(1972, 5, 26),
        local_time=time(19, 30),
        time_zone="Europe/London",
    )
    changed = ShowChanged(show_id="shw_1", local_time=time(19, 30), time_zone="Europe/London")
    outcome = show.given(LYCEUM_SCHEDULED).when(command).then(changed)
    outcome.and_answers(receipt("shw_1", Outcome.CHANGED))


def test_keeps_what_is_known_when_a_source_leaves_it_out() -> None:
    cancelled = ShowChanged(show_id="shw_1", status=ShowStatus.CANCELLED, tour="Europe '72")
    show.given(LYCEUM_SCHEDULED, cancelled).when(LYCEUM).then()


def test_adds_an_external_id_and_keeps_the_others_when_another_source_knows_it() -> None:
    told = RegisterArtist(artist_id="art_1", name="Grateful Dead", external_ids={"b": "2"})
    changed = ArtistChanged(artist_id="art_1", external_ids={"b": "2"})
    artist.given(DEAD_ADDED).when(told).then(changed)
    both = replace(told, external_ids={"a": "1", "b": "2"})
    artist.given(DEAD_ADDED, changed).when(both).then()


def test_names_a_venue_when_its_name_becomes_known() -> None:
    unnamed = VenueAdded(venue_id="ven_1", city="London")
    told = RegisterVenue(venue_id="ven_1", name="Lyceum")
    venue.given(unnamed).when(told).then(VenueChanged(venue_id="ven_1", name="Lyceum"))


def test_replaces_a_setlist_when_it_is_told_differently() -> None:
    first = [PlayedSet(songs=[PlayedSong(song_id="sng_1"), PlayedSong(song_id="sng_2")])]
    second = [PlayedSet(songs=[PlayedSong(song_id="sng_1", segue=True)])]
    recorded = SetlistRecorded(show_id="shw_1", sets=first)
    setlist.given().when(RecordSetlist(show_id="shw_1", sets=first)).then(recorded)
    setlist.given(recorded).when(RecordSetlist(show_id="shw_1", sets=second)).then(
        SetlistChanged(show_id="shw_1", sets=second)
    )


@pytest.mark.parametrize("decider", RECORDS, ids=lambda decider: decider.aggregate)
def test_command_and_events_of_a_kind_have_the_same_fields(decider: AnyDecider) -> None:
    """What the one decider of all kinds rests on."""
    command, (added, changed, noted) = decider.commands[0], decider.events[:3]
    names = {item.name for item in fields(command)}
    assert names == {item.name for item in fields(added)}
    assert [item.name for item in fields(changed)] == [item.name for item in fields(noted)]
    assert {item.name for item in fields(changed)} == names | {"withdrawn"}
    key = registry.command_of[command].key
    assert fields(changed)[0].name == fields(added)[0].name == key
    telling_nothing = changed(**{key: "x"})
    assert all(getattr(telling_nothing, name) in (None, {}) for name in names - {key, "source"}), (
        "a changing event that says nothing must not change anything"
    )


# ---------------------------------------------------------------------------------- properties


def tell(state: Any, *commands: ScheduleShow) -> list[Any]:
    """Tell a show things, one after the other; returns the events."""
    recorded: list[Any] = []
    for command in commands:
        for event in SHOW.decide(command, state, ORIGIN):
            SHOW.evolve(state, event)
            recorded.append(event)
    return recorded


few_ids = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"]))
shows = st.builds(
    ScheduleShow,
    show_id=st.just("shw_1"),
    artist_id=st.sampled_from(["art_1", "art_2"]),
    local_date=st.sampled_from([date(1972, 5, 26), date(1972, 5, 27)]),
    local_time=st.sampled_from([None, time(19), time(20)]),
    time_zone=st.sampled_from([None, "Europe/London", "Europe/Paris"]),
    number_that_day=st.sampled_from([None, 1, 2]),
    venue_id=st.sampled_from([None, "ven_1", "ven_2"]),
    status=st.sampled_from([None, *ShowStatus]),
    tour=st.sampled_from([None, "Europe '72"]),
    url=st.none(),
    external_ids=few_ids,
)


@given(st.lists(shows, min_size=1, max_size=8))
def test_telling_again_what_was_last_told_adds_nothing(commands: list[ScheduleShow]) -> None:
    state = SHOW.state()
    tell(state, *commands)
    assert tell(state, commands[-1]) == []


@given(st.lists(shows, min_size=1, max_size=8))
def test_a_replayed_stream_gives_the_state_that_recorded_it(commands: list[ScheduleShow]) -> None:
    state, replayed = SHOW.state(), SHOW.state()
    for event in tell(state, *commands):
        SHOW.evolve(replayed, event)
    assert replayed == state


@given(st.lists(shows, min_size=1, max_size=8))
def test_what_is_known_is_the_last_that_anyone_said_of_each_field(
    commands: list[ScheduleShow],
) -> None:
    state = SHOW.state()
    tell(state, *commands)
    known = state.known
    assert known is not None
    for name in ("artist_id", "local_date", "local_time", "time_zone", "venue_id", "tour"):
        said = [getattr(command, name) for command in commands]
        assert getattr(known, name) == next((it for it in reversed(said) if it is not None), None)
    told: dict[str, str] = {}
    for command in commands:
        told |= command.external_ids
    assert known.external_ids == told
