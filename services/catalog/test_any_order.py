"""Whatever the order in which pages come, and however often: the same state in the end."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.catalog_shows import ScheduleShow
from contracts.catalog_venues import RegisterVenue
from libs.kernel.messages import registry
from libs.testkit.spec import ORIGIN
from services.catalog.adapters.findings import Fact, Finding, Where
from services.catalog.adapters.partners import ics, luma, setlistfm, ticketmaster
from services.catalog.adapters.partners.conftest import recorded
from services.catalog.adapters.partners.sandbox import BAND_MBID
from services.catalog.cli.sandboxes.serving import Changes, Request
from services.catalog.cli.sandboxes.setlistfm import SetlistFm
from services.catalog.domain import RECORDS

__all__ = ["recorded"]

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SERVICE = replace(ORIGIN, actor="svc_catalog", roles=("service",))
FIXTURE_IS_CONSTANT = [HealthCheck.function_scoped_fixture]


class Catalog:
    """All records in memory, decided as an owner decides them."""

    def __init__(self) -> None:
        self._decider_of = {cls: decider for decider in RECORDS for cls in decider.commands}
        self.states: dict[tuple[str, str], Any] = {}

    def tell(self, findings: Sequence[Finding]) -> int:
        """Returns how many events it added."""
        added = 0
        for finding in findings:
            if isinstance(finding, Fact):
                added += self._decide(finding.telling)
        return added

    def _decide(self, telling: Any) -> int:
        decider = self._decider_of[type(telling)]
        key = decider.aggregate, getattr(telling, registry.command_of[type(telling)].key)
        state = self.states.setdefault(key, decider.state())
        events = decider.decide(telling, state, SERVICE)
        for event in events:
            decider.evolve(state, event)
        return len(events)

    def held(self) -> dict[tuple[str, str], Any]:
        """What the catalog holds to be so; who was first to say it does not count."""
        return {
            key: replace(state.known, source="", as_of=None) for key, state in self.states.items()
        }


def of_setlistfm(folder: Path) -> list[list[Finding]]:
    pages = (folder / f"setlistfm/open/artist_setlists_page{number}.json" for number in (1, 2))
    bodies = [json.loads(page.read_text()) for page in pages]
    more = json.loads((folder / "setlistfm/open/setlist_get_empty_song_name.json").read_text())
    bodies.append({"setlist": [more]})
    return [setlistfm.read_page(body, "1", NOW).findings for body in bodies]


def of_ticketmaster(folder: Path) -> list[list[Finding]]:
    page = json.loads((folder / "ticketmaster/open/events_search_options.nock.json").read_text())
    one = json.loads((folder / "ticketmaster/open/event_get_200.nock.json").read_text())
    events = [*page["response"]["_embedded"]["events"], one["response"]]
    return [list(ticketmaster.read_events([event], "K8vZ917Kew0", "x", NOW)) for event in events]


def of_luma(folder: Path) -> list[list[Finding]]:
    page = json.loads((folder / "luma/open/calendar_get-items_shape_synthetic.json").read_text())
    names = ("created", "updated")
    pushed = [folder / f"luma/open/webhook_event.{name}.synth.json" for name in names]
    entries = [*page["entries"], *(json.loads(each.read_text())["data"] for each in pushed[:1])]
    return [list(luma.read_entries([entry], "cal-x", "x", NOW)) for entry in entries]


def of_feeds(folder: Path) -> list[list[Finding]]:
    feed = (folder / "luma/open/calendar_nairobidevops.ics").read_text()
    head, *events = feed.split("BEGIN:VEVENT")
    blocks = [f"BEGIN:VEVENT{event.partition('END:VCALENDAR')[0]}" for event in events]
    return [
        list(ics.read_feed(f"{head}{block}END:VCALENDAR".encode(), "x", NOW)) for block in blocks
    ]


PARTNERS = [of_setlistfm, of_ticketmaster, of_luma, of_feeds]


@pytest.mark.parametrize("pages_of", PARTNERS, ids=lambda each: each.__name__)
@given(data=st.data())
@settings(suppress_health_check=FIXTURE_IS_CONSTANT)
def test_recorded_pages_come_to_the_same_in_any_order_and_number(
    recorded: Path, pages_of: Callable[[Path], list[list[Finding]]], data: st.DataObject
) -> None:
    pages = pages_of(recorded)
    straight = Catalog()
    for page in pages:
        straight.tell(page)
    order = data.draw(st.permutations(range(len(pages))))
    again = data.draw(st.lists(st.sampled_from(range(len(pages))), max_size=6))
    mixed = Catalog()
    for number in (*order, *again):
        mixed.tell(pages[number])
    assert mixed.held() == straight.held()
    assert sum(mixed.tell(page) for page in pages) == 0


def versions(count: int) -> list[list[Finding]]:
    """A setlist as it grows: each version later than the one before, with one song more."""
    body = json.loads(
        SetlistFm(lambda: NOW)
        .answer(
            Request(
                "GET",
                f"/rest/1.0/artist/{BAND_MBID}/setlists",
                {},
                {"x-api-key": "x", "accept": "application/json"},
            ),
            Changes(),
        )
        .body
    )
    row = body["setlist"][0]
    songs = [song for part in row["sets"]["set"] for song in part["song"]]
    found = []
    for number in range(count):
        at = NOW - timedelta(days=5) + timedelta(minutes=number)
        row = {
            **row,
            "lastUpdated": f"{at:%Y-%m-%dT%H:%M:%S.000+0000}",
            "tour": {"name": f"Tour {number}"} if number % 2 else None,
            "sets": {"set": [{"song": songs[: number + 1]}]},
        }
        found.append(list(setlistfm.read_setlists([row], "x", NOW)))
    return found


@given(st.permutations(range(6)), st.lists(st.sampled_from(range(6)), max_size=6))
def test_the_newest_version_wins_whatever_came_last(order: list[int], again: list[int]) -> None:
    pages = versions(6)
    straight = Catalog()
    for page in pages:
        straight.tell(page)
    mixed = Catalog()
    for number in (*order, *again):
        mixed.tell(pages[number])
    assert mixed.held() == straight.held()


SOURCES = ("people", "setlistfm", "ticketmaster", "luma", "ics")
shows = st.builds(
    ScheduleShow,
    show_id=st.just("shw_1"),
    artist_id=st.just("art_1"),
    local_date=st.just(NOW.date()),
    tour=st.sampled_from([None, "A", "B"]),
    time_zone=st.sampled_from([None, "Europe/London", "Europe/Paris"]),
    url=st.sampled_from([None, "https://a.example", "https://b.example"]),
)
venues = st.builds(
    RegisterVenue,
    venue_id=st.just("ven_1"),
    name=st.sampled_from(["A", "B", None]),
    latitude=st.sampled_from([None, 1.0, 2.0]),
)


@given(st.data())
def test_several_sources_come_to_the_same_whoever_spoke_first(data: st.DataObject) -> None:
    """Each source says one thing of each record; whose word counts does not depend on the order."""
    where = Where("x", 0)
    said: list[Finding] = []
    for source in SOURCES:
        said.append(Fact(replace(data.draw(shows), source=source), where))
        said.append(Fact(replace(data.draw(venues), source=source), where))
    straight, mixed = Catalog(), Catalog()
    straight.tell(said)
    mixed.tell(data.draw(st.permutations(said)))
    assert mixed.held() == straight.held()
    assert mixed.tell(said) == 0
