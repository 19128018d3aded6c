"""The line to the gateway: lost, found, and told not to come back."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.looking import (
    connection,
    total,
    wait_until_live,
)
from tests.browser.scenes import LIVE
from tests.browser.stage import NEW_YEARS_EVE, Ballot
from tests.browser.tabs import Tabs
from tests.browser.theatre import Theatre

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("open_ballot")
def test_says_so_and_catches_up_when_the_line_was_cut(theatre: Theatre, tabs: Tabs) -> None:
    page = tabs.open(LIVE)
    wait_until_live(page)
    gateway = theatre.gateway

    def cut() -> None:
        gateway.close_code_for_all = 4000
        gateway.cut_all(4000)

    theatre.do(cut)
    expect(connection(page)).to_have_text(re.compile("^Reconnecting"))
    expect(total(page)).to_have_text("9")
    theatre.do(lambda: theatre.stage.crowd(NEW_YEARS_EVE, {"Deal": 5}))
    gateway.close_code_for_all = 0
    expect(connection(page)).to_have_text("Live")
    expect(total(page)).to_have_text("14")


def test_takes_the_whole_result_when_its_cursor_means_nothing_any_more(
    theatre: Theatre, open_ballot: Ballot, tabs: Tabs
) -> None:
    page = tabs.open(LIVE)
    wait_until_live(page)
    gateway = theatre.gateway

    def make_anew() -> None:
        gateway.forget_cursors()
        open_ballot.votes.clear()
        gateway.cut_all()

    theatre.do(make_anew)
    expect(total(page)).to_have_text("0")


@pytest.mark.usefixtures("open_ballot")
def test_waits_for_a_person_when_told_not_to_come_back(theatre: Theatre, tabs: Tabs) -> None:
    page = tabs.open(LIVE)
    wait_until_live(page)
    theatre.do(lambda: theatre.gateway.cut_all(4500))
    expect(connection(page)).to_have_text("Disconnected")
    page.get_by_role("button", name="Reconnect").click()
    expect(connection(page)).to_have_text("Live")


@pytest.mark.usefixtures("open_ballot")
def test_shows_how_many_watch(theatre: Theatre, tabs: Tabs) -> None:
    page = tabs.open(LIVE)
    expect(page.get_by_text("1 watching")).to_be_visible()
    theatre.stage.viewers = 1204
    theatre.do(theatre.stage.change)
    expect(page.get_by_text("1,204 watching")).to_be_visible()
