"""Webhooks as an administrator meets them: seen as they arrive, looked into, processed again."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from libs.kernel.ids import new_id
from tests.browser.house import House
from tests.browser.signing import administrator, an_address, signed_up
from tests.browser.tabs import Tabs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def deliver(house: House, folder: Path, invoice: str, timestamp: str) -> None:
    """A partner tells something of an invoice."""
    document = {
        "type": f"{invoice}.paid",
        "timestamp": timestamp,
        "data": {"id": invoice, "otp_code": "424242"},
    }
    body = folder / "body.json"
    body.write_text(json.dumps(document))
    house.backline("deliver", str(body), "--url", house.url)


def test_shows_a_delivery_as_it_arrives_and_what_it_holds(
    house: House, tabs: Tabs, tmp_path: Path
) -> None:
    page = administrator(house, tabs, "/admin/deliveries")
    invoice = new_id("inv").lower().replace("_", "-")
    deliver(house, tmp_path, invoice, "2026-11-20T20:00:00Z")
    row = page.locator("#deliveries tr", has_text=invoice)
    expect(row).to_contain_text("processed")
    row.get_by_role("button").click()
    facts = page.locator("#delivery")
    expect(facts).to_contain_text("right, by secret 1")
    expect(facts).to_contain_text("ingress.partner_object_changed")
    expect(page.locator("#delivery-body")).to_contain_text(invoice)
    assert "424242" not in page.locator("#delivery-body").inner_text()
    assert tabs.complaints == []


def test_gives_up_what_cannot_be_read_so_that_the_rest_goes_on(
    house: House, tabs: Tabs, tmp_path: Path
) -> None:
    page = administrator(house, tabs, "/admin/deliveries")
    invoice = new_id("inv").lower().replace("_", "-")
    deliver(house, tmp_path, invoice, "soon")
    parked = page.locator("#deliveries tr", has_text=invoice).last
    expect(parked).to_contain_text("parked")
    deliver(house, tmp_path, invoice, "2026-11-20T20:00:00Z")
    rows = page.locator("#deliveries tr", has_text=invoice)
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("waiting")
    parked.get_by_role("checkbox").check()
    page.locator("#replay-chosen").click()
    expect(page.locator("#deliveries-said")).to_have_text("Processed again: 1 of 1.")
    parked.get_by_role("button").click()
    expect(page.locator("#delivery-attempts li")).to_have_count(2)
    expect(page.locator("#delivery")).to_contain_text("no moment at timestamp")
    page.on("dialog", lambda dialog: dialog.accept("nonsense"))
    page.get_by_role("button", name="Discard").click()
    expect(rows.first).to_contain_text("processed")
    expect(parked).to_contain_text("discarded")
    assert tabs.complaints == []


def test_shows_nothing_to_whoever_is_no_administrator(house: House, tabs: Tabs) -> None:
    page = tabs.open("/")
    signed_up(page, an_address())
    page.goto("/admin/deliveries")
    expect(page.locator("#deliveries-said")).to_be_visible()
    expect(page.locator("#deliveries tr")).to_have_count(0)
