"""Rounds of kill -9 while partners send webhooks, and what must be true afterwards.

What was answered with 2xx is in the log, once; it was processed once, and each object of the
partner is as the newest delivery says, whatever the order; what nobody can read is parked, and
nothing waits for it but what is about the same thing.
"""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from contracts import all as contracts
from libs.bus import Bus
from libs.kernel.messages import Caller
from libs.stack.ports import free_ports
from libs.testkit.waiting import eventually
from tests.chaos.campaigns import figures
from tests.chaos.house import (
    NATS,
    POSTGRES,
    RECONNECTING,
    House,
    insist,
    insist_on_asking,
    part_of,
    running_house,
)
from tests.chaos.webhooks import laws
from tests.chaos.webhooks.partners import ENDPOINTS, Ledger, Partners

ADMIN = Caller("usr_admin", ("admin",))
DOOR = "door"
BEHIND = {
    "owner-1": part_of("ingress.owner"),
    "owner-2": part_of("ingress.owner"),
    "managers": part_of("ingress.process-managers"),
    "read-model": part_of("ingress.projections", "ingress.queries"),
}
VICTIMS: Mapping[str, tuple[str, ...]] = {
    DOOR: (DOOR,),
    NATS: (NATS,),
    "owner": ("owner-1",),
    "managers": ("managers",),
    "ingress": (DOOR, *BEHIND),
    POSTGRES: (POSTGRES,),
    "everything": (NATS, POSTGRES, DOOR, *BEHIND),
}
"""What is killed at once."""

ROUND_SECONDS = (2.0, 4.0)
SETTLE_SECONDS_MAX = 180.0
LISTED_MAX = 200


@dataclass
class WebhooksOutcome:
    """What rounds came to. `violations` are broken promises, in words.

    taken          deliveries that were answered with 2xx
    attempts       how often anything was sent
    repeated       deliveries that were sent once more after they were taken
    forged         deliveries that were refused, each time
    parked         deliveries that nobody could read
    waited         deliveries about the same thing as one of those, until it was given up
    objects        of the partner, of which something is known
    wait_seconds   that a delivery had to wait at most in each round until it was taken, by what was
                   killed in it; partners send again after 0.1 s, then later and later, up to 2 s
    """

    rounds: int = 0
    taken: int = 0
    attempts: int = 0
    repeated: int = 0
    forged: int = 0
    parked: int = 0
    waited: int = 0
    objects: int = 0
    wait_seconds: dict[str, list[float]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """All of it; of the seconds, the median and the greatest."""
        return {**asdict(self), "wait_seconds": figures(self.wait_seconds)}


async def run_rounds(
    directory: Path, rounds: int, seed: int, victims: tuple[str, ...] = tuple(VICTIMS)
) -> WebhooksOutcome:
    """Kill something in each round, wait until everything was taken and processed, and count."""
    contracts.load()
    chance = random.Random(seed)
    outcome = WebhooksOutcome(rounds)
    ledger = Ledger()
    async with _ingress(directory) as (house, url):
        partners = Partners(url, ledger, chance)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(partners.run())
            for number in range(rounds):
                await asyncio.sleep(chance.uniform(*ROUND_SECONDS))
                victim = victims[number % len(victims)]
                waited = await _round(house, ledger, victim)
                outcome.wait_seconds.setdefault(victim, []).append(waited)
            partners.end()
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                await sending
        await _count(house, ledger, outcome)
    return outcome


async def _round(house: House, ledger: Ledger, victim: str) -> float:
    """Kill, and wait until everything that was sent before all of it served again was taken.

    returns   the seconds that the one waited whose answer took longest
    """
    struck_at = time.monotonic()
    house.kill(*VICTIMS[victim])
    await house.until_ready()
    sent = [each for each in ledger.deliveries.values() if not each.is_forged]
    await eventually(
        lambda: all(each.taken_at is not None for each in sent), timeout_seconds=SETTLE_SECONDS_MAX
    )
    waits = [each.taken_at - max(each.first_at, struck_at) for each in sent if each.taken_at]
    return max(waits, default=0.0)


@asynccontextmanager
async def _ingress(directory: Path) -> AsyncIterator[tuple[House, str]]:
    (port,) = free_ports(1)
    parts = {DOOR: part_of("ingress.http", BACKLINE_PORT=str(port)), **BEHIND}
    environment = {"BACKLINE_INGRESS_ENDPOINTS": json.dumps(ENDPOINTS)}
    async with running_house(directory, parts, environment) as house:
        yield house, f"http://127.0.0.1:{port}"


# ---------------------------------------------------------------------------------- counting


async def _count(house: House, ledger: Ledger, outcome: WebhooksOutcome) -> None:
    sent = list(ledger.deliveries.values())
    kept = await _settled(house, outcome)
    outcome.taken = len(ledger.taken)
    outcome.attempts, outcome.repeated = ledger.attempts, ledger.repeated
    outcome.forged = sum(each.is_forged for each in sent)
    outcome.violations += ledger.violations
    outcome.violations += laws.violations(kept, sent)
    parked = [
        (inbox_id, delivery_id)
        for inbox_id, inbox in kept.inboxes.items()
        for delivery_id in inbox.parked
    ]
    outcome.parked = len(parked)
    done = sum(inbox.done.total() for inbox in kept.inboxes.values())
    outcome.waited = kept.received.total() - outcome.parked - done
    client = await house.nats.connect("gateway", **RECONNECTING)
    bus = Bus(client)
    outcome.violations += await _listed_as_parked(bus, {each for _, each in parked})
    for inbox_id, delivery_id in parked:
        about = {"inbox_id": inbox_id, "delivery_id": delivery_id, "reason": "counting"}
        await insist(bus, "ingress.discard-delivery", about, ADMIN)
    await client.close()
    kept = await _settled(house, outcome)
    outcome.violations += laws.violations(kept, sent)
    outcome.objects = len(kept.changes)


async def _settled(house: House, outcome: WebhooksOutcome) -> laws.Kept:
    """The log, once everything in it was processed that can be."""
    found = [laws.Kept()]

    async def is_settled() -> bool:
        found.append(laws.kept_of(await house.recorded("ingress", laws.EVENTS)))
        return found[-1].is_settled

    try:
        await eventually(is_settled, timeout_seconds=SETTLE_SECONDS_MAX)
    except TimeoutError:
        outcome.violations.append("not everything was processed in time")
    return found[-1]


async def _listed_as_parked(bus: Bus, parked: set[str]) -> list[str]:
    """Whether administrators are shown what is parked, and nothing else as such."""
    query = {"status": "parked", "limit": LISTED_MAX}

    async def listed() -> set[str]:
        found = await insist_on_asking(bus, "ingress.list-deliveries", query, ADMIN)
        return {each["delivery_id"] for each in found["deliveries"]}

    async def is_as_in_the_log() -> bool:
        return await listed() == parked

    try:
        await eventually(is_as_in_the_log, timeout_seconds=SETTLE_SECONDS_MAX)
    except TimeoutError:
        return [f"of {len(parked)} that are parked, {len(await listed())} are listed"]
    return []
