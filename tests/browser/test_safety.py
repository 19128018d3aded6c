"""What must not happen to a page, and what it says when something is missing."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.looking import (
    first_song,
    wait_until_live,
)
from tests.browser.scenes import LIVE
from tests.browser.stage import BOSTON, NEW_YEARS_EVE, Ballot, Stage
from tests.browser.tabs import Tabs
from tests.browser.theatre import Theatre

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("open_ballot")
def test_lets_no_script_run_that_is_not_ours(tabs: Tabs) -> None:
    page = tabs.open(LIVE)
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


def test_shows_what_is_played_as_text_whatever_it_is_called(
    theatre: Theatre, open_ballot: Ballot, tabs: Tabs
) -> None:
    title = "</script><img src=x onerror='window.intruder=true'>&amp;{{ 7*7 }}"
    open_ballot.candidates.append(title)
    page = tabs.open(LIVE)
    wait_until_live(page)
    expect(page.get_by_text(title)).to_be_visible()
    theatre.do(lambda: theatre.stage.crowd(NEW_YEARS_EVE, {title: 50}))
    expect(first_song(page)).to_contain_text(title)
    assert page.evaluate("window.intruder") is None
    assert tabs.complaints == []


def test_finds_a_show_that_opens_elsewhere(theatre: Theatre, stage: Stage, tabs: Tabs) -> None:
    theatre.do(lambda: stage.setlists.add(BOSTON))
    page = tabs.open("/")
    wait_until_live(page)
    expect(page.get_by_role("heading", name="Voting now")).to_be_hidden()

    def open_unlisted() -> None:
        stage.ballots[NEW_YEARS_EVE] = Ballot(status="open")
        stage.change()

    theatre.do(open_unlisted)
    expect(page.get_by_role("heading", name="Voting now")).to_be_visible()
    page.get_by_role("link", name=re.compile("Cow Palace")).click()
    expect(page.get_by_role("group", name="What should they play?")).to_be_visible()


def test_is_friendly_when_there_is_nothing(theatre: Theatre, tabs: Tabs) -> None:
    page = tabs.open("/shows/nobody")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing on this stage")
    theatre.stage.is_away = True
    page = tabs.open(LIVE)
    expect(page.get_by_role("heading", level=1)).to_have_text("The lights went out for a moment")
    theatre.stage.is_away = False
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Grateful Dead")
