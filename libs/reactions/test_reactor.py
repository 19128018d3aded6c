"""Process managers at work, on the real server and with a real owner."""

import asyncio
import signal
from collections.abc import Sequence
from datetime import timedelta

import pytest

from libs.eventlog.protocol import call
from libs.kernel.clock import system_clock
from libs.kernel.messages import service_caller
from libs.kernel.reactions import Cancel, ProcessManager, Reaction, Schedule, Send
from libs.kernel.recorded import Recorded
from libs.reactions import worker
from libs.reactions.conftest import DRAWINGS, House, is_of_prizes, prizes_of
from libs.telemetry import metrics
from libs.testkit.proxy import Proxy
from libs.testkit.toy import (
    CloseRaffle,
    OpenRaffle,
    RaffleClosed,
    RaffleOpened,
    TicketDrawn,
)
from libs.testkit.waiting import eventually

pytestmark = pytest.mark.connected

TOY = service_caller("toy")
SUBSCRIPTION = "toy--drawings"
HELD_SECONDS = 0.5
"""For what was held back to arrive."""

TRACEPARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are known, and replays seen, in less time than in production."""
    monkeypatch.setattr(worker, "ATTEMPTS", 2)
    monkeypatch.setattr(worker, "FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(worker, "PAUSE_SECONDS_MAX", 0.2)
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.1)


def outcomes(outcome: str, process_manager: str = "drawings") -> float:
    counter = metrics.REACTIONS.labels("toy", process_manager, outcome)
    return float(counter._value.get())


async def tickets_of(house: House, raffle_id: str) -> list[TicketDrawn]:
    history = await house.log.load("raffle", raffle_id)
    events = [recorded.data for commit in history.commits for recorded in commit.events]
    return [event for event in events if isinstance(event, TicketDrawn)]


async def test_sends_a_command_when_an_event_asks_for_it(house: House) -> None:
    async with house.owning(), house.reacting():
        await house.bus.send(OpenRaffle(raffle_id=prizes_of("r1")), caller=TOY)
        async with house.hearing() as heard:
            await house.record("r1", "n1", headers={"traceparent": TRACEPARENT})
            await eventually(lambda: has_tickets(house, prizes_of("r1"), 1))
    (sent,) = heard
    assert sent["args"] == {"raffle_id": "prizes_r1", "name": "n1"}
    assert (sent["actor"], sent["correlation"], sent["trace"]) == ("svc_toy", "n1", TRACEPARENT)
    (ticket,) = await tickets_of(house, prizes_of("r1"))
    assert ticket.ticket_id == sent["id"]


async def test_has_one_effect_when_an_event_comes_again(house: House) -> None:
    async with house.owning():
        await house.bus.send(OpenRaffle(raffle_id=prizes_of("r1")), caller=TOY)
        async with house.reacting():
            await house.record("r1", "n1")
            await eventually(lambda: house.drawn_of("r1") == ["n1"])
        await forget_subscription(house)
        async with house.reacting():
            await eventually(lambda: len(house.drawn) > 1)
            await house.record("r1", "n2")
            await eventually(lambda: house.drawn_of("r1") == ["n1", "n2"])
    (ticket,) = await tickets_of(house, prizes_of("r1"))
    assert {name for _, name in house.drawn} == {"n1", "n2"}
    assert ticket.number == 1


async def test_goes_on_when_the_domain_says_no(house: House) -> None:
    rejected = outcomes("rejected")
    async with house.owning(), house.reacting():
        await house.record("r1", "n1", "n2")  # Nobody has opened the prizes.
        await eventually(lambda: house.drawn_of("r1") == ["n1", "n2"])
        await eventually(lambda: outcomes("rejected") == rejected + 2)
    assert await house.parking.counts() == {}


async def test_works_in_order_when_there_is_much_to_do(house: House) -> None:
    names = {f"r{raffle}": [f"r{raffle}_{n}" for n in range(20)] for raffle in range(5)}
    for raffle_id, each in names.items():
        await house.record(raffle_id, *each)
    async with house.owning(), house.reacting():
        for raffle_id, each in names.items():
            await eventually(lambda r=raffle_id, e=each: house.drawn_of(r) == e)


async def test_misses_nothing_when_messages_are_lost_on_the_way(house: House) -> None:
    async with house.owning(), house.reacting():
        await house.record("r1", "n0")
        await eventually(lambda: house.drawn_of("r1") == ["n0"])
        await steal_messages(house)
        await house.record("r1", *(f"n{n}" for n in range(1, 10)))
        await eventually(lambda: house.drawn_of("r1") == [f"n{n}" for n in range(10)])


async def test_goes_on_when_the_server_was_killed(house: House) -> None:
    async with house.owning(), house.reacting():
        await house.record("r1", "n1")
        await eventually(lambda: house.drawn_of("r1") == ["n1"])
        house.server.server.child.signal(signal.SIGKILL)
        house.server.server.child.wait(10)
        house.server.server.start()
        await eventually(house.is_reachable, timeout_seconds=30)
        await house.record("r1", "n2")
        await eventually(lambda: house.drawn_of("r1") == ["n1", "n2"], timeout_seconds=30)


async def test_waits_when_nobody_owns_what_it_asks(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.bus.client.COMMAND_DEADLINE_SECONDS", 0.1)
    waited = outcomes("unavailable")
    async with house.reacting():
        await house.record("r1", "n1")
        await eventually(lambda: outcomes("unavailable") >= waited + 2 * worker.ATTEMPTS)
        assert await house.parking.counts() == {}
        async with house.owning():
            await eventually(lambda: house.drawn_of("r1") == ["n1"])


async def test_takes_over_when_another_process_is_gone(house: House) -> None:
    async with house.owning(), house.reacting():
        async with house.reacting():
            await house.record("r1", "n1")
            await eventually(lambda: house.drawn_of("r1") == ["n1"])
        await house.record("r1", "n2")
        await eventually(lambda: house.drawn_of("r1") == ["n1", "n2"], timeout_seconds=20)


# ---------------------------------------------------------------------------------- parking


async def test_parks_what_keeps_failing_and_goes_on_with_other_keys(house: House) -> None:
    house.broken.add("n1")
    async with house.owning(), house.reacting():
        await house.record("r1", "n0", "n1", "n2")
        await house.record("r2", "m0", "m1")
        await eventually(lambda: house.drawn_of("r2") == ["m0", "m1"])
        await eventually(lambda: is_parked(house, "r1", 2))
        assert house.drawn_of("r1") == ["n0"]
        first, second = await house.parking.list()
        assert (first.process_manager, first.key) == ("drawings", "r1")
        assert first.problem is not None
        assert first.problem["code"] == "internal"
        assert second.problem is None
        assert await gap_of(house) == 0


async def test_stays_behind_what_is_parked_when_it_starts_again(house: House) -> None:
    house.broken.add("n1")
    async with house.owning():
        async with house.reacting():
            await house.record("r1", "n1")
            await eventually(lambda: is_parked(house, "r1", 1))
        house.broken.clear()
        async with house.reacting():
            await house.record("r1", "n2")
            await eventually(lambda: is_parked(house, "r1", 2))
    assert house.drawn_of("r1") == []


async def test_replays_in_order_when_somebody_wants_it(house: House) -> None:
    house.broken.add("n1")
    async with house.owning(), house.reacting():
        await house.record("r1", "n1", "n2")
        await eventually(lambda: is_parked(house, "r1", 2))
        house.broken.clear()
        await house.parking.ask_replay("drawings", "r1")
        await eventually(lambda: is_parked(house, "r1", 0))
        await house.record("r1", "n3")
        await eventually(lambda: house.drawn_of("r1") == ["n1", "n2", "n3"])
        await eventually(lambda: wants_no_replay(house))


async def test_keeps_it_parked_when_a_replay_fails_again(house: House) -> None:
    house.broken.add("n2")
    async with house.owning():
        async with house.reacting():
            await house.record("r1", "n2", "n3")
            await eventually(lambda: is_parked(house, "r1", 2))
        await house.parking.ask_replay("drawings", "r1")
        async with house.reacting():  # It is known also to who was not there when it was wanted.
            await eventually(lambda: wants_no_replay(house))
            assert await is_parked(house, "r1", 2)
            assert house.drawn_of("r1") == []


async def test_parks_what_its_own_bug_cannot_digest(house: House) -> None:
    def buggy(recorded: Recorded) -> Sequence[Reaction]:
        raise KeyError(recorded.aggregate_id)

    manager = ProcessManager("buggy", "toy", "raffle", (RaffleOpened,), buggy)
    async with house.reacting(manager):
        await house.record("r1", "n1")
        await eventually(lambda: is_parked(house, "r1", 1))
    (parked,) = await house.parking.list("buggy")
    assert parked.problem is not None
    assert "KeyError" in parked.problem["detail"]


# ---------------------------------------------------------------------------------- schedules


def planning(delay: timedelta) -> ProcessManager:
    """Close the prizes of a raffle some time after it opens; not at all once it is closed."""

    def react(recorded: Recorded) -> Sequence[Reaction]:
        if is_of_prizes(recorded):
            return []
        key = f"{recorded.aggregate_id}.close"
        if isinstance(recorded.data, RaffleClosed):
            return [Cancel(key)]
        prizes = prizes_of(recorded.aggregate_id)
        return [
            Send(OpenRaffle(raffle_id=prizes)),
            Schedule(key, system_clock() + delay, CloseRaffle(raffle_id=prizes)),
        ]

    return ProcessManager("plans", "toy", "raffle", (RaffleOpened, RaffleClosed), react)


async def test_sends_a_command_when_its_time_has_come(house: House) -> None:
    async with house.owning(), house.reacting(planning(timedelta(milliseconds=300))):
        await house.record("r1", "n1")
        await eventually(lambda: is_closed(house, "prizes_r1"))
    history = await house.log.load("raffle", "prizes_r1")
    closed = history.commits[-1].events[-1]
    assert (closed.actor, closed.correlation_id) == ("svc_toy", "n1")


async def test_replaces_a_schedule_when_it_is_made_again(house: House) -> None:
    async with house.owning(), house.reacting(planning(timedelta(days=1))):
        await house.record("r1", "n1", "n2")
        await eventually(lambda: has_plans(house, 1, b"n2"))


async def test_keeps_the_newer_schedule_when_whoever_had_the_turn_before_comes_late(
    house: House,
) -> None:
    def react(recorded: Recorded) -> Sequence[Reaction]:
        hour = recorded.at + timedelta(days=36_500)
        return [Schedule("r1.close", hour, CloseRaffle(raffle_id="r1"))]

    manager = ProcessManager("plans", "toy", "raffle", (RaffleOpened,), react)
    async with (
        Proxy(house.server.url).running() as proxy,
        house.reacting(manager, url=proxy.url),
    ):
        await house.record("r1", "n1")
        await eventually(lambda: has_plans(house, 1, b"n1"))
        proxy.hold()  # What it asks for is under way for long.
        await house.record("r1", "n2")
        async with house.reacting(manager):
            await house.record("r1", "n3")
            await eventually(lambda: has_plans(house, 1, b"n3"), timeout_seconds=20)
            proxy.mend()
            await asyncio.sleep(HELD_SECONDS)
            assert await has_plans(house, 1, b"n3")


async def test_takes_a_schedule_back_when_it_is_cancelled(house: House) -> None:
    async with house.owning(), house.reacting(planning(timedelta(days=1))):
        await house.bus.send(OpenRaffle(raffle_id="r1"), caller=TOY)
        await eventually(lambda: has_plans(house, 1))
        await house.bus.send(CloseRaffle(raffle_id="r1"), caller=TOY)
        await eventually(lambda: has_plans(house, 0))


async def test_sends_what_became_due_while_it_was_away(house: House) -> None:
    async with house.owning():
        async with house.reacting(planning(timedelta(milliseconds=200))):
            await house.record("r1", "n1")
            await eventually(lambda: has_plans(house, 1))
        async with house.reacting(planning(timedelta(days=1))):
            await eventually(lambda: is_closed(house, "prizes_r1"))


async def test_parks_what_became_due_and_is_no_command(house: House) -> None:
    await house.schedules.at("strange", system_clock(), b'{"command": "toy.dance"}')
    async with house.reacting(DRAWINGS):
        await eventually(lambda: is_parked(house, "-", 1))


# ---------------------------------------------------------------------------------- looking


async def has_tickets(house: House, raffle_id: str, count: int) -> bool:
    return len(await tickets_of(house, raffle_id)) == count


async def is_parked(house: House, key: str, count: int) -> bool:
    counts = await house.parking.counts()
    return sum(count for (_, parked), count in counts.items() if parked == key) == count


async def wants_no_replay(house: House) -> bool:
    return not await house.parking.replays("drawings")


async def is_closed(house: House, raffle_id: str) -> bool:
    history = await house.log.load("raffle", raffle_id)
    return any(
        isinstance(recorded.data, RaffleClosed)
        for commit in history.commits
        for recorded in commit.events
    )


async def has_plans(house: House, count: int, text: bytes = b"") -> bool:
    plans = await house.schedules.list("plans")
    return len(plans) == count and all(text in plan.body for plan in plans)


async def gap_of(house: House) -> int:
    subject = f"CONSUMER.INFO.EVT_TOY.{SUBSCRIPTION}"
    answer = await call(house.client, subject, b"", timeout_seconds=5)
    return int(answer["num_pending"]) + int(answer["num_ack_pending"])


async def forget_subscription(house: House) -> None:
    subject = f"CONSUMER.DELETE.EVT_TOY.{SUBSCRIPTION}"
    assert (await call(house.client, subject, b"", timeout_seconds=5))["success"]


async def steal_messages(house: House) -> None:
    """Ask for the next messages of the subscription ourselves, and lose them."""
    subject = f"$JS.API.CONSUMER.MSG.NEXT.EVT_TOY.{SUBSCRIPTION}"
    inbox = house.client.new_inbox()
    await house.client.subscribe(inbox)
    await house.client.publish(subject, b'{"batch": 3, "expires": 5000000000}', reply=inbox)
    await house.client.flush(timeout=5)
