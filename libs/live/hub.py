"""All live queries of one gateway: one for each distinct question, however many watch it.

A hot query takes the results that its owner pushes. Every query is asked again when a notice says
that something it depends on has changed, and when notices may have been lost. For hot queries this
repairs a lost push.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from pydantic import ValidationError

from libs.bus import Answer
from libs.live.asking import PUSH_GRACE_SECONDS, Asker, Respondent
from libs.live.cursor import CursorSigner
from libs.live.errors import Full
from libs.live.limits import Limits
from libs.live.notices import Continuity, parse_notice
from libs.live.query import LiveQuery
from libs.live.question import Question
from libs.live.watcher import Watcher
from libs.telemetry.metrics import LIVE_INSTANCES

logger = logging.getLogger(__name__)

QUESTIONS_UNDER_WAY_MAX = 64

OnMessage = Callable[[str, bytes, str | None], None]
"""Takes a message: its subject, its payload, and its traceparent if it has one."""

StopListening = Callable[[], Coroutine[Any, Any, None]]


class Listen(Protocol):
    """Hears messages of core NATS."""

    async def __call__(self, subject: str, on_message: OnMessage) -> StopListening:
        """From now on, call for each message on the subject, until the returned is called."""
        ...


@dataclass(slots=True, eq=False)
class Watched:
    """A live query in the hub, and what keeps it true."""

    query: LiveQuery
    asker: Asker
    stop_listening: StopListening | None = None
    is_dropped: bool = False
    linger: asyncio.TimerHandle | None = None

    @property
    def is_hot(self) -> bool:
        return self.query.question.spec.hot is not None


class LiveHub:
    """Finds or makes the live query of a question, and keeps it for as long as it is watched."""

    def __init__(
        self, respondent: Respondent, listen: Listen, signer: CursorSigner, limits: Limits
    ) -> None:
        """Serves nobody before `run`."""
        self._respondent = respondent
        self._listen = listen
        self._signer = signer
        self._limits = limits
        self._live: dict[bytes, Watched] = {}
        self._by_key: dict[tuple[str, str], dict[Watched, None]] = {}
        self._respondents_here: dict[str, Respondent] = {}
        self._continuity = Continuity()
        self._turns = asyncio.Semaphore(QUESTIONS_UNDER_WAY_MAX)
        self._tasks: asyncio.TaskGroup | None = None
        self._context = copy_context()

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Keep everything true until cancelled. Calls `on_ready` once questions may be watched."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks, self._context = tasks, copy_context()
            stop_listening = await self._listen("chg.*.*", self._on_notice)
            try:
                on_ready()
                await asyncio.get_running_loop().create_future()
            finally:
                for watched in list(self._live.values()):
                    self._drop(watched)
                await stop_listening()

    def answer_here(self, service: str, respondent: Respondent) -> None:
        """A service within this process answers its queries, and says itself what is `stale`."""
        self._respondents_here[service] = respondent

    # ------------------------------------------------------------------------------ watching

    def watch(self, question: Question, watcher: Watcher, cursor: str | None) -> Watched:
        """Show a question's answer to a watcher from now on, resuming from a cursor if it is good.

        raises  Full when too many different questions are watched
        """
        watched = self._live.get(question.hash) or self._begin(question)
        if watched.linger is not None:
            watched.linger.cancel()
            watched.linger = None
        known = None if cursor is None else self._signer.read(cursor)
        if not watched.query.attach(watcher, known, when_asked_again=watched.asker.is_due):
            watched.asker.ask()
        return watched

    def stale(
        self, service: str, epoch: str, keys: Mapping[str, int], cause: str | None = None
    ) -> None:
        """What has one of these keys changed, last at the position given with it."""
        for key, position in keys.items():
            for watched in self._by_key.get((service, key), ()):
                if watched.asker.mark(epoch, position, cause) and watched.query.watchers:
                    watched.asker.ask(grace_seconds=PUSH_GRACE_SECONDS if watched.is_hot else 0.0)

    def doubt(self, service: str | None = None) -> None:
        """Changes of a service (or of any) may have gone unheard: ask its questions again."""
        for watched in list(self._live.values()):
            if service is None or watched.query.question.spec.service == service:
                watched.asker.mark()
                if watched.query.watchers:
                    watched.asker.ask()

    def watched(self) -> Iterable[tuple[Question, int]]:
        """Every question that somebody watches, and how many do."""
        for watched in self._live.values():
            if watched.query.watchers:
                yield watched.query.question, watched.query.watchers

    # ------------------------------------------------------------------------------ one live query

    def _begin(self, question: Question) -> Watched:
        if self._tasks is None or len(self._live) >= self._limits.queries_max:
            raise Full(retry_after_seconds=1)
        query = LiveQuery(
            question,
            self._signer,
            self._spawn,
            lambda: self._on_idle(watched),
            spacing_seconds=self._limits.spacing_seconds,
        )
        asker = Asker(
            query,
            self._respondents_here.get(question.spec.service, self._respondent),
            prepare=lambda: self._hear_pushes(watched),
            turns=self._turns,
            spawn=self._spawn,
        )
        watched = Watched(query, asker)
        self._live[question.hash] = watched
        for key in question.keys:
            self._by_key.setdefault((question.spec.service, key), {})[watched] = None
        LIVE_INSTANCES.set(len(self._live))
        return watched

    def _on_idle(self, watched: Watched) -> None:
        """Nobody watches it any more: keep it a moment for those who only turn the page."""
        if not watched.is_dropped:
            loop = asyncio.get_running_loop()
            watched.linger = loop.call_later(
                self._limits.linger_seconds, lambda: self._drop(watched)
            )

    def _drop(self, watched: Watched) -> None:
        question = watched.query.question
        watched.is_dropped = True
        if watched.linger is not None:
            watched.linger.cancel()
        watched.asker.close()
        watched.query.close()
        del self._live[question.hash]
        for key in question.keys:
            group = self._by_key[question.spec.service, key]
            group.pop(watched, None)
            if not group:
                del self._by_key[question.spec.service, key]
        if watched.stop_listening is not None:
            self._spawn(watched.stop_listening())
        LIVE_INSTANCES.set(len(self._live))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None
        # For the service that `run` runs for, whoever it was that came to watch.
        self._tasks.create_task(work, context=self._context.copy())

    # ------------------------------------------------------------------------------ what is heard

    async def _hear_pushes(self, watched: Watched) -> None:
        subject = watched.query.question.hot_subject
        if subject is None:
            return

        def on_push(_: str, payload: bytes, cause: str | None) -> None:
            self._on_push(watched, payload, cause)

        stop = await self._listen(subject, on_push)
        if watched.is_dropped:
            await stop()
        else:
            watched.stop_listening = stop

    def _on_push(self, watched: Watched, payload: bytes, cause: str | None) -> None:
        try:
            body = orjson.loads(payload)
            answer = Answer(body["position"], body["epoch"], body["result"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            logger.warning("A pushed result cannot be read.")
            return
        known = watched.query.answer
        if known is None or known.epoch == answer.epoch:
            watched.query.observe(answer, cause)
        else:
            # One of the two logs is no more. Who answers questions knows which.
            watched.asker.mark(answer.epoch, answer.position, cause)
            watched.asker.ask()

    def _on_notice(self, subject: str, payload: bytes, cause: str | None) -> None:
        service = subject.split(".", 2)[1]
        if service in self._respondents_here:
            return
        try:
            notice = parse_notice(payload)
        except ValidationError:
            logger.warning("A change notice cannot be read.", extra={"service": service})
            return
        if self._continuity.is_broken_by(subject, notice):
            self.doubt(service)
        self.stale(service, notice.epoch, notice.keys, cause)
