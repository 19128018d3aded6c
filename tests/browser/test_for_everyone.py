"""The pages on a phone, by ear, in the dark and standing still."""

import pytest
from playwright.sync_api import expect

from tests.browser.looking import cast_button, first_song, wait_until_live
from tests.browser.scenes import LIVE, opened
from tests.browser.stage import CANDIDATES, NEW_YEARS_EVE, Stage
from tests.browser.tabs import Tabs
from tests.browser.theatre import Theatre

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("path", [LIVE, "/"])
def test_fits_a_small_phone(
    theatre: Theatre, stage: Stage, tabs: Tabs, path: str, scheme: str
) -> None:
    theatre.do(lambda: opened(stage))
    page = tabs.open(
        path,
        viewport={"width": 360, "height": 640},
        color_scheme=scheme,
        has_touch=True,
        is_mobile=True,
    )
    wait_until_live(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for target in page.locator("label:visible, .cast-button:visible, a:visible").all():
        box = target.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
    for row in page.locator("label:visible").all():
        box = row.bounding_box()
        assert box
        assert box["height"] >= 44


@pytest.mark.usefixtures("open_ballot")
def test_votes_by_touch_on_a_phone(tabs: Tabs) -> None:
    page = tabs.open(LIVE, viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    page.locator("[data-key=sng_bertha] label").tap()
    cast_button(page).tap()
    expect(page.get_by_text("You voted for Bertha.")).to_be_in_viewport()


@pytest.mark.usefixtures("open_ballot")
def test_has_roles_and_names_for_those_who_listen(tabs: Tabs) -> None:
    page = tabs.open(LIVE)
    wait_until_live(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Grateful Dead")
    group = page.get_by_role("group", name="What should they play?")
    expect(group.get_by_role("radio")).to_have_count(len(CANDIDATES))
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("banner")).to_have_count(1)
    expect(page.get_by_role("contentinfo")).to_have_count(1)
    expect(page.get_by_role("status")).to_have_count(1)
    assert page.locator("html").get_attribute("lang") == "en"
    unnamed = page.locator("button:visible, a:visible, input:visible").evaluate_all(
        "all => all.filter(each => !(each.labels?.length || each.textContent.trim())).length"
    )
    assert unnamed == 0


@pytest.mark.usefixtures("open_ballot")
def test_stands_still_for_those_who_want_that(theatre: Theatre, tabs: Tabs) -> None:
    page = tabs.open(LIVE, reduced_motion="reduce")
    wait_until_live(page)
    theatre.do(lambda: theatre.stage.crowd(NEW_YEARS_EVE, {"Deal": 50}))
    expect(first_song(page)).to_have_attribute("data-key", "sng_deal")
    assert page.evaluate("document.getAnimations().length") == 0


def test_has_enough_contrast_for_every_text(theatre: Theatre, stage: Stage, tabs: Tabs) -> None:
    theatre.do(lambda: opened(stage))
    for scheme in ("dark", "light"):
        page = tabs.open(LIVE, color_scheme=scheme)
        wait_until_live(page)
        for pair, ratio in page.evaluate(CONTRASTS).items():
            assert ratio >= 4.5, f"{scheme}: {pair} has only {ratio:.2f}"


# The ratio of WCAG 2 for every pair of colours that the design puts on each other.
CONTRASTS = """() => {
  const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const style = getComputedStyle(document.documentElement);
  const light = name => {
    probe.fillStyle = style.getPropertyValue(name);
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3).map(part => {
      const c = part / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pairs = [
    ["--ink", "--stage"], ["--ink", "--row"], ["--ink", "--beam"], ["--ink", "--beam-loud"],
    ["--ink-soft", "--stage"], ["--ink-soft", "--row"], ["--ink-soft", "--beam"],
    ["--amber", "--stage"], ["--amber-ink", "--amber"], ["--danger", "--stage"],
    ["--stage", "--edge"],
  ];
  return Object.fromEntries(pairs.map(([one, other]) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return [`${one} on ${other}`, (high + 0.05) / (low + 0.05)];
  }));
}"""
