"""How syncs stand, and what is left of quotas, as rows.

A row is what the events of its sync come to, one statement an event: a run has few.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, func, update
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.catalog_syncs import (
    QuotaClosed,
    QuotaTaken,
    SyncAdvanced,
    SyncBegan,
    SyncFailed,
    SyncFinished,
    SyncHastened,
    SyncRequested,
    SyncStatus,
    SyncStopped,
)
from libs.eventlog import Recorded
from libs.readmodel.projection import Projected, Projection, Write
from services.catalog.tables import quotas, syncs, syncs_metadata

_NOTHING = {"pages": 0, "new": 0, "changed": 0, "unchanged": 0, "refused": 0, "missing": 0}
_COUNTS = ("new", "changed", "unchanged", "refused", "missing")

_REQUEST = upsert(syncs)
_REQUEST = _REQUEST.on_conflict_do_update(
    index_elements=[syncs.c.sync_id],
    set_={
        "status": _REQUEST.excluded.status,
        "artist_id": func.coalesce(_REQUEST.excluded.artist_id, syncs.c.artist_id),
        "requested_at": _REQUEST.excluded.requested_at,
        "reason": None,
        "retry_at": None,
        "position": _REQUEST.excluded.position,
    },
)


def _changes(*names: str, **values: Any) -> Any:
    """Update the row `of_sync`: columns from parameters `new_<name>`, others from expressions."""
    told = {name: bindparam(f"new_{name}", type_=syncs.c[name].type) for name in names}
    told["position"] = bindparam("at_position", type_=syncs.c.position.type)
    return update(syncs).where(syncs.c.sync_id == bindparam("of_sync")).values(**told, **values)


_BEGIN = _changes(
    "status",
    "run",
    "began_at",
    reason=None,
    retry_at=None,
    ended_at=None,
)
_HASTEN = _changes("due_at")
_RESET = _changes(**dict.fromkeys(_NOTHING, 0), of=None, cursor=None, refusals=[], due_at=None)
_ADVANCE = _changes(
    "of",
    "cursor",
    pages=syncs.c.pages + 1,
    **{
        name: syncs.c[name] + bindparam(f"more_{name}", type_=syncs.c[name].type)
        for name in _COUNTS
    },
    refusals=bindparam("more_refusals", type_=syncs.c.refusals.type).concat(syncs.c.refusals),
)
_FINISH = _changes(
    "status",
    "ended_at",
    cursor=None,
    missing=syncs.c.missing + bindparam("more_missing", type_=syncs.c.missing.type),
)
_FAIL = _changes("status", "ended_at", "reason", "retry_at")
_STOP = _changes("status", due_at=None)
_GIVE_UP = _changes(due_at=None)
_TAKE = upsert(quotas)
_TAKE = _TAKE.on_conflict_do_update(
    index_elements=[quotas.c.partner],
    set_={name: _TAKE.excluded[name] for name in ("day", "taken", "limit")},
)
_CLOSE = upsert(quotas)
_CLOSE = _CLOSE.on_conflict_do_update(
    index_elements=[quotas.c.partner], set_={"closed_until": _CLOSE.excluded.closed_until}
)


def project(events: Sequence[Recorded]) -> Projected:
    """The rows that these events add and change, and the change keys they touch."""
    writes = [write for event in events for write in _writes(event)]
    keys: dict[str, int] = {}
    for event in events:
        is_quota = isinstance(event.data, QuotaTaken | QuotaClosed)
        names = ("quotas",) if is_quota else ("syncs", f"sync.{event.aggregate_id}")
        keys.update(dict.fromkeys(names, event.position))
    return Projected(writes, keys)


def _writes(event: Recorded) -> Iterator[Write]:
    row: dict[str, Any] = {"of_sync": event.aggregate_id, "at_position": event.position}
    match event.data:
        case SyncRequested(sync_id=sync_id, artist_id=artist_id):
            new: dict[str, Any] = {
                "sync_id": sync_id,
                "artist_id": artist_id,
                "status": SyncStatus.REQUESTED.value,
                "requested_at": event.at,
                "refusals": [],
                "position": event.position,
                **_NOTHING,
            }
            yield Write(_REQUEST, [new])
        case SyncHastened(due_at=due_at):
            yield Write(_HASTEN, [{**row, "new_due_at": due_at}])
        case SyncBegan() as began:
            if began.is_first:
                yield Write(_RESET, [row])
            running = {"new_status": SyncStatus.RUNNING.value, "new_run": began.run}
            yield Write(_BEGIN, [{**row, **running, "new_began_at": began.at}])
        case SyncAdvanced() as advanced:
            counts = {f"more_{name}": getattr(advanced.tally, name) for name in _COUNTS}
            read = {"new_of": advanced.of, "new_cursor": advanced.next}
            more = {**counts, "more_refusals": advanced.refusals}
            yield Write(_ADVANCE, [{**row, **read, **more}])
        case SyncFinished(at=at, missing=missing):
            finished = {"new_status": SyncStatus.FINISHED.value, "new_ended_at": at}
            yield Write(_FINISH, [{**row, **finished, "more_missing": missing}])
        case SyncFailed(at=at, reason=reason, retry_at=retry_at):
            status = SyncStatus.FAILED if retry_at is None else SyncStatus.WAITING
            failed = {"new_status": status.value, "new_ended_at": at, "new_reason": reason}
            yield Write(_FAIL, [{**row, **failed, "new_retry_at": retry_at}])
            if retry_at is None:
                yield Write(_GIVE_UP, [row])
        case SyncStopped():
            yield Write(_STOP, [{**row, "new_status": SyncStatus.STOPPED.value}])
        case QuotaTaken(partner=partner, day=day, taken=taken, limit=limit):
            yield Write(
                _TAKE, [{"partner": partner.value, "day": day, "taken": taken, "limit": limit}]
            )
        case QuotaClosed(partner=partner, until=until):
            yield Write(_CLOSE, [{"partner": partner.value, "taken": 0, "closed_until": until}])


SYNCS = Projection(
    name="syncs",
    log="catalog",
    tables=syncs_metadata,
    events=(
        SyncRequested,
        SyncHastened,
        SyncBegan,
        SyncAdvanced,
        SyncFinished,
        SyncFailed,
        SyncStopped,
        QuotaTaken,
        QuotaClosed,
    ),
    project=project,
)
