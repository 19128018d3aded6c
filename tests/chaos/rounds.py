"""The run: an installation, its load, its audience, and round after round of faults."""

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from contracts.voting_views import GetTally
from libs.bus import Bus
from libs.chassis.tokens import Signer
from libs.eventlog import JetStreamLog
from libs.kernel.errors import BacklineError
from libs.kernel.ids import new_id
from libs.kernel.messages import NOBODY
from tests.chaos import readmodels
from tests.chaos.audience import Audience
from tests.chaos.audit import Counts, LogAudit
from tests.chaos.ballots import open_ballots
from tests.chaos.doors import PASSING, doors_of
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.ledger import Ledger
from tests.chaos.stack import EVERYTHING, ChaosStack, running_stack
from tests.chaos.voters import Voters

SHOWS = 12
SONGS = 12
RATE = 200.0
BEFORE_SECONDS = (0.5, 1.5)
AFTER_SECONDS = 1.0
RECOVERY_SECONDS_MAX = 60.0
FRESH_SECONDS_MAX = 20.0
REBUILD_EVERY_ROUNDS = 10
LOOK_SECONDS = 0.02

ENVIRONMENT: Mapping[str, str] = {
    # Small, so that owners often begin from a snapshot.
    "BACKLINE_VOTING_SNAPSHOT_EVENTS_MIN": "200",
    "BACKLINE_LOG_LEVEL": "info",
}


@dataclass(slots=True)
class Round:
    """What became of one fault.

    recovery_seconds   from the fault until, on every show, a vote sent after it was acknowledged
                       (from its end, for those that end by themselves)
    viewers_seconds    from the fault until such a vote was on every screen; None without viewers
    acknowledged       votes, in this round
    violations         broken promises, in words
    """

    fault: Fault
    recovery_seconds: float | None = None
    viewers_seconds: float | None = None
    acknowledged: int = 0
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    faults      one for each round, in this order
    processes   of the installation
    rate        new voters a second
    """

    faults: Sequence[Fault]
    seed: int
    processes: Mapping[str, Sequence[str]]
    rate: float = RATE


@dataclass(slots=True)
class Outcome:
    """What became of all of it."""

    rounds: list[Round] = field(default_factory=list)
    acknowledged: int = 0
    repeated: int = 0
    retried: int = 0
    reconnects: int = 0
    resumed: int = 0
    seen_own: int = 0
    rebuilds_compared: int = 0

    @property
    def violations(self) -> list[str]:
        return [each for round_ in self.rounds for each in round_.violations]


def plan_of(
    rounds: int,
    seed: int,
    names: Sequence[str] = (),
    processes: Mapping[str, Sequence[str]] = EVERYTHING,
    rate: float = RATE,
) -> Plan:
    """Every fault as often as the others, in an order that the seed decides."""
    chance = random.Random(seed)
    pool = [FAULTS[name] for name in names or FAULTS]
    faults: list[Fault] = []
    while len(faults) < rounds:
        faults += chance.sample(pool, len(pool))
    return Plan(faults[:rounds], seed, processes, rate)


async def run(
    plan: Plan,
    *,
    directory: Path | None = None,
    on_round: Callable[[Round], None] | None = None,
) -> Outcome:
    """Run a plan to its end, or until something is so broken that no round can be judged.

    directory   of the installation, kept; a temporary one when None
    on_round    told after each round
    """
    async with AsyncExitStack() as stack:
        if directory is None:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="backline-chaos-"))
            directory = Path(name)
        installation = await stack.enter_async_context(
            running_stack(directory, plan.processes, ENVIRONMENT)
        )
        campaign = await stack.enter_async_context(_campaign(installation, plan))
        for number, fault in enumerate(plan.faults):
            is_last = number + 1 == len(plan.faults)
            rebuild = is_last or number % REBUILD_EVERY_ROUNDS == REBUILD_EVERY_ROUNDS - 1
            this = await campaign.round(fault, rebuild=rebuild)
            if on_round is not None:
                on_round(this)
        return campaign.outcome
    raise AssertionError("a stack of contexts swallows nothing")


@asynccontextmanager
async def _campaign(stack: ChaosStack, plan: Plan) -> AsyncIterator["Campaign"]:
    chance = random.Random(plan.seed)
    shows = [new_id("shw_") for _ in range(SHOWS)]
    songs = [f"song_{number}" for number in range(SONGS)]
    signer = Signer.from_secret((stack.credentials.directory / "auth.signing").read_text())
    bus = Bus(await stack.connect("gateway"))
    auditor = await stack.connect("voting")
    try:
        await open_ballots(bus, shows, songs)
        async with doors_of(stack.gateways, bus, chance, signer) as doors:
            ledger = Ledger()
            voters = Voters(doors, ledger, shows=shows, songs=songs, rate=plan.rate, chance=chance)
            audience = Audience(
                stack.gateways, doors, ledger, shows=shows, songs=songs, chance=chance
            )
            log = await JetStreamLog.open(auditor, "voting")
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(each.run()) for each in (voters, audience)]
                yield Campaign(stack, bus, log, LogAudit(auditor), ledger, voters, audience, chance)
                for task in running:
                    task.cancel()
    finally:
        await bus.connection.close()
        await auditor.close()


class Campaign:
    """Round after round on one installation."""

    def __init__(
        self,
        stack: ChaosStack,
        bus: Bus,
        log: JetStreamLog,
        audit: LogAudit,
        ledger: Ledger,
        voters: Voters,
        audience: Audience,
        chance: random.Random,
    ) -> None:
        self.outcome = Outcome()
        self._stack = stack
        self._bus = bus
        self._log = log
        self._audit = audit
        self._ledger = ledger
        self._voters = voters
        self._audience = audience
        self._chance = chance
        self._known: set[str] = set()

    async def round(self, fault: Fault, *, rebuild: bool) -> Round:
        """Let one fault strike under load, and hold everything that was promised against the truth.

        rebuild   compare the read models with a rebuild from nothing, too
        """
        this = Round(fault)
        before = len(self._ledger.votes)
        self._voters.go()
        self._audience.go()
        await asyncio.sleep(self._chance.uniform(*BEFORE_SECONDS))
        try:
            await self._strike(this)
            await self._rest()
            await self._judge(this, rebuild=rebuild)
        except TimeoutError as error:
            this.violations.append(f"not over in time: {error}")
        this.violations += self._news(self._ledger.violations)
        this.acknowledged = len(self._ledger.votes) - before
        self._note(this)
        return this

    # ------------------------------------------------------------------ the fault

    async def _strike(self, this: Round) -> None:
        struck_at = time.monotonic()
        undo = await this.fault.strike(self._stack, self._chance)
        if this.fault.has_ended:
            struck_at = time.monotonic()
        try:
            this.recovery_seconds = await self._until(
                lambda: self._seconds_until_written(struck_at), "votes do not flow again"
            )
        finally:
            await undo()
        await asyncio.sleep(AFTER_SECONDS)
        if self._audience.viewers:
            this.viewers_seconds = await self._until(
                lambda: self._seconds_until_seen(struck_at), "viewers do not see votes again"
            )

    async def _until(self, seconds: Callable[[], float | None], otherwise: str) -> float:
        deadline = time.monotonic() + RECOVERY_SECONDS_MAX
        while (found := seconds()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(otherwise)
            await asyncio.sleep(LOOK_SECONDS)
        return found

    def _seconds_until_written(self, moment: float) -> float | None:
        firsts = self._ledger.first_after(moment)
        if len(firsts) < SHOWS:
            return None
        return max(first.at for first in firsts.values()) - moment

    def _seconds_until_seen(self, moment: float) -> float | None:
        return self._audience.seconds_until_seen(moment, self._ledger.first_after(moment))

    # ------------------------------------------------------------------ the verdict

    async def _rest(self) -> None:
        await self._voters.rest()
        await self._audience.rest()
        await self._stack.until_ready()

    async def _judge(self, this: Round, *, rebuild: bool) -> None:
        await self._audit.read_on()
        this.violations += self._news(self._audit.violations(self._ledger.votes.values()))
        if self._audience.viewers:
            fresh = {show_id: await self._fresh(show_id) for show_id in self._audit.shows}
            this.violations += [
                f"the tally of {show_id} is {counts}, the log has {logged}"
                for show_id, counts in fresh.items()
                if counts != (logged := self._audit.shows[show_id].counts[-1])
            ]
            this.violations += await self._audience.converge(fresh)
            this.violations += self._audience.violations(self._audit)
        if rebuild and "projections" in self._stack.named("projections"):
            this.violations += await readmodels.differences(self._stack, self._log)
            self.outcome.rebuilds_compared += 1

    async def _fresh(self, show_id: str) -> Counts:
        """The tally as a query answers it now, at the end of the log."""

        async def ask() -> Counts:
            answer = await self._bus.ask(
                GetTally(show_id=show_id), caller=NOBODY, after=self._audit.position
            )
            counts: Counts = answer.result["counts"]
            return {song_id: votes for song_id, votes in counts.items() if votes}

        return await _insist(ask)

    def _news(self, violations: Sequence[str]) -> list[str]:
        """Those that were not told before."""
        news = [each for each in violations if each not in self._known]
        self._known.update(news)
        return news

    def _note(self, this: Round) -> None:
        self.outcome.rounds.append(this)
        self.outcome.acknowledged = len(self._ledger.votes)
        self.outcome.repeated = self._ledger.repeated
        self.outcome.retried = self._ledger.retried
        self.outcome.reconnects = self._audience.reconnects
        self.outcome.resumed = self._audience.resumed
        self.outcome.seen_own = self._audience.seen_own


async def _insist[T](ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until it is answered, while what was taken away is made again. raises   TimeoutError"""
    async with asyncio.timeout(FRESH_SECONDS_MAX):
        while True:
            try:
                return await ask()
            except BacklineError as error:
                if error.problem()["kind"] not in PASSING:
                    raise
            await asyncio.sleep(LOOK_SECONDS)
