"""What must not happen to a page, and what it says when something is missing."""

import pytest
from playwright.sync_api import expect

from tests.browser.house import House
from tests.browser.looking import first_song, wait_until_live
from tests.browser.tabs import Tabs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

HOSTILE = "</script><img src=x onerror='window.intruder=true'>&amp;{{ 7*7 }}"


def test_runs_no_script_that_is_not_ours(house: House, tabs: Tabs) -> None:
    show_id, _ = house.open_ballot()
    page = tabs.open(f"/shows/{show_id}")
    wait_until_live(page)
    assert tabs.complaints == []
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.intruder = true";
          document.body.append(script);
          document.body.insertAdjacentHTML("beforeend", "<p style='color: red'>x</p>");
        }"""
    )
    assert page.evaluate("window.intruder") is None
    assert sum("Content Security Policy" in each for each in tabs.complaints) == 2


def test_shows_a_title_as_text_whatever_it_says(house: House, tabs: Tabs) -> None:
    show_id = house.new_show(titles=["Ripple", HOSTILE])
    songs = [f"sng_{show_id.rpartition('_')[2]}_{at}" for at in range(2)]
    house.prepare(show_id, song_ids=songs)
    house.order("voting.open-ballot", show_id=show_id)
    page = tabs.open(f"/shows/{show_id}")
    wait_until_live(page)
    expect(page.get_by_text(HOSTILE)).to_be_visible()
    house.crowd(show_id, (songs[1], 1))
    expect(first_song(page)).to_contain_text(HOSTILE)
    assert page.evaluate("window.intruder") is None
    assert tabs.complaints == []


def test_finds_a_show_that_opens_while_the_list_is_read(house: House, tabs: Tabs) -> None:
    page = tabs.open("/")
    wait_until_live(page)
    show_id, songs = house.open_ballot()
    link = page.locator(f".on-now-list a[href='/shows/{show_id}']")
    expect(link).to_be_visible()
    house.crowd(show_id, (songs[0], 1))
    expect(link).to_contain_text("1 vote")
    link.click()
    expect(page.get_by_role("group", name="What should they play?")).to_be_visible()
    assert tabs.complaints == []


def test_is_friendly_when_there_is_nothing(tabs: Tabs) -> None:
    page = tabs.open("/shows/nobody")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing on this stage")
    page.get_by_role("link", name="All shows").click()
    expect(page.get_by_role("heading", name="Past")).to_be_visible()
