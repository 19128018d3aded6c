"""What the catalog's door lets in: nothing that a read model could not store or a page not show."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.catalog import Kind, id_of
from contracts.catalog_artists import RegisterArtist
from contracts.catalog_shows import ScheduleShow
from contracts.catalog_venues import RegisterVenue
from libs.kernel.messages import registry

SHOW = {"show_id": "shw_1", "artist_id": "art_1", "local_date": "1972-05-26"}


def taken(command: type, **arguments: Any) -> Any:
    return registry.command_of[command].adapter.validate_python(arguments)


def test_ids_are_the_same_for_the_same_thing_and_differ_for_others() -> None:
    assert id_of(Kind.SHOW, "a", "1") == id_of(Kind.SHOW, "a", "1")
    assert id_of(Kind.SHOW, "a", "1") == id_of(Kind.SETLIST, "a", "1")
    others = {id_of(kind, source, one) for kind in Kind for source in "ab" for one in "12"}
    assert len(others) == 20


def test_takes_a_show_that_has_only_a_day_and_one_that_has_everything() -> None:
    assert taken(ScheduleShow, **SHOW).local_time is None
    whole = taken(ScheduleShow, **SHOW, local_time="20:00", time_zone="Europe/Copenhagen")
    assert whole.time_zone == "Europe/Copenhagen"


@pytest.mark.parametrize("status", ["live", "finished"])
def test_takes_no_word_for_what_the_clock_says(status: str) -> None:
    with pytest.raises(ValidationError, match="it follows from the hour of the show"):
        taken(ScheduleShow, **SHOW, status=status)
    assert taken(ScheduleShow, **SHOW, status="postponed").status == "postponed"


def test_puts_the_spaces_around_a_name_in_order() -> None:
    assert taken(RegisterArtist, artist_id="art_1", name="  Grateful Dead ").name == "Grateful Dead"


@pytest.mark.parametrize(
    "more",
    [
        {"time_zone": "Europe"},
        {"time_zone": "Europe/Atlantis"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": "Europe/\x00"},
        {"local_time": "20:00+02:00"},
        {"local_date": "1972-02-30"},
        {"number_that_day": 0},
        {"tour": ""},
        {"tour": "a\x00b"},
        {"url": "ftp://example.org"},
        {"url": "https://example.org/\x00"},
        {"external_ids": {"A Source": "1"}},
        {"external_ids": {"a": "\x00"}},
        {"status": "maybe"},
        {"unknown": 1},
    ],
)
def test_refuses_a_show_when_something_about_it_cannot_be(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        taken(ScheduleShow, **{**SHOW, **more})


@pytest.mark.parametrize("latitude", [-91, 91, float("nan"), float("inf"), "north"])
def test_refuses_a_venue_when_it_is_not_on_earth(latitude: object) -> None:
    with pytest.raises(ValidationError):
        taken(RegisterVenue, venue_id="ven_1", latitude=latitude)
