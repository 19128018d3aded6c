"""Records as rows: what the catalog holds to be so, and what each source says.

A record that is added is a new row, for it is added once; one that changes keeps what the event
leaves None, except what it names as withdrawn.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Table,
    Text,
    Update,
    bindparam,
    case,
    func,
    insert,
    literal,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.catalog import Kind
from contracts.catalog_artists import ArtistAdded, ArtistChanged, ArtistNoted
from contracts.catalog_gatherings import GatheringAdded, GatheringChanged, GatheringNoted
from contracts.catalog_identity import RecordsMerged, RecordsSplit
from contracts.catalog_setlists import SetlistChanged, SetlistNoted, SetlistRecorded
from contracts.catalog_shows import ShowChanged, ShowNoted, ShowScheduled
from contracts.catalog_songs import SongAdded, SongChanged, SongNoted
from contracts.catalog_stage import Phase, ShowBegan, ShowEnded
from contracts.catalog_venues import VenueAdded, VenueChanged, VenueNoted
from libs.eventlog import Recorded
from libs.kernel.messages import Event
from libs.readmodel.projection import Projected, Projection, Write
from services.catalog.domain.names import fold
from services.catalog.domain.records import AN_ID
from services.catalog.projections.sayings import saying_writes
from services.catalog.projections.setlists import setlist_writes
from services.catalog.tables import aliases, artists, gatherings, metadata, shows, songs, venues

_ABOUT_THE_SAYING = frozenset({"source", "as_of", "withdrawn"})


def _change(table: Table) -> Update:
    """Update the row with the id `of`; a value that is None leaves its column as it is, unless the
    column is among those `withdrawn`.
    """
    key = table.primary_key.columns[0]
    withdrawn = bindparam("withdrawn", type_=ARRAY(Text))
    told: dict[str, ColumnElement[Any]] = {}
    for column in table.columns:
        if column in {key, table.c.external_ids} or column.name == "phase":
            continue
        new = bindparam(f"new_{column.name}", type_=column.type)
        told[column.name] = case(
            (literal(column.name) == func.any(withdrawn), new), else_=func.coalesce(new, column)
        )
    ids = table.c.external_ids
    gone = bindparam("gone_ids", type_=ARRAY(Text))
    told["external_ids"] = ids.op("-")(gone).concat(bindparam("new_external_ids", type_=ids.type))
    return update(table).where(key == bindparam("of")).values(told)


@dataclass(frozen=True, slots=True)
class _Rows:
    """How the events of a kind become rows of its table.

    name   the field that is kept once more as a key, `<name>_key`
    """

    added: type[Event]
    changed: type[Event]
    insertion: Any
    change: Update
    name: str | None

    @classmethod
    def of(
        cls, table: Table, added: type[Event], changed: type[Event], name: str | None = None
    ) -> "_Rows":
        return cls(added, changed, insert(table), _change(table), name)

    def writes(self, events: Sequence[Recorded]) -> Iterator[Write]:
        yield Write(self.insertion, [self._row(event) for event in _of(events, self.added)])
        yield Write(self.change, [self._changes(event) for event in _of(events, self.changed)])

    def _row(self, event: Event) -> dict[str, Any]:
        row = _values(event)
        if self.name is not None:
            row[f"{self.name}_key"] = None if row[self.name] is None else fold(row[self.name])
        return row

    def _changes(self, event: Event) -> dict[str, Any]:
        """The values of a changing event, by the names of `_change`."""
        (_, key), *told = self._row(event).items()
        withdrawn: list[str] = list(getattr(event, "withdrawn"))  # noqa: B009
        if self.name in withdrawn:
            withdrawn.append(f"{self.name}_key")
        return {
            "of": key,
            "withdrawn": withdrawn,
            "gone_ids": [name.removeprefix(AN_ID) for name in withdrawn if AN_ID in name],
            **{f"new_{name}": it for name, it in told},
        }


_RECORDS = (
    _Rows.of(artists, ArtistAdded, ArtistChanged, "name"),
    _Rows.of(venues, VenueAdded, VenueChanged, "name"),
    _Rows.of(songs, SongAdded, SongChanged, "title"),
    _Rows.of(shows, ShowScheduled, ShowChanged),
    _Rows.of(gatherings, GatheringAdded, GatheringChanged, "name"),
)

_SET_PHASE = update(shows).where(shows.c.show_id == bindparam("of")).values(phase=bindparam("now"))
_HOUR = ("local_date", "local_time", "time_zone")
_MERGE = upsert(aliases)
_MERGE = _MERGE.on_conflict_do_update(
    index_elements=[aliases.c.kind, aliases.c.record_id],
    set_={"into_id": _MERGE.excluded.into_id, "not_id": _MERGE.excluded.not_id},
)


def project(events: Sequence[Recorded]) -> Projected:
    """The rows that these events add and change, and the change keys they touch."""
    writes = [write for rows in _RECORDS for write in rows.writes(events)]
    writes += setlist_writes(events)
    writes += _phases(events)
    writes += saying_writes(events)
    writes += _merges(events)
    keys = {key: event.position for event in events for key in _keys(event)}
    return Projected([write for write in writes if write.rows], keys)


def _phases(events: Sequence[Recorded]) -> Iterator[Write]:
    """How far shows have come, each as its last event says."""
    phases: dict[str, Phase] = {}
    for event in events:
        match event.data:
            case ShowBegan(show_id=show_id):
                phases[show_id] = Phase.LIVE
            case ShowEnded(show_id=show_id):
                phases[show_id] = Phase.FINISHED
            case ShowChanged(show_id=show_id) as changed:
                if any(getattr(changed, name) is not None for name in _HOUR):
                    phases[show_id] = Phase.AHEAD
    yield Write(_SET_PHASE, [{"of": of, "now": now.value} for of, now in phases.items()])


def _merges(events: Sequence[Recorded]) -> Iterator[Write]:
    """What records are part of, each as its last event says."""
    rows: dict[tuple[Kind, str], dict[str, Any]] = {}
    for event in events:
        match event.data:
            case RecordsMerged(kind=kind, record_id=of, into_id=into):
                rows[kind, of] = {"into_id": into, "not_id": None}
            case RecordsSplit(kind=kind, record_id=of, from_id=other):
                rows[kind, of] = {"into_id": None, "not_id": other}
    yield Write(
        _MERGE,
        [{"kind": kind.value, "record_id": of, **row} for (kind, of), row in rows.items()],
    )


_LISTS = {kind: f"{kind}s" for kind in Kind}


def _keys(event: Recorded) -> tuple[str, ...]:
    """What an event touches: the list of its kind, the record itself, and who says what of it."""
    of = event.aggregate_id
    match event.data:
        case RecordsMerged(kind=kind, into_id=other) | RecordsSplit(kind=kind, from_id=other):
            both = [f"{word}.{each}" for word in (kind, "saying") for each in (of, other)]
            return (_LISTS[kind], "disputes", *both)
        case ShowBegan() | ShowEnded():
            return ("shows", f"show.{of}")
        case noted if type(noted) in _NOTED:
            return ("disputes", f"saying.{of}")
        case _:
            kind = Kind(event.aggregate)
            own = Kind.SHOW if kind is Kind.SETLIST else kind
            return (_LISTS[kind], f"{own}.{of}", f"saying.{of}", "disputes")


def _of[E: Event](events: Iterable[Recorded], cls: type[E]) -> Iterator[E]:
    return (event.data for event in events if isinstance(event.data, cls))


def _values(event: Event) -> dict[str, Any]:
    return {
        item.name: getattr(event, item.name)
        for item in fields(event)  # type: ignore[arg-type]
        if item.name not in _ABOUT_THE_SAYING
    }


_NOTED = frozenset({ArtistNoted, VenueNoted, SongNoted, ShowNoted, SetlistNoted, GatheringNoted})

RECORDS = Projection(
    name="records",
    log="catalog",
    tables=metadata,
    events=(
        *(cls for rows in _RECORDS for cls in (rows.added, rows.changed)),
        SetlistRecorded,
        SetlistChanged,
        *sorted(_NOTED, key=lambda cls: cls.__name__),
        ShowBegan,
        ShowEnded,
        RecordsMerged,
        RecordsSplit,
    ),
    project=project,
    version=2,
    extensions=("pg_trgm",),
)
