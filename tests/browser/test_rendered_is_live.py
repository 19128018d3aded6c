"""What was rendered and what is live are one page."""

import orjson
import pytest
from playwright.sync_api import expect

from libs.kernel.ids import new_id
from tests.browser.house import SOON_SECONDS_MAX, House, wait_until
from tests.browser.looking import expect_same, main_of, total, wait_until_live
from tests.browser.tabs import Tabs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

HOURS = {"opens_at": "2031-05-27T12:00:00Z", "closes_at": "2031-05-27T19:30:00Z"}


def _show_in(house: House, phase: str) -> str:
    """A show whose ballot has come so far. returns its id"""
    if phase == "none":
        played = house.ask("catalog.list-shows", when="past", limit=3)["shows"]
        return str(played[-1]["show_id"])
    show_id = house.new_show()
    songs = house.prepare(show_id, **HOURS)
    reached = _PHASES.index(phase)
    if reached >= _PHASES.index("open"):
        house.order("voting.open-ballot", show_id=show_id)
    if reached >= _PHASES.index("voted"):
        house.crowd(show_id, (songs[4], 5), (songs[1], 3), (songs[7], 3))
    if reached >= _PHASES.index("closed"):
        house.order("voting.close-ballot", show_id=show_id)
    if reached >= _PHASES.index("finalized"):
        played = [songs[1], songs[9], songs[4]]
        house.order("voting.finalize-ballot", show_id=show_id, played=played)
    status = "open" if phase == "voted" else phase
    votes = 11 if reached >= _PHASES.index("voted") else 0
    wait_until(lambda: house.standing(show_id) == (status, votes), SOON_SECONDS_MAX)
    return show_id


_PHASES = ["none", "prepared", "open", "voted", "closed", "finalized"]


@pytest.mark.parametrize("phase", _PHASES)
def test_writes_nothing_when_the_page_of_a_show_comes_to_life(
    house: House, tabs: Tabs, phase: str
) -> None:
    path = f"/shows/{_show_in(house, phase)}"
    live = tabs.open(path)
    wait_until_live(live)
    assert live.evaluate("window.writes") == 0
    assert main_of(live) == main_of(tabs.still(path))
    assert tabs.complaints == []


def test_writes_nothing_when_the_lists_come_to_life(house: House, tabs: Tabs) -> None:
    further = house.ask("catalog.list-shows", when="past", limit=20)["next"]
    for path in ("/", f"/?when=past&after={further}"):
        live = tabs.open(path)
        wait_until_live(live)
        assert live.evaluate("window.writes") == 0
        assert main_of(live) == main_of(tabs.still(path))
    assert tabs.complaints == []


def test_is_always_the_page_that_would_be_rendered_now(house: House, tabs: Tabs) -> None:
    show_id = house.new_show()
    path = f"/shows/{show_id}"
    live = tabs.open(path)
    wait_until_live(live)

    def expect_phase(phase: str) -> None:
        expect(live.locator("main")).to_have_attribute("data-phase", phase)
        expect_same(live, tabs.still(path))

    expect_phase("none")
    songs = house.prepare(show_id)
    expect_phase("prepared")
    house.order("voting.open-ballot", show_id=show_id)
    expect_phase("open")
    for number, song in enumerate([songs[3], songs[3], songs[0], songs[8]], 1):
        house.crowd(show_id, (song, 1))
        expect(total(live)).to_have_text(str(number))
        expect_phase("open")
    house.order("voting.close-ballot", show_id=show_id)
    expect_phase("closed")
    house.order("voting.finalize-ballot", show_id=show_id, played=[songs[3], songs[5]])
    expect_phase("finalized")
    expect(live.get_by_text("1 of the crowd's 2 top songs were played.")).to_be_visible()
    assert tabs.complaints == []


def test_goes_on_from_what_was_rendered(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    house.crowd(show_id, (songs[0], 1))
    page = tabs.open(f"/shows/{show_id}")
    wait_until_live(page)
    expect(page.get_by_text("1 watching")).to_be_visible()
    said = [orjson.loads(frame) for frame in tabs.frames]
    whole = [frame["result"] for frame in said if frame["op"] == "result"]
    assert [frame["op"] for frame in said].count("resumed") == 3
    assert all("viewers" in result for result in whole)


def test_says_how_a_show_stands_as_soon_as_that_changes(house: House, tabs: Tabs) -> None:
    show_id = house.new_show()
    path = f"/shows/{show_id}"
    live = tabs.open(path)
    wait_until_live(live)
    standing = live.locator(".standing")
    expect(standing).to_have_text("Scheduled")
    expect(live.locator(".when")).to_contain_text("Starts 20:00, Europe/London")
    for order, words in (("begin-show", "On stage now"), ("end-show", "Finished")):
        house.order(f"catalog.{order}", show_id=show_id)
        expect(standing).to_have_text(words)
        expect(live.locator("#announcer")).to_have_text(words)
        expect_same(live, tabs.still(path))
    artist_id = house.ask("catalog.get-show", show_id=show_id)["show"]["artist_id"]
    about = {"show_id": show_id, "artist_id": artist_id, "local_date": "1972-05-27"}
    for status in ("postponed", "cancelled"):
        house.order("catalog.schedule-show", **about, status=status)
        expect(standing).to_have_text(f"This show is {status}.")
        expect(live.locator("main")).to_have_attribute("data-standing", status)
        expect_same(live, tabs.still(path))
    assert tabs.complaints == []


def test_lists_shows_as_they_are_announced_and_called_off(house: House, tabs: Tabs) -> None:
    past = house.ask("catalog.list-shows", limit=1, when="past")["shows"]
    about = {"artist_id": past[0]["artist_id"], "local_time": "20:30:00"}
    live = tabs.open("/")
    wait_until_live(live)
    show = {"show_id": new_id("shw_"), "local_date": "2031-05-27", **about}
    house.order("catalog.schedule-show", **show, time_zone="America/New_York")
    row = live.locator(f"[data-key='{show['show_id']}']")
    expect(row).to_contain_text("20:30, America/New York")
    house.order("catalog.schedule-show", **show, status="cancelled")
    expect(row.locator(".tag")).to_have_text("Cancelled")
    expect_same(live, tabs.still("/"))
    assert tabs.complaints == []
