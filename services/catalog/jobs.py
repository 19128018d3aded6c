"""The catalog's jobs: partners are asked again and again, and after a show what was played.

Which syncs are repeated, and how often, is a setting; the scheduler keeps the hours, and
administrators see, stop and repeat them on the page of jobs.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from contracts.catalog import ShowId
from contracts.catalog_sync_views import GetSync
from contracts.catalog_syncs import StartSync, SyncId, SyncStatus
from contracts.scheduler import Cron, Once, Overlap, PutSchedule
from contracts.scheduler_views import GetRun
from libs.jobs import Job, JobContext, Policy
from libs.kernel.errors import Rejected, Unavailable
from libs.kernel.ids import derive_id
from libs.kernel.messages import message
from services.catalog.adapters.aftermath import Fetched, fetch_setlist
from services.catalog.adapters.telling import CALLER

SYNC: Final = "catalog.sync"
FETCH_SETLIST: Final = "catalog.fetch-setlist"
CRONS: Final = {"hourly": "0 * * * *", "nightly": "0 4 * * *"}
JITTER_SECONDS: Final = {"hourly": 300, "nightly": 1800}
"""So that not all ask a partner at the same moment."""

LOOK_SECONDS: Final = 0.5
FIRST_AFTER_SECONDS: Final = 2.0

_UNDER_WAY: Final = frozenset({SyncStatus.REQUESTED, SyncStatus.RUNNING})


class SetlistUnreachable(Rejected):
    code = "catalog.setlist-unreachable"
    title = "No partner knows of this show."


class SetlistIncomplete(Unavailable):
    code = "catalog.setlist-incomplete"
    title = "What was played is not there yet, or still being written."


@message
class SyncArguments:
    """Which sync."""

    sync_id: SyncId


@message
class SetlistArguments:
    """Of which show."""

    show_id: ShowId


async def sync(arguments: SyncArguments, context: JobContext) -> None:
    """Ask a partner for what is new."""
    sync_id, bus = arguments.sync_id, context.bus
    started = await context.send(StartSync(sync_id=sync_id), key="start")
    position = int(started["position"])
    while True:
        answer = await bus.ask(GetSync(sync_id=sync_id), caller=CALLER, after=position)
        stands = answer.result
        await context.report(int(stands["pages"]), None, str(stands["status"]))
        match SyncStatus(stands["status"]):
            case status if status in _UNDER_WAY:
                await asyncio.sleep(LOOK_SECONDS)
            case SyncStatus.FAILED:
                raise Unavailable(str(stands["reason"]))
            case _:
                return


async def fetch(arguments: SetlistArguments, context: JobContext) -> None:
    """Fetch what was played at a show, until it is the same twice."""
    found = await fetch_setlist(context.bus, arguments.show_id)
    if found.trouble is not None and found.songs == 0:
        raise SetlistUnreachable(found.trouble)
    is_settled = found.digest is not None and await _was_the_same(context, found)
    if found.songs == 0 or not is_settled:
        raise SetlistIncomplete(f"{found.songs} songs so far, {found.digest}")


async def _was_the_same(context: JobContext, found: Fetched) -> bool:
    """Whether an earlier attempt of this run has found the same, and said so when it failed."""
    history = (await context.bus.ask(GetRun(run_id=context.run_id), caller=CALLER)).result
    return any(
        str(found.digest) in step["detail"]
        for step in history["steps"]
        if step["attempt"] < context.attempt
    )


JOBS: Final = (
    Job(SYNC, SyncArguments, sync, Policy(attempts_max=3, timeout_seconds=1800)),
    Job(
        FETCH_SETLIST,
        SetlistArguments,
        fetch,
        Policy(
            attempts_max=30,
            first_pause_seconds=60,
            pause_seconds_max=3600,
            timeout_seconds=600,
            final_errors=(SetlistUnreachable,),
        ),
    ),
)


def standing(repeated: Sequence[tuple[str, SyncId]]) -> list[PutSchedule]:
    """The schedules of syncs that are repeated, and the first run of each, which happens at once.

    repeated   pairs of `hourly` or `nightly`, and a sync
    """
    found = []
    for often, sync_id in repeated:
        arguments: dict[str, JsonValue] = {"sync_id": sync_id}
        found += [
            PutSchedule(
                schedule_id=derive_id("sync", sync_id),
                job=SYNC,
                arguments=arguments,
                timing=Cron(expression=CRONS[often]),
                overlap=Overlap.SKIP,
                jitter_seconds=JITTER_SECONDS[often],
            ),
            PutSchedule(
                schedule_id=derive_id("first-sync", sync_id),
                job=SYNC,
                arguments=arguments,
                timing=Once(run_after_seconds=FIRST_AFTER_SECONDS),
            ),
        ]
    return found
