"""Syncs: asking a partner page by page, by one worker at a time, from where the last one came to.

Stream      evt.catalog.sync.{sync_id}
Invariants  only the worker that began a run advances it; a worker that is not heard of for
            LEASE_SECONDS can be succeeded; a run goes on at the cursor behind the last page that
            was done; something has disappeared when a whole run did not see it and the whole run
            before did; however often a partner says that there is news, it is asked once, by
            a run that begins after it was said.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never

from contracts.catalog import ArtistId
from contracts.catalog_syncs import (
    KEEP_SECONDS,
    LEASE_SECONDS,
    SCOPES,
    SETTLES_SECONDS,
    AdvanceSync,
    BeginSync,
    FailSync,
    FinishSync,
    HastenSync,
    KeepSync,
    NoSuchTarget,
    PageMark,
    Partner,
    Scope,
    StartSync,
    StopSync,
    SyncAdvanced,
    SyncBegan,
    SyncFailed,
    SyncFinished,
    SyncHastened,
    SyncKept,
    SyncReceipt,
    SyncRequested,
    SyncStatus,
    SyncStopped,
    SyncTaken,
    SyncUnheardOf,
)
from libs.kernel.decider import Decider, members
from libs.kernel.messages import Origin

LEASE = timedelta(seconds=LEASE_SECONDS)
KEEP = timedelta(seconds=KEEP_SECONDS)
SETTLES = timedelta(seconds=SETTLES_SECONDS)

type SyncCommand = (
    StartSync | HastenSync | StopSync | BeginSync | AdvanceSync | KeepSync | FinishSync | FailSync
)
type SyncEvent = (
    SyncRequested
    | SyncHastened
    | SyncBegan
    | SyncAdvanced
    | SyncKept
    | SyncFinished
    | SyncFailed
    | SyncStopped
)


@dataclass(frozen=True, slots=True)
class Target:
    """What a sync is about."""

    partner: Partner
    scope: Scope
    external_id: str

    @classmethod
    def of(cls, sync_id: str) -> "Target":
        """Read it out of a sync's id. raises NoSuchTarget"""
        words = sync_id.split("-", 2)
        try:
            partner, scope, external_id = Partner(words[0]), Scope(words[1]), words[2]
        except (ValueError, IndexError):
            raise NoSuchTarget(sync_id) from None
        if scope not in SCOPES[partner] or not external_id:
            raise NoSuchTarget(f"{partner} cannot be asked about: {scope} {external_id}")
        return cls(partner, scope, external_id)


@dataclass(slots=True)
class Sync:
    """The state.

    began_at the latest run began, at the first page
    due_at   there is news, and a run begins by itself then; None when all has been asked for
    cursor   where the run goes on, or the next one if this one fails; None at the beginning
    marks    the pages of the last run and of this one, by cursor
    visited  the pages that this run has done
    seen     ids on the pages of this run
    known    ids on the pages of the last whole run
    is_whole no page of this run was left out
    """

    status: SyncStatus | None = None
    artist_id: ArtistId | None = None
    run: str | None = None
    worker: str | None = None
    heard_at: datetime | None = None
    retry_at: datetime | None = None
    began_at: datetime | None = None
    due_at: datetime | None = None
    cursor: str | None = None
    marks: dict[str, PageMark] = field(default_factory=dict)
    visited: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    is_whole: bool = True

    def is_due(self, at: datetime) -> bool:
        """Whether a worker should take it."""
        match self.status:
            case SyncStatus.REQUESTED:
                return True
            case SyncStatus.RUNNING:
                return self.heard_at is None or at - self.heard_at >= LEASE
            case SyncStatus.WAITING:
                return self.retry_at is None or at >= self.retry_at
            case SyncStatus.FINISHED | SyncStatus.FAILED:
                return self.due_at is not None and at >= self.due_at
            case _:
                return False


_UNDER_WAY = frozenset({SyncStatus.REQUESTED, SyncStatus.RUNNING})


def decide(command: SyncCommand, sync: Sync, origin: Origin) -> Sequence[SyncEvent]:
    """The rules. raises the rejections of `contracts.catalog_syncs`."""
    match command:
        case StartSync():
            return _start(command, sync)
        case HastenSync():
            return _hasten(command, sync)
        case StopSync(sync_id=sync_id):
            return _stop(sync_id, sync)
        case BeginSync():
            return _begin(command, sync, origin)
        case AdvanceSync():
            return _advance(command, sync, origin)
        case KeepSync(sync_id=sync_id, run=run):
            _must_run(run, sync)
            if sync.heard_at is not None and origin.at - sync.heard_at < KEEP:
                return []
            return [SyncKept(sync_id=sync_id, run=run, at=origin.at)]
        case FinishSync(sync_id=sync_id, run=run, missing=missing):
            if run == sync.run and sync.status is SyncStatus.FINISHED:
                return []
            _must_run(run, sync)
            return [SyncFinished(sync_id=sync_id, run=run, at=origin.at, missing=missing)]
        case FailSync():
            return _fail(command, sync, origin)
        case _:
            assert_never(command)


def _start(command: StartSync, sync: Sync) -> Sequence[SyncEvent]:
    Target.of(command.sync_id)
    is_new_artist = command.artist_id is not None and command.artist_id != sync.artist_id
    if sync.status in _UNDER_WAY and not is_new_artist:
        return []
    return [
        SyncRequested(sync_id=command.sync_id, artist_id=command.artist_id, afresh=command.afresh)
    ]


def _hasten(command: HastenSync, sync: Sync) -> Sequence[SyncEvent]:
    """One run is enough for all that is said before it begins."""
    if sync.status is None:
        raise SyncUnheardOf
    is_asked_anyway = sync.status is SyncStatus.REQUESTED and not sync.visited
    if sync.status is SyncStatus.STOPPED or sync.due_at is not None or is_asked_anyway:
        return []
    due_at = command.since + SETTLES
    if sync.began_at is not None:
        if sync.began_at >= due_at:
            return []
        due_at = max(due_at, sync.began_at + timedelta(seconds=command.every_seconds))
    return [SyncHastened(sync_id=command.sync_id, due_at=due_at)]


def _stop(sync_id: str, sync: Sync) -> Sequence[SyncEvent]:
    if sync.status is None:
        raise SyncUnheardOf
    goes_on = sync.due_at is not None or sync.status in {*_UNDER_WAY, SyncStatus.WAITING}
    return [SyncStopped(sync_id=sync_id)] if goes_on else []


def _begin(command: BeginSync, sync: Sync, origin: Origin) -> Sequence[SyncEvent]:
    if sync.status is None:
        raise SyncUnheardOf
    if sync.run == command.run and sync.worker == command.worker:
        return []
    if not sync.is_due(origin.at):
        raise SyncTaken
    return [
        SyncBegan(
            sync_id=command.sync_id,
            run=command.run,
            worker=command.worker,
            at=origin.at,
            is_first=not sync.visited,
        )
    ]


def _advance(command: AdvanceSync, sync: Sync, origin: Origin) -> Sequence[SyncEvent]:
    _must_run(command.run, sync)
    if command.page in sync.visited:
        return []
    return [
        SyncAdvanced(
            sync_id=command.sync_id,
            run=command.run,
            page=command.page,
            at=origin.at,
            next=command.next,
            of=command.of,
            tally=command.tally,
            refusals=command.refusals,
            mark=command.mark,
        )
    ]


def _fail(command: FailSync, sync: Sync, origin: Origin) -> Sequence[SyncEvent]:
    if command.run == sync.run and sync.status in {SyncStatus.FAILED, SyncStatus.WAITING}:
        return []
    _must_run(command.run, sync)
    return [
        SyncFailed(
            sync_id=command.sync_id,
            run=command.run,
            reason=command.reason,
            at=origin.at,
            retry_at=command.retry_at,
        )
    ]


def _must_run(run: str, sync: Sync) -> None:
    if sync.run != run or sync.status is not SyncStatus.RUNNING:
        raise SyncTaken


def evolve(sync: Sync, event: SyncEvent) -> Sync:
    """What a fact does to a sync."""
    match event:
        case SyncRequested():
            sync.status = SyncStatus.REQUESTED
            sync.artist_id = event.artist_id or sync.artist_id
            sync.retry_at = None
            if event.afresh:
                sync.marks = {}
                _begin_anew(sync)
        case SyncHastened(due_at=due_at):
            sync.due_at = due_at
        case SyncBegan():
            sync.status, sync.run, sync.worker = SyncStatus.RUNNING, event.run, event.worker
            sync.heard_at, sync.retry_at = event.at, None
            if event.is_first:
                sync.began_at, sync.due_at = event.at, None
        case SyncAdvanced():
            _turn_the_page(sync, event)
        case SyncKept(at=at):
            sync.heard_at = at
        case SyncFinished():
            _close(sync)
        case SyncFailed():
            sync.status = SyncStatus.FAILED if event.retry_at is None else SyncStatus.WAITING
            sync.retry_at = event.retry_at
            if event.retry_at is None:
                sync.due_at = None  # Else it would fail again at once, and again.
        case SyncStopped():
            sync.status, sync.due_at = SyncStatus.STOPPED, None
        case _:
            assert_never(event)
    return sync


def _turn_the_page(sync: Sync, event: SyncAdvanced) -> None:
    sync.heard_at, sync.cursor = event.at, event.next
    sync.visited.append(event.page)
    if event.mark is None:
        sync.is_whole = False
    else:
        sync.marks[event.page] = event.mark
        sync.seen |= set(event.mark.seen)


def _close(sync: Sync) -> None:
    sync.status = SyncStatus.FINISHED
    if sync.is_whole:
        sync.known = sync.seen
        visited = set(sync.visited)
        sync.marks = {page: it for page, it in sync.marks.items() if page in visited}
    _begin_anew(sync)


def _begin_anew(sync: Sync) -> None:
    """The next run starts at the first page."""
    sync.cursor, sync.visited, sync.seen, sync.is_whole = None, [], set(), True


def answer(
    command: SyncCommand, _events: Sequence[SyncEvent], sync: Sync, _origin: Origin
) -> SyncReceipt:
    """What the caller is told. Who begins a run is told where it goes on."""
    receipt = SyncReceipt(
        sync_id=command.sync_id,
        status=sync.status or SyncStatus.STOPPED,
        run=sync.run,
        cursor=sync.cursor,
        artist_id=sync.artist_id,
    )
    if isinstance(command, BeginSync):
        receipt = SyncReceipt(
            sync_id=receipt.sync_id,
            status=receipt.status,
            run=receipt.run,
            cursor=receipt.cursor,
            artist_id=receipt.artist_id,
            marks=sync.marks,
            unseen=sorted(sync.known - sync.seen) if sync.is_whole else [],
        )
    return receipt


SYNC = Decider(
    aggregate="sync",
    commands=members(SyncCommand),
    events=members(SyncEvent),
    state=Sync,
    decide=decide,
    evolve=evolve,
    answer=answer,
)
