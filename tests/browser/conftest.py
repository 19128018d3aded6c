"""Chromium, and a stage with the real pages in front of it."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.scenes import opened
from tests.browser.stage import NEW_YEARS_EVE, Ballot, Stage
from tests.browser.tabs import Tabs
from tests.browser.theatre import Theatre

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=CHROMIUM_ARGUMENTS, headless=True
        )
        yield browser
        browser.close()


@pytest.fixture
def theatre() -> Iterator[Theatre]:
    theatre = Theatre()
    theatre.open()
    yield theatre
    theatre.close()


@pytest.fixture
def stage(theatre: Theatre) -> Stage:
    return theatre.stage


@pytest.fixture
def tabs(browser: Browser, theatre: Theatre) -> Iterator[Tabs]:
    tabs = Tabs(browser, theatre.url)
    yield tabs
    tabs.close()


@pytest.fixture
def open_ballot(theatre: Theatre, stage: Stage) -> Ballot:
    """The ballot of the show in `scenes`, open."""
    theatre.do(lambda: opened(stage))
    return stage.ballots[NEW_YEARS_EVE]
