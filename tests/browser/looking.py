"""Where to look on the pages."""

import re

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

SETTLES_MS = 3_000
RENDERINGS_MAX = 5
_IS_SHOWN = """wanted =>
    document.querySelector("main").outerHTML.replace(/>\\s+</g, "><") === wanted
"""


def main_of(page: Page) -> str:
    """What the page shows, without the white space between elements."""
    return re.sub(r">\s+<", "><", page.locator("main").evaluate("main => main.outerHTML"))


def wait_until_live(page: Page) -> None:
    """Until the page is connected, and has drawn whatever it draws then."""
    expect(page.locator("#strip")).to_have_attribute("data-phase", "live", timeout=15_000)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def expect_same(live: Page, still: Page) -> None:
    """Until the live page is what is rendered for the other, which may have been rendered from
    read models that were still on their way.
    """
    for _ in range(RENDERINGS_MAX):
        if _becomes(live, main_of(still)):
            return
        still.reload()
    assert main_of(live) == main_of(still)


def _becomes(live: Page, wanted: str) -> bool:
    try:
        live.wait_for_function(_IS_SHOWN, arg=wanted, timeout=SETTLES_MS)
    except PlaywrightTimeout:
        return False
    return True


def song(page: Page, song_id: str) -> Locator:
    """The button to pick a song with."""
    return row(page, song_id).get_by_role("radio")


def row(page: Page, song_id: str) -> Locator:
    """The row of a song."""
    return page.locator(f"#candidates > [data-key='{song_id}']")


def votes_for(page: Page, song_id: str) -> Locator:
    """The count of a song."""
    return row(page, song_id).locator(".votes")


def cast_button(page: Page) -> Locator:
    """The button that casts the vote."""
    return page.get_by_role("button", name="Cast your vote")


def vote(page: Page, song_id: str) -> None:
    """Pick a song and cast the vote."""
    song(page, song_id).check()
    cast_button(page).click()


def voted(page: Page) -> Locator:
    """What the page says about one's own vote."""
    return page.locator("#voted:not([data-sending])")


def total(page: Page) -> Locator:
    """The count of all."""
    return page.locator("[data-text=total]")


def first_song(page: Page) -> Locator:
    """The song on top."""
    return page.locator("#candidates > li").first


def connection(page: Page) -> Locator:
    """What the page says about its connection."""
    return page.locator("#strip-text")
