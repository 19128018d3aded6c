"""Chromium, a whole installation to visit with it, and a stage where faults happen when told to."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.house import House, open_house
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
PATIENCE_MS = 15_000

expect.set_options(timeout=PATIENCE_MS)


# For this package and no longer: while it lasts, Playwright's event loop runs in this thread, and
# tests elsewhere want one of their own.
@pytest.fixture(scope="package")
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


# ---------------------------------------------------------------------------------- the real thing


@pytest.fixture(scope="package")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """All of Backline, seeded, for all tests of this package: bring a show of your own."""
    directory = tmp_path_factory.mktemp("house")
    with open_house(directory) as house:
        yield house
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def tabs(browser: Browser, house: House) -> Iterator[Tabs]:
    tabs = Tabs(browser, house.url)
    yield tabs
    tabs.close()


# ---------------------------------------------------------------------------------- the stage


@pytest.fixture
def theatre(browser: Browser) -> Iterator[Theatre]:
    theatre = Theatre()
    theatre.open()
    yield theatre
    theatre.close()


@pytest.fixture
def stage(theatre: Theatre) -> Stage:
    return theatre.stage


@pytest.fixture
def stage_tabs(browser: Browser, theatre: Theatre) -> Iterator[Tabs]:
    tabs = Tabs(browser, theatre.url)
    yield tabs
    tabs.close()


@pytest.fixture
def open_ballot(theatre: Theatre, stage: Stage) -> Ballot:
    """The ballot of the show in `scenes`, open."""
    theatre.do(lambda: opened(stage))
    return stage.ballots[NEW_YEARS_EVE]
