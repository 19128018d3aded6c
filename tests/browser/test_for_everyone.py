"""The pages on a phone, by ear, in the dark and standing still."""

import pytest
from playwright.sync_api import expect

from tests.browser.house import House
from tests.browser.looking import first_song, wait_until_live
from tests.browser.tabs import Tabs

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SMALL_PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}
FINGER_PIXELS = 44


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_fit_a_small_phone(house: House, tabs: Tabs, scheme: str) -> None:
    show_id, songs = house.open_ballot()
    house.crowd(show_id, (songs[0], 1))
    for path in (f"/shows/{show_id}", "/"):
        page = tabs.open(path, color_scheme=scheme, **SMALL_PHONE)
        wait_until_live(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        for target in page.locator("label:visible, button:visible, main a:visible").all():
            box = target.bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= 360
            assert box["height"] >= FINGER_PIXELS or path == "/"


def test_have_roles_and_names_for_those_who_listen(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    page = tabs.open(f"/shows/{show_id}")
    wait_until_live(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Grateful Dead")
    choice = page.get_by_role("group", name="What should they play?")
    expect(choice.get_by_role("radio")).to_have_count(len(songs))
    for role in ("banner", "main", "contentinfo", "status"):
        expect(page.get_by_role(role)).to_have_count(1)
    assert page.locator("html").get_attribute("lang") == "en"
    unnamed = page.locator("button:visible, a:visible, input:visible").evaluate_all(
        "all => all.filter(each => !(each.labels?.length || each.textContent.trim())).length"
    )
    assert unnamed == 0


def test_stand_still_for_those_who_want_that(house: House, tabs: Tabs) -> None:
    show_id, songs = house.open_ballot()
    page = tabs.open(f"/shows/{show_id}", reduced_motion="reduce")
    wait_until_live(page)
    house.crowd(show_id, (songs[7], 1))
    expect(first_song(page)).to_have_attribute("data-key", songs[7])
    assert page.evaluate("document.getAnimations().length") == 0


def test_have_enough_contrast_for_every_text(house: House, tabs: Tabs) -> None:
    for scheme in ("dark", "light"):
        page = tabs.open("/", color_scheme=scheme)
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
