"""What a page does when something goes wrong at a moment that cannot be had on demand.

Behind the pages is a stage that makes it happen: a reply that is lost, a refusal nobody saw coming,
a gateway that says not to come back. What can be had from the real thing is tested with that.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.looking import connection, song, total, vote, voted, wait_until_live
from tests.browser.scenes import LIVE
from tests.browser.stage import NEW_YEARS_EVE, Ballot
from tests.browser.tabs import Tabs
from tests.browser.theatre import Theatre

pytestmark = pytest.mark.browser

CAST_VOTE = "voting.cast-vote"


def test_counts_once_when_the_first_reply_is_lost(
    theatre: Theatre, open_ballot: Ballot, stage_tabs: Tabs
) -> None:
    page = stage_tabs.open(LIVE)
    wait_until_live(page)
    theatre.gateway.lost_replies = 1
    vote(page, "sng_bertha")
    expect(page.get_by_role("status")).to_have_text("Your vote is counted.")
    casts = [each for each in theatre.gateway.commands if each["command"] == CAST_VOTE]
    assert len(casts) == 2
    assert len({each["key"] for each in casts}) == 1
    assert theatre.do(open_ballot.counts)["sng_bertha"] == 4


def test_counts_once_when_the_line_is_cut_before_the_reply(
    theatre: Theatre, open_ballot: Ballot, stage_tabs: Tabs
) -> None:
    open_ballot.votes_per_voter = 2
    page = stage_tabs.open(LIVE)
    vote(page, "sng_bertha")
    expect(voted(page)).to_have_text("You voted for Bertha. 1 vote left.")
    theatre.do(theatre.gateway.commands.clear)
    theatre.gateway.lost_replies = 1
    vote(page, "sng_ripple")
    expect(voted(page)).to_have_text("You voted for Bertha, Ripple.")
    expect(connection(page)).to_have_text("Live")
    assert theatre.do(open_ballot.counts)["sng_ripple"] == 2
    assert len({each["key"] for each in theatre.gateway.commands}) == 1
    assert {each["via"] for each in theatre.gateway.commands} == {"WebSocket", "HTTP"}


def test_takes_the_vote_back_and_says_why_when_it_is_refused(
    theatre: Theatre, open_ballot: Ballot, stage_tabs: Tabs
) -> None:
    page = stage_tabs.open(LIVE)
    wait_until_live(page)
    song(page, "sng_bertha").check()
    open_ballot.status = "closed"  # And nobody has told the page.
    vote(page, "sng_bertha")
    expect(page.locator("#cast-text")).to_have_text("Voting is closed. Your vote was not counted.")
    expect(page.get_by_text("Your vote", exact=True).filter(visible=True)).to_have_count(0)
    theatre.do(theatre.stage.change)
    expect(page.locator("main")).to_have_attribute("data-phase", "closed")
    expect(page.get_by_role("radio")).to_have_count(0)


@pytest.mark.usefixtures("open_ballot")
def test_keeps_the_last_truth_and_catches_up_when_it_was_turned_away(
    theatre: Theatre, stage_tabs: Tabs
) -> None:
    page = stage_tabs.open(LIVE)
    wait_until_live(page)
    gateway = theatre.gateway

    def turn_away() -> None:
        gateway.close_code_for_all = 4000
        gateway.cut_all(4000)

    theatre.do(turn_away)
    expect(connection(page)).to_have_text(re.compile("^Reconnecting"))
    expect(total(page)).to_have_text("9")
    theatre.do(lambda: theatre.stage.crowd(NEW_YEARS_EVE, {"Deal": 5}))
    gateway.close_code_for_all = 0
    expect(connection(page)).to_have_text("Live")
    expect(total(page)).to_have_text("14")


def test_takes_the_whole_result_when_its_cursor_means_nothing_any_more(
    theatre: Theatre, open_ballot: Ballot, stage_tabs: Tabs
) -> None:
    page = stage_tabs.open(LIVE)
    wait_until_live(page)
    gateway = theatre.gateway

    def make_anew() -> None:
        gateway.forget_cursors()
        open_ballot.votes.clear()
        gateway.cut_all()

    theatre.do(make_anew)
    expect(total(page)).to_have_text("0")


@pytest.mark.usefixtures("open_ballot")
def test_waits_for_a_person_when_told_not_to_come_back(theatre: Theatre, stage_tabs: Tabs) -> None:
    page = stage_tabs.open(LIVE)
    wait_until_live(page)
    theatre.do(lambda: theatre.gateway.cut_all(4500))
    expect(connection(page)).to_have_text("Disconnected")
    page.get_by_role("button", name="Reconnect").click()
    expect(connection(page)).to_have_text("Live")


@pytest.mark.usefixtures("open_ballot")
def test_shows_how_many_watch_when_that_changes(theatre: Theatre, stage_tabs: Tabs) -> None:
    page = stage_tabs.open(LIVE)
    expect(page.get_by_text("1 watching")).to_be_visible()
    theatre.stage.viewers = 1204
    theatre.do(theatre.stage.change)
    expect(page.get_by_text("1,204 watching")).to_be_visible()


def test_asks_to_try_again_when_a_service_is_away(theatre: Theatre, stage_tabs: Tabs) -> None:
    theatre.stage.is_away = True
    page = stage_tabs.open(LIVE)
    expect(page.get_by_role("heading", level=1)).to_have_text("The lights went out for a moment")
    theatre.stage.is_away = False
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Grateful Dead")
