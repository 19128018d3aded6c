"""What was rendered and what is live are one page."""

import orjson
import pytest
from playwright.sync_api import expect

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
