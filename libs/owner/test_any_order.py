"""Whatever happens in whatever order, one guest has one ticket, and what was acknowledged is in the
log.

Hypothesis makes up stories: guests draw and retry, two owners believe in turn (or at once) that
they own everything, appends get lost, land unanswered, land late or are overtaken by somebody else,
an owner is killed, replies are lost. After each the log is held against what callers were told.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from libs.eventlog import Commit, Revision
from libs.kernel.ids import new_id
from libs.owner import lane, lookups
from libs.testkit.builders import commit_of
from libs.testkit.faulty_log import Fault, FaultyLog
from libs.testkit.lone_owner import EVERY_SLOT, LoneOwner, item
from libs.testkit.toy import RaffleClosed, RaffleOpened, TicketDrawn
from libs.testkit.waiting import eventually

RAFFLE = "r1"
GUESTS = tuple("abcdef")
PASSING = {"owner-moved", "unavailable", "conflict"}


@pytest.fixture(autouse=True, scope="module")
def without_pauses() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lane, "PAUSE_AFTER_OUTAGE_SECONDS", 0.0)
        patched.setattr(lookups, "PAUSE_AFTER_OUTAGE_SECONDS", 0.0)
        patched.setattr(lane, "CONFIRMED_SECONDS_MAX", 0.0)
        yield


class AnyOrder(RuleBasedStateMachine):
    """Two owners, one log, one raffle."""

    commands: Bundle[dict[str, Any]] = Bundle("commands")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.waiting: list[tuple[Sequence[dict[str, Any]], asyncio.Future[Any]]] = []
        self.told: dict[str, tuple[str, int]] = {}
        self.guest_of: dict[str, str] = {}

    def run[T](self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.log = FaultyLog("toy", foreign=self._overtake)
        self.owners = [self.run(self._new_owner()) for _ in range(2)]
        self.run(self.log.append([commit_of(RAFFLE, RaffleOpened(raffle_id=RAFFLE))]))

    async def _new_owner(self) -> LoneOwner:
        owner = LoneOwner(self.log, snapshot_events_min=3)
        owner.start()
        return owner

    def _overtake(self, commit: Commit) -> list[Commit]:
        """Somebody else has decided about the same guest a moment before."""
        guest = commit.events[0]["actor"]
        tickets = self._tickets()
        if guest in tickets or not self._is_open():
            return [self._written(RaffleClosed(raffle_id=RAFFLE), RaffleOpened(raffle_id=RAFFLE))]
        ticket_id = new_id()
        return [
            self._written(
                TicketDrawn(
                    raffle_id=RAFFLE, guest_id=guest, ticket_id=ticket_id, number=len(tickets) + 1
                ),
                actor=guest,
                command_id=ticket_id,
            )
        ]

    def _written(self, *events: Any, **options: Any) -> Commit:
        return commit_of(RAFFLE, *events, expected=self._revision(), **options)

    # ---------------------------------------------------------------------------------- the story

    @rule(
        target=commands,
        guests=st.lists(st.sampled_from(GUESTS), min_size=1, max_size=4),
        to=st.integers(0, 1),
    )
    def draw(self, guests: list[str], to: int) -> Any:
        drawn = [item("draw-ticket", RAFFLE, actor=guest) for guest in guests]
        self.guest_of |= {each["id"]: each["actor"] for each in drawn}
        self._send(drawn, to)
        return multiple(*drawn)

    @rule(
        under_way=st.lists(st.sampled_from(GUESTS), min_size=1, max_size=3),
        open_meanwhile=st.lists(st.sampled_from(GUESTS), min_size=1, max_size=3),
        fault=st.sampled_from(list(Fault)),
        to=st.integers(0, 1),
    )
    def draw_while_a_commit_fails(
        self, under_way: list[str], open_meanwhile: list[str], fault: Fault, to: int
    ) -> None:
        self.log.faults.clear()
        self.log.loadable.set()
        self.log.open.clear()
        self.draw(under_way, to)
        self.let_some_time_pass(10)
        self.draw(open_meanwhile, to)
        self.let_some_time_pass(10)
        self.log.faults.append(fault)
        self.log.open.set()

    @rule(command=commands, to=st.integers(0, 1))
    def retry(self, command: dict[str, Any], to: int) -> None:
        self._send([command], to)

    @rule(name=st.sampled_from(["open-raffle", "close-raffle"]), to=st.integers(0, 1))
    def open_or_close(self, name: str, to: int) -> None:
        self._send([item(name, RAFFLE, actor="host")], to)

    @rule(faults=st.lists(st.sampled_from(list(Fault)), min_size=1, max_size=3))
    def fail_soon(self, faults: list[Fault]) -> None:
        self.log.faults.extend(faults)

    @rule(is_open=st.booleans())
    def hold_or_pass_appends(self, is_open: bool) -> None:
        (self.log.open.set if is_open else self.log.open.clear)()

    @rule(is_open=st.booleans())
    def hold_or_pass_loads(self, is_open: bool) -> None:
        (self.log.loadable.set if is_open else self.log.loadable.clear)()

    @rule()
    def land_late(self) -> None:
        self.run(self.log.land_late())

    @rule(owned=st.lists(st.booleans(), min_size=2, max_size=2))
    def move_slots(self, owned: list[bool]) -> None:
        for owner, is_owner in zip(self.owners, owned, strict=True):
            owner.own(EVERY_SLOT if is_owner else frozenset())

    @rule(which=st.integers(0, 1))
    def kill(self, which: int) -> None:
        self.run(self._kill(self.owners[which]))
        self.owners[which] = self.run(self._new_owner())

    @rule(turns=st.integers(1, 30))
    def let_some_time_pass(self, turns: int) -> None:
        for _ in range(turns):
            self.run(asyncio.sleep(0))

    @rule()
    def lose_replies(self) -> None:
        self.waiting.clear()

    @rule(to=st.integers(0, 1))
    def settle(self, to: int) -> None:
        """The storm is over: everything is answered, and every answer is the truth."""
        self.log.faults.clear()
        self.log.open.set()
        self.log.loadable.set()
        self.owners[to].own(EVERY_SLOT)
        self.run(self.log.land_late())
        self.run(self._all_quiet())
        self.tell()
        probe = item("draw-ticket", RAFFLE, actor=new_id("late_"))
        self.guest_of[probe["id"]] = probe["actor"]
        is_open = self._is_open()
        [answer] = self.run(self.owners[to].ask(probe))
        if is_open:
            assert answer["answer"]["ticket_id"] == self._tickets()[probe["actor"]][0]
        else:
            assert answer["problem"]["code"] == "toy.raffle-not-open"

    # ---------------------------------------------------------------------------------- the truth

    @invariant()
    def has_one_ticket_for_each_guest(self) -> None:
        numbers = [number for _, number in self._tickets().values()]
        assert numbers == list(range(1, len(numbers) + 1)), "decided on what was not the truth"

    @invariant()
    def tell(self) -> None:
        """What callers were told is in the log, and they were never told anything else."""
        self.run(asyncio.sleep(0))
        tickets = self._tickets()
        arrived = [(items, reply) for items, reply in self.waiting if reply.done()]
        self.waiting = [each for each in self.waiting if not each[1].done()]
        for items, reply in arrived:
            for command, answer in zip(items, reply.result(), strict=True):
                self._check(command, answer, tickets)

    def _check(
        self, command: dict[str, Any], answer: dict[str, Any], tickets: dict[str, tuple[str, int]]
    ) -> None:
        problem = answer.get("problem")
        if problem is not None:
            assert problem["code"] in PASSING | {"toy.raffle-not-open"}, problem
            return
        if command["command"] != "toy.draw-ticket":
            return
        receipt = answer["answer"]
        ticket = receipt["ticket_id"], receipt["number"]
        assert tickets[command["actor"]] == ticket, "acknowledged, and not in the log"
        assert self.told.setdefault(command["id"], ticket) == ticket
        assert receipt["repeated"] == (receipt["ticket_id"] != command["id"])
        assert 0 < receipt["position"] <= self._revision()

    def _tickets(self) -> dict[str, tuple[str, int]]:
        """Of each guest, as the log has it."""
        tickets: dict[str, tuple[str, int]] = {}
        for event in self._events():
            if isinstance(event, TicketDrawn):
                assert event.guest_id not in tickets, "two tickets"
                tickets[event.guest_id] = event.ticket_id, event.number
        return tickets

    def _is_open(self) -> bool:
        changes = [event for event in self._events() if not isinstance(event, TicketDrawn)]
        return isinstance(changes[-1], RaffleOpened)

    def _events(self) -> list[Any]:
        commits = [
            self.log._decode(position, stored, strict=True)
            for position, stored in enumerate(self.log._messages, 1)
        ]
        return [event.data for commit in commits for event in commit.events]

    def _revision(self) -> Revision:
        return Revision(len(self.log._messages))

    # ---------------------------------------------------------------------------------- the hands

    def _send(self, items: Sequence[dict[str, Any]], to: int) -> None:
        async def send() -> asyncio.Future[Any]:
            return self.owners[to].send(*items)

        self.waiting.append((items, self.run(send())))

    async def _all_quiet(self) -> None:
        await eventually(lambda: not any(owner.inbox.commands_waiting for owner in self.owners))
        await eventually(lambda: not any(owner.lane._committing for owner in self.owners))

    async def _kill(self, owner: LoneOwner) -> None:
        """End an owner as kill -9 does: nothing is finished, nobody is told."""

        async def nothing() -> None:
            return

        owner.lane._finish = nothing  # type: ignore[method-assign]
        under_way = [owner.lane._committing] if owner.lane._committing else []
        tasks = [*owner.tasks, *under_way, *owner.lane._tasks._running]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def teardown(self) -> None:
        if not hasattr(self, "owners"):
            return
        self.settle(0)
        for owner in self.owners:
            self.run(self._kill(owner))
        self.loop.close()


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    derandomize=True,  # A story that fails once must fail again.
    max_examples=80,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
