"""A run of a sync: a partner is asked page by page, and the catalog told what is on each.

The cursor is in the catalog's log, behind the last page of which everything was told. So a run that
dies costs one page, which is told again and adds no event; and a page that is as it was when it was
last read is not told at all.
"""

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from pydantic import TypeAdapter

from contracts.catalog import Outcome, RecordUnheardOf
from contracts.catalog_gatherings import (
    GatheringNotFound,
    GetGathering,
    MissGathering,
    RegisterGathering,
)
from contracts.catalog_shows import GetShow, ScheduleShow, ShowNotFound
from contracts.catalog_stage import MissShow
from contracts.catalog_syncs import (
    KEEP_SECONDS,
    REFUSALS_MAX,
    SEEN_MAX,
    AdvanceSync,
    BeginSync,
    FailSync,
    FinishSync,
    KeepSync,
    PageMark,
    Partner,
    Refused,
    Scope,
    SyncTaken,
    Tally,
)
from libs.bus import Bus
from libs.kernel.clock import Clock
from libs.kernel.errors import RemoteProblem, Unavailable
from libs.kernel.ids import new_id
from libs.kernel.messages import Command
from services.catalog.adapters.findings import Fact, Finding, Refusal
from services.catalog.adapters.identifying import Identities, own_id
from services.catalog.adapters.partners.page import Page, Source
from services.catalog.adapters.partners.trouble import Away, Garbled, Limited, PartnerTrouble
from services.catalog.adapters.telling import CALLER, send, tell
from services.catalog.domain.syncs import Target

PAGES_MAX: Final = 10_000
GARBLED_IN_A_ROW_MAX: Final = 3
HAND_OVER_SECONDS: Final = 2.0
AWAY_SECONDS: Final = 60.0
"""How long a partner that is away is left alone."""

_MARK = TypeAdapter(PageMark)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Told:
    """What became of one page."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)
    position: int = 0

    def add(self, _fact: Fact, outcome: dict[str, Any] | Refusal) -> None:
        if isinstance(outcome, Refusal):
            self.refusals.append(outcome)
            return
        self.counts[Outcome(outcome["outcome"])] += 1
        self.position = max(self.position, int(outcome["position"]))

    def tally(self) -> Tally:
        return Tally(
            new=self.counts[Outcome.NEW],
            changed=self.counts[Outcome.CHANGED],
            unchanged=self.counts[Outcome.UNCHANGED],
            refused=len(self.refusals),
        )


class Syncing:
    """Runs syncs, in the name of one worker."""

    def __init__(
        self, bus: Bus, sources: Mapping[Partner, Source], clock: Clock, worker: str
    ) -> None:
        """`sources`: the partners that can be asked; of others it is said why not."""
        self._bus = bus
        self._sources = sources
        self._clock = clock
        self._worker = worker
        self._telling = asyncio.Lock()
        self._told = 0

    async def run(self, sync_id: str) -> None:
        """Begin a run, or go on with one, until it ends. What it cannot do it tells the catalog.

        Nothing happens when another worker is at it, or somebody stops it meanwhile.

        raises   Unavailable when the catalog does not answer; the run can then be gone on with
        """
        run = new_id()
        try:
            begun = await self._send(BeginSync(sync_id=sync_id, run=run, worker=self._worker))
            keeping = asyncio.create_task(self._keep(sync_id, run))
            try:
                await self._read(sync_id, run, begun)
            except (PartnerTrouble, RemoteProblem) as trouble:
                if _is_taken(trouble):
                    raise
                await self._fail(sync_id, run, trouble)
            except asyncio.CancelledError:
                await self._hand_over(sync_id, run)
                raise
            finally:
                keeping.cancel()
                await asyncio.wait({keeping})
        except RemoteProblem as problem:
            if not _is_taken(problem):
                raise
            logger.info("A sync is another worker's, or over.", extra={"sync_id": sync_id})

    async def _read(self, sync_id: str, run: str, begun: Mapping[str, Any]) -> None:
        target = Target.of(sync_id)
        source = self._sources.get(target.partner)
        if source is None:
            raise PartnerTrouble(f"{target.partner} has no credentials here")
        artist = source.artist_id(target)
        said = begun["artist_id"]
        known = {artist: said} if artist is not None and said is not None else {}
        identities = Identities(self._bus, known)
        position = int(begun["position"])
        cursor = begun["cursor"] or source.first(target)
        unseen, is_whole, garbled = set(begun["unseen"]), True, 0
        visited: set[str] = set()
        while cursor is not None:
            if cursor in visited or len(visited) >= PAGES_MAX:
                raise Garbled(f"its pages go in a circle: {cursor} again")
            visited.add(cursor)
            old = begun["marks"].get(cursor)
            mark = None if old is None else _MARK.validate_python(old)
            try:
                page = await source.page(target, cursor, mark, self._clock())
            except Garbled as trouble:
                is_whole, garbled = False, garbled + 1
                if garbled >= GARBLED_IN_A_ROW_MAX:
                    raise
                cursor = await self._pass_over(sync_id, run, source, cursor, trouble)
                continue
            garbled = 0
            if page.is_unchanged and mark is not None:
                page.next = mark.next
            told, seen, new_mark = await self._tell(page, mark, identities, position)
            position = max(position, told.position)
            unseen -= set(seen)
            is_whole = is_whole and page.is_whole
            await self._send(
                AdvanceSync(
                    sync_id=sync_id,
                    run=run,
                    page=cursor,
                    next=page.next,
                    of=page.of,
                    tally=told.tally(),
                    refusals=[_refused(each) for each in told.refusals[:REFUSALS_MAX]],
                    mark=replace(new_mark, next=page.next) if page.is_whole else None,
                )
            )
            cursor = page.next
        missing = 0
        if is_whole and target.scope is not Scope.SETLIST:
            missing = await self._miss(target, source, unseen)
        await self._send(FinishSync(sync_id=sync_id, run=run, missing=missing))

    async def _keep(self, sync_id: str, run: str) -> None:
        """Say from time to time that the run goes on. What becomes of it, its pages will learn."""
        with suppress(RemoteProblem, Unavailable):
            while True:
                await asyncio.sleep(KEEP_SECONDS)
                await self._send(KeepSync(sync_id=sync_id, run=run))

    async def _hand_over(self, sync_id: str, run: str) -> None:
        """We are stopping: let another worker go on at once, if that can still be said."""
        reason = "its worker stopped; it goes on"
        failed = FailSync(sync_id=sync_id, run=run, reason=reason, retry_at=self._clock())
        with suppress(RemoteProblem, Unavailable, TimeoutError):
            async with asyncio.timeout(HAND_OVER_SECONDS):
                await self._bus.send(failed, caller=CALLER)

    async def _pass_over(
        self, sync_id: str, run: str, source: Source, cursor: str, trouble: Garbled
    ) -> str | None:
        """Leave a page out that cannot be read. raises it when there is no way on"""
        following = source.after(cursor)
        if following is None:
            raise trouble
        refused = Refused(what="page", where=cursor[:300], reason=trouble.reason[:500])
        await self._send(
            AdvanceSync(
                sync_id=sync_id,
                run=run,
                page=cursor,
                next=following,
                tally=Tally(refused=1),
                refusals=[refused],
            )
        )
        return following

    async def _tell(
        self, page: Page, mark: PageMark | None, identities: Identities, position: int
    ) -> tuple[_Told, Sequence[str], PageMark]:
        """Tell a page, unless it says what it said before.

        returns   what became of it, the ids of the shows or gatherings on it, and its mark
        """
        told = _Told()
        if page.is_unchanged:
            assert mark is not None, "a page that was not known cannot be unchanged"
            same = replace(page.mark, digest=mark.digest, seen=mark.seen, until=mark.until)
            return told, mark.seen, same
        told.refusals += [each for each in page.findings if isinstance(each, Refusal)]
        facts = [each for each in page.findings if isinstance(each, Fact)]
        digest = digest_of(page.findings)
        if mark is not None and mark.digest == digest:
            told.counts[Outcome.UNCHANGED] += len(facts)
            return told, mark.seen, replace(page.mark, digest=digest, seen=mark.seen)
        # One page at a time: of two partners that speak of one thing for the first time, the second
        # must find what the first has told.
        async with self._telling:
            resolved = await identities.resolve(facts, max(position, self._told))
            await tell(self._bus, iter(resolved), told.add)
            self._told = max(self._told, told.position)
        seen = [
            own_id(fact.telling)
            for fact in resolved
            if isinstance(fact.telling, ScheduleShow | RegisterGathering)
        ][:SEEN_MAX]
        return told, seen, replace(page.mark, digest=digest, seen=seen)

    async def _miss(self, target: Target, source: Source, unseen: Iterable[str]) -> int:
        """Mark what has disappeared. Returns how many there were."""
        missing = 0
        for record_id in sorted(unseen):
            if not source.lists_past and not await self._is_to_come(target.scope, record_id):
                continue
            miss: Command[Any]
            if target.scope is Scope.CALENDAR:
                miss = MissGathering(gathering_id=record_id, source=target.partner.value)
            else:
                miss = MissShow(show_id=record_id, source=target.partner.value)
            try:
                answer = await self._send(miss)
            except RemoteProblem as problem:
                if problem.document.get("code") != RecordUnheardOf.code:
                    raise
                continue  # It was split or forgotten: the source has no word in it any more.
            missing += answer["outcome"] != Outcome.UNCHANGED
        return missing

    async def _is_to_come(self, scope: Scope, record_id: str) -> bool:
        """Whether a show or gathering is still ahead, by its day."""
        try:
            if scope is Scope.CALENDAR:
                query = GetGathering(gathering_id=record_id)
                day = (await self._bus.ask(query, caller=CALLER)).result["starts_at"]
            else:
                answer = await self._bus.ask(GetShow(show_id=record_id), caller=CALLER)
                day = answer.result["show"]["local_date"]
        except RemoteProblem as problem:
            if problem.document.get("code") not in {ShowNotFound.code, GatheringNotFound.code}:
                raise
            return False  # It was merged into another, or nobody may know of it.
        return day is None or str(day) >= self._clock().date().isoformat()

    async def _fail(self, sync_id: str, run: str, trouble: PartnerTrouble | RemoteProblem) -> None:
        retry_at: datetime | None = None
        if isinstance(trouble, Away | Limited) or _is_passing(trouble):
            seconds = trouble.retry_after_seconds or AWAY_SECONDS
            retry_at = self._clock() + timedelta(seconds=seconds)
        reason = trouble.reason if isinstance(trouble, PartnerTrouble) else str(trouble)
        logger.warning(
            "A sync cannot go on.",
            extra={"sync_id": sync_id, "reason": reason, "retry_at": str(retry_at)},
        )
        failed = FailSync(sync_id=sync_id, run=run, reason=reason[:500], retry_at=retry_at)
        await self._send(failed)

    async def _send(self, command: Command[Any]) -> dict[str, Any]:
        return await send(self._bus, command)


def digest_of(findings: Iterable[Finding]) -> str:
    """What a page says, whenever it says it: the same for the same facts and refusals."""
    said = [
        [type(each.telling).__name__, replace(each.telling, as_of=None)]
        if isinstance(each, Fact)
        else [each.part.value, each.where.file, each.where.line, each.reason]
        for each in findings
    ]
    return hashlib.blake2b(orjson.dumps(said), digest_size=16).hexdigest()


def _refused(refusal: Refusal) -> Refused:
    return Refused(
        what=refusal.part.value, where=str(refusal.where)[:300], reason=refusal.reason[:500]
    )


def _is_passing(trouble: PartnerTrouble | RemoteProblem) -> bool:
    """Whether it is the catalog's own read model that is away or being built."""
    return isinstance(trouble, RemoteProblem) and trouble.document.get("kind") == "unavailable"


def _is_taken(error: BaseException) -> bool:
    return isinstance(error, RemoteProblem) and error.document.get("code") == SyncTaken.code
