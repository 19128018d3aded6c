"""One attempt at a run: begun when the scheduler says so, watched over, and reported."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final

import stamina
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from libs.bus import Bus
from libs.jobs.context import JobContext
from libs.jobs.held import Key
from libs.jobs.job import Job, Policy
from libs.kernel.clock import Clock
from libs.kernel.errors import BacklineError, RemoteProblem, Unavailable
from libs.kernel.ids import derive_id, new_id
from libs.kernel.messages import service_caller
from libs.telemetry import edge_span, inject, metrics

STOP_SECONDS: Final = 10.0
"""So long may a job take to end when it is told to."""
HAND_BACK_SECONDS: Final = 3.0
REPORT_SECONDS: Final = 2.0
UNKNOWN_RETRY_SECONDS: Final = 30.0
DETAIL_LENGTH_MAX: Final = 2000
CODE_LENGTH_MAX: Final = 200

_UNKNOWN = Policy()
_ANSWERS_NO: Final = frozenset({"rejected", "not-found", "forbidden"})
_CREDENTIALS: Final = re.compile(r"(?<=://)[^/@\s]+@")
_ARGUMENTS: Final = re.compile(r"""(://[^\s?'"<>]*\?)[^\s'"<>)]*""")
_ATTEMPT_IS_OVER: Final = frozenset({"scheduler.attempt-is-over", "scheduler.run-not-found"})

logger = logging.getLogger(__name__)


class Scheduler:
    """The scheduler, as a worker speaks to it: again and again until it answers."""

    def __init__(self, bus: Bus, service: str) -> None:
        self._bus = bus
        self._caller = service_caller(service)

    async def send(
        self, name: str, args: dict[str, Any], *, command_id: str | None = None
    ) -> dict[str, Any]:
        """Send a command, for as long as it takes to get an answer. raises   RemoteProblem"""
        try:
            return await self.send_once(name, args, command_id=command_id)
        except BacklineError as error:
            if not _is_passing(error):
                raise
        async for attempt in stamina.retry_context(
            on=_is_passing, attempts=None, timeout=None, wait_initial=0.1, wait_max=2.0
        ):
            with attempt:
                return await self.send_once(name, args, command_id=command_id)
        raise AssertionError("stamina retries for ever")

    async def send_once(
        self, name: str, args: dict[str, Any], *, command_id: str | None = None
    ) -> dict[str, Any]:
        """Send a command. raises   RemoteProblem; Unavailable"""
        return await self._bus.send_raw(
            f"scheduler.{name}",
            args,
            caller=self._caller,
            command_id=command_id,
            traceparent=inject(),
        )

    async def ask(self, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """Ask a query. raises   RemoteProblem; Unavailable"""
        return (await self._bus.ask_raw(f"scheduler.{name}", args, caller=self._caller)).result


def _is_passing(error: Exception) -> bool:
    if isinstance(error, RemoteProblem):
        return error.document.get("kind") in {"unavailable", "rate-limited", "conflict"}
    return isinstance(error, Unavailable)


class Attempt:
    """One attempt at a run, in this worker."""

    def __init__(
        self,
        key: Key,
        job_name: str,
        *,
        job: Job[Any] | None,
        service: str,
        worker: str,
        bus: Bus,
        clock: Clock,
    ) -> None:
        """`job` is None when we have none of its name."""
        self.run_id, self.number = key
        self.is_begun = False
        self._job_name = job_name
        self._job = job
        self._policy = _UNKNOWN if job is None else job.policy
        self._service = service
        self._worker = worker
        self._bus = bus
        self._scheduler = Scheduler(bus, service)
        self._clock = clock
        self._work: asyncio.Task[None] | None = None
        self._is_stopped = False
        self._reported_at = float("-inf")

    async def begin(self, trace: str) -> dict[str, Any] | None:
        """Ask whether it may begin. None when not; then it is none of our business.

        raises   RemoteProblem when the scheduler itself is broken
        """
        args = {
            **self._mine,
            "worker": self._worker,
            "attempts_max": self._policy.attempts_max,
            "timeout_seconds": self._policy.timeout_seconds,
            "trace": inject() or trace,
        }
        try:
            # Not by a derived id, whose answer would be remembered: what was handed out again
            # after it has ended is to be refused.
            started = await self._scheduler.send("start-run", args, command_id=new_id())
        except RemoteProblem as refusal:
            if refusal.document.get("kind") not in _ANSWERS_NO:
                raise
            logger.info("A run is not ours to begin.", extra={"code": refusal.document.get("code")})
            return None
        self.is_begun = True
        return started

    async def go(self, started: Mapping[str, Any], trace: str) -> None:
        """Do the work and say how it went. When cancelled, the run is handed back."""
        due_at = datetime.fromisoformat(started["due_at"])
        if self.number == 1:
            late = (self._clock() - due_at).total_seconds()
            metrics.JOB_LATENESS_SECONDS.labels(self._service, self._job_name).observe(late)
        with edge_span(f"run {self._job_name}", parent=trace or None, kind=SpanKind.CONSUMER):
            try:
                outcome = await self._do(started)
            except asyncio.CancelledError:
                await self._hand_back()
                raise
        metrics.JOB_ATTEMPTS.labels(self._service, self._job_name, outcome).inc()

    def stop(self) -> None:
        """End it: it is not to go on."""
        self._is_stopped = True
        if self._work is not None:
            self._work.cancel()

    async def check(self) -> None:
        """Ask whether it is to go on; stop it if not. While nobody answers it goes on."""
        with suppress(Unavailable):
            try:
                orders = await self._scheduler.send_once("check-run", self._mine)
            except RemoteProblem as problem:
                if not _is_passing(problem):
                    self.stop()
                return
            if not orders["goes_on"]:
                self.stop()

    # ------------------------------------------------------------------ working

    async def _do(self, started: Mapping[str, Any]) -> str:
        if self._job is None:
            detail = f"no worker of {self._service} that was asked has this job"
            return await self._fail("job-unknown", detail, UNKNOWN_RETRY_SECONDS)
        try:
            arguments = self._job.read(started["arguments"])
        except ValidationError as error:
            detail = "; ".join(f"{_place(each['loc'])}: {each['msg']}" for each in error.errors())
            return await self._fail("arguments-invalid", detail, None)
        limit = asyncio.timeout(self._policy.timeout_seconds)
        try:
            async with limit, self._working(self._job, arguments, started) as work:
                await asyncio.shield(work)
        except TimeoutError as error:
            if limit.expired():
                detail = f"not done after {self._policy.timeout_seconds:g} s"
                return await self._fail("timed-out", detail, self._pause_seconds)
            return await self._on_error(error)
        except asyncio.CancelledError:
            if not self._is_stopped:
                raise  # The worker itself is to end.
            return await self._say("stop-run", {}, "cancelled")
        except Exception as error:  # noqa: BLE001  # Whatever a job raises is reported.
            return await self._on_error(error)
        return await self._say("succeed-run", {}, "succeeded")

    @asynccontextmanager
    async def _working(
        self, job: Job[Any], arguments: Any, started: Mapping[str, Any]
    ) -> AsyncIterator[asyncio.Task[None]]:
        """The job's function as a task, which has ended when the block is left."""
        context = JobContext(
            run_id=self.run_id,
            schedule_id=started["schedule_id"],
            occurrence=datetime.fromisoformat(started["occurrence"]),
            attempt=self.number,
            bus=self._bus,
            service=self._service,
            reporter=self._report,
        )
        work = self._work = asyncio.ensure_future(job.run(arguments, context))
        try:
            if self._is_stopped:
                work.cancel()
            yield work
        finally:
            self._work = None
            if not work.done():
                await self._end(work)

    async def _end(self, work: "asyncio.Future[None]") -> None:
        work.cancel()
        await asyncio.wait({work}, timeout=STOP_SECONDS)
        if not work.done():
            logger.error("A job does not end when told to.", extra={"job": self._job_name})
        elif not work.cancelled() and work.exception() is not None:
            error = work.exception()
            logger.warning("A job ended badly.", extra={"job": self._job_name}, exc_info=error)

    async def _report(self, done: int, total: int | None, note: str) -> None:
        now = asyncio.get_running_loop().time()
        if done != total and now - self._reported_at < REPORT_SECONDS:
            return
        self._reported_at = now
        progress = {"done": done, "total": total, "note": note[:300]}
        with suppress(Unavailable):  # It is only news; the next one will do.
            try:
                orders = await self._scheduler.send_once(
                    "report-progress", {**self._mine, "progress": progress}
                )
            except RemoteProblem as problem:
                if not _is_passing(problem):
                    self.stop()
                return
            if not orders["goes_on"]:
                self.stop()

    async def _on_error(self, error: Exception) -> str:
        logger.warning("An attempt at a job failed.", extra={"job": self._job_name}, exc_info=error)
        is_final = self._policy.is_final(error)
        return await self._fail(
            _code_of(error), str(error), None if is_final else self._pause_seconds
        )

    # ------------------------------------------------------------------ reporting

    @property
    def _mine(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "attempt": self.number}

    @property
    def _pause_seconds(self) -> float:
        return self._policy.pause_seconds(self.run_id, self.number)

    async def _fail(self, code: str, detail: str, retry_after_seconds: float | None) -> str:
        failure = {"code": code[:CODE_LENGTH_MAX], "detail": printable(detail)}
        args = {"failure": failure, "retry_after_seconds": retry_after_seconds}
        return await self._say("fail-run", args, "failed")

    async def _say(self, name: str, args: dict[str, Any], outcome: str) -> str:
        command_id = derive_id(name, self.run_id, str(self.number), self._worker)
        try:
            await self._scheduler.send(name, {**self._mine, **args}, command_id=command_id)
        except RemoteProblem as refusal:
            if refusal.document.get("code") in _ATTEMPT_IS_OVER:
                logger.warning("A run went on elsewhere.", extra={"job": self._job_name})
                return "superseded"
            # A bug. The scheduler ends the attempt when its time is over.
            logger.exception("The end of a run is refused.", extra={"job": self._job_name})
            return "refused"
        return outcome

    async def _hand_back(self) -> None:
        """Let the run go on elsewhere at once, since this worker is to end."""
        failure = {"code": "handed-back", "detail": "its worker was told to end"}
        args = {"failure": failure, "retry_after_seconds": 0, "is_lost": True}
        try:
            async with asyncio.timeout(HAND_BACK_SECONDS):
                await self._say("fail-run", args, "handed-back")
        except TimeoutError:
            logger.warning("A run could not be handed back.", extra={"job": self._job_name})


def _code_of(error: Exception) -> str:
    return (
        str(error.problem()["code"]) if isinstance(error, BacklineError) else type(error).__name__
    )


def printable(detail: str) -> str:
    """As a JSON message and PostgreSQL can hold it, and without what addresses may hold that is
    nobody's business: passwords, and everything behind a question mark.
    """
    text = detail.encode(errors="replace").decode().replace("\x00", "")
    return _ARGUMENTS.sub(r"\1…", _CREDENTIALS.sub("…@", text))[:DETAIL_LENGTH_MAX]


def _place(path: tuple[int | str, ...]) -> str:
    return ".".join(map(str, path)) or "arguments"
