"""Casting a vote: with the mouse, the keyboard and a finger, here and in other tabs."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.house import House
from tests.browser.looking import (
    cast_button,
    connection,
    first_song,
    row,
    song,
    total,
    vote,
    voted,
    votes_for,
    wait_until_live,
)
from tests.browser.tabs import Tabs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_moves_the_other_tab_when_a_vote_is_cast(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    mine, theirs = tabs.open(f"/shows/{show_id}"), tabs.open(f"/shows/{show_id}")
    vote(mine, songs[2])
    expect(voted(mine)).to_contain_text("You voted for")
    expect(votes_for(theirs, songs[2])).to_have_text("1 vote")
    expect(total(theirs)).to_have_text("1")
    expect(first_song(theirs)).to_have_attribute("data-key", songs[2])
    expect(row(mine, songs[2]).get_by_text("Your vote")).to_be_visible()
    expect(row(theirs, songs[2]).get_by_text("Your vote")).to_be_hidden()
    house.expect_count(show_id, songs[2], 1)
    assert tabs.complaints == []


def test_needs_no_mouse(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    page = tabs.open(f"/shows/{show_id}")
    wait_until_live(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(song(page, songs[0])).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(song(page, songs[1])).to_be_checked()
    page.keyboard.press("Enter")
    expect(voted(page)).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("Your vote is counted.")
    house.expect_count(show_id, songs[1], 1)
    assert tabs.complaints == []


def test_needs_no_more_than_a_finger(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    phone = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
    page = tabs.open(f"/shows/{show_id}", **phone)
    row(page, songs[5]).locator("label").tap()
    cast_button(page).tap()
    expect(voted(page)).to_be_in_viewport()
    expect(voted(page)).to_contain_text("You voted for")
    house.expect_count(show_id, songs[5], 1)


def test_is_remembered_after_a_reload_and_in_other_tabs(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    page = tabs.open(f"/shows/{show_id}")
    beside = tabs.open_in(page.context, f"/shows/{show_id}")
    vote(page, songs[0])
    expect(voted(page)).to_contain_text("You voted for")
    expect(voted(beside)).to_contain_text("You voted for")
    page.reload()
    expect(voted(page)).to_contain_text("You voted for")
    later = tabs.open_in(page.context, f"/shows/{show_id}")
    expect(voted(later)).to_contain_text("You voted for")
    for each in (page, beside, later):
        expect(each.get_by_role("radio")).to_have_count(0)
    house.expect_count(show_id, songs[0], 1)


def test_can_be_changed_where_the_ballot_lets_it(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot(changeable=True)
    page = tabs.open(f"/shows/{show_id}")
    for each in (songs[3], songs[6]):
        vote(page, each)
        expect(row(page, each).get_by_text("Your vote")).to_be_visible()
        expect(votes_for(page, each)).to_have_text("1 vote")
    expect(total(page)).to_have_text("1")
    house.expect_count(show_id, songs[3], 0)


def test_can_be_cast_as_often_as_the_ballot_lets_it(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot(votes_per_voter=2)
    page = tabs.open(f"/shows/{show_id}")
    vote(page, songs[0])
    expect(voted(page)).to_contain_text("1 vote left.")
    vote(page, songs[1])
    expect(total(page)).to_have_text("2")
    expect(page.get_by_role("radio")).to_have_count(0)


def test_leaves_songs_in_their_places_while_somebody_chooses(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    page = tabs.open(f"/shows/{show_id}")
    wait_until_live(page)
    song(page, songs[4]).focus()
    house.crowd(show_id, (songs[9], 2))
    expect(votes_for(page, songs[9])).to_have_text("2 votes")
    expect(first_song(page)).to_have_attribute("data-key", songs[0])
    expect(page.get_by_text("Places held for you")).to_be_visible()
    page.get_by_role("link", name="Backline").focus()
    expect(first_song(page)).to_have_attribute("data-key", songs[9])


def test_goes_on_when_the_gateway_dies(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    page = tabs.open(f"/shows/{show_id}")
    wait_until_live(page)
    house.crowd(show_id, (songs[0], 1))
    expect(total(page)).to_have_text("1")
    house.kill_gateway()
    expect(connection(page)).to_have_text(re.compile("^Reconnecting"))
    expect(total(page)).to_have_text("1")
    song(page, songs[1]).check()
    cast_button(page).click()
    expect(connection(page)).to_have_text("Live", timeout=40_000)
    expect(voted(page)).to_contain_text("You voted for", timeout=40_000)
    expect(total(page)).to_have_text("2")
    house.expect_count(show_id, songs[1], 1)
