"""Signing up and in, as people do it on the pages."""

from playwright.sync_api import Locator, Page, expect

from libs.kernel.ids import new_id
from tests.browser.house import House
from tests.browser.tabs import Tabs

PASSWORD = "a harmonica in the rain"


def an_address() -> str:
    return f"ann{new_id()}@example.org".lower()


def fill(page: Page, form: str, **fields: str) -> None:
    """Fill a form in and send it."""
    for name, value in fields.items():
        page.locator(f"[data-form={form}] [name={name}]").fill(value)
    page.locator(f"[data-form={form}] button[type=submit]").click()


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


def administrator(house: House, tabs: Tabs, path: str) -> Page:
    """A page, as somebody has it open who has just been made an administrator."""
    address = an_address()
    page = tabs.open("/")
    signed_up(page, address)
    house.backline("admin", "grant", address)
    page.goto(path)
    return page
