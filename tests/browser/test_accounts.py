"""An account, as its owner meets it: made, used on two devices, and left."""

import json
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Locator, Page, expect

from libs.kernel.ids import new_id
from tests.browser.house import House
from tests.browser.looking import vote, voted
from tests.browser.tabs import Tabs
from tests.peers.wallet import Wallet

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PASSWORD = "a harmonica in the rain"


def an_address() -> str:
    return f"{new_id()}@example.org".lower()


def fill(page: Page, form: str, **fields: str) -> None:
    """Fill a form in and send it."""
    for name, value in fields.items():
        page.locator(f"[data-form={form}] [name={name}]").fill(value)
    page.locator(f"[data-form={form}] button").click()


def said(page: Page, form: str) -> str:
    shown = page.locator(f"[data-form={form}] [data-said]")
    expect(shown).to_be_visible()
    return shown.inner_text()


def follow_mail(page: Page, address: str, subject: str) -> None:
    """Open the link of a mail to an address."""
    mails = page.locator("article", has_text=address).filter(has_text=subject)
    link = mails.first.get_by_role("link")
    for _ in range(50):
        page.goto("/dev/mail")
        if link.count():
            break
        page.wait_for_timeout(100)
    link.click()


def signed_up(page: Page, address: str) -> None:
    page.goto("/sign-up")
    fill(page, "sign-up", display_name="Ann", email=address, password=PASSWORD)
    assert "Look into your mail" in said(page, "sign-up")
    follow_mail(page, address, "Confirm your address")
    fill(page, "proof")
    arrives(page)


def arrives(page: Page) -> None:
    """Signing in ends on the first page."""
    expect(page).to_have_url("/")
    expect(who(page)).to_have_text("Ann")


def who(page: Page) -> Locator:
    return page.locator("#who")


def test_keeps_the_vote_of_a_guest_who_signs_up(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    page = tabs.open(f"/shows/{show_id}")
    vote(page, songs[1])
    expect(voted(page)).to_contain_text("You voted for")
    signed_up(page, an_address())
    page.goto(f"/shows/{show_id}")
    expect(voted(page)).to_contain_text("You voted for")
    assert house.count(show_id, songs[1]) == 1
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
    expect(banner).to_be_visible()
    aged(admin)  # When the time is over, they are themselves again.
    expect(banner).to_be_hidden()
    admin.goto("/admin/users")
    expect(admin.locator("#users tr").first).to_be_visible()
    assert all("404" in complaint for complaint in tabs.complaints)  # Of the page that is none.


def test_says_that_a_page_is_for_those_who_signed_in(house: House, tabs: Tabs) -> None:
    page = tabs.open("/account")
    expect(page).to_have_url(f"{house.url}/sign-in")


def with_authenticator(page: Page) -> None:
    """Let the browser have a device that keeps passkeys, and unlocks them by itself."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_signs_in_with_a_passkey(house: House, tabs: Tabs) -> None:
    page = tabs.open("/")
    with_authenticator(page)
    signed_up(page, an_address())
    page.goto("/account")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("#identities li")).to_have_count(1)
    page.locator("#sign-out").click()
    expect(page).to_have_url("/")
    page.goto("/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    arrives(page)


def test_makes_an_account_of_a_guest_with_a_passkey_alone(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    page = tabs.open(f"/shows/{show_id}")
    with_authenticator(page)
    vote(page, songs[0])
    expect(voted(page)).to_contain_text("You voted for")
    page.goto("/sign-up")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page).to_have_url("/")
    expect(who(page)).to_have_text("Your account")
    page.goto(f"/shows/{show_id}")
    expect(voted(page)).to_contain_text("You voted for")


def test_asks_once_more_who_it_is_before_a_dangerous_step(house: House, tabs: Tabs) -> None:
    page = tabs.open("/")
    signed_up(page, an_address())
    page.goto("/account")
    page.evaluate("sessionStorage.clear()")
    page.locator("#add-email [name=email]").fill(an_address())
    page.locator("#add-email button").click()
    dialog = page.locator("#confirm")
    expect(dialog).to_be_visible()
    dialog.locator("[name=password]").fill("not this one")
    dialog.get_by_role("button", name="Go on").click()
    expect(dialog.locator("[data-said]")).to_contain_text("not right")
    dialog.locator("[name=password]").fill(PASSWORD)
    dialog.get_by_role("button", name="Go on").click()
    expect(page.locator("#ways-said")).to_contain_text("Look into your mail")
    expect(page.locator("#emails li")).to_have_count(2)
    expect(dialog).to_be_hidden()


def with_second_factor(page: Page) -> str:
    """Turn it on. returns   a backup code"""
    page.goto("/account")
    page.get_by_role("button", name="Set it up").click()
    expect(page.locator("#totp-qr path")).to_have_count(1)
    secret = page.locator("#totp-secret").inner_text().replace(" ", "")
    page.locator("#second-factor-setup [name=code]").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn it on").click()
    expect(page.locator("#backup-codes li")).to_have_count(10)
    expect(page.locator("#second-factor-state")).to_contain_text("On")
    return page.locator("#backup-codes li").first.inner_text()


def test_asks_for_a_second_factor(house: House, tabs: Tabs) -> None:
    address = an_address()
    page = tabs.open("/")
    signed_up(page, address)
    backup = with_second_factor(page)
    other = tabs.open("/sign-in")
    fill(other, "sign-in", email=address, password=PASSWORD)
    fill(other, "second-factor", code="000000")
    assert "wrong" in said(other, "second-factor")
    fill(other, "second-factor", code=backup)
    arrives(other)


def test_takes_the_second_factor_off_whoever_has_lost_it(house: House, tabs: Tabs) -> None:
    chief, address = an_address(), an_address()
    admin, page = tabs.open("/"), tabs.open("/")
    signed_up(admin, chief)
    signed_up(page, address)
    house.backline("admin", "grant", chief)
    admin.goto("/admin/users")
    admin.locator("[name=search]").fill(address)
    expect(admin.locator("#users tr")).to_have_count(1)
    reset = admin.get_by_role("button", name="Reset second factor")
    expect(reset).to_have_count(0)
    with_second_factor(page)
    admin.on("dialog", lambda dialog: dialog.accept("lost device and backup codes"))
    reset.click()
    expect(reset).to_have_count(0)
    admin.get_by_role("button", name="Acts", exact=True).click()
    acts = admin.locator("#acts-list li")
    expect(acts).to_contain_text("Second factor taken off: lost device and backup codes")
    other = tabs.open("/sign-in")
    fill(other, "sign-in", email=address, password=PASSWORD)
    arrives(other)


def at_the_peer(page: Page, login: str) -> None:
    """Sign in at the provider, and agree to what it asks."""
    page.locator("[name=login]").fill(login)
    page.locator("[name=password]").fill("any does")
    page.locator("button[type=submit]").click()
    page.get_by_role("button", name="Continue").click()


def test_signs_in_with_a_provider_and_links_it(house: House, tabs: Tabs) -> None:
    login = new_id().lower()
    page = tabs.open("/sign-in")
    page.get_by_role("button", name="Continue with The peer").click()
    at_the_peer(page, login)
    expect(page).to_have_url(f"{house.url}/")
    expect(who(page)).to_have_text(f"{login} of the peer")

    other = tabs.open("/")
    signed_up(other, an_address())
    other.goto("/account")
    other.get_by_role("button", name="Link The peer").click()
    at_the_peer(other, new_id().lower())
    expect(other).to_have_url(f"{house.url}/account")
    expect(other.locator("#identities li")).to_have_count(1)
    other.locator("#identities button").click()
    expect(other.locator("#identities li")).to_have_count(0)


WALLET_IN_A_BROWSER = """
globalThis.ethereum = {
  request: ({ method, params }) => globalThis.askWallet(method, params ?? []),
};
"""


def test_signs_in_with_a_wallet(tabs: Tabs) -> None:
    wallet = Wallet()

    def answer(method: str, params: list[str]) -> object:
        match method:
            case "eth_requestAccounts":
                return [wallet.address]
            case "eth_chainId":
                return "0x1"
            case _:
                return wallet.sign(bytes.fromhex(params[0].removeprefix("0x")).decode())

    page = tabs.open("/sign-in")
    page.expose_function("askWallet", answer)
    page.add_init_script(WALLET_IN_A_BROWSER)
    page.reload()
    page.get_by_role("button", name="Continue with a wallet").click()
    expect(page).to_have_url("/")
    expect(who(page)).to_have_text("Your account")


def test_says_what_is_wrong_with_a_callback_that_nobody_began(tabs: Tabs) -> None:
    page = tabs.open("/callback/peer?code=1&state=2")
    expect(page.locator("[data-callback] [data-said]")).to_contain_text("not begun here")
    assert "code=" not in page.url
