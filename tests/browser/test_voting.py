"""Casting a vote, with the mouse, the keyboard and a finger, and when things go wrong."""

import pytest
from playwright.sync_api import expect

from tests.browser.looking import (
    cast_button,
    connection,
    first_song,
    song,
    total,
    votes_for,
    wait_until_live,
)
from tests.browser.scenes import LIVE
from tests.browser.stage import NEW_YEARS_EVE, Ballot
from tests.browser.tabs import Tabs
from tests.browser.theatre import Theatre

pytestmark = pytest.mark.browser

CAST_VOTE = "voting.cast-vote"


@pytest.mark.usefixtures("open_ballot")
def test_moves_the_other_tab_when_a_vote_is_cast(tabs: Tabs) -> None:
    mine, theirs = tabs.open(LIVE), tabs.open(LIVE)
    song(mine, "Bertha").check()
    cast_button(mine).click()
    expect(mine.get_by_text("You voted for Bertha.")).to_be_visible()
    expect(votes_for(theirs, "sng_bertha")).to_have_text("4 votes")
    expect(total(theirs)).to_have_text("10")
    expect(theirs.get_by_text("Your vote", exact=True).filter(visible=True)).to_have_count(0)
    assert tabs.complaints == []


def test_needs_no_mouse(theatre: Theatre, open_ballot: Ballot, tabs: Tabs) -> None:
    page = tabs.open(LIVE)
    wait_until_live(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(song(page, "Dark Star")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(song(page, "Bertha")).to_be_checked()
    page.keyboard.press("Enter")
    voted = page.get_by_text("You voted for Bertha.")
    expect(voted).to_be_visible()
    expect(page.locator("#voted")).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("Your vote is counted.")
    assert theatre.do(open_ballot.counts)["sng_bertha"] == 4


@pytest.mark.usefixtures("open_ballot")
def test_still_knows_my_vote_after_a_reload_and_in_a_new_tab(tabs: Tabs) -> None:
    page = tabs.open(LIVE)
    song(page, "Ripple").check()
    cast_button(page).click()
    expect(page.get_by_text("You voted for Ripple.")).to_be_visible()
    page.reload()
    expect(page.get_by_text("You voted for Ripple.")).to_be_visible()
    other = tabs.open_in(page.context, LIVE)
    expect(other.get_by_text("You voted for Ripple.")).to_be_visible()
    expect(other.get_by_role("radio")).to_have_count(0)


@pytest.mark.usefixtures("open_ballot")
def test_tells_an_open_tab_of_the_vote_cast_in_another(tabs: Tabs) -> None:
    first = tabs.open(LIVE)
    second = tabs.open_in(first.context, LIVE)
    song(first, "Ripple").check()
    cast_button(first).click()
    expect(second.get_by_text("You voted for Ripple.")).to_be_visible()


def test_counts_once_when_the_first_reply_is_lost(
    theatre: Theatre, open_ballot: Ballot, tabs: Tabs
) -> None:
    page = tabs.open(LIVE)
    wait_until_live(page)
    theatre.gateway.lost_replies = 1
    song(page, "Bertha").check()
    cast_button(page).click()
    expect(page.get_by_role("status")).to_have_text("Your vote is counted.")
    casts = [each for each in theatre.gateway.commands if each["command"] == CAST_VOTE]
    assert len(casts) == 2
    assert len({each["key"] for each in casts}) == 1
    assert theatre.do(open_ballot.counts)["sng_bertha"] == 4


def test_counts_once_when_the_line_is_cut_before_the_reply(
    theatre: Theatre, open_ballot: Ballot, tabs: Tabs
) -> None:
    open_ballot.votes_per_voter = 2
    page = tabs.open(LIVE)
    song(page, "Bertha").check()
    cast_button(page).click()
    expect(page.get_by_text("You voted for Bertha. 1 vote left.")).to_be_visible()
    theatre.do(theatre.gateway.commands.clear)
    theatre.gateway.lost_replies = 1
    song(page, "Ripple").check()
    cast_button(page).click()
    expect(page.get_by_text("You voted for Bertha, Ripple.")).to_be_visible()
    expect(page.locator("#voted[data-sending]")).to_have_count(0)
    expect(connection(page)).to_have_text("Live")
    assert theatre.do(open_ballot.counts)["sng_ripple"] == 2
    assert len({each["key"] for each in theatre.gateway.commands}) == 1
    assert {each["via"] for each in theatre.gateway.commands} == {"WebSocket", "HTTP"}


def test_takes_the_vote_back_and_says_why_when_it_is_refused(
    theatre: Theatre, open_ballot: Ballot, tabs: Tabs
) -> None:
    page = tabs.open(LIVE)
    wait_until_live(page)
    song(page, "Bertha").check()
    open_ballot.status = "closed"  # And nobody has told the page.
    cast_button(page).click()
    expect(page.locator("#cast-text")).to_have_text("Voting is closed. Your vote was not counted.")
    expect(page.get_by_text("Your vote", exact=True).filter(visible=True)).to_have_count(0)
    theatre.do(theatre.stage.change)
    expect(page.locator("main")).to_have_attribute("data-phase", "closed")
    expect(page.get_by_role("radio")).to_have_count(0)


def test_lets_a_vote_be_changed_where_the_ballot_does(
    theatre: Theatre, open_ballot: Ballot, tabs: Tabs
) -> None:
    open_ballot.changeable = True
    page = tabs.open(LIVE)
    for title in ("Ripple", "Bertha"):
        song(page, title).check()
        cast_button(page).click()
        expect(page.get_by_text(f"You voted for {title}.")).to_be_visible()
    counts = theatre.do(open_ballot.counts)
    assert (counts["sng_ripple"], counts["sng_bertha"]) == (1, 4)


def test_lets_each_have_as_many_votes_as_the_ballot_gives(open_ballot: Ballot, tabs: Tabs) -> None:
    open_ballot.votes_per_voter = 2
    page = tabs.open(LIVE)
    song(page, "Ripple").check()
    cast_button(page).click()
    expect(page.get_by_text("You voted for Ripple. 1 vote left.")).to_be_visible()
    song(page, "Deal").check()
    cast_button(page).click()
    expect(page.get_by_text("You voted for Ripple, Deal.")).to_be_visible()
    expect(page.get_by_role("radio")).to_have_count(0)


@pytest.mark.usefixtures("open_ballot")
def test_holds_places_while_somebody_chooses(theatre: Theatre, tabs: Tabs) -> None:
    page = tabs.open(LIVE)
    wait_until_live(page)
    song(page, "Ripple").focus()
    theatre.do(lambda: theatre.stage.crowd(NEW_YEARS_EVE, {"Deal": 50}))
    expect(votes_for(page, "sng_deal")).to_have_text("50 votes")
    first = first_song(page)
    expect(first).to_have_attribute("data-key", "sng_dark-star")
    expect(page.get_by_text("Places held for you")).to_be_visible()
    page.get_by_role("link", name="Backline").focus()
    expect(first).to_have_attribute("data-key", "sng_deal")
