"""States that are kept between two looks at a log."""

import asyncio
from typing import cast

from libs.eventlog import EventLog, StreamHistory
from libs.eventlog.model import NEW_STREAM, Revision
from libs.eventlog.states import States
from libs.kernel.ids import new_id
from libs.testkit.builders import commit_of
from libs.testkit.toy import RAFFLE, Raffle, RaffleOpened, TicketDrawn


class Watched:
    """A log that remembers from where on it was read."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.read: list[Revision] = []

    async def load(
        self, aggregate: str, aggregate_id: str, after: Revision = NEW_STREAM
    ) -> StreamHistory:
        self.read.append(after)
        return await self._log.load(aggregate, aggregate_id, after)


async def draw(log: EventLog, raffle: str, number: int, expected: Revision) -> Revision:
    """Record the opening of a raffle, or another ticket of it."""
    ticket = TicketDrawn(
        raffle_id=raffle, guest_id=f"guest_{number}", ticket_id=f"ticket_{number}", number=number
    )
    event = ticket if number else RaffleOpened(raffle_id=raffle)
    (revision,) = await log.append([commit_of(raffle, event, expected=expected)])
    return revision


def states_of(log: EventLog, **limits: int) -> tuple[States[Raffle], Watched]:
    watched = Watched(log)
    return States(cast(EventLog, watched), RAFFLE, **limits), watched


async def test_reads_only_what_came_since(log: EventLog) -> None:
    states, watched = states_of(log)
    raffle = new_id()
    opened = await draw(log, raffle, 0, NEW_STREAM)
    assert (await states.get(raffle)).is_open
    first = await draw(log, raffle, 1, opened)
    assert len((await states.get(raffle)).tickets) == 1
    assert len((await states.get(raffle)).tickets) == 1
    assert watched.read == [NEW_STREAM, opened, first]


async def test_counts_nothing_twice_when_many_ask_at_once(log: EventLog) -> None:
    states, _ = states_of(log)
    raffle = new_id()
    revision = await draw(log, raffle, 0, NEW_STREAM)
    await states.get(raffle)
    for number in range(1, 4):
        revision = await draw(log, raffle, number, revision)
        found = await asyncio.gather(*(states.get(raffle) for _ in range(8)))
        assert {len(each.tickets) for each in found} == {number}


async def test_keeps_those_that_were_asked_for_last(log: EventLog) -> None:
    states, watched = states_of(log, kept_max=2)
    raffles = [new_id() for _ in range(3)]
    for raffle in raffles:
        await draw(log, raffle, 0, NEW_STREAM)
        await states.get(raffle)
    watched.read.clear()
    for raffle in (raffles[1], raffles[2], raffles[0]):
        assert (await states.get(raffle)).is_open
    assert [after == NEW_STREAM for after in watched.read] == [False, False, True]


async def test_keeps_nothing_of_what_there_is_not(log: EventLog) -> None:
    states, watched = states_of(log)
    raffle = new_id()
    assert not (await states.get(raffle)).is_known
    await draw(log, raffle, 0, NEW_STREAM)
    assert (await states.get(raffle)).is_open
    assert watched.read == [NEW_STREAM, NEW_STREAM]
