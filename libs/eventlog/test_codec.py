"""Commits on the wire: an event is read as it was written, and nothing else is taken for one."""

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from libs.eventlog.codec import cloud_event, decode, encode
from libs.kernel.messages import Event, registry
from libs.testkit.toy import TicketDrawn

DRAWN = TicketDrawn(raffle_id="raf_1", guest_id="usr_1", ticket_id="tic_1", number=7)
TEXTS = "toy.codec_texts"


@pytest.fixture
def texts() -> type[Event]:
    """An event of nothing but texts, as a vote is."""
    found = registry.events.get(f"{TEXTS}.v1")
    return found.cls if found is not None else _register()


def _register() -> type[Event]:
    from libs.kernel.ids import Id
    from libs.kernel.messages import event

    @event(TEXTS)
    class Texts(Event):
        """Nothing but texts."""

        one: Id
        two: str

    return Texts


def _commit(*events: Event, time: str = "2026-11-20T20:15:00.000000Z") -> list[dict[str, Any]]:
    said = [
        cloud_event(
            one,
            event_id="evt_1",
            subject="raffle/raf_1",
            time=time,
            actor="usr_1",
            causation_id="cmd_1",
            correlation_id="cmd_1",
        )
        for one in events
    ]
    commit: list[dict[str, Any]] = orjson.loads(encode(said))
    return commit


def _read(commit: list[dict[str, Any]]) -> list[Event]:
    payload = orjson.dumps(commit)
    recorded = decode(payload, aggregate="raffle", aggregate_id="raf_1", position=3, headers={})
    return [event.data for event in recorded.events]


def test_reads_what_was_written(texts: type[Any]) -> None:
    one, other = texts(one="a", two="b"), texts(one="Z_-9", two="any text: Ж")
    assert _read(_commit(one, DRAWN, other)) == [one, DRAWN, other]


def test_the_moment_of_each_event_is_its_own() -> None:
    commit = _commit(DRAWN) + _commit(DRAWN, DRAWN, time="2026-11-20T20:15:01.5Z")
    payload = orjson.dumps(commit)
    recorded = decode(payload, aggregate="raffle", aggregate_id="raf_1", position=3, headers={})
    assert [event.at.second for event in recorded.events] == [0, 1, 1]
    assert all(event.at.tzinfo is not None for event in recorded.events)


def test_says_who_really_acted_where_it_was_not_the_actor() -> None:
    plain, acted = _commit(DRAWN, DRAWN)
    assert "impersonator" not in plain
    payload = orjson.dumps([plain, {**acted, "impersonator": "grace"}, {**plain, "later": "x"}])
    recorded = decode(payload, aggregate="raffle", aggregate_id="raf_1", position=3, headers={})
    assert [event.impersonator for event in recorded.events] == ["", "grace", ""]
    wrapped = cloud_event(
        DRAWN,
        event_id="evt_1",
        subject="raffle/raf_1",
        time=plain["time"],
        actor="usr_1",
        causation_id="cmd_1",
        correlation_id="cmd_1",
        impersonator="grace",
    )
    assert wrapped["impersonator"] == "grace"


def test_leaves_out_fields_it_does_not_know(texts: type[Any]) -> None:
    commit = _commit(texts(one="a", two="b"))
    commit[0]["data"]["later"] = "x"
    (read,) = _read(commit)
    assert read == texts(one="a", two="b")
    assert not hasattr(read, "later")


@pytest.mark.parametrize(
    "data",
    [{"one": "a"}, {"one": 1, "two": "b"}, {"one": None, "two": "b"}, {"one": ["a"], "two": "b"}],
)
def test_refuses_what_is_not_of_the_shape_of_the_event(
    texts: type[Any], data: dict[str, Any]
) -> None:
    commit = _commit(texts(one="a", two="b"))
    commit[0]["data"] = data
    with pytest.raises(ValidationError):
        _read(commit)
