"""Setlists as rows. One that changes is taken out, its plays with it, and put in again."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from contracts.catalog_setlists import PlayedSet, SetlistChanged, SetlistRecorded
from libs.eventlog import Recorded
from libs.readmodel.projection import Write
from services.catalog.tables import performances, plays, setlists

_ADD_SETLIST = insert(setlists)
_CHANGE_SETLIST = (
    update(setlists)
    .where(setlists.c.show_id == bindparam("of"))
    .values(
        song_count=func.coalesce(
            bindparam("new_song_count", type_=setlists.c.song_count.type), setlists.c.song_count
        ),
        external_ids=setlists.c.external_ids.concat(
            bindparam("new_external_ids", type_=setlists.c.external_ids.type)
        ),
    )
)
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


def setlist_writes(events: Sequence[Recorded]) -> list[Write]:
    """What events of setlists write."""
    found = [event.data for event in events]
    added = {it.show_id: it for it in found if isinstance(it, SetlistRecorded)}
    changed = [it for it in found if isinstance(it, SetlistChanged)]
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
