"""An account, as its owner meets it: made, used on two devices, and left."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.house import House
from tests.browser.looking import vote, voted
from tests.browser.signing import (
    PASSWORD,
    administrator,
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


def test_keeps_the_vote_of_a_guest_who_signs_up(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    page = tabs.open(f"/shows/{show_id}")
    vote(page, songs[1])
    expect(voted(page)).to_contain_text("You voted for")
    signed_up(page, an_address())
    page.goto(f"/shows/{show_id}")
    expect(voted(page)).to_contain_text("You voted for")
    house.expect_count(show_id, songs[1], 1)
    assert tabs.complaints == []


def test_is_out_on_the_other_device_at_once(house: House, tabs: Tabs) -> None:
    address = an_address()
    here = tabs.open("/")
    signed_up(here, address)
    there = tabs.open("/sign-in")
    fill(there, "sign-in", email=address, password="not this one")
    assert said(there, "sign-in") == "The address or the password is not right."
    fill(there, "sign-in", email=address, password=PASSWORD)
    arrives(there)
    there.goto("/account")
    here.goto("/account")
    expect(here.locator("#sessions li")).to_have_count(2)
    here.locator("#end-others").click()
    expect(who(there)).to_have_text("Sign in")
    expect(here.locator("#sessions li")).to_have_count(1)
    here.reload()
    expect(who(here)).to_have_text("Ann")


def test_signs_in_by_mail_and_sets_another_password(house: House, tabs: Tabs) -> None:
    address = an_address()
    page = tabs.open("/")
    signed_up(page, address)
    page.goto("/account")
    page.locator("#sign-out").click()
    expect(page).to_have_url("/")
    expect(who(page)).to_have_text("Sign in")
    page.goto("/reset-password")
    fill(page, "send-password-reset", email=address)
    assert "on its way" in said(page, "send-password-reset")
    follow_mail(page, address, "Set another password")
    fill(page, "reset", password="another one, much better")
    arrives(page)
    other = tabs.open("/sign-in")
    fill(other, "send-sign-in-mail", email=address)
    assert "on its way" in said(other, "send-sign-in-mail")
    follow_mail(other, address, "Your link to sign in")
    expect(other).to_have_url(f"{house.url}/confirm")  # What it proves stays out of the history.
    fill(other, "proof")
    arrives(other)


def aged(page: Page) -> str:
    """Make the token of a page an old one, and load it again. Returns the session as it was."""
    before: str = page.evaluate("localStorage.getItem('backline.session')")
    old = json.loads(before) | {"expires_at": "2020-01-01T00:00:00Z"}
    page.evaluate("text => localStorage.setItem('backline.session', text)", json.dumps(old))
    page.reload()
    return before


def test_renews_a_session_whose_token_is_old(house: House, tabs: Tabs) -> None:
    page = tabs.open("/")
    signed_up(page, an_address())
    before = aged(page)
    expect(who(page)).to_have_text("Ann")
    for _ in range(50):
        now = page.evaluate("localStorage.getItem('backline.session')")
        if json.loads(now)["token"] != json.loads(before)["token"]:
            break
        page.wait_for_timeout(100)
    else:
        pytest.fail("the token was not renewed")
    assert "refresh_token" not in now


def test_gives_a_copy_and_then_forgets(house: House, tabs: Tabs, tmp_path: Path) -> None:
    address = an_address()
    page = tabs.open("/")
    signed_up(page, address)
    page.goto("/account")
    with page.expect_download() as download:
        page.locator("#export").click()
    download.value.save_as(tmp_path / "held.json")
    assert json.loads((tmp_path / "held.json").read_text())["emails"][0]["email"] == address
    fill(page, "erase-me")
    expect(page).to_have_url("/")
    expect(who(page)).to_have_text("Sign in")
    page.goto("/sign-in")
    fill(page, "sign-in", email=address, password=PASSWORD)
    assert said(page, "sign-in") == "The address or the password is not right."


def test_lets_an_administrator_find_and_ban_a_user(house: House, tabs: Tabs) -> None:
    chief, member = an_address(), an_address()
    admin, other = tabs.open("/"), tabs.open("/")
    signed_up(admin, chief)
    signed_up(other, member)
    admin.goto("/admin/users")
    expect(admin.locator("#users-said")).to_be_visible()
    house.backline("admin", "grant", chief)
    admin.goto("/admin/users")
    admin.locator("[name=search]").fill(member)
    expect(admin.locator("#users tr")).to_have_count(1)
    admin.on("dialog", lambda dialog: dialog.accept("spam"))
    admin.get_by_role("button", name="Ban", exact=True).click()
    expect(admin.locator("#users")).to_contain_text("banned")
    expect(who(other)).to_have_text("Sign in")


def test_asks_an_administrator_who_they_are_before_somebody_is_trusted_with_more(
    house: House, tabs: Tabs
) -> None:
    member = an_address()
    signed_up(tabs.open("/"), member)
    admin = administrator(house, tabs, "/admin/users")
    admin.locator("[name=search]").fill(member)
    expect(admin.locator("#users tr")).to_have_count(1)
    admin.evaluate("sessionStorage.clear()")
    role, dialog = admin.get_by_role("combobox", name="Role"), admin.locator("#confirm")
    role.select_option("moderator")
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="Leave it").click()
    expect(admin.locator("#users-said")).to_have_text("Nothing was changed.")
    expect(role).to_have_value("member")
    role.select_option("moderator")
    dialog.locator("[name=password]").fill(PASSWORD)
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_be_hidden()
    expect(admin.locator("#users-said")).to_be_hidden()
    admin.reload()
    admin.locator("[name=search]").fill(member)
    expect(admin.locator("#users tr")).to_have_count(1)
    expect(role).to_have_value("moderator")


def test_lets_an_administrator_act_as_a_member_and_says_so_on_every_page(
    house: House, tabs: Tabs
) -> None:
    show_id, songs = house.open_ballot()
    chief, member = an_address(), an_address()
    admin, other = tabs.open("/"), tabs.open("/")
    signed_up(admin, chief)
    signed_up(other, member)
    house.backline("admin", "grant", chief)
    admin.goto("/admin/users")
    admin.locator("[name=search]").fill(member)
    expect(admin.locator("#users tr")).to_have_count(1)
    banner = admin.locator("#acting")
    expect(banner).to_be_hidden()
    admin.on("dialog", lambda dialog: dialog.accept("cannot see their vote"))
    admin.get_by_role("button", name="Act as").click()
    expect(admin).to_have_url("/")
    for path in ("/", "/account", "/dev/mail", "/nowhere", f"/shows/{show_id}"):
        admin.goto(path)
        expect(banner).to_be_visible()
        expect(banner).to_contain_text("You act as Ann")
    vote(admin, songs[0])
    expect(voted(admin)).to_contain_text("You voted for")
    other.goto(f"/shows/{show_id}")
    expect(voted(other)).to_contain_text("You voted for")
    admin.goto("/account")
    fill(admin, "change-profile", display_name="Somebody")
    assert "cannot change their account" in said(admin, "change-profile")
    banner.get_by_role("button", name="Stop").click()
    expect(admin).to_have_url("/admin/users")
    expect(banner).to_be_hidden()
    admin.locator("[name=search]").fill(member)
    expect(admin.locator("#users tr")).to_have_count(1)
    admin.get_by_role("button", name="Acts", exact=True).click()
    acts = admin.locator("#acts-list li")
    expect(acts).to_have_count(2)
    expect(acts.last).to_contain_text("Acted as: cannot see their vote")
    admin.get_by_role("button", name="Suspend").click()
    expect(acts).to_have_count(3)
    expect(acts.first).to_contain_text("Suspended")
    admin.get_by_role("button", name="Act as").click()
    expect(admin).to_have_url("/")
    expect(banner).to_be_visible()
    aged(admin)  # When the time is over, they are themselves again.
    expect(banner).to_be_hidden()
    admin.goto("/admin/users")
    expect(admin.locator("#users tr").first).to_be_visible()
    assert all("404" in complaint for complaint in tabs.complaints)  # Of the page that is none.


def test_says_that_a_page_is_for_those_who_signed_in(house: House, tabs: Tabs) -> None:
    page = tabs.open("/account")
    expect(page).to_have_url(f"{house.url}/sign-in")
