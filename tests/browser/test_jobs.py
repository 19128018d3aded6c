"""The page of jobs, as an administrator meets it: watched, stopped, repeated."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.house import House
from tests.browser.signing import administrator, an_address, signed_up
from tests.browser.tabs import Tabs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

CANARY = "scheduler-canary"


@pytest.fixture
def page(house: House, tabs: Tabs) -> Page:
    """The page, as an administrator has it open."""
    page = administrator(house, tabs, "/admin/jobs")
    expect(page.locator("#schedules tr", has_text=CANARY)).to_be_visible()
    return page


def test_runs_a_job_now_and_shows_how_it_went(page: Page, tabs: Tabs) -> None:
    page.get_by_role("button", name="Run now scheduler.canary").click()
    done = page.locator("#history tr", has_text="by hand").first
    expect(done).to_contain_text("succeeded")
    done.get_by_role("button", name="scheduler.canary", exact=True).click()
    expect(page.locator("#run-steps li").last).to_contain_text("succeeded")
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#run")).to_be_hidden()
    assert tabs.complaints == []


def test_lets_a_schedule_rest_with_a_note(page: Page) -> None:
    page.once("dialog", lambda dialog: dialog.accept("the stage is wet"))
    page.get_by_role("button", name="Pause scheduler.canary").click()
    expect(page.locator("#schedules tr", has_text=CANARY)).to_contain_text("the stage is wet")
    page.get_by_role("button", name="Resume scheduler.canary").click()
    expect(page.get_by_role("button", name="Pause scheduler.canary")).to_be_visible()


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


def test_calls_what_a_job_is_about_by_its_name(house: House, page: Page, tabs: Tabs) -> None:
    show_id, later = house.new_show(), {"kind": "once", "run_after_seconds": 3600}
    sync = {"sync_id": "setlistfm-artist-6faa7ca7-0d99-4a5e-bfa6-1fd5037520c6"}
    for job, told in (("fetch-setlist", {"show_id": show_id}), ("sync", sync)):
        house.order(
            "scheduler.put-schedule",
            schedule_id=f"about-{show_id}-{job}",
            job=f"catalog.{job}",
            arguments=told,
            timing=later,
        )
    fetching = page.locator("#upcoming tr", has_text=f"about-{show_id}-fetch-setlist")
    expect(fetching).to_contain_text("catalog.fetch-setlist Grateful Dead, Sat 27 May 1972")
    name = re.compile("Cancel catalog.fetch-setlist Grateful Dead")
    expect(fetching.get_by_role("button", name=name)).to_be_visible()
    syncing = page.locator("#upcoming tr", has_text=f"about-{show_id}-sync")
    expect(syncing).to_contain_text("catalog.sync setlist.fm, artist 6faa7ca7")
    fetching.get_by_role("button", name="catalog.fetch-setlist", exact=True).click()
    expect(page.locator("#run-facts")).to_contain_text("Grateful Dead, Sat 27 May 1972")
    expect(page.locator("#run-facts")).to_contain_text(show_id)
    # Nobody has asked for that sync, so nobody knows whom it is about: that is no news.
    assert [each for each in tabs.complaints if "404" not in each] == []


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
