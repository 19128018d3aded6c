"""Events of the catalog as rows.

A record that is added is a new row, for it is added once; one that changes keeps what the event
leaves None. A setlist that changes is taken out, its plays with it, and put in again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Table, Update, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.catalog import (
    ArtistAdded,
    ArtistChanged,
    PlayedSet,
    SetlistChanged,
    SetlistRecorded,
    ShowChanged,
    ShowScheduled,
    SongAdded,
    SongChanged,
    VenueAdded,
    VenueChanged,
)
from libs.eventlog import Recorded
from libs.kernel.messages import Event
from libs.readmodel.projection import Projected, Projection, Write
from services.catalog.tables import (
    artists,
    metadata,
    performances,
    plays,
    setlists,
    shows,
    songs,
    venues,
)


def _change(table: Table) -> Update:
    """Update the row with the id `of`; a value that is None leaves its column as it is."""
    key = table.primary_key.columns[0]
    told: dict[str, ColumnElement[Any]] = {
        column.name: func.coalesce(bindparam(f"new_{column.name}", type_=column.type), column)
        for column in table.columns
        if column not in {key, table.c.external_ids}
    }
    ids = table.c.external_ids
    told["external_ids"] = ids.concat(bindparam("new_external_ids", type_=ids.type))
    return update(table).where(key == bindparam("of")).values(told)


# (what adds, what changes, and how that is done to the table)
_RECORDS = (
    (ArtistAdded, ArtistChanged, insert(artists), _change(artists)),
    (VenueAdded, VenueChanged, insert(venues), _change(venues)),
    (SongAdded, SongChanged, insert(songs), _change(songs)),
    (ShowScheduled, ShowChanged, insert(shows), _change(shows)),
)
_ADD_SETLIST = insert(setlists)
_CHANGE_SETLIST = _change(setlists)
_FORGET_PLAYS = (
    update(plays)
    .where(
        plays.c.song_id.in_(
            select(performances.c.song_id).where(
                performances.c.show_id == bindparam("of"), ~performances.c.tape
            )
        )
    )
    .values(shows=plays.c.shows - 1)
)
_FORGET_PERFORMANCES = delete(performances).where(performances.c.show_id == bindparam("of"))
_ADD_PERFORMANCES = insert(performances)
_ADD_PLAYS = upsert(plays)
_ADD_PLAYS = _ADD_PLAYS.on_conflict_do_update(
    index_elements=[plays.c.song_id], set_={"shows": plays.c.shows + _ADD_PLAYS.excluded.shows}
)


def project(events: Sequence[Recorded]) -> Projected:
    """The rows that these events add and change, and the change keys they touch."""
    writes = []
    for added, changed, insertion, change in _RECORDS:
        writes.append(Write(insertion, [_row(event) for event in _of(events, added)]))
        writes.append(Write(change, [_changes(event) for event in _of(events, changed)]))
    writes += _setlist_writes(events)
    keys = {key: event.position for event in events for key in _keys(event.data)}
    return Projected([write for write in writes if write.rows], keys)


def _keys(event: Event) -> tuple[str, ...]:
    match event:
        case ArtistAdded() | ArtistChanged():
            return ("artists",)
        case VenueAdded() | VenueChanged():
            return ("venues",)
        case SongAdded() | SongChanged():
            return ("songs",)
        case ShowScheduled(show_id=show_id) | ShowChanged(show_id=show_id):
            return ("shows", f"show.{show_id}")
        case SetlistRecorded(show_id=show_id) | SetlistChanged(show_id=show_id):
            return ("setlists", f"show.{show_id}")
        case _:
            raise TypeError(f"{type(event).__name__} is no event of the catalog")


def _of[E: Event](events: Iterable[Recorded], cls: type[E]) -> Iterator[E]:
    return (event.data for event in events if isinstance(event.data, cls))


def _row(event: Event) -> dict[str, Any]:
    return {item.name: getattr(event, item.name) for item in fields(event)}  # type: ignore[arg-type]


def _changes(event: Event) -> dict[str, Any]:
    """The values of a changing event, by the names of `_change`."""
    (_, key), *told = _row(event).items()
    return {"of": key, **{f"new_{name}": value for name, value in told}}


def _setlist_writes(events: Sequence[Recorded]) -> list[Write]:
    added = {event.show_id: event for event in _of(events, SetlistRecorded)}
    changed = list(_of(events, SetlistChanged))
    sets = {show_id: event.sets for show_id, event in added.items()}
    sets.update({event.show_id: event.sets for event in changed if event.sets is not None})
    replaced = [{"of": show_id} for show_id in sets if show_id not in added]
    heard = Counter(song_id for played in sets.values() for song_id in _songs_played(played))
    return [
        Write(_ADD_SETLIST, [_setlist_row(event) for event in added.values()]),
        Write(_CHANGE_SETLIST, [_setlist_changes(event) for event in changed]),
        Write(_FORGET_PLAYS, replaced),
        Write(_FORGET_PERFORMANCES, replaced),
        Write(_ADD_PERFORMANCES, [row for item in sets.items() for row in _performances(*item)]),
        Write(_ADD_PLAYS, [{"song_id": song, "shows": count} for song, count in heard.items()]),
    ]


def _songs_played(sets: Sequence[PlayedSet]) -> set[str]:
    """The songs of a show, each once; what came from a tape was not played."""
    return {song.song_id for played in sets for song in played.songs if not song.tape}


def _setlist_row(event: SetlistRecorded) -> dict[str, Any]:
    return {
        "show_id": event.show_id,
        "song_count": _song_count(event.sets),
        "external_ids": event.external_ids,
    }


def _setlist_changes(event: SetlistChanged) -> dict[str, Any]:
    return {
        "of": event.show_id,
        "new_song_count": None if event.sets is None else _song_count(event.sets),
        "new_external_ids": event.external_ids,
    }


def _song_count(sets: Sequence[PlayedSet]) -> int:
    return sum(len(played.songs) for played in sets)


def _performances(show_id: str, sets: Sequence[PlayedSet]) -> Iterator[dict[str, Any]]:
    number = 0
    for set_number, played in enumerate(sets, 1):
        for song in played.songs:
            number += 1
            yield {
                "show_id": show_id,
                "number": number,
                "set_number": set_number,
                "set_name": played.name,
                "song_id": song.song_id,
                "segue": song.segue,
                "tape": song.tape,
                "note": song.note,
            }


RECORDS = Projection(
    name="records",
    log="catalog",
    tables=metadata,
    events=(
        ArtistAdded,
        ArtistChanged,
        VenueAdded,
        VenueChanged,
        SongAdded,
        SongChanged,
        ShowScheduled,
        ShowChanged,
        SetlistRecorded,
        SetlistChanged,
    ),
    project=project,
)
