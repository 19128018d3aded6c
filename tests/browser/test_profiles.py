"""Who a user is to others, as they write it on their page; and how they leave and come back."""

import pytest
from playwright.sync_api import Page, expect

from libs.kernel.ids import new_id
from tests.browser.house import House
from tests.browser.signing import (
    PASSWORD,
    an_address,
    arrives,
    fill,
    follow_mail,
    said,
    signed_up,
    who,
)
from tests.browser.tabs import Tabs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SMALL_PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}


def a_username() -> str:
    return f"u{new_id()[-12:]}".lower().replace("_", "-")


def field(page: Page, name: str) -> str:
    return page.locator(f"[data-form=change-profile] [name={name}]").input_value()


def save(page: Page, **fields: str) -> str:
    """Write into the profile and save it. returns what is said then"""
    for name, value in fields.items():
        page.locator(f"[data-form=change-profile] [name={name}]").fill(value)
    page.locator("[data-form=change-profile] [type=submit]").click()
    return said(page, "change-profile")


def test_tells_others_who_somebody_is_and_lets_them_in_by_that_name(
    house: House, tabs: Tabs
) -> None:
    page, username = tabs.open("/"), a_username()
    signed_up(page, an_address())
    page.goto("/account")
    expect(page.locator("[name=display_name]")).to_have_value("Ann")
    page.locator("#add-link").click()
    page.locator("#links [data-label]").fill("Band")
    page.locator("#links [data-url]").fill("https://example.org/band")
    assert save(page, username=username, bio="I sing.", avatar="https://example.org/a.png") == (
        "Saved."
    )
    named = {"username": username}
    links = [{"label": "Band", "url": "https://example.org/band"}]
    told = {"display_name": "Ann", "bio": "I sing.", "links": links}
    found = house.expect_answer("auth.find-profile", named, **told)
    page.reload()
    expect(page.locator("#links [data-url]")).to_have_value("https://example.org/band")
    assert (field(page, "username"), field(page, "bio")) == (username, "I sing.")
    page.locator("#links [data-remove]").click()
    assert save(page, bio="", display_name="Ann B.") == "Saved."
    expect(who(page)).to_have_text("Ann B.")
    told = {"display_name": "Ann B.", "bio": "", "links": []}
    house.expect_answer("auth.get-profile", {"user_id": found["user_id"]}, **told)
    other = tabs.open("/sign-in")
    fill(other, "sign-in", email=username.upper(), password=PASSWORD)
    expect(other).to_have_url("/")
    expect(who(other)).to_have_text("Ann B.")
    assert tabs.complaints == []


def test_says_why_a_username_cannot_be_had(house: House, tabs: Tabs) -> None:
    page = tabs.open("/")
    signed_up(page, an_address())
    page.goto("/account")
    expect(page.locator("[name=display_name]")).to_have_value("Ann")
    assert "looks like one of ours" in save(page, username="Adm1n")
    assert "3 to 30" in save(page, username="\u0430nn-from-afar")


def test_brings_back_what_somebody_left(house: House, tabs: Tabs) -> None:
    address, username = an_address(), a_username()
    page = tabs.open("/")
    signed_up(page, address)
    page.goto("/account")
    expect(page.locator("[name=display_name]")).to_have_value("Ann")
    assert save(page, username=username) == "Saved."
    chief, admin = an_address(), tabs.open("/")
    signed_up(admin, chief)
    house.backline("admin", "grant", chief)
    admin.goto("/admin/users")
    admin.locator("[name=search]").fill(username)
    expect(admin.locator("#users")).to_contain_text("active")
    page.locator("[data-form=leave] button").click()
    expect(page.locator("main")).to_contain_text("to have everything back")
    expect(who(page)).to_have_text("Sign in")
    expect(admin.locator("#users")).to_contain_text("leaving")
    admin.locator("[name=status]").select_option("active")
    expect(admin.locator("#users tr")).to_have_count(0)
    admin.locator("[name=status]").select_option("leaving")
    expect(admin.locator("#users tr")).to_have_count(1)
    follow_mail(page, address, "You have left")
    expect(page).to_have_url(f"{house.url}/sign-in")
    fill(page, "sign-in", email=address, password=PASSWORD)
    arrives(page)
    house.expect_answer("auth.find-profile", {"username": username}, display_name="Ann")


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_fits_a_small_phone(house: House, tabs: Tabs, scheme: str) -> None:
    page = tabs.open("/", color_scheme=scheme, **SMALL_PHONE)
    signed_up(page, f"{'mw' * 12}{an_address()}")
    page.goto("/account")
    expect(page.locator("[name=display_name]")).to_have_value("Ann")
    expect(page.locator("main")).to_contain_text("mwmw")
    page.locator("#add-link").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    unnamed = page.locator("button:visible, input:visible, textarea:visible").evaluate_all(
        "all => all.filter(each => !(each.labels?.length || each.textContent.trim()"
        " || each.ariaLabel)).length"
    )
    assert unnamed == 0
