"""Questions to the catalog: lists by page, and single shows with what was played.

A page begins behind the sort keys of the row before it, which its cursor holds. So it neither skips
nor repeats a row when others come and go.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, RowMapping, Select, func, literal, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalog import (
    Artists,
    ArtistSummary,
    Candidates,
    CandidateSong,
    GetCandidates,
    GetSetlist,
    GetShow,
    GetSongs,
    ListArtists,
    ListShows,
    ListSongs,
    Setlist,
    SetlistNotFound,
    SetlistSet,
    SetlistSong,
    Show,
    ShowNotFound,
    Shows,
    ShowStatus,
    ShowSummary,
    SongOrder,
    Songs,
    SongSummary,
    When,
)
from libs.kernel.errors import Invalid
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.catalog.tables import artists, performances, plays, setlists, shows, songs, venues

# ---------------------------------------------------------------------------------- pages


@dataclass(frozen=True, slots=True)
class _Order:
    """The order of a list.

    keys        what its rows are sorted by; the last is unique
    cursor      reads the keys of a row out of JSON
    descending  whether all of them are sorted downwards
    """

    keys: tuple[ColumnElement[Any], ...]
    cursor: TypeAdapter[Any]
    descending: bool = False


_BY_NAME = _Order((func.lower(artists.c.name), artists.c.artist_id), TypeAdapter(tuple[str, str]))
_BY_DAY = _Order(
    (shows.c.local_date, func.coalesce(shows.c.number_that_day, 0), shows.c.show_id),
    TypeAdapter(tuple[date, int, str]),
)
_BY_DAY_DOWN = replace(_BY_DAY, descending=True)
_PLAYS = func.coalesce(plays.c.shows, 0)
_BY_TITLE = _Order((func.lower(songs.c.title), songs.c.song_id), TypeAdapter(tuple[str, str]))
_BY_PLAYS = _Order(
    (-_PLAYS, func.lower(songs.c.title), songs.c.song_id), TypeAdapter(tuple[int, str, str])
)


def _sorted(
    statement: Select[Any], order: _Order, limit: int, after: str | None = None
) -> Select[Any]:
    """One page of a list, its rows with their sort keys, and one row more when there are more.

    raises   Invalid when `after` is no cursor of this list
    """
    statement = statement.add_columns(
        *(key.label(f"sort_{number}") for number, key in enumerate(order.keys))
    )
    if after is not None:
        before = [literal(value) for value in _read_cursor(order, after)]
        keys = tuple_(*order.keys)
        statement = statement.where(
            keys < tuple_(*before) if order.descending else keys > tuple_(*before)
        )
    by = [key.desc() if order.descending else key for key in order.keys]
    return statement.order_by(*by).limit(limit + 1)


def _read_cursor(order: _Order, after: str) -> Sequence[Any]:
    try:
        values: Sequence[Any] = order.cursor.validate_json(urlsafe_b64decode(after))
    except (ValueError, ValidationError):
        raise Invalid("after: not the `next` of a page of this list") from None
    return values


def _next(rows: Sequence[RowMapping], order: _Order, limit: int) -> str | None:
    """The cursor behind the last row of a page; None at the end of the list."""
    if len(rows) <= limit:
        return None
    last = rows[limit - 1]
    keys = [last[f"sort_{number}"] for number in range(len(order.keys))]
    return urlsafe_b64encode(orjson.dumps(keys)).decode()


async def _rows(connection: AsyncConnection, statement: Select[Any]) -> Sequence[RowMapping]:
    rows: Sequence[RowMapping] = (await connection.execute(statement)).mappings().all()
    return rows


# ---------------------------------------------------------------------------------- artists


async def list_artists(query: ListArtists, _caller: Caller, connection: AsyncConnection) -> Artists:
    """Artists by name, each with how much the catalog knows of them."""
    of_artist = [
        select(func.count()).where(table.c.artist_id == artists.c.artist_id).scalar_subquery()
        for table in (shows, songs)
    ]
    statement = select(artists, of_artist[0].label("shows"), of_artist[1].label("songs"))
    rows = await _rows(connection, _sorted(statement, _BY_NAME, query.limit, query.after))
    return Artists(
        artists=[_view(ArtistSummary, row) for row in rows[: query.limit]],
        next=_next(rows, _BY_NAME, query.limit),
    )


# ---------------------------------------------------------------------------------- shows

_SHOWS = (
    select(
        shows,
        artists.c.name.label("artist"),
        venues.c.name.label("venue"),
        venues.c.city,
        venues.c.region,
        venues.c.country,
        func.coalesce(setlists.c.song_count, 0).label("song_count"),
    )
    .outerjoin(artists, artists.c.artist_id == shows.c.artist_id)
    .outerjoin(venues, venues.c.venue_id == shows.c.venue_id)
    .outerjoin(setlists, setlists.c.show_id == shows.c.show_id)
)
_FIRST_DAY_NOT_OVER = text("(now() at time zone 'UTC' - interval '12 hours')::date")
"""The first day that has not ended everywhere: the last islands are twelve hours behind UTC."""


async def list_shows(query: ListShows, _caller: Caller, connection: AsyncConnection) -> Shows:
    """Shows of one artist or of all, by day."""
    statement, order = _SHOWS, _BY_DAY_DOWN
    if query.artist_id is not None:
        statement = statement.where(shows.c.artist_id == query.artist_id)
    if query.when is When.UPCOMING:
        statement, order = statement.where(shows.c.local_date >= _FIRST_DAY_NOT_OVER), _BY_DAY
    elif query.when is When.PAST:
        statement = statement.where(shows.c.local_date < _FIRST_DAY_NOT_OVER)
    rows = await _rows(connection, _sorted(statement, order, query.limit, query.after))
    return Shows(
        shows=[_show_summary(row) for row in rows[: query.limit]],
        next=_next(rows, order, query.limit),
    )


async def get_show(query: GetShow, _caller: Caller, connection: AsyncConnection) -> Show:
    """A show and, once recorded, its setlist. raises ShowNotFound"""
    rows = await _rows(connection, _SHOWS.where(shows.c.show_id == query.show_id))
    if not rows:
        raise ShowNotFound(query.show_id)
    return Show(show=_show_summary(rows[0]), setlist=await _setlist(query.show_id, connection))


def _show_summary(row: RowMapping) -> ShowSummary:
    return _view(ShowSummary, row, starts_at=_starts_at(row), status=ShowStatus(row["status"]))


def _starts_at(row: RowMapping) -> datetime | None:
    if row["local_time"] is None or row["time_zone"] is None:
        return None
    try:
        zone = ZoneInfo(row["time_zone"])
    except (KeyError, ValueError, OSError):
        return None  # A zone that this machine's database does not have.
    return datetime.combine(row["local_date"], row["local_time"], zone).astimezone(UTC)


# ---------------------------------------------------------------------------------- setlists


async def get_setlist(query: GetSetlist, _caller: Caller, connection: AsyncConnection) -> Setlist:
    """What was played at a show. raises SetlistNotFound"""
    setlist = await _setlist(query.show_id, connection)
    if setlist is None:
        raise SetlistNotFound(query.show_id)
    return setlist


async def _setlist(show_id: str, connection: AsyncConnection) -> Setlist | None:
    recorded = select(setlists.c.external_ids).where(setlists.c.show_id == show_id)
    external_ids = (await connection.execute(recorded)).scalar_one_or_none()
    if external_ids is None:
        return None
    played = (
        select(performances, songs.c.title, songs.c.original_artist)
        .outerjoin(songs, songs.c.song_id == performances.c.song_id)
        .where(performances.c.show_id == show_id)
        .order_by(performances.c.number)
    )
    rows = await _rows(connection, played)
    return Setlist(show_id=show_id, sets=_sets(rows), external_ids=external_ids)


def _sets(rows: Iterable[RowMapping]) -> list[SetlistSet]:
    return [
        SetlistSet(name=name, songs=[_view(SetlistSong, row) for row in played])
        for (_, name), played in groupby(rows, key=itemgetter("set_number", "set_name"))
    ]


# ---------------------------------------------------------------------------------- songs

_SONGS = select(songs, _PLAYS.label("plays")).outerjoin(plays, plays.c.song_id == songs.c.song_id)


def _with_last_played(page: Select[Any]) -> Select[Any]:
    """The rows of a page of songs, each with the day it was last played, in the same order."""
    found = page.cte("page")
    last_played = (
        select(func.max(shows.c.local_date))
        .join(performances, performances.c.show_id == shows.c.show_id)
        .where(performances.c.song_id == found.c.song_id, ~performances.c.tape)
        .scalar_subquery()
    )
    sort_keys = [column for column in found.c if column.name.startswith("sort_")]
    return select(found, last_played.label("last_played")).order_by(*sort_keys)


async def list_songs(query: ListSongs, _caller: Caller, connection: AsyncConnection) -> Songs:
    """Songs of one artist or of all, by title or by how often they were played."""
    order = _BY_PLAYS if query.order is SongOrder.MOST_PLAYED else _BY_TITLE
    statement = _SONGS
    if query.artist_id is not None:
        statement = statement.where(songs.c.artist_id == query.artist_id)
    page = _with_last_played(_sorted(statement, order, query.limit, query.after))
    rows = await _rows(connection, page)
    return Songs(
        songs=[_view(SongSummary, row) for row in rows[: query.limit]],
        next=_next(rows, order, query.limit),
    )


async def get_songs(query: GetSongs, _caller: Caller, connection: AsyncConnection) -> Songs:
    """The songs with these ids, in their order, as far as they are known."""
    page = _with_last_played(_SONGS.where(songs.c.song_id.in_(query.song_ids)))
    found = {row["song_id"]: row for row in await _rows(connection, page)}
    known = [found[song_id] for song_id in query.song_ids if song_id in found]
    return Songs(songs=[_view(SongSummary, row) for row in known], next=None)


async def get_candidates(
    query: GetCandidates, _caller: Caller, connection: AsyncConnection
) -> Candidates:
    """The songs that the artist of a show has played most. raises ShowNotFound"""
    of_show = select(shows.c.artist_id).where(shows.c.show_id == query.show_id)
    artist_id = (await connection.execute(of_show)).scalar_one_or_none()
    if artist_id is None:
        raise ShowNotFound(query.show_id)
    of_artist = _SONGS.where(songs.c.artist_id == artist_id)
    rows = await _rows(connection, _with_last_played(_sorted(of_artist, _BY_PLAYS, query.limit)))
    return Candidates(
        show_id=query.show_id,
        artist_id=artist_id,
        candidates=[_view(CandidateSong, row) for row in rows[: query.limit]],
    )


_READS = ("records",)

QUERIES: Queries = {
    ListArtists: Reading(list_artists, _READS),
    ListShows: Reading(list_shows, _READS),
    GetShow: Reading(get_show, _READS),
    GetSetlist: Reading(get_setlist, _READS),
    ListSongs: Reading(list_songs, _READS),
    GetSongs: Reading(get_songs, _READS),
    GetCandidates: Reading(get_candidates, _READS),
}


# ---------------------------------------------------------------------------------- views


def _view[V](cls: type[V], row: RowMapping, **more: Any) -> V:
    """A view out of the columns that have the names of its fields."""
    names = [item.name for item in fields(cls)]  # type: ignore[arg-type]
    return cls(**{name: row[name] for name in names if name not in more}, **more)
