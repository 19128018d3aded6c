"""What was rendered and what is live are one page."""

from collections.abc import Callable
from functools import partial

import pytest
from playwright.sync_api import expect

from tests.browser.looking import expect_same, main_of, wait_until_live
from tests.browser.scenes import LIVE, closed, finalized, no_ballot, opened, prepared
from tests.browser.stage import CANDIDATES, NEW_YEARS_EVE, Stage
from tests.browser.tabs import Tabs
from tests.browser.theatre import Theatre

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("path", [LIVE, "/"])
@pytest.mark.parametrize("happened", [no_ballot, prepared, opened, closed, finalized])
def test_writes_nothing_when_the_page_comes_to_life(
    theatre: Theatre,
    stage: Stage,
    tabs: Tabs,
    happened: Callable[[Stage], None],
    path: str,
) -> None:
    theatre.do(lambda: happened(stage))
    still = tabs.open(path, java_script_enabled=False)
    live = tabs.open(path)
    wait_until_live(live)
    assert main_of(live) == main_of(still)
    assert tabs.complaints == []


def test_is_the_page_that_would_be_rendered_now_when_much_has_happened(
    theatre: Theatre, stage: Stage, tabs: Tabs
) -> None:
    live = tabs.open(LIVE)
    front = tabs.open("/")
    wait_until_live(live)
    wait_until_live(front)
    for happened in (prepared, opened, closed, finalized):
        theatre.do(partial(happened, stage))
        phase = stage.ballots[NEW_YEARS_EVE].status
        expect(live.locator("main")).to_have_attribute("data-phase", phase)
        still = tabs.open(LIVE, java_script_enabled=False)
        expect(live.locator("#candidates > li")).to_have_count(len(CANDIDATES))
        expect_same(live, still)
    expect(front.get_by_text("Result")).to_be_visible()
    assert tabs.complaints == []


@pytest.mark.usefixtures("open_ballot")
def test_resumes_from_what_was_rendered(theatre: Theatre, tabs: Tabs) -> None:
    page = tabs.open(LIVE)
    wait_until_live(page)
    assert {"op": "resumed", "query": "voting.get-tally"} in theatre.do(
        lambda: list(theatre.gateway.said)
    )
