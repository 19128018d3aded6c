"""The lane: decides what has arrived, in order, and commits it in groups.

There is always at most one commit under way, and one open batch into which arriving commands are
decided meanwhile, on the state as it will be if that commit succeeds. When it fails, the states it
touched are thrown away, and what was decided on them, committed or open, is decided again on what
the log says. Nobody is answered before the commit their answer rests on is acknowledged.

source    docs/adr/0003-one-writer-per-slot.md, docs/adr/0004-a-commit-is-one-message.md
"""

import asyncio
import logging
import time
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from libs.bus.wire import OWNER_MOVED
from libs.eventlog.codec import is_encodable
from libs.eventlog.model import CloudEvent, EventLog
from libs.kernel.claims import Claims
from libs.kernel.errors import BacklineError, Conflict, Problem, Unavailable
from libs.owner import names, tracing
from libs.owner.aggregates import Aggregates, AnyDecider, Key, Live
from libs.owner.batch import Batch, Draft
from libs.owner.deciding import DecisionFailed, decide
from libs.owner.hot import HotResults
from libs.owner.inbox import Bundle, Inbox, Route
from libs.owner.lookups import PATIENCE_SECONDS, PAUSE_AFTER_OUTAGE_SECONDS, Lookups
from libs.owner.observed import Observed
from libs.owner.replies import Replies
from libs.owner.tasks import Tasks

logger = logging.getLogger(__name__)

TURN_COMMANDS_MAX = 2000
"""Decided without letting anybody else run: some ten milliseconds."""
SINGLE_PUBLISHES_MAX = 8
ATTEMPTS_MAX = 6
CONFIRMED_SECONDS_MAX = 1.0
NEVER = float("-inf")

Failures = dict[Key, BacklineError]
"""What could not be appended, by aggregate."""


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
    observed: Observed


class Lane:
    """Decides and commits for the slots it owns."""

    def __init__(self, parts: LaneParts) -> None:
        self._parts = parts
        self._inbox = parts.inbox
        self._aggregates = parts.aggregates
        self._source = f"/{parts.service}"
        self._woken = asyncio.Event()
        self._tasks = Tasks()
        self.replies = Replies(parts.inbox, parts.observed, self._tasks)
        self._lookups = Lookups(
            parts.inbox,
            parts.log,
            parts.aggregates,
            parts.route_of,
            self.replies,
            self._tasks,
            self.wake,
        )
        self.owned: frozenset[int] = frozenset()
        self._open = Batch()
        self._committing: asyncio.Task[None] | None = None
        self._under_way: frozenset[Key] = frozenset()
        self._loads_overlap = False
        self._doubted_before = NEVER
        self._broken: BaseException | None = None

    # ------------------------------------------------------------------ arriving

    def wake(self) -> None:
        """Something has arrived in the inbox."""
        self._woken.set()

    def gain(self, slots: frozenset[int], slot_of: Callable[[str], int]) -> None:
        """Slots are ours now, and others may have written there meanwhile.

        What we remember of them stays: an append finds out by itself whether it is still true, and
        an answer that records nothing asks the log first. To read all of it anew would keep an
        owner busy that lost its slots for a moment because it was busy.
        """
        for live in self._aggregates.all():
            if slot_of(live.aggregate_id) in slots:
                live.confirmed_at = NEVER

    def is_settled(self, key: Key) -> bool:
        """Whether no decision is under way on an aggregate: what is in memory is committed."""
        return key not in self._under_way and key not in self._open.drafts

    async def run(self) -> None:
        """Work until cancelled; then finish the commit under way."""
        self._tasks.start(self.replies.run())
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                if self._broken is not None:
                    raise self._broken
                if self._step():
                    self._woken.set()
                    await asyncio.sleep(0)  # Others have their turn.
        except Exception:
            self._aggregates.forget_all()  # Nothing in memory can be trusted any more.
            raise
        finally:
            await self._finish()

    async def _finish(self) -> None:
        """Finish the commit under way, bounded; send what is still open on to the next owner."""
        if (committing := self._committing) is not None:
            await asyncio.wait({committing}, timeout=PATIENCE_SECONDS)
            committing.cancel()
        still_open = list(self._open.drafts.values())
        for key in (*self._under_way, *self._open.drafts):
            self._aggregates.forget(key)  # Not to be saved: it holds what is not in the log.
        open_bundles = [bundle for draft in still_open for bundle in draft.bundles]
        for bundle in (*open_bundles, *self._lookups.abandon(), *self._inbox.waiting):
            self.replies.refuse(bundle, _moved())
        await self._tasks.end()
        await self.replies.flush()

    def _step(self) -> bool:
        """Decide what fits into the open batch; commit it when nothing is under way.

        returns   whether there is more to decide at once: we stopped for others to have their turn
        """
        decided_before = self._open.commands
        waiting = self._inbox.waiting
        while waiting and self._open.has_room:
            if self._open.commands - decided_before >= TURN_COMMANDS_MAX:
                break
            self._take(waiting.popleft())
        if self._committing is None and self._open.drafts:
            self._close_batch()
        return bool(waiting) and self._open.has_room

    def _close_batch(self) -> None:
        """Begin the commit of the open batch, and open the next one."""
        batch, self._open = self._open, Batch()
        self._under_way = frozenset(batch.drafts)
        for draft in batch.drafts.values():
            # What must be taken of a state is taken while it is as this batch leaves it.
            self._parts.hot.capture(draft)
            if self._aggregates.is_snapshot_due(draft.live):
                draft.state = self._aggregates.encode(
                    draft.live, events_under_way=len(draft.events)
                )
        self._committing = asyncio.create_task(self._commit(batch))
        self._committing.add_done_callback(self._on_commit_done)
        self._aggregates.used(batch.drafts)

    def _on_commit_done(self, task: asyncio.Task[None]) -> None:
        self._committing = None
        self._under_way = frozenset()
        if self._loads_overlap:
            self._loads_overlap, self._doubted_before = False, time.monotonic()
        self._aggregates.evict(busy=set(self._open.drafts))
        self._woken.set()
        if not task.cancelled() and task.exception() is not None:
            # What is in memory cannot be trusted any more.
            self._broken = task.exception()

    # ------------------------------------------------------------------ deciding

    def _take(self, bundle: Bundle) -> None:
        """Decide a bundle, or have looked up what it needs first."""
        route = bundle.route
        if bundle.request.slot not in self.owned:
            self.replies.refuse(bundle, _moved())
        elif route.resolver is not None and not bundle.is_looked_up:
            self._lookups.resolve(bundle, route.resolver)
        elif route.decider is not None and not self._lookups.defer(
            bundle, (route.decider.aggregate, bundle.aggregate_id)
        ):
            self._look_and_decide(bundle, route.decider)

    def _look_and_decide(self, bundle: Bundle, decider: AnyDecider) -> None:
        live = self._aggregates.get(decider.aggregate, bundle.aggregate_id)
        if live is None:
            self._lookups.load(bundle, decider)
        elif (claims := decider.claims) is not None and (
            unknown := _unknown_names(claims, bundle, live)
        ):
            self._lookups.look_up_names(bundle, live.key, claims, unknown)
        else:
            self._decide(bundle, live)

    def _decide(self, bundle: Bundle, live: Live) -> None:
        """Decide a bundle into the draft of its aggregate."""
        draft = self._open.add(bundle, live)
        try:
            decide(bundle, draft, self._source, self._parts.suspended)
        except DecisionFailed as failure:
            name = bundle.route.spec.name
            logger.exception("A decision failed.", extra={"command": name})
            self.replies.refuse_one(bundle, failure.number, BacklineError().problem())
            self._throw_away(draft)

    def _throw_away(self, draft: Draft) -> None:
        """Throw an open draft and its aggregate's state away; decide its commands again.

        It is loaded anew at once, perhaps without what is under way: see `_confirm`.
        """
        self._loads_overlap |= draft.live.key in self._under_way
        self._aggregates.forget(draft.live.key)
        self._open.drafts.pop(draft.live.key, None)
        self._again(draft)

    # ------------------------------------------------------------------ committing

    async def _commit(self, batch: Batch) -> None:
        """Append what a batch decided, then answer; what could not be appended is decided again."""
        drafts = list(batch.drafts.values())
        writing = [draft for draft in drafts if draft.events]
        spans = tracing.start_commits(writing)
        try:
            with self._parts.observed.commit(batch.commands, self._inbox.commands_waiting):
                failures = await self._append(writing)
        finally:
            tracing.end(spans)
        failures |= await self._confirm([draft for draft in drafts if not draft.events])
        committed = []
        for draft in drafts:
            failure = failures.get(draft.live.key)
            if failure is not None:
                self._parts.observed.append_failed(failure)
                self._take_back(draft, failure)
                continue
            if draft.events:
                committed.append(draft)
            for bundle in draft.bundles:
                self.replies.settle(bundle, draft.live.revision)
        if any(isinstance(failure, Unavailable) for failure in failures.values()):
            await asyncio.sleep(PAUSE_AFTER_OUTAGE_SECONDS)
        await self._parts.hot.tell(committed)
        for draft in committed:
            if draft.state is not None:
                self._tasks.start(
                    self._aggregates.save(draft.live, draft.state, draft.live.revision)
                )

    async def _append(self, drafts: Sequence[Draft]) -> Failures:
        """Append drafts: each by itself while they are few (one fsync each, at once), in one atomic
        batch when they are many (docs/adr/0004).
        """
        if len(drafts) > SINGLE_PUBLISHES_MAX:
            return await self._append_together(drafts)
        return _joined(await asyncio.gather(*(self._append_together([draft]) for draft in drafts)))

    async def _append_together(self, drafts: Sequence[Draft]) -> Failures:
        try:
            commits = [draft.commits() for draft in drafts]
            revisions = await self._parts.log.append([each for some in commits for each in some])
        except Unavailable as error:
            return {draft.live.key: error for draft in drafts}
        except Exception as error:
            if len(drafts) > 1:
                return await self._append_halves(drafts)
            if not isinstance(error, Conflict):
                logger.exception("An append failed.")
            known = error if isinstance(error, BacklineError) else BacklineError()
            return {drafts[0].live.key: known}
        landed = iter(revisions)
        for draft, written in zip(drafts, commits, strict=True):
            revision, *_ = islice(landed, len(written))  # Of the aggregate; then of its names.
            draft.landing.position = revision
            draft.live.committed(revision, len(draft.events), draft.bundles[-1].origin.at)
        self._parts.observed.appended(sum(len(draft.events) for draft in drafts))
        return {}

    async def _append_halves(self, drafts: Sequence[Draft]) -> Failures:
        """Of drafts that were refused together, find out which ones are to blame: none is written,
        and the others shall be.
        """
        middle = len(drafts) // 2
        halves = drafts[:middle], drafts[middle:]
        return _joined(await asyncio.gather(*(self._append_together(half) for half in halves)))

    async def _confirm(self, drafts: Sequence[Draft]) -> Failures:
        """Make sure that answers which record nothing rest on the truth of today.

        An append finds out by itself when somebody else has written meanwhile, as a second owner
        may in a hand-over. A refusal would never; so the log is asked, once a second at most, and
        about what was loaded while a commit on it was under way.
        """
        trusted_after = max(time.monotonic() - CONFIRMED_SECONDS_MAX, self._doubted_before)
        doubtful = [draft for draft in drafts if draft.live.confirmed_at < trusted_after]
        return _joined(await asyncio.gather(*(self._confirm_one(draft) for draft in doubtful)))

    async def _confirm_one(self, draft: Draft) -> Failures:
        try:
            is_current = await self._aggregates.is_current(draft.live)
        except Unavailable as error:
            return {draft.live.key: error}
        except BacklineError as error:
            logger.exception("A stream cannot be read.", extra={"aggregate": draft.live.key[0]})
            return {draft.live.key: error}
        return {} if is_current else {draft.live.key: Conflict()}

    def _take_back(self, draft: Draft, failure: BacklineError) -> None:
        """A draft was not committed: forget the state, and what is open on it; decide all of it
        again.
        """
        open_draft = self._open.drafts.get(draft.live.key)
        if open_draft is not None:
            self._throw_away(open_draft)
        self._aggregates.forget(draft.live.key)
        if isinstance(failure, Conflict | Unavailable):
            self._again(draft, failure)
        else:
            self._refuse_culprits(draft, failure)

    def _refuse_culprits(self, draft: Draft, failure: BacklineError) -> None:
        """Refuse the commands whose events cannot be written, or all when it is none of them."""
        recorded: dict[str, list[CloudEvent]] = {}
        for event in draft.events:
            recorded.setdefault(event["causationid"], []).append(event)
        culprits = {command for command, events in recorded.items() if not is_encodable(events)}
        for bundle in draft.bundles:
            if not culprits:
                self.replies.refuse(bundle, failure.problem())
                continue
            for number in reversed(range(len(bundle.items))):
                if bundle.items[number]["id"] in culprits:
                    self.replies.refuse_one(bundle, number, failure.problem())
        if culprits:
            self._again(draft)

    def _again(self, draft: Draft, failure: BacklineError | None = None) -> None:
        """Put a draft's commands back at the head of the queue, in order, unless they are out of
        time, or were refused too often by the log.
        """
        now = asyncio.get_running_loop().time()
        again = []
        for bundle in draft.bundles:
            bundle.start_again(is_refused=failure is not None)
            late = now - bundle.request.received_at > PATIENCE_SECONDS
            if late or bundle.attempts > ATTEMPTS_MAX:
                refusal = failure or Unavailable(retry_after_seconds=0.5)
                self.replies.refuse(bundle, refusal.problem())
            elif bundle.items:
                again.append(bundle)
        self._inbox.waiting.extendleft(reversed(again))
        self._woken.set()


def _unknown_names(claims: Claims, bundle: Bundle, live: Live) -> Sequence[str]:
    """Of a bundle of one command: a command about names is alone in its own."""
    (command,) = bundle.commands
    return names.unknown(claims, command, live.state, bundle.standings)


def _joined(failures: Iterable[Failures]) -> Failures:
    return {key: error for each in failures for key, error in each.items()}


def _moved() -> Problem:
    problem = Unavailable("the slot has moved to another owner", retry_after_seconds=0.05).problem()
    return problem | {"code": OWNER_MOVED}
