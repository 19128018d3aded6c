"""Who says what of a record, and what sources call it, as rows.

What a batch of events comes to is added up first: of each field a source says, only the last word
is written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.catalog import Kind
from contracts.catalog_artists import ArtistAdded, ArtistChanged, ArtistNoted
from contracts.catalog_gatherings import GatheringAdded, GatheringChanged, GatheringNoted
from contracts.catalog_setlists import SetlistChanged, SetlistNoted, SetlistRecorded
from contracts.catalog_shows import ShowChanged, ShowNoted, ShowScheduled
from contracts.catalog_songs import SongAdded, SongChanged, SongNoted
from contracts.catalog_venues import VenueAdded, VenueChanged, VenueNoted
from libs.eventlog import Recorded
from libs.readmodel.projection import Write
from services.catalog.domain.records import AN_ID, EXTERNAL_IDS
from services.catalog.tables import identities, sayings

_SAID = frozenset(
    {
        *(ArtistAdded, ArtistChanged, ArtistNoted),
        *(VenueAdded, VenueChanged, VenueNoted),
        *(SongAdded, SongChanged, SongNoted),
        *(ShowScheduled, ShowChanged, ShowNoted),
        *(SetlistRecorded, SetlistChanged, SetlistNoted),
        *(GatheringAdded, GatheringChanged, GatheringNoted),
    }
)
_NOT_SAID = frozenset({"source", "as_of", "withdrawn", EXTERNAL_IDS})

_SAY = upsert(sayings)
_SAY = _SAY.on_conflict_do_update(
    index_elements=[sayings.c.kind, sayings.c.record_id, sayings.c.source],
    set_={"fields": sayings.c.fields.concat(_SAY.excluded.fields)},
)
_TAKE_BACK = (
    update(sayings)
    .where(
        sayings.c.kind == bindparam("of_kind"),
        sayings.c.record_id == bindparam("of"),
        sayings.c.source == bindparam("by"),
    )
    .values(fields=sayings.c.fields.op("-")(bindparam("gone", type_=ARRAY(Text))))
)
_CALL = upsert(identities)
_CALL = _CALL.on_conflict_do_update(
    index_elements=[identities.c.kind, identities.c.source, identities.c.external_id],
    set_={"record_id": _CALL.excluded.record_id},
)
_CALL_NO_MORE = delete(identities).where(
    identities.c.kind == bindparam("of_kind"),
    identities.c.record_id == bindparam("of"),
    identities.c.source == bindparam("by"),
)


@dataclass(slots=True)
class _Saying:
    """What becomes of what one source says of one record."""

    said: dict[str, Any] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)


def saying_writes(events: Sequence[Recorded]) -> Iterator[Write]:
    """What events of records write about who says what."""
    found: dict[tuple[str, str, str], _Saying] = {}
    names: dict[tuple[str, str, str], str] = {}
    unnamed: list[dict[str, str]] = []
    for event in events:
        if type(event.data) in _SAID:
            _add(event, found)
            _call(event, names, unnamed)
    yield Write(
        _SAY,
        [
            {"kind": kind, "record_id": of, "source": source, "fields": saying.said}
            for (kind, of, source), saying in found.items()
            if saying.said
        ],
    )
    yield Write(
        _TAKE_BACK,
        [
            {"of_kind": kind, "of": of, "by": source, "gone": sorted(saying.gone)}
            for (kind, of, source), saying in found.items()
            if saying.gone
        ],
    )
    yield Write(_CALL_NO_MORE, unnamed)
    yield Write(
        _CALL,
        [
            {"kind": kind, "source": source, "external_id": called, "record_id": of}
            for (kind, source, called), of in names.items()
        ],
    )


def _add(event: Recorded, found: dict[tuple[str, str, str], _Saying]) -> None:
    data: Any = event.data
    saying = found.setdefault((event.aggregate, event.aggregate_id, data.source), _Saying())
    withdrawn = {name for name in getattr(data, "withdrawn", ()) if not name.startswith(AN_ID)}
    for item in fields(data)[1:]:
        value = getattr(data, item.name)
        if value is None or item.name in withdrawn or item.name in _NOT_SAID:
            continue
        saying.said[item.name] = {"value": value, "at": event.at}
        saying.gone.discard(item.name)
    for name in withdrawn:
        saying.said.pop(name, None)
        saying.gone.add(name)


def _call(
    event: Recorded, names: dict[tuple[str, str, str], str], unnamed: list[dict[str, str]]
) -> None:
    """What sources call a record. (A setlist is called as its show is.)"""
    data: Any = event.data
    kind, of = event.aggregate, event.aggregate_id
    if kind == Kind.SETLIST:
        return
    for source, called in data.external_ids.items():
        names[kind, source, called] = of
    for name in getattr(data, "withdrawn", ()):
        if name.startswith(AN_ID):
            by = name.removeprefix(AN_ID)
            unnamed.append({"of_kind": kind, "of": of, "by": by})
            named = [key for key, at in names.items() if key[:2] == (kind, by) and at == of]
            for key in named:
                del names[key]
