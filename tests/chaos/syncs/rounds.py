"""Rounds of kill -9 while partners are asked, and the same rounds in peace beside them.

At the end the catalog is the one that comes of syncs that nothing happens to: the same records with
the same fields, made of the same events, none of them twice. And no run read again what was done.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from contracts import all as contracts
from contracts.catalog_syncs import Partner, SyncId, SyncStatus
from libs.bus import Bus
from libs.eventlog.model import RecordedCommit
from libs.kernel.messages import service_caller
from libs.testkit.waiting import eventually
from services.catalog.cli.sandboxes.server import Sandbox
from services.catalog.cli.sandboxes.serving import Fault
from tests.chaos.campaigns import figures
from tests.chaos.house import (
    NATS,
    POSTGRES,
    RECONNECTING,
    House,
    Part,
    insist,
    insist_on_asking,
    part_of,
    running_house,
)
from tests.chaos.syncs import laws
from tests.chaos.syncs.partners import SYNCS, TIMEOUT_SECONDS, fail, running_partners, tell_more

CALLER = service_caller("catalog")
CONNECTIONS = "connections"
PARTS = {
    "owner": part_of("catalog.owner", "catalog.process-managers"),
    "worker-1": part_of("catalog.syncs"),
    "worker-2": part_of("catalog.syncs"),
    "read-model": part_of("catalog.projections", "catalog.queries"),
}
IN_PEACE = {
    "catalog": part_of(
        *("catalog.owner", "catalog.process-managers", "catalog.projections", "catalog.queries"),
        "catalog.syncs",
    )
}
"""What is not killed needs no process of its own for each part."""

VICTIMS: Mapping[str, tuple[str, ...]] = {
    NATS: (NATS,),
    "owner": ("owner",),
    "workers": ("worker-1", "worker-2"),
    "read-model": ("read-model",),
    POSTGRES: (POSTGRES,),
    CONNECTIONS: (),
    "catalog": tuple(PARTS),
}
"""What is killed at once; of the connections to PostgreSQL, all are ended from its side."""

ANSWERS = dict.fromkeys(SYNCS, (1, 2)) | {Partner.SETLISTFM: (2, 5)}
"""So often a partner has answered when it strikes: of setlist.fm, a page at least is then done."""

STRIKE_SECONDS = (0.0, 0.6)
SYNC_SECONDS_MAX = 300.0
LOOK_SECONDS = 0.1
REPEATS_MAX = 5
_ENDED = frozenset({SyncStatus.FINISHED, SyncStatus.FAILED})


@dataclass
class SyncsOutcome:
    """What rounds came to. `violations` are broken promises, in words.

    runs        begun by a worker
    continued   of them, begun where another worker had come to
    repeated    syncs asked for once more, since a run failed or left something out
    events      of records, in the log
    seconds     that the syncs of a round took, by what was killed in it
    """

    rounds: int = 0
    runs: int = 0
    continued: int = 0
    repeated: int = 0
    pages: int = 0
    faults: int = 0
    events: int = 0
    seconds: dict[str, list[float]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """All of it; of the seconds, the median and the greatest."""
        return {**asdict(self), "seconds": figures(self.seconds)}


@dataclass
class _Catalog:
    """One that is synced, and the partners it asks."""

    house: House
    bus: Bus
    world: Sandbox
    day: date
    repeated: int = 0

    async def sync(self, partner: Partner) -> None:
        """Ask a partner until it has been read whole. raises   AssertionError, TimeoutError"""
        stands: dict[str, Any] = {}
        for _ in range(REPEATS_MAX):
            stands = await self._run(SYNCS[partner])
            if stands["status"] == SyncStatus.FINISHED and not stands["refused"]:
                return
            self.repeated += 1
        raise AssertionError(f"it does not come to its end: {stands}")

    async def _run(self, sync_id: SyncId) -> dict[str, Any]:
        started = await insist(self.bus, "catalog.start-sync", {"sync_id": sync_id}, CALLER)
        async with asyncio.timeout(SYNC_SECONDS_MAX):
            while True:
                stands = await insist_on_asking(
                    self.bus, "catalog.get-sync", {"sync_id": sync_id}, CALLER, started["position"]
                )
                if SyncStatus(stands["status"]) in _ENDED:
                    return stands
                await asyncio.sleep(LOOK_SECONDS)

    async def commits(self) -> list[RecordedCommit]:
        """All of its log, once the rows of records are as it says."""
        commits = await self.house.recorded("catalog")
        end = commits[-1].position
        await insist_on_asking(self.bus, "catalog.list-artists", {}, CALLER, end)
        return commits


async def run_rounds(
    directory: Path, rounds: int, seed: int, victims: tuple[str, ...] = tuple(VICTIMS)
) -> SyncsOutcome:
    """Kill something in each round while partners are asked; then do the same rounds in peace."""
    contracts.load()
    chance = random.Random(seed)
    outcome = SyncsOutcome(rounds)
    day = datetime.now(UTC).date() + timedelta(days=1)  # So that no show begins meanwhile.
    async with _catalog(directory / "struck", day, PARTS) as catalog:
        for number in range(rounds):
            victim = victims[number % len(victims)]
            began_at = asyncio.get_running_loop().time()
            await _round(catalog, number, victim, chance)
            took = asyncio.get_running_loop().time() - began_at
            outcome.seconds.setdefault(victim, []).append(took)
        struck = await catalog.commits()
        struck_tables = await laws.tables_of(catalog.house)
        outcome.repeated = catalog.repeated
        outcome.faults = sum(each["fault"] is not None for each in catalog.world.requests)
    async with _catalog(directory / "in-peace", day, IN_PEACE) as catalog:
        for number in range(rounds):
            tell_more(catalog.world, number, day)
            for partner in SYNCS:
                await catalog.sync(partner)
        peaceful = await catalog.commits()
        peaceful_tables = await laws.tables_of(catalog.house)
        if catalog.repeated:
            outcome.violations.append("a sync had to be repeated though nothing had happened to it")
    _hold(outcome, struck, peaceful)
    outcome.violations += laws.differences("table", struck_tables, peaceful_tables)
    return outcome


async def _round(catalog: _Catalog, number: int, victim: str, chance: random.Random) -> None:
    tell_more(catalog.world, number, catalog.day)
    # Every other time the partner whose pages are many, so that some are done when it strikes.
    partner = Partner.SETLISTFM if number % 2 == 0 else chance.choice(tuple(SYNCS))
    fail(catalog.world, partner, chance)
    is_over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_strike(catalog, partner, victim, chance, is_over))
        for each in SYNCS:
            await catalog.sync(each)
            if each is partner:
                is_over.set()
    catalog.world.faults.clear()
    await catalog.house.until_ready()


async def _strike(
    catalog: _Catalog,
    partner: Partner,
    victim: str,
    chance: random.Random,
    is_over: asyncio.Event,
) -> None:
    """Kill, when this partner has answered a few times, or has told everything before that."""
    answers = _answered(catalog.world, partner) + chance.randint(*ANSWERS[partner])

    def is_time() -> bool:
        return is_over.is_set() or _answered(catalog.world, partner) >= answers

    await eventually(is_time, timeout_seconds=SYNC_SECONDS_MAX)
    await asyncio.sleep(chance.uniform(*STRIKE_SECONDS))
    if victim == CONNECTIONS:
        await catalog.house.cut_connections()
    catalog.house.kill(*VICTIMS[victim])


def _answered(world: Sandbox, partner: Partner) -> int:
    """How often a partner has answered as it should."""
    return sum(
        each["partner"] == partner and each["fault"] in {None, Fault.SLOW.value}
        for each in world.requests
    )


@asynccontextmanager
async def _catalog(
    directory: Path, day: date, parts: Mapping[str, Part]
) -> AsyncIterator[_Catalog]:
    """A catalog with nothing in it, and partners of its own, during the block."""
    directory.mkdir(parents=True)  # noqa: ASYNC240  # Before anything runs.
    async with running_partners(day) as (url, world):
        environment = {
            "BACKLINE_CATALOG_SANDBOX_URL": url,
            "BACKLINE_CATALOG_PARTNER_RETRY_SECONDS": "0.1",
            "BACKLINE_CATALOG_PARTNER_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
            "BACKLINE_CATALOG_SETLISTFM_REQUESTS_PER_DAY": "100000",
            "BACKLINE_CATALOG_TICKETMASTER_REQUESTS_PER_DAY": "100000",
        }
        async with running_house(directory, parts, environment) as house:
            client = await house.nats.connect("catalog", **RECONNECTING)
            try:
                yield _Catalog(house, Bus(client), world, day)
            finally:
                await client.close()


def _hold(
    outcome: SyncsOutcome, struck: list[RecordedCommit], peaceful: list[RecordedCommit]
) -> None:
    runs = laws.runs_of(struck)
    outcome.runs, outcome.continued, outcome.pages = runs.begun, runs.continued, runs.pages
    ours = laws.streams_of(struck)
    outcome.events = sum(stream.total() for stream in ours.values())
    outcome.violations += runs.violations
    outcome.violations += laws.runs_of(peaceful).violations
    outcome.violations += laws.differences("stream", ours, laws.streams_of(peaceful))
