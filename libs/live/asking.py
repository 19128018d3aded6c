"""Asks a live query's question again when its answer may be stale, and no more often than it pays.

One question is under way at a time. What becomes stale meanwhile is asked about when it is back,
unless its answer turns out to be new enough. While nobody can answer, those who have a result keep
it, and we try again, ever more slowly.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from libs.bus import Answer
from libs.kernel.errors import (
    BacklineError,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    Rejected,
    Unauthenticated,
)
from libs.kernel.messages import Caller
from libs.live.patch import Json
from libs.live.query import LiveQuery, Spawn

logger = logging.getLogger(__name__)

PUSH_GRACE_SECONDS = 0.3
"""How long a notice about a hot query waits for the push that makes asking needless."""

SPACING_SECONDS = 0.1
RETRY_FIRST_SECONDS = 0.25
RETRY_MOST_SECONDS = 5.0
_ANY_EPOCH = ""
_FINAL = {each.kind for each in (Forbidden, Invalid, NotFound, Rejected, Unauthenticated)}


class Respondent(Protocol):
    """Who answers questions: the bus, or a part of this very process."""

    async def ask_raw(
        self, name: str, args: dict[str, Json], *, caller: Caller, after: int | None = None
    ) -> Answer:
        """As `libs.bus.Bus.ask_raw`."""
        ...


class Asker:
    """The asking side of one live query."""

    def __init__(
        self,
        query: LiveQuery,
        respondent: Respondent,
        *,
        prepare: Callable[[], Awaitable[None]],
        turns: asyncio.Semaphore,
        spawn: Spawn,
    ) -> None:
        """Nothing is asked before `mark` or `ask`.

        prepare  done once before the first question
        turns    limits how many questions are under way in this process
        """
        self._query = query
        self._respondent = respondent
        self._prepare: Callable[[], Awaitable[None]] | None = prepare
        self._turns = turns
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self._due: dict[str, int] = {}  # epoch -> the position that an answer of it must reach
        self._cause: str | None = None
        self._is_running = False
        self._is_closed = False
        self._not_before = 0.0

    @property
    def is_due(self) -> bool:
        """Whether the answer there is may be stale."""
        for epoch, position in list(self._due.items()):
            if self._has(epoch, position):
                del self._due[epoch]
        return bool(self._due)

    def mark(self, epoch: str = _ANY_EPOCH, position: int = 0, cause: str | None = None) -> bool:
        """The answer may be stale, unless it has reached this position of this epoch.

        cause    the traceparent of what made it stale
        returns  whether it may be stale
        """
        if self._has(epoch, position):
            return False
        self._due[epoch] = max(self._due.get(epoch, 0), position)
        self._cause = self._cause or cause
        return True

    def ask(self, *, grace_seconds: float = 0.0) -> None:
        """Ask if an answer is missing, stale or too old for someone, and nobody is asking already.

        grace_seconds  time for an answer to arrive by itself
        """
        if not self._is_running and not self._is_closed:
            self._is_running = True
            self._spawn(self._run(grace_seconds))

    def close(self) -> None:
        """Ask no more."""
        self._is_closed = True

    # ------------------------------------------------------------------------------ asking

    async def _run(self, grace_seconds: float) -> None:
        try:
            if self._prepare is not None:
                await self._prepare()
                self._prepare = None
            if grace_seconds:
                await asyncio.sleep(grace_seconds)
            await self._ask_until_known()
        except Exception:
            logger.exception("Asking failed.", extra={"query": self._query.question.spec.name})
            self._give_up(BacklineError().problem())
        finally:
            self._is_running = False

    async def _ask_until_known(self) -> None:
        failures = 0
        late: Problem | None = None  # Why there was no answer after the position we need.
        while self._needs_answer():
            await asyncio.sleep(max(0.0, self._not_before - self._loop.time()))
            self._not_before = self._loop.time() + SPACING_SECONDS
            after = self._position_needed() if late is None else None
            try:
                await self._ask_once(after)
            except BacklineError as error:
                problem = error.problem()
                if problem["kind"] in _FINAL:
                    self._give_up(problem)
                    return
                if after is not None:
                    # Its log may be no more. Whoever answers at all knows the present one.
                    late = problem
                    continue
                self._query.refuse_waiting(late or problem)
                await asyncio.sleep(self._pause(failures))
                failures += 1
            else:
                if late is not None:
                    self._query.refuse_waiting(late)
                failures, late = 0, None

    def _needs_answer(self) -> bool:
        query = self._query
        if self._is_closed or not query.watchers:
            return False
        if query.answer is None or self.is_due or query.wanted > query.answer.position:
            return True
        self._cause = None
        return False

    def _position_needed(self) -> int | None:
        """What the answer must have reached, as far as that is known in the epoch we know."""
        answer = self._query.answer
        due = 0 if answer is None else self._due.get(answer.epoch, 0)
        return max(due, self._query.wanted) or None

    async def _ask_once(self, after: int | None) -> None:
        query, question = self._query, self._query.question
        asked, self._due = self._due, {}
        cause, self._cause = self._cause, None
        try:
            async with self._turns:
                answer = await self._respondent.ask_raw(
                    question.spec.name, question.args, caller=question.caller, after=after
                )
        except BaseException:
            self._due = {**asked, **self._due}
            raise
        query.observe(answer, cause)
        query.admit_waiting()
        if answer.epoch in asked:  # Another log's positions say nothing about this answer.
            self.mark(answer.epoch, asked[answer.epoch])

    def _give_up(self, problem: Problem) -> None:
        self.mark()
        self._query.end(problem)

    def _has(self, epoch: str, position: int) -> bool:
        answer = self._query.answer
        return answer is not None and answer.epoch == epoch and position <= answer.position

    def _pause(self, failures: int) -> float:
        """Longer each time, and different for each question, so that they do not come as one."""
        most = min(RETRY_MOST_SECONDS, RETRY_FIRST_SECONDS * (1 << min(failures, 10)))
        return most * (0.5 + self._query.question.hash[failures % 12] / 512)
