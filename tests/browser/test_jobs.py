"""The page of jobs, as an administrator meets it: watched, stopped, repeated."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.house import House
from tests.browser.signing import an_address, signed_up
from tests.browser.tabs import Tabs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CANARY = "scheduler-canary"


@pytest.fixture
def page(house: House, tabs: Tabs) -> Page:
    """The page, as an administrator has it open."""
    address = an_address()
    page = tabs.open("/")
    signed_up(page, address)
    house.backline("admin", "grant", address)
    page.goto("/admin/jobs")
    expect(page.locator("#schedules tr", has_text=CANARY)).to_be_visible()
    return page


def test_runs_a_job_now_and_shows_how_it_went(page: Page, tabs: Tabs) -> None:
    page.get_by_role("button", name=f"Run now {CANARY}").click()
    done = page.locator("#history tr", has_text="by hand").first
    expect(done).to_contain_text("succeeded")
    done.get_by_role("button", name="scheduler.canary").click()
    expect(page.locator("#run-steps li").last).to_contain_text("succeeded")
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#run")).to_be_hidden()
    assert tabs.complaints == []


def test_lets_a_schedule_rest_with_a_note(page: Page) -> None:
    page.once("dialog", lambda dialog: dialog.accept("the stage is wet"))
    page.get_by_role("button", name=f"Pause {CANARY}").click()
    expect(page.locator("#schedules tr", has_text=CANARY)).to_contain_text("the stage is wet")
    page.get_by_role("button", name=f"Resume {CANARY}").click()
    expect(page.get_by_role("button", name=f"Pause {CANARY}")).to_be_visible()


def test_makes_a_schedule_and_takes_it_back(page: Page) -> None:
    page.get_by_text("Schedule a job").click()
    page.locator("[name=schedule_id]").fill("later")
    page.locator("[name=kind]").select_option("once")
    page.locator("[name=seconds]").fill("3600")
    page.get_by_role("button", name="Schedule it").click()
    row = page.locator("#upcoming tr", has_text="later")
    expect(row).to_contain_text("in ")
    row.get_by_role("button", name="Cancel").click()
    expect(page.locator("#upcoming tr", has_text="later")).to_have_count(0)
    expect(page.locator("#history tr", has_text="later")).to_contain_text("cancelled")


def test_says_why_not_when_something_is_refused(page: Page) -> None:
    page.get_by_text("Schedule a job").click()
    page.locator("[name=schedule_id]").fill("never")
    page.locator("[name=expression]").fill("61 * * * *")
    page.get_by_role("button", name="Schedule it").click()
    expect(page.locator("#jobs-said")).to_contain_text("Bad minute")


def test_shows_nothing_to_those_who_may_not_see_it(house: House, tabs: Tabs) -> None:
    page = tabs.open("/")
    signed_up(page, an_address())
    page.goto("/admin/jobs")
    expect(page.locator("#jobs-said")).to_have_text("You may not do this.")
    expect(page.locator("#schedules tr")).to_have_count(0)
