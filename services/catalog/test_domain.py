"""Records: added once, changed by what is news, and never by what was said before."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, date, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.catalog import (
    ArtistAdded,
    ArtistChanged,
    Outcome,
    PlayedSet,
    PlayedSong,
    RecordReceipt,
    RecordSetlist,
    RegisterArtist,
    RegisterVenue,
    ScheduleShow,
    SetlistChanged,
    SetlistRecorded,
    ShowChanged,
    ShowScheduled,
    ShowStatus,
    VenueAdded,
)
from libs.kernel.decider import Decider
from libs.kernel.ids import CommandId
from libs.kernel.messages import Origin, registry, service_caller
from services.catalog.domain import ARTIST, DECIDERS, SETLIST, SHOW, VENUE

AnyDecider = Decider[Any, Any, Any]

CALLER = service_caller("catalog")
ORIGIN = Origin(CommandId("c1"), CALLER.user_id, CALLER.roles, datetime(2026, 11, 20, tzinfo=UTC))

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


def tell(decider: AnyDecider, state: Any, *commands: Any) -> list[Any]:
    """Decide commands one after the other, as an owner does; returns the events."""
    recorded: list[Any] = []
    for command in commands:
        events = decider.decide(command, state, ORIGIN)
        for event in events:
            decider.evolve(state, event)
        recorded.extend(events)
    return recorded


def decided(decider: AnyDecider, past: Sequence[Any], command: Any) -> list[Any]:
    """The events of a command after these events; that it adds none again is proved on the way."""
    state = decider.state()
    for event in past:
        state = decider.evolve(state, event)
    events = tell(decider, state, command)
    assert tell(decider, state, command) == []
    return events


def outcome(decider: AnyDecider, events: Sequence[Any], command: Any) -> Outcome:
    receipt: RecordReceipt = decider.answer(command, events, decider.state(), ORIGIN)
    return receipt.outcome


def test_adds_a_record_when_it_is_new() -> None:
    events = decided(ARTIST, [], DEAD)
    assert events == [DEAD_ADDED]
    assert outcome(ARTIST, events, DEAD) is Outcome.NEW


def test_adds_a_scheduled_show_when_nothing_is_said_of_its_status() -> None:
    assert decided(SHOW, [], LYCEUM) == [LYCEUM_SCHEDULED]
    assert LYCEUM_SCHEDULED.status is ShowStatus.SCHEDULED


def test_records_nothing_when_everything_is_known() -> None:
    assert decided(ARTIST, [DEAD_ADDED], DEAD) == []
    assert outcome(ARTIST, [], DEAD) is Outcome.UNCHANGED


def test_records_exactly_the_changes_when_some_of_it_is_news() -> None:
    command = ScheduleShow(
        show_id="shw_1",
        artist_id="art_1",
        local_date=date(1972, 5, 26),
        local_time=time(19, 30),
        time_zone="Europe/London",
    )
    events = decided(SHOW, [LYCEUM_SCHEDULED], command)
    assert events == [
        ShowChanged(show_id="shw_1", local_time=time(19, 30), time_zone="Europe/London")
    ]
    assert outcome(SHOW, events, command) is Outcome.CHANGED


def test_keeps_what_is_known_when_a_source_leaves_it_out() -> None:
    cancelled = ShowChanged(show_id="shw_1", status=ShowStatus.CANCELLED, tour="Europe '72")
    assert decided(SHOW, [LYCEUM_SCHEDULED, cancelled], LYCEUM) == []


def test_adds_an_external_id_and_keeps_the_others_when_another_source_knows_it() -> None:
    command = RegisterArtist(artist_id="art_1", name="Grateful Dead", external_ids={"b": "2"})
    changed = ArtistChanged(artist_id="art_1", external_ids={"b": "2"})
    assert decided(ARTIST, [DEAD_ADDED], command) == [changed]
    both = RegisterArtist(
        artist_id="art_1", name="Grateful Dead", external_ids={"a": "1", "b": "2"}
    )
    assert decided(ARTIST, [DEAD_ADDED, changed], both) == []


def test_names_a_venue_when_its_name_becomes_known() -> None:
    unnamed = VenueAdded(venue_id="ven_1", city="London")
    (event,) = decided(VENUE, [unnamed], RegisterVenue(venue_id="ven_1", name="Lyceum"))
    assert (event.name, event.city) == ("Lyceum", None)


def test_replaces_a_setlist_when_it_is_told_differently() -> None:
    first = [PlayedSet(songs=[PlayedSong(song_id="sng_1"), PlayedSong(song_id="sng_2")])]
    second = [PlayedSet(songs=[PlayedSong(song_id="sng_1", segue=True)])]
    recorded = SetlistRecorded(show_id="shw_1", sets=first)
    assert decided(SETLIST, [], RecordSetlist(show_id="shw_1", sets=first)) == [recorded]
    assert decided(SETLIST, [recorded], RecordSetlist(show_id="shw_1", sets=second)) == [
        SetlistChanged(show_id="shw_1", sets=second)
    ]


@pytest.mark.parametrize("decider", DECIDERS, ids=lambda decider: decider.aggregate)
def test_command_and_events_of_a_kind_have_the_same_fields(decider: AnyDecider) -> None:
    """What the one decider of all kinds rests on."""
    (command,), (added, changed) = decider.commands, decider.events
    names = {item.name for item in fields(command)}
    assert names == {item.name for item in fields(added)} == {item.name for item in fields(changed)}
    key = registry.command_of[command].key
    telling_nothing = changed(**{key: "x"})
    assert all(getattr(telling_nothing, name) in (None, {}) for name in names - {key}), (
        "a changing event that says nothing must not change anything"
    )


# ---------------------------------------------------------------------------------- properties

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
    tell(SHOW, state, *commands)
    assert tell(SHOW, state, commands[-1]) == []


@given(st.lists(shows, min_size=1, max_size=8))
def test_a_replayed_stream_gives_the_state_that_recorded_it(commands: list[ScheduleShow]) -> None:
    state, replayed = SHOW.state(), SHOW.state()
    for event in tell(SHOW, state, *commands):
        SHOW.evolve(replayed, event)
    assert replayed == state


@given(st.lists(shows, min_size=1, max_size=8))
def test_what_is_known_is_the_last_that_anyone_said_of_each_field(
    commands: list[ScheduleShow],
) -> None:
    state = SHOW.state()
    tell(SHOW, state, *commands)
    known = state.known
    assert known is not None
    for name in ("artist_id", "local_date", "local_time", "time_zone", "venue_id", "tour"):
        said = [getattr(command, name) for command in commands]
        assert getattr(known, name) == next((it for it in reversed(said) if it is not None), None)
    told: dict[str, str] = {}
    for command in commands:
        told |= command.external_ids
    assert known.external_ids == told
