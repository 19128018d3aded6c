"""Webhooks of ours as an administrator meets them: registered, watched, stopped, sent again."""

import pytest
from playwright.sync_api import Page, expect

from libs.kernel.ids import new_id
from tests.browser.house import House
from tests.browser.signing import administrator
from tests.browser.tabs import Tabs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

LATER_MS = 60_000
"""The second attempt comes five seconds after the first, on a machine that may be busy."""


def register(page: Page, name: str) -> str:
    """Have a partner told of changes to shows. returns its secret"""
    page.get_by_label("Address").fill("https://tickets.invalid/hooks")
    page.get_by_label("What it is").fill(name)
    page.get_by_label("something about a show changes").check()
    page.get_by_role("button", name="Register it").click()
    expect(page.locator("#secret-text")).to_contain_text("whsec_")
    return page.locator("#secret-text").inner_text()


def test_shows_the_secret_of_a_webhook_once(house: House, tabs: Tabs) -> None:
    page = administrator(house, tabs, "/admin/webhooks")
    name = f"Box {new_id()}"
    secret = register(page, name)
    page.get_by_role("button", name="I have it").click()
    expect(page.locator("#secret")).to_be_hidden()
    assert secret not in page.content()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name=f"New secret {name}").click()
    expect(page.locator("#secret-text")).to_contain_text("whsec_")
    assert page.locator("#secret-text").inner_text() != secret
    page.reload()
    expect(page.locator("#webhooks tr", has_text=name)).to_contain_text("enabled")
    assert "whsec_" not in page.content()
    assert tabs.complaints == []


def test_shows_each_attempt_and_sends_again_what_was_given_up(house: House, tabs: Tabs) -> None:
    page = administrator(house, tabs, "/admin/webhooks")
    name = f"Box {new_id()}"
    register(page, name)
    row = page.locator("#webhooks tr", has_text=name)
    show_id = house.new_show()
    house.order(
        "catalog.schedule-show",
        show_id=show_id,
        artist_id=house.ask("catalog.get-show", show_id=show_id)["show"]["artist_id"],
        local_date="1972-05-27",
        tour="Europe '72",
    )
    row.get_by_role("button", name="Messages").click()
    message = page.locator("#messages tr").first
    expect(message).to_contain_text("not taken yet", timeout=LATER_MS)
    expect(row).to_contain_text("fails")
    message.get_by_role("button", name="show.changed").click()
    expect(page.locator("#attempts li").first).to_contain_text("not taken")
    expect(page.locator("#attempts li").first).to_contain_text("name cannot be resolved")
    expect(page.locator("#message-data")).to_contain_text(show_id)
    page.get_by_role("button", name="Close").click()
    row.get_by_role("button", name="Disable").click()
    expect(row).to_contain_text("by an administrator")
    expect(message).to_contain_text("given up", timeout=LATER_MS)
    row.get_by_role("button", name="Enable").click()
    expect(row).to_contain_text("enabled")
    message.get_by_role("button", name="Send again").click()
    expect(message.get_by_role("button", name="Send again")).to_have_count(0)
    assert tabs.complaints == []


def test_changes_a_webhook_and_says_why_not(house: House, tabs: Tabs) -> None:
    page = administrator(house, tabs, "/admin/webhooks")
    name = f"Box {new_id()}"
    register(page, name)
    row = page.locator("#webhooks tr", has_text=name)
    row.get_by_role("button", name="Change").click()
    page.get_by_label("voting opens").check()
    page.get_by_label("Address").fill("http://tickets.invalid/hooks")
    page.get_by_role("button", name="Change it").click()
    expect(page.locator("#webhooks-said")).to_contain_text("https")
    page.get_by_label("Address").fill("https://tickets.invalid/others")
    page.get_by_role("button", name="Change it").click()
    expect(row).to_contain_text("ballot.opened, show.changed")
    expect(row).to_contain_text("https://tickets.invalid/others")
    page.once("dialog", lambda dialog: dialog.accept())
    row.get_by_role("button", name="Remove").click()
    expect(row).to_contain_text("removed")
