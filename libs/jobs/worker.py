"""A worker: does the jobs of its service that fall due, and sees to those whose worker has died.

All workers of a service share its work, and know of each other by their membership: a key that
each renews, and that is gone two seconds after its worker is. One of them, chosen as the owners of
slots are, looks whose attempts belong to nobody alive, and lets those runs go on.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import orjson
from nats.aio.client import Client

from libs.bus import Bus
from libs.eventlog.agenda import PAGE_PIECES_MAX
from libs.eventlog.membership import Membership
from libs.eventlog.work import Piece, WorkQueue
from libs.jobs.attempts import Attempt, Scheduler
from libs.jobs.held import HELD_MAX, Held, Key, Page, Task
from libs.jobs.job import Job
from libs.kernel.clock import Clock, system_clock
from libs.kernel.errors import RemoteProblem, Unavailable
from libs.kernel.ids import derive_id, new_id
from libs.kernel.messages import Command, registry
from libs.kernel.slots import owner_of, slot_of
from libs.telemetry import metrics

GIVER: Final = "scheduler"
ATTEMPTS_AT_ONCE_MAX: Final = 32
CHECK_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 1.0
GONE_SECONDS: Final = 4.0
"""Who is not seen for so long is dead. Longer than a membership lasts: after an outage of NATS
everybody comes back at a moment of their own.
"""
PAUSE_SECONDS: Final = 0.25
FAILURE_OF_THE_DEAD: Final = {"code": "worker-lost", "detail": "its worker has died"}

logger = logging.getLogger(__name__)


class Worker:
    """The jobs of one service, in one process."""

    def __init__(
        self,
        *,
        service: str,
        jobs: Sequence[Job[Any]],
        client: Client,
        clock: Clock = system_clock,
        standing: Sequence[Command[Any]] = (),
        attempts_max: int = ATTEMPTS_AT_ONCE_MAX,
        member: str | None = None,
    ) -> None:
        """The contracts of the scheduler must have been imported: commands are sent by the names
        that they register.

        standing      `PutSchedule` commands for schedules that there always are, sent at the start
        attempts_max  how many are under way at once at most
        """
        if f"{GIVER}.start-run" not in registry.commands:
            raise RuntimeError("a worker speaks the contracts of the scheduler: contracts.load()")
        strangers = [job.name for job in jobs if not job.name.startswith(f"{service}.")]
        if strangers or len({job.name for job in jobs}) != len(jobs):
            raise ValueError(f"not the names of {service}'s own jobs: {strangers or jobs}")
        self._service = service
        self._jobs = {job.name: job for job in jobs}
        self._bus = Bus(client)
        self._scheduler = Scheduler(self._bus, service)
        self._clock = clock
        self._standing = standing
        self._attempts_max = attempts_max
        self._member = member or new_id("w_")
        self._queue = WorkQueue(client, service, giver=GIVER)
        self._membership = Membership(client, f"{service}.jobs", self._member, self._on_members)
        self._members: frozenset[str] = frozenset()
        self._is_member = asyncio.Event()
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self._held = Held(clock, self._has_place)
        self._pages: list[Page] = []
        self._missed: dict[str, float] = {}
        self._running = metrics.JOBS_RUNNING.labels(service)

    @property
    def holds(self) -> int:
        """How many tasks it has ahead of their time, or has no place for."""
        return len(self._held)

    async def run(self, ready: Callable[[], None]) -> None:
        """Work until cancelled; then hand back what is under way.

        ready   called once work reaches us
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._membership.run())
            tasks.create_task(self._register())
            tasks.create_task(self._watch())
            tasks.create_task(self._see_to_the_dead())
            tasks.create_task(self._held.run(partial(self._begin, tasks)))
            await self._is_member.wait()
            while True:
                try:
                    await self._queue.read(ready, self._room, partial(self._take, tasks))
                except Unavailable as error:
                    logger.warning("Work has to be asked for anew.", extra={"detail": str(error)})
                await asyncio.sleep(PAUSE_SECONDS)

    async def _on_members(self, members: frozenset[str]) -> None:
        self._members = members
        self._missed.clear()
        if members:
            self._is_member.set()

    async def _register(self) -> None:
        """Say which jobs we have, once, and put the schedules that there always are."""
        jobs = [
            {
                "name": job.name,
                "summary": job.summary,
                "attempts_max": job.policy.attempts_max,
                "timeout_seconds": job.policy.timeout_seconds,
            }
            for job in self._jobs.values()
        ]
        await self._scheduler.send("register-jobs", {"service": self._service, "jobs": jobs})
        for command in self._standing:
            name = registry.command_of[type(command)].name.removeprefix(f"{GIVER}.")
            await self._scheduler.send(name, orjson.loads(orjson.dumps(command)))

    # ------------------------------------------------------------------ taking

    def _room(self) -> int:
        """How many pages we could take now, whether they are full and due or not."""
        places = self._attempts_max - len(self._attempts) - self._held.due
        return min(-(-places // PAGE_PIECES_MAX), (HELD_MAX - len(self._held)) // PAGE_PIECES_MAX)

    def _has_place(self) -> bool:
        return len(self._attempts) < self._attempts_max

    def _take(self, tasks: asyncio.TaskGroup, piece: Piece) -> None:
        page = Page(piece)
        self._pages.append(page)
        for task in page.tasks:
            attempt = self._attempts.get(task.key)
            if attempt is None:
                self._held.put(task)
            elif attempt.is_begun:
                tasks.create_task(page.settle())
            else:  # It takes us long, and has come again.
                page.leave()
        self._queue.wake()

    def _begin(self, tasks: asyncio.TaskGroup, task: Task) -> None:
        attempt = self._attempts[task.key] = Attempt(
            task.key,
            task.job,
            job=self._jobs.get(task.job),
            service=self._service,
            worker=self._member,
            bus=self._bus,
            clock=self._clock,
        )
        self._running.set(len(self._attempts))
        work = tasks.create_task(self._work(attempt, task))
        work.add_done_callback(lambda _: self._leave(task.key))

    def _leave(self, key: Key) -> None:
        del self._attempts[key]
        self._running.set(len(self._attempts))
        self._held.look()
        self._queue.wake()

    async def _work(self, attempt: Attempt, task: Task) -> None:
        try:
            started = await attempt.begin(task.trace)
        except RemoteProblem:
            task.page.leave()
            logger.exception("A run cannot be begun.", extra={"run_id": attempt.run_id})
            return
        await task.page.settle()
        if started is not None:
            await attempt.go(started, task.trace)

    # ------------------------------------------------------------------ watching over

    async def _watch(self) -> None:
        """Keep what was given to us, and ask of each attempt whether it is to go on."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            self._pages = [page for page in self._pages if page.is_open]
            for page in self._pages:
                await page.keep()
            under_way = [each for each in self._attempts.values() if each.is_begun]
            await asyncio.gather(*(attempt.check() for attempt in under_way))

    async def _see_to_the_dead(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if owner_of(slot_of(f"{self._service}.jobs"), self._members) != self._member:
                self._missed.clear()
                continue
            try:
                await self._let_lost_runs_go_on()
            except (Unavailable, RemoteProblem) as error:
                logger.warning("Lost runs cannot be looked for.", extra={"detail": str(error)})

    async def _let_lost_runs_go_on(self) -> None:
        found = await self._scheduler.ask("list-running-attempts", {"service": self._service})
        now = asyncio.get_running_loop().time()
        absent = {each["worker"] for each in found["attempts"]} - self._members
        self._missed = {worker: self._missed.get(worker, now) for worker in absent}
        dead = {worker for worker, since in self._missed.items() if now - since > GONE_SECONDS}
        for each in found["attempts"]:
            if each["worker"] in dead and self._membership.is_current:
                await self._give_up(each)

    async def _give_up(self, lost: dict[str, Any]) -> None:
        run_id, attempt = lost["run_id"], lost["attempt"]
        args = {
            "run_id": run_id,
            "attempt": attempt,
            "failure": FAILURE_OF_THE_DEAD,
            "retry_after_seconds": 0,
            "is_lost": True,
        }
        command_id = derive_id("lost", run_id, str(attempt))
        try:
            await self._scheduler.send_once("fail-run", args, command_id=command_id)
        except RemoteProblem as refusal:
            if refusal.document.get("kind") != "rejected":
                raise
            return  # It has ended after all.
        logger.warning("A run goes on whose worker has died.", extra={"job": lost["job"]})
