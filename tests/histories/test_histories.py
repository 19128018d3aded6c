"""What was recorded once is read today, and comes to what it came to."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.all import load
from libs.eventlog.model import UnknownEvent
from libs.kernel.upcasting import upcasters
from tests.histories.history import Line, lines_of, record, replay, states_of
from tests.histories.stories import STORIES

SERVICES = sorted({story.service for story in STORIES})


@pytest.mark.parametrize("service", SERVICES)
def test_comes_to_what_it_came_to_when_a_history_is_read(service: str) -> None:
    assert replay(service, lines_of(service)) == states_of(service)


def test_holds_every_event_that_was_ever_declared() -> None:
    recorded = {
        event["type"] for service in SERVICES for line in lines_of(service) for event in line.events
    }
    declared = {event.type for event in load(private=True).events.values()}
    missing = sorted(declared - recorded)
    assert not missing, "tell of them in tests/histories/stories.py, then python -m tests.histories"
    assert recorded == declared | upcasters.keys() & recorded


def test_changes_nothing_that_is_recorded_when_it_is_recorded_again(tmp_path: Path) -> None:
    assert record(STORIES, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert not record(STORIES, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def _damaged(line: Line, **changes: Any) -> Line:
    return Line(line.aggregate, line.aggregate_id, [{**line.events[0], **changes}])


def test_is_refused_when_an_event_is_no_longer_known() -> None:
    line = _damaged(lines_of("voting")[0], type="voting.ballot_forgotten.v1")
    with pytest.raises(UnknownEvent):
        replay("voting", [line])


def test_is_refused_when_a_field_has_another_name() -> None:
    line = lines_of("voting")[2]
    data = {**line.events[0]["data"]}
    data["elector_id"] = data.pop("voter_id")
    with pytest.raises(ValidationError):
        replay("voting", [_damaged(line, data=data)])
