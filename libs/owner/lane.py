"""The lane: decides what has arrived, in order, and commits it in groups.

There is always at most one commit under way, and one open batch into which arriving commands are
decided meanwhile, on the state as it will be if that commit succeeds. When it fails, the states it
touched are thrown away, and what was decided on them, committed or open, is decided again on what
the log says. Nobody is answered before the commit their answer rests on is acknowledged.

source    docs/adr/0003-one-writer-per-slot.md, docs/adr/0004-a-commit-is-one-message.md
"""

import asyncio
import logging
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from nats.errors import Error as NatsError

from libs.bus.wire import OWNER_MOVED
from libs.eventlog.codec import timestamp
from libs.eventlog.model import Commit, EventLog
from libs.kernel.errors import BacklineError, Conflict, Rejected, Unavailable
from libs.kernel.messages import Event, registry
from libs.owner import tracing
from libs.owner.aggregates import Aggregates, AnyDecider, Live
from libs.owner.batch import Batch, Draft
from libs.owner.hot import HotResults
from libs.owner.inbox import Completer, Inbox, Pending, Request, Resolver, Route

logger = logging.getLogger(__name__)

BATCH_COMMANDS_MAX = 4000
BATCH_AGGREGATES_MAX = 1000
BATCH_BYTES_MAX = 2 * 1024 * 1024
EVENT_BYTES_ESTIMATED = 320
SINGLE_PUBLISHES_MAX = 8
PATIENCE_SECONDS = 8.0
ATTEMPTS_MAX = 6
PAUSE_AFTER_OUTAGE_SECONDS = 0.1


@dataclass(slots=True)
class LaneParts:
    """What a lane is made of."""

    service: str
    log: EventLog
    inbox: Inbox
    aggregates: Aggregates
    route_of: Mapping[type, Route]
    suspended: Container[str]
    hot: HotResults


class Lane:
    """Decides and commits for the slots it owns."""

    def __init__(self, parts: LaneParts) -> None:
        self._parts = parts
        self._inbox = parts.inbox
        self._aggregates = parts.aggregates
        self._source = f"/{parts.service}"
        self.owned: frozenset[int] = frozenset()
        self._open = Batch()
        self._committing: asyncio.Task[None] | None = None
        self._under_way: frozenset[tuple[str, str]] = frozenset()
        self._loading: dict[tuple[str, str], list[Pending]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._time_text: tuple[str, datetime | None] = ("", None)

    # ------------------------------------------------------------------ arriving

    def wake(self) -> None:
        """Something has arrived in the inbox."""
        self._woken.set()

    def gain(self, slots: frozenset[int], slot_of: Callable[[str], int]) -> None:
        """Slots are ours now: whatever we remember of them from earlier may be stale."""
        for live in self._aggregates.all():
            if slot_of(live.aggregate_id) in slots:
                self._aggregates.forget(live)

    async def run(self) -> None:
        """Work until cancelled; then finish the commit under way."""
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                self._step()
        finally:
            await self._finish()

    async def _finish(self) -> None:
        """Finish the commit under way, bounded; what is still open its callers will send again."""
        if self._committing is not None:
            await asyncio.wait({self._committing}, timeout=PATIENCE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _step(self) -> None:
        """Decide what fits into the open batch; commit it when nothing is under way."""
        self._decide_waiting()
        if self._committing is None and self._open.drafts:
            batch, self._open = self._open, Batch()
            self._close(batch)
            self._committing = asyncio.create_task(self._commit(batch))
            self._committing.add_done_callback(self._on_commit_done)

    def _close(self, batch: Batch) -> None:
        """Take what must be taken of the states while they are as this batch leaves them."""
        self._under_way = frozenset(batch.drafts)
        for draft in batch.drafts.values():
            self._parts.hot.capture(draft)
            if self._aggregates.is_snapshot_due(draft.live):
                draft.state = self._aggregates.encode(draft.live)

    def settled(self, key: tuple[str, str]) -> Live | None:
        """An aggregate in memory on which no decision is under way: its state is committed."""
        if key in self._under_way or key in self._open.drafts:
            return None
        return self._aggregates.get(*key)

    def _on_commit_done(self, task: asyncio.Task[None]) -> None:
        self._committing = None
        self._under_way = frozenset()
        self._aggregates.evict(busy=set(self._open.drafts))
        self._woken.set()
        if not task.cancelled() and task.exception() is not None:
            logger.error("A commit broke the lane.", exc_info=task.exception())

    # ------------------------------------------------------------------ deciding

    def _decide_waiting(self) -> None:
        waiting = self._inbox.waiting
        aggregates = self._aggregates
        while waiting and self._has_room(self._open):
            pending = waiting.popleft()
            route = pending.route
            if pending.request is None or pending.request.slot not in self.owned:
                self._answer(pending, {"problem": _moved()})
            elif route.resolver is not None:
                self._start(self._resolve(pending, route.resolver))
            elif route.decider is not None:
                live = aggregates.get(route.decider.aggregate, pending.aggregate_id)
                if live is None:
                    self._load_for(pending, route.decider)
                else:
                    self._decide(pending, live, self._open.draft(live))

    def _has_room(self, batch: Batch) -> bool:
        return (
            batch.commands < BATCH_COMMANDS_MAX
            and batch.bytes_estimated < BATCH_BYTES_MAX
            and len(batch.drafts) < BATCH_AGGREGATES_MAX
        )

    def _decide(self, pending: Pending, live: Live, draft: Draft) -> None:
        """Decide one command on the state in memory, and put what comes of it into the draft."""
        decider = live.decider
        self._open.commands += 1
        try:
            first = live.recent.get(pending.command_id)
            if first is None:
                pending.is_suspended = pending.actor in self._parts.suspended
                events = decider.decide(pending.command, live.state, pending)
                if events:
                    self._record(pending, live, events, draft)
            else:
                pending.first = first
                events = first.events
            pending.answer = decider.answer(pending.command, events, live.state, pending)
        except Rejected as rejection:
            pending.problem = rejection.problem()
        except Exception:
            logger.exception("A decision failed.", extra={"command": pending.route.spec.name})
            self._answer(pending, {"problem": BacklineError().problem()})
            self._undo(draft)
            return
        draft.decided.append(pending)

    def _record(self, pending: Pending, live: Live, events: Sequence[Event], draft: Draft) -> None:
        """Evolve the state by new events, and draft them."""
        command_id = pending.command_id
        evolve = live.decider.evolve
        event_id: str = command_id
        for number, event in enumerate(events):
            live.state = evolve(live.state, event)
            if number:
                event_id = f"{command_id}-{number}"
            draft.events.append(
                {
                    "specversion": "1.0",
                    "id": event_id,
                    "source": self._source,
                    "type": registry.event_of[type(event)].type,
                    "subject": draft.subject,
                    "time": self._time(pending.at),
                    "actor": pending.actor,
                    "causationid": command_id,
                    "correlationid": pending.correlation or command_id,
                    "data": event,
                }
            )
        pending.events = events
        live.recent.add(command_id, pending)
        self._open.bytes_estimated += len(events) * EVENT_BYTES_ESTIMATED + pending.size

    def _time(self, at: datetime) -> str:
        """The text of a time. Commands of one message share theirs."""
        text, known = self._time_text
        if known is not at:
            text = timestamp(at)
            self._time_text = (text, at)
        return text

    def _undo(self, draft: Draft) -> None:
        """Throw an open draft and its aggregate's state away; decide its commands again."""
        self._aggregates.forget(draft.live)
        self._open.drafts.pop(draft.live.key, None)
        self._again(draft)

    # ------------------------------------------------------------------ looking up

    def _load_for(self, pending: Pending, decider: AnyDecider) -> None:
        key = (decider.aggregate, pending.aggregate_id)
        if key in self._loading:
            self._loading[key].append(pending)
            return
        self._loading[key] = [pending]
        self._start(self._load(decider, pending.aggregate_id))

    async def _load(self, decider: AnyDecider, aggregate_id: str) -> None:
        loop = asyncio.get_running_loop()
        key = (decider.aggregate, aggregate_id)
        deadline = loop.time() + PATIENCE_SECONDS
        while True:
            try:
                await self._aggregates.load(decider, aggregate_id)
            except Unavailable as error:
                if loop.time() > deadline:
                    return self._refuse_loading(key, error)
                await asyncio.sleep(PAUSE_AFTER_OUTAGE_SECONDS)
            except Exception as error:
                logger.exception("A stream cannot be read.", extra={"aggregate": key[0]})
                known = error if isinstance(error, BacklineError) else BacklineError()
                return self._refuse_loading(key, known)
            else:
                self._inbox.waiting.extendleft(reversed(self._loading.pop(key)))
                return self._woken.set()

    def _refuse_loading(self, key: tuple[str, str], error: BacklineError) -> None:
        for pending in self._loading.pop(key):
            self._answer(pending, {"problem": error.problem()})

    async def _resolve(self, pending: Pending, resolver: Resolver) -> None:
        try:
            pending.command = await resolver(pending.command, pending)
            # What has been looked up is not looked up again, also when it kept its class.
            pending.route = replace(self._parts.route_of[type(pending.command)], resolver=None)
        except BacklineError as error:
            self._answer(pending, {"problem": error.problem()})
        except Exception:
            logger.exception("A lookup failed.", extra={"command": pending.route.spec.name})
            self._answer(pending, {"problem": BacklineError().problem()})
        else:
            self._inbox.waiting.append(pending)
            self._woken.set()

    # ------------------------------------------------------------------ committing

    async def _commit(self, batch: Batch) -> None:
        """Append what a batch decided, then answer; what could not be appended is decided again."""
        drafts = list(batch.drafts.values())
        writing = [draft for draft in drafts if draft.events]
        spans = tracing.start_commits(writing)
        try:
            failures = await self._append(writing)
        finally:
            tracing.end(spans)
        committed = []
        for draft in drafts:
            failure = failures.get(draft.live.key)
            if failure is not None:
                self._take_back(draft, failure)
                continue
            if draft.events:
                committed.append(draft)
            for pending in draft.decided:
                self._settle(pending, draft.live)
        if any(isinstance(failure, Unavailable) for failure in failures.values()):
            await asyncio.sleep(PAUSE_AFTER_OUTAGE_SECONDS)
        await self._parts.hot.tell(committed)
        for draft in committed:
            if draft.state is not None:
                self._start(self._aggregates.save(draft.live, draft.state, draft.live.revision))

    async def _append(self, drafts: list[Draft]) -> dict[tuple[str, str], BacklineError]:
        """Append drafts: each by itself while they are few (one fsync each, at once), in one atomic
        batch when they are many (docs/adr/0004). Returns what failed, by aggregate.
        """
        if len(drafts) > SINGLE_PUBLISHES_MAX:
            return await self._append_together(drafts)
        results = await asyncio.gather(*(self._append_together([draft]) for draft in drafts))
        return {key: error for failures in results for key, error in failures.items()}

    async def _append_together(self, drafts: list[Draft]) -> dict[tuple[str, str], BacklineError]:
        commits = [
            Commit(
                draft.live.decider.aggregate,
                draft.live.aggregate_id,
                draft.events,
                draft.live.revision,
                draft.headers,
            )
            for draft in drafts
        ]
        if not commits:
            return {}
        try:
            revisions = await self._parts.log.append(commits)
        except (Conflict, Unavailable) as error:
            return {draft.live.key: error for draft in drafts}
        except Exception as error:
            logger.exception("An append failed.")
            known = error if isinstance(error, BacklineError) else BacklineError()
            return {draft.live.key: known for draft in drafts}
        for draft, revision in zip(drafts, revisions, strict=True):
            draft.live.committed_at(revision)
            draft.live.recorded(len(draft.events))
            for pending in draft.decided:
                if pending.events:
                    pending.position = revision
        return {}

    def _take_back(self, draft: Draft, failure: BacklineError) -> None:
        """A draft was not committed: forget the state, and what is open on it; decide all of it
        again.
        """
        self._aggregates.forget(draft.live)
        open_draft = self._open.drafts.pop(draft.live.key, None)
        if open_draft is not None:
            self._again(open_draft)
        if isinstance(failure, Conflict | Unavailable):
            self._again(draft, failure)
            return
        for pending in draft.decided:
            self._answer(pending, {"problem": failure.problem()})

    def _again(self, draft: Draft, failure: BacklineError | None = None) -> None:
        """Put a draft's commands back at the head of the queue, in order, unless they are out of
        time.
        """
        now = asyncio.get_running_loop().time()
        again = []
        for pending in draft.decided:
            if pending.request is None:
                continue
            pending.attempts += 1
            pending.events, pending.answer, pending.problem = (), None, None
            pending.first, pending.position = None, 0
            late = now - pending.request.received_at > PATIENCE_SECONDS
            if late or pending.attempts > ATTEMPTS_MAX:
                refusal = failure or Unavailable(retry_after_seconds=0.5)
                self._answer(pending, {"problem": refusal.problem()})
            else:
                again.append(pending)
        self._inbox.waiting.extendleft(reversed(again))
        self._woken.set()

    # ------------------------------------------------------------------ answering

    def _settle(self, pending: Pending, live: Live) -> None:
        """Answer a command whose commit is acknowledged."""
        if pending.problem is not None:
            self._answer(pending, {"problem": pending.problem})
            return
        answer, first = pending.answer, pending.first
        answer.position = (first or pending).position or live.revision
        completer = pending.route.completer
        if completer is None:
            self._answer(pending, {"answer": answer})
        else:
            self._start(self._complete(pending, answer, completer))

    async def _complete(self, pending: Pending, answer: Any, completer: Completer) -> None:
        document = orjson.loads(orjson.dumps(answer, option=orjson.OPT_UTC_Z))
        try:
            document = await completer(pending.command, document, pending)
        except BacklineError as error:
            self._answer(pending, {"problem": error.problem()})
        except Exception:
            logger.exception("An answer could not be completed.")
            self._answer(pending, {"problem": BacklineError().problem()})
        else:
            self._answer(pending, {"answer": document})

    def _answer(self, pending: Pending, outcome: dict[str, Any]) -> None:
        request = pending.request
        if request is None:
            return
        # What is remembered of the command from here on is what it recorded, not who asked.
        pending.request = pending.command = pending.answer = None
        request.answers[pending.index] = outcome
        request.missing -= 1
        if not request.missing:
            self._inbox.done(request)
            self.reply(request)

    def reply(self, request: Request) -> None:
        """Send the reply of a request whose last command is answered."""
        self._start(_respond(request))

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _respond(request: Request) -> None:
    if not request.message.reply:
        return
    try:
        await request.message.respond(request.payload())
    except NatsError:
        logger.warning("An answer was lost; its caller will ask again.")


def _moved() -> dict[str, Any]:
    problem = Unavailable("the slot has moved to another owner", retry_after_seconds=0.05).problem()
    return problem | {"code": OWNER_MOVED}
