"""Ways in beside a password, and what else one's account holds, as its owner meets them."""

import pyotp
import pytest
from playwright.sync_api import Page, expect

from libs.kernel.ids import new_id
from tests.browser.house import House
from tests.browser.looking import vote, voted
from tests.browser.signing import (
    PASSWORD,
    an_address,
    arrives,
    fill,
    said,
    signed_up,
    who,
)
from tests.browser.tabs import Tabs
from tests.peers.wallet import Wallet

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


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


def test_makes_an_api_key_and_revokes_it(tabs: Tabs) -> None:
    page = tabs.open("/")
    signed_up(page, an_address())
    page.goto("/account")
    page.locator("#new-key [name=name]").fill("the box office")
    page.locator("#new-key [name=scopes]").fill("voting.cast-vote, catalog.*")
    page.get_by_role("button", name="Make a key").click()
    expect(page.locator("#made-key")).to_contain_text("bk_")
    expect(page.locator("#keys li")).to_contain_text("the box office")
    page.locator("#keys").get_by_role("button", name="Revoke").click()
    expect(page.locator("#keys li")).to_have_count(0)
