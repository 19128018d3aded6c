"""Syncs and disputes as an administrator meets them: asked for, watched, stopped, and settled."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.house import House
from tests.browser.partners import Partners, running_partners
from tests.browser.signing import administrator, an_address, signed_up
from tests.browser.tabs import Tabs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

CALENDAR, FEED = "cal-SandboxHarbour", "harbour"
ANOTHER_DAY_SECONDS = 3600
SLOW_MS = 60_000
"""Partners are asked at a measured pace."""


@pytest.fixture
def partners(house: House) -> Iterator[Partners]:
    with running_partners(house.partners_port) as partners:
        yield partners


def ask(page: Page, partner: str, external_id: str) -> None:
    """Start a sync afresh on its page, and close what shows it."""
    page.get_by_role("combobox", name="Partner").select_option(partner)
    page.get_by_label("Its id there").fill(external_id)
    page.get_by_label("From the first page").check()
    page.get_by_role("button", name="Ask now").click()
    expect(page.locator("#sync-heading")).to_contain_text(external_id)


def expect_ended(page: Page, partner: str, external_id: str) -> None:
    page.get_by_role("button", name="Close").click()
    row = page.locator(f"#syncs tr:has(#about-{partner}-calendar-{external_id})")
    expect(row).to_contain_text("finished", timeout=SLOW_MS)


def test_asks_a_partner_and_shows_what_came_of_it(
    house: House, tabs: Tabs, partners: Partners
) -> None:
    page = administrator(house, tabs, "/admin/syncs")
    partners.change("luma", "evt-Sandbox0001", {"start_at": "<b>soon</b>"})
    ask(page, "luma", CALENDAR)
    expect(page.locator("#sync-facts")).to_contain_text("finished", timeout=SLOW_MS)
    expect(page.locator("#sync-refusals li")).to_have_count(1)
    expect(page.locator("#sync-refusals")).to_contain_text("<b>soon</b>")
    expect_ended(page, "luma", CALENDAR)
    row = page.locator("#syncs tr", has_text=CALENDAR)
    expect(row).to_contain_text("1 refused")
    expect(row).to_contain_text("Luma, calendar")
    assert tabs.complaints == []


def test_shows_why_a_sync_waits_and_stops_it(house: House, tabs: Tabs, partners: Partners) -> None:
    page = administrator(house, tabs, "/admin/syncs")
    partners.order("spotify", "limited", retry_after=ANOTHER_DAY_SECONDS, times=50)
    ask(page, "spotify", "0SandboxHarbourLights0")
    expect(page.locator("#sync-facts")).to_contain_text("waiting", timeout=SLOW_MS)
    page.get_by_role("button", name="Close").click()
    row = page.locator("#under-way tr", has_text="Spotify, artist")
    expect(row).to_contain_text("goes on in")
    row.get_by_role("button", name="Stop Spotify, artist").click()
    expect(page.locator("#syncs tr", has_text="Spotify, artist")).to_contain_text("stopped")
    expect(row).to_have_count(0)
    assert tabs.complaints == []


def test_says_why_not_when_a_sync_is_of_nothing(house: House, tabs: Tabs) -> None:
    page = administrator(house, tabs, "/admin/syncs")
    page.get_by_role("combobox", name="Partner").select_option("ics")
    page.get_by_label("Its id there").fill("x" * 100)
    page.get_by_role("button", name="Ask now").click()
    expect(page.locator("#syncs-said")).to_be_visible()


def test_lists_what_sources_disagree_on_until_somebody_says_who_is_right(
    house: House, tabs: Tabs, partners: Partners
) -> None:
    partners.change("ics", "evt-Sandbox0002", {"SUMMARY": "An <i>evening</i> by the water"})
    page = administrator(house, tabs, "/admin/syncs")
    for partner, external_id in (("luma", CALENDAR), ("ics", FEED)):
        ask(page, partner, external_id)
        expect_ended(page, partner, external_id)
    page.get_by_role("link", name="Disputes", exact=True).first.click()
    dispute = page.locator("#disputes > li", has_text="name of the gathering")
    expect(dispute).to_contain_text("An <i>evening</i> by the water")
    expect(dispute.locator("li").first).to_contain_text("Luma")
    expect(dispute.locator("li").first).to_contain_text("believed")
    dispute.get_by_role("button", name="This is so An <i>evening</i> by the water").click()
    expect(dispute).to_have_count(0)
    page.get_by_label("A name").fill("evening by the water")
    page.get_by_role("button", name="An <i>evening</i> by the water").first.click()
    word = page.locator("#sayings tr", has_text="A person here")
    expect(word).to_contain_text("believed")
    word.get_by_role("button", name="Take back").click()
    expect(word).to_have_count(0)
    page.get_by_role("button", name="Close").click()
    expect(dispute).to_be_visible()
    assert tabs.complaints == []


def test_makes_one_record_of_two(house: House, tabs: Tabs) -> None:
    for venue_id, name in (("ven_twin_1", "The Twin Rooms"), ("ven_twin_2", "Twin Rooms, The")):
        house.order("catalog.register-venue", venue_id=venue_id, name=name, city="Aarhus")
    page = administrator(house, tabs, "/admin/disputes")
    page.get_by_label("A name").fill("twin rooms")
    page.get_by_role("button", name="Twin Rooms, The").click()
    expect(page.locator("#record-heading")).to_contain_text("The venue Twin Rooms, The, Aarhus")
    page.get_by_label("It is the same as").select_option("ven_twin_1")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Make one of the two").click()
    expect(page.locator("#record")).to_be_hidden()
    expect(page.locator("#hits li")).to_have_count(1)
    expect(page.locator("#hits li")).to_contain_text("The Twin Rooms")
    assert tabs.complaints == []


@pytest.mark.parametrize("name", ["syncs", "disputes", "webhooks"])
def test_shows_nothing_to_those_who_may_not_see_it(house: House, tabs: Tabs, name: str) -> None:
    page = tabs.open("/")
    signed_up(page, an_address())
    expect(page.locator("#admin")).to_be_hidden()
    page.goto(f"/admin/{name}")
    expect(page.locator(f"#{name}-said")).to_have_text("You may not do this.")
    expect(page.locator(f"#{name} > *")).to_have_count(0)
