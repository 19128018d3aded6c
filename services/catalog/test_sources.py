"""Records of which several sources speak: whose word counts, and what is remembered."""

from dataclasses import replace
from datetime import date, time, timedelta

from contracts.catalog import RecordUnheardOf, SpeaksForAnother
from contracts.catalog_artists import ArtistAdded, ArtistChanged
from contracts.catalog_identity import (
    ForgetArtist,
    ForgetShow,
    IdentityReceipt,
    IntoItself,
    MergeRecords,
    RecordsMerged,
    RecordsSplit,
    SplitRecords,
)
from contracts.catalog_settling import NothingSaid, SettleShow, SettleVenue
from contracts.catalog_shows import ScheduleShow, ShowChanged, ShowNoted, ShowScheduled, ShowStatus
from contracts.catalog_venues import RegisterVenue, VenueAdded, VenueChanged, VenueNoted
from libs.testkit.spec import NOW, ORIGIN, DeciderSpec
from services.catalog.domain import ARTIST, IDENTITY, SHOW, VENUE
from services.catalog.domain.matching import Place, contradict, is_same_place, kilometres
from services.catalog.domain.names import fold

SERVICE = replace(ORIGIN, actor="svc_catalog", roles=("service",))
show, venue = DeciderSpec(SHOW, origin=SERVICE), DeciderSpec(VENUE, origin=SERVICE)
identity = DeciderSpec(IDENTITY)

DAY = date(2026, 11, 21)
PLAYED = ShowScheduled(
    show_id="shw_1",
    artist_id="art_1",
    local_date=DAY,
    tour="Tides",
    external_ids={"setlistfm": "63de4613"},
    source="setlistfm",
    as_of=NOW,
)
TICKETS = ScheduleShow(
    show_id="shw_1",
    artist_id="art_1",
    local_date=DAY,
    local_time=time(20),
    time_zone="Europe/London",
    tour="Tides Tour",
    status=ShowStatus.SCHEDULED,
    external_ids={"ticketmaster": "vv1"},
    source="ticketmaster",
    as_of=NOW,
)
TOLD = (
    ShowChanged(
        show_id="shw_1",
        local_time=time(20),
        time_zone="Europe/London",
        external_ids={"ticketmaster": "vv1"},
        source="ticketmaster",
        as_of=NOW,
    ),
    ShowNoted(
        show_id="shw_1",
        artist_id="art_1",
        local_date=DAY,
        status=ShowStatus.SCHEDULED,
        tour="Tides Tour",
        source="ticketmaster",
        as_of=NOW,
    ),
)


def test_holds_what_the_one_who_knows_best_says_and_notes_the_rest() -> None:
    show.given(PLAYED).when(TICKETS).then(*TOLD)
    show.given(PLAYED, *TOLD).when(TICKETS).then()


def test_holds_the_word_of_the_one_whom_a_person_finds_right_of_that_field_alone() -> None:
    settle = SettleShow(show_id="shw_1", field="tour", source="ticketmaster")
    settled = ShowChanged(show_id="shw_1", tour="Tides Tour")
    show.given(PLAYED, *TOLD).when(settle).then(settled)
    show.given(PLAYED, *TOLD, settled).when(settle).then()
    later = replace(TICKETS, tour="Another Tour", as_of=NOW + timedelta(hours=1))
    noted = ShowNoted(
        show_id="shw_1", tour="Another Tour", source="ticketmaster", as_of=later.as_of
    )
    show.given(PLAYED, *TOLD, settled).when(later).then(noted)


def test_counts_the_most_trusted_source_again_when_a_person_takes_their_word_back() -> None:
    settled = ShowChanged(show_id="shw_1", tour="Tides Tour")
    take_back = SettleShow(show_id="shw_1", field="tour", source=None)
    back = ShowChanged(show_id="shw_1", tour="Tides", withdrawn=["tour"])
    show.given(PLAYED, *TOLD, settled).when(take_back).then(back)
    show.given(PLAYED, *TOLD).when(take_back).then()


def test_settles_nothing_of_which_a_source_says_nothing() -> None:
    for name, source in (
        ("local_time", "setlistfm"),
        ("tour", "spotify"),
        ("external_ids", "ticketmaster"),
        ("show_id", "ticketmaster"),
        ("source", "ticketmaster"),
        ("nonsense", "ticketmaster"),
    ):
        settle = SettleShow(show_id="shw_1", field=name, source=source)
        show.given(PLAYED, *TOLD).when(settle).then_rejected(NothingSaid)
    unheard_of = SettleVenue(venue_id="ven_1", field="city", source="setlistfm")
    venue.given().when(unheard_of).then_rejected(RecordUnheardOf)


def test_takes_the_next_best_word_when_a_source_says_nothing_any_longer() -> None:
    silent = ScheduleShow(
        show_id="shw_1",
        artist_id="art_1",
        local_date=DAY,
        external_ids={"setlistfm": "63de4613"},
        source="setlistfm",
        as_of=NOW + timedelta(hours=1),
    )
    instead = ShowChanged(
        show_id="shw_1",
        tour="Tides Tour",
        source="setlistfm",
        as_of=silent.as_of,
        withdrawn=["tour"],
    )
    show.given(PLAYED, *TOLD).when(silent).then(instead)
    nobody = replace(instead, tour=None)
    show.given(PLAYED).when(silent).then(nobody)


def test_passes_over_what_a_source_said_earlier() -> None:
    older = replace(TICKETS, local_time=time(19), as_of=NOW - timedelta(days=1))
    show.given(PLAYED, *TOLD).when(older).then()


def test_believes_a_person_more_than_any_source_from_then_on() -> None:
    word = ScheduleShow(show_id="shw_1", artist_id="art_1", local_date=DAY, local_time=time(21))
    said = ShowChanged(show_id="shw_1", local_time=time(21))
    noted = ShowNoted(show_id="shw_1", artist_id="art_1", local_date=DAY)
    show.given(PLAYED, *TOLD).when(word).then(said, noted)
    moved = replace(TICKETS, local_time=time(22), as_of=NOW + timedelta(hours=1))
    heard = ShowNoted(
        show_id="shw_1", local_time=time(22), source="ticketmaster", as_of=moved.as_of
    )
    show.given(PLAYED, *TOLD, said, noted).when(moved).then(heard)


def test_lets_a_source_take_its_word_back_by_saying_it_is_on_again() -> None:
    off = replace(TICKETS, status=ShowStatus.CANCELLED, as_of=NOW + timedelta(hours=1))
    cancelled = ShowChanged(
        show_id="shw_1", status=ShowStatus.CANCELLED, source="ticketmaster", as_of=off.as_of
    )
    show.given(PLAYED, *TOLD).when(off).then(cancelled)
    on = replace(TICKETS, as_of=NOW + timedelta(hours=2))
    again = replace(cancelled, status=ShowStatus.SCHEDULED, as_of=on.as_of)
    show.given(PLAYED, *TOLD, cancelled).when(on).then(again)


def test_knows_the_place_of_a_venue_from_who_sells_the_tickets() -> None:
    city = VenueAdded(venue_id="ven_1", name="Vega", latitude=55.67, source="setlistfm")
    exact = RegisterVenue(
        venue_id="ven_1", name="Vega Hall", latitude=55.6676, source="ticketmaster"
    )
    venue.given(city).when(exact).then(
        VenueChanged(venue_id="ven_1", latitude=55.6676, source="ticketmaster"),
        VenueNoted(venue_id="ven_1", name="Vega Hall", source="ticketmaster"),
    )


def test_lets_only_services_speak_for_sources() -> None:
    show.given(PLAYED).when(TICKETS, by="usr_1", roles=("admin",)).then_rejected(SpeaksForAnother)


def test_forgets_what_was_said_of_something_else() -> None:
    forgotten = ShowChanged(
        show_id="shw_1",
        source="ticketmaster",
        withdrawn=["local_time", "time_zone", "external_ids.ticketmaster"],
    )
    noted = ShowNoted(
        show_id="shw_1",
        source="ticketmaster",
        withdrawn=["artist_id", "local_date", "status", "tour"],
    )
    forget = ForgetShow(show_id="shw_1", source="ticketmaster")
    show.given(PLAYED, *TOLD).when(forget).then(forgotten, noted)
    show.given(PLAYED, *TOLD, forgotten, noted).when(forget).then()
    show.given().when(forget).then_rejected(RecordUnheardOf)
    state = show.evolve(SHOW.state(), [PLAYED, *TOLD, forgotten, noted])
    assert state.known is not None
    assert (state.known.local_time, state.known.tour) == (None, "Tides")
    assert state.known.external_ids == {"setlistfm": "63de4613"}
    assert set(state.said) == {"setlistfm"}


def test_keeps_an_id_that_another_source_has_for_it_too() -> None:
    both = {"musicbrainz": "1", "ticketmaster": "2"}
    added = ArtistAdded(
        artist_id="art_1", name="A", external_ids={"musicbrainz": "1"}, source="setlistfm"
    )
    told = ArtistChanged(artist_id="art_1", external_ids=both, source="ticketmaster", withdrawn=[])
    forgotten = ArtistChanged(
        artist_id="art_1", source="ticketmaster", withdrawn=["external_ids.ticketmaster"]
    )
    artist = DeciderSpec(ARTIST, origin=SERVICE)
    forget = ForgetArtist(artist_id="art_1", source="ticketmaster")
    artist.given(added, told).when(forget).then(forgotten)
    artist.given(added, told, forgotten).when(forget).then()


# ---------------------------------------------------------------------------------- identity


def test_merges_and_splits_once_for_all() -> None:
    merge = MergeRecords(kind="song", record_id="sng_2", into_id="sng_1")  # type: ignore[arg-type]
    merged = RecordsMerged(kind="song", record_id="sng_2", into_id="sng_1")  # type: ignore[arg-type]
    split = SplitRecords(kind="song", record_id="sng_2", from_id="sng_1", source="spotify")  # type: ignore[arg-type]
    apart = RecordsSplit(kind="song", record_id="sng_2", from_id="sng_1", source="spotify")  # type: ignore[arg-type]
    told = identity.given().when(merge).then(merged)
    told.and_answers(IdentityReceipt(record_id="sng_2", into_id="sng_1"))
    identity.given(merged).when(merge).then()
    identity.given(merged).when(split).then(apart)
    identity.given(merged, apart).when(split).then()
    identity.given(merged, apart).when(merge).then(merged)
    identity.given().when(replace(merge, into_id="sng_2")).then_rejected(IntoItself)
    identity.given().when(replace(split, from_id="sng_2")).then_rejected(IntoItself)


# ---------------------------------------------------------------------------------- matching


def test_folds_names_to_what_they_have_in_common() -> None:
    assert fold("Beyonc\u00e9  LIVE") == fold("beyonce live")
    assert fold("Truckin\u2019") == fold("Truckin'")
    assert fold("\u30b5\u30ab\u30ca\u30af\u30b7\u30e7\u30f3") != ""


def test_takes_two_venues_for_one_only_when_name_and_place_agree() -> None:
    vega = Place("vega", "copenhagen", 55.6676, 12.5447)
    assert is_same_place(vega, Place("vega", "copenhagen", None, None))
    assert is_same_place(vega, Place("vega", None, 55.668, 12.545))
    assert not is_same_place(vega, Place("vega", None, None, None))
    assert not is_same_place(vega, Place("vega", "aarhus", None, None))
    assert not is_same_place(vega, Place("vega", "copenhagen", 40.0, -74.0))
    assert not is_same_place(vega, Place("lille vega", "copenhagen", 55.6676, 12.5447))
    assert not is_same_place(Place(None, "x", 1, 1), Place(None, "x", 1, 1))
    distance = kilometres(vega, Place("x", None, 55.6676, 13.0))
    assert distance is not None
    assert 28 < distance < 29


def test_sees_that_ids_of_one_source_contradict() -> None:
    assert contradict({"musicbrainz": "1"}, {"musicbrainz": "2"})
    assert not contradict({"musicbrainz": "1"}, {"setlistfm": "2"})
