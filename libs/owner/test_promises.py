"""What an owner promises to whoever sends it commands, on the real log."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from libs.eventlog import Commit, Revision, StreamHistory, cloud_event
from libs.eventlog.model import NEW_STREAM
from libs.kernel.errors import Unavailable
from libs.kernel.ids import new_id
from libs.owner import OwnerLimits, aggregates
from libs.owner.conftest import House, item
from libs.testkit.toy import RaffleClosed, TicketDrawn

pytestmark = pytest.mark.connected


async def drawn(house: House, raffle_id: str) -> list[TicketDrawn]:
    """The tickets in the log."""
    history = await house.log.load("raffle", raffle_id)
    events = [event.data for commit in history.commits for event in commit.events]
    return [event for event in events if isinstance(event, TicketDrawn)]


async def test_records_one_ticket_when_one_guest_asks_200_times_at_once(house: House) -> None:
    raffle = new_id()
    async with house.owner():
        await house.ask(raffle, item("open-raffle", raffle))
        async with asyncio.TaskGroup() as tasks:
            asked = [
                tasks.create_task(house.ask(raffle, item("draw-ticket", raffle)))
                for _ in range(200)
            ]
    receipts = [task.result()[0]["answer"] for task in asked]
    assert len({receipt["ticket_id"] for receipt in receipts}) == 1
    assert Counter(receipt["repeated"] for receipt in receipts) == {True: 199, False: 1}
    assert len(await drawn(house, raffle)) == 1


async def test_commits_the_others_when_one_command_of_a_message_is_refused(house: House) -> None:
    raffle, closed = new_id(), new_id()
    async with house.owner():
        await house.ask(raffle, item("open-raffle", raffle))
        answers = await house.ask(
            raffle,
            item("draw-ticket", raffle, actor="ann"),
            item("draw-ticket", raffle, actor=""),
            {"command": "toy.no-such", "id": "x", "actor": "ann", "roles": [], "args": {}},
            item("draw-ticket", closed, actor="bob"),
            item("draw-ticket", raffle, actor="bob"),
        )
    codes = [answer.get("problem", {}).get("code") for answer in answers]
    assert codes == [None, "unauthenticated", "invalid", "toy.raffle-not-open", None]
    assert [ticket.guest_id for ticket in await drawn(house, raffle)] == ["ann", "bob"]


async def test_decides_on_the_log_when_a_foreign_writer_was_first(house: House) -> None:
    raffle = new_id()
    async with house.owner():
        await house.ask(raffle, item("open-raffle", raffle))
        history = await house.log.load("raffle", raffle)
        await house.log.append([_closing(raffle, history.revision)])
        (answer,) = await house.ask(raffle, item("draw-ticket", raffle))
    assert answer["problem"]["code"] == "toy.raffle-not-open"
    assert await drawn(house, raffle) == []


async def test_gives_the_first_answer_when_a_retry_comes_late(house: House) -> None:
    raffle = new_id()
    draw = item("draw-ticket", raffle)
    async with house.owner():
        await house.ask(raffle, item("open-raffle", raffle))
        first = await house.ask(raffle, draw)
        await house.ask(raffle, item("close-raffle", raffle))
        assert await house.ask(raffle, draw) == first
    async with house.owner():  # Another one, that learns it from the log.
        assert await house.ask(raffle, draw) == first
    assert len(await drawn(house, raffle)) == 1


async def test_gives_the_first_answer_when_the_state_came_from_a_snapshot(house: House) -> None:
    raffle = new_id()
    draw = item("draw-ticket", raffle)
    async with house.owner(limits=OwnerLimits(snapshot_events_min=5)):
        await house.ask(raffle, item("open-raffle", raffle))
        first = await house.ask(raffle, draw)
        for number in range(20):
            await house.ask(raffle, item("draw-ticket", raffle, actor=f"guest_{number}"))
    async with house.owner():
        assert await house.ask(raffle, draw) == first
        (again,) = await house.ask(raffle, item("draw-ticket", raffle))
    assert again["answer"]["repeated"] is True
    assert len(await drawn(house, raffle)) == 21


async def test_gives_the_first_answer_when_much_was_recorded_since(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aggregates, "REMEMBERED_COMMITS_MAX", 3)
    monkeypatch.setattr(aggregates, "GENERATION_COMMANDS_MIN", 3)
    raffle = new_id()
    opening = item("open-raffle", raffle)
    async with house.owner(limits=OwnerLimits(snapshot_events_min=5)):
        first = await house.ask(raffle, opening)
        for number in range(10):
            await house.ask(raffle, item("draw-ticket", raffle, actor=f"guest_{number}"))
        await house.ask(raffle, item("close-raffle", raffle))
    async with house.owner():
        assert await house.ask(raffle, opening) == first
        (answer,) = await house.ask(raffle, item("draw-ticket", raffle))
    assert answer["problem"]["code"] == "toy.raffle-not-open"


async def test_draws_one_ticket_each_when_two_owners_decide_the_same_commands(
    house: House,
) -> None:
    raffle = new_id()
    async with house.owner() as one, house.owner() as other:
        everything = frozenset(range(64))
        await one._own(everything)  # Both believe that all slots are theirs.
        await other._own(everything)
        await house.ask(raffle, item("open-raffle", raffle))
        for number in range(10):
            guests = [f"guest_{number}_{at}" for at in range(5)]
            answers = await house.ask(
                raffle, *(item("draw-ticket", raffle, actor=guest) for guest in guests)
            )
            assert all("answer" in answer for answer in answers)
    guests_drawn = Counter(ticket.guest_id for ticket in await drawn(house, raffle))
    assert len(guests_drawn) == 50
    assert set(guests_drawn.values()) == {1}


async def test_refuses_at_once_when_more_commands_wait_than_a_slot_may_hold(
    house: House,
) -> None:
    raffle = new_id()
    stuck = StuckLog(house)
    async with house.owner(log=stuck, limits=OwnerLimits(slot_commands_max=10)):
        opening = asyncio.create_task(house.ask(raffle, item("open-raffle", raffle)))
        await stuck.reached.wait()
        draws = [item("draw-ticket", raffle, actor=f"guest_{number}") for number in range(11)]
        answers = await house.ask(raffle, *draws)
        assert {answer["problem"]["code"] for answer in answers} == {"slot-full"}
        assert all(answer["problem"]["retry_after"] > 0 for answer in answers)
        stuck.go_on.set()
        assert "answer" in (await opening)[0]


async def test_records_once_when_an_append_is_said_to_have_failed_but_landed(
    house: House,
) -> None:
    raffle = new_id()
    lying = LyingLog(house)
    async with house.owner(log=lying):
        await house.ask(raffle, item("open-raffle", raffle))
        lying.lies_left = 3
        (answer,) = await house.ask(raffle, item("draw-ticket", raffle))
    assert answer["answer"]["repeated"] is False
    assert len(await drawn(house, raffle)) == 1
    assert lying.lies_left == 2


async def test_harms_nobody_else_when_a_decider_breaks(house: House) -> None:
    raffle = new_id()
    async with house.owner():
        await house.ask(raffle, item("open-raffle", raffle))
        for place in ("decide", "evolve", "answer"):
            answers = await house.ask(
                raffle,
                item("draw-ticket", raffle, actor=f"before_{place}"),
                item("break-raffle", raffle, place=place),
                item("draw-ticket", raffle, actor=f"after_{place}"),
            )
            assert [next(iter(answer)) for answer in answers] == ["answer", "problem", "answer"]
            assert answers[1]["problem"]["status"] == 500
    assert len(await drawn(house, raffle)) == 6


def _closing(raffle_id: str, revision: Revision) -> Commit:
    closed = cloud_event(
        RaffleClosed(raffle_id=raffle_id),
        event_id=new_id(),
        subject=f"raffle/{raffle_id}",
        time="2026-11-20T21:00:00.000000Z",
        actor="somebody",
        causation_id=new_id(),
        correlation_id=new_id(),
    )
    return Commit("raffle", raffle_id, [closed], revision)


class StuckLog:
    """A log whose first append waits until it is told to go on."""

    def __init__(self, house: House) -> None:
        self._log = house.log
        self.service, self.epoch = house.log.service, house.log.epoch
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def append(self, commits: Sequence[Commit]) -> list[Revision]:
        self.reached.set()
        await self.go_on.wait()
        return await self._log.append(commits)

    async def load(
        self, aggregate: str, aggregate_id: str, after: Revision = NEW_STREAM
    ) -> StreamHistory:
        return await self._log.load(aggregate, aggregate_id, after)


class LyingLog(StuckLog):
    """A log that appends, and says that it could not tell."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self.go_on.set()
        self.lies_left = 0

    async def append(self, commits: Sequence[Commit]) -> list[Revision]:
        revisions = await super().append(commits)
        if self.lies_left:
            self.lies_left -= 1
            raise Unavailable("the answer was lost")
        return revisions
