"""Sources: what a message asks for, and that it always asks for the same."""

from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
import pytest

from libs.eventlog import encode
from libs.kernel.messages import Event
from libs.kernel.reactions import ProcessManager, Reaction, Schedule, Send
from libs.kernel.recorded import Recorded
from libs.reactions.message import Message
from libs.reactions.sources import NO_KEY, DueSource, Effect, LogSource, write_plan
from libs.testkit.builders import recorded
from libs.testkit.toy import CloseRaffle, OpenRaffle, RaffleClosed, RaffleOpened

AT = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)


def react(news: Recorded) -> Sequence[Reaction]:
    raffle_id = news.aggregate_id
    return [
        Send(OpenRaffle(raffle_id=raffle_id)),
        Schedule(f"{raffle_id}.close", AT, CloseRaffle(raffle_id=raffle_id)),
    ]


def source(name: str = "raffles") -> LogSource:
    return LogSource("toy", ProcessManager(name, "toy", "raffle", (RaffleOpened,), react))


def commit(*events: Event) -> Message:
    envelopes = [recorded(event, command_id=f"cmd_{n}") for n, event in enumerate(events)]
    return Message("evt.toy.raffle.r1", 7, encode(envelopes), {})


OPENED = RaffleOpened(raffle_id="r1")
CLOSED = RaffleClosed(raffle_id="r1")


def test_asks_for_nothing_when_a_commit_holds_only_other_events() -> None:
    assert source().key(commit(CLOSED)) is None
    assert source().key(commit(CLOSED, OPENED)) == "r1"


def test_asks_for_what_each_of_its_events_does_in_order() -> None:
    effects = source().effects(commit(OPENED, CLOSED, OPENED))
    assert [type(effect.reaction) for effect in effects] == [Send, Schedule, Send, Schedule]
    assert [effect.correlation for effect in effects] == ["cmd_0", "cmd_0", "cmd_2", "cmd_2"]


def test_gives_each_effect_an_id_that_is_always_the_same() -> None:
    first = [effect.id for effect in source().effects(commit(OPENED, OPENED))]
    again = [effect.id for effect in source().effects(commit(OPENED, OPENED))]
    other = [effect.id for effect in source("others").effects(commit(OPENED, OPENED))]
    assert first == again
    assert len({*first, *other}) == 8


# ---------------------------------------------------------------------------------- due

CLOSE = CloseRaffle(raffle_id="r1")
PLANNED = Effect(Send(CLOSE), id="id_1", correlation="cmd_0")


def due(payload: bytes) -> Message:
    return Message("due.toy.raffles.r1.close", 3, payload, {})


def test_sends_what_was_planned_when_it_is_due() -> None:
    message = due(write_plan(CLOSE, PLANNED))
    assert DueSource("toy").key(message) == "r1"
    assert DueSource("toy").effects(message) == [PLANNED]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[]",
        orjson.dumps({"id": "1", "correlation": "1", "command": "toy.dance", "args": {}}),
        orjson.dumps({"id": "1", "correlation": "1", "command": "toy.close-raffle", "args": {}}),
    ],
)
def test_refuses_what_is_due_when_it_is_no_command(payload: bytes) -> None:
    assert DueSource("toy").key(due(payload)) == NO_KEY
    with pytest.raises((ValueError, KeyError, TypeError)):
        DueSource("toy").effects(due(payload))
