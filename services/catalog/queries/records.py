"""Questions about artists, songs, shows and what was played.

A record that was merged into another is shown no more; what belonged to it belongs to the other.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    RowMapping,
    Select,
    Table,
    Text,
    and_,
    cast,
    false,
    func,
    or_,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalog import Kind, When
from contracts.catalog_artists import ArtistNotFound, Artists, ArtistSummary, GetArtist, ListArtists
from contracts.catalog_setlists import GetSetlist, Setlist, SetlistNotFound, SetlistSet, SetlistSong
from contracts.catalog_shows import (
    GetShow,
    ListShows,
    Show,
    ShowNotFound,
    Shows,
    ShowStatus,
    ShowSummary,
)
from contracts.catalog_songs import (
    Candidates,
    CandidateSong,
    GetCandidates,
    GetSongs,
    ListSongs,
    SongOrder,
    Songs,
    SongSummary,
)
from contracts.catalog_stage import Phase
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.catalog.queries.merged import is_part_of, stands_alone, whole_id, whole_of
from services.catalog.queries.pages import Order, next_cursor, rows_of, sorted_page, view_of
from services.catalog.tables import (
    aliases,
    artists,
    performances,
    plays,
    setlists,
    shows,
    songs,
    venues,
)

_BY_NAME = Order((func.lower(artists.c.name), artists.c.artist_id), TypeAdapter(tuple[str, str]))
_BY_DAY = Order(
    (
        shows.c.local_date,
        func.coalesce(cast(shows.c.local_time, Text), ""),
        func.coalesce(shows.c.number_that_day, 0),
        shows.c.show_id,
    ),
    TypeAdapter(tuple[date, str, int, str]),
)
_BY_DAY_DOWN = replace(_BY_DAY, descending=True)
_PLAYS = func.coalesce(plays.c.shows, 0)
_BY_TITLE = Order((func.lower(songs.c.title), songs.c.song_id), TypeAdapter(tuple[str, str]))
_BY_PLAYS = Order(
    (-_PLAYS, func.lower(songs.c.title), songs.c.song_id), TypeAdapter(tuple[int, str, str])
)


# ---------------------------------------------------------------------------------- artists


def _how_many(table: Table, kind: Kind) -> ColumnElement[int]:
    """How many shows or songs an artist has, and those that were merged into them."""
    counted = select(func.count()).where(stands_alone(kind, table.primary_key.columns[0]))
    merged = aliases.alias()
    own = counted.where(table.c.artist_id == artists.c.artist_id)
    others = counted.select_from(table.join(merged, table.c.artist_id == merged.c.record_id)).where(
        merged.c.kind == Kind.ARTIST.value, merged.c.into_id == artists.c.artist_id
    )
    return own.scalar_subquery() + others.scalar_subquery()


_ARTISTS = select(
    artists,
    _how_many(shows, Kind.SHOW).label("shows"),
    _how_many(songs, Kind.SONG).label("songs"),
)


async def list_artists(query: ListArtists, _caller: Caller, connection: AsyncConnection) -> Artists:
    """Artists by name, each with how much the catalog knows of them."""
    statement = _ARTISTS.where(stands_alone(Kind.ARTIST, artists.c.artist_id))
    rows = await rows_of(connection, sorted_page(statement, _BY_NAME, query.limit, query.after))
    return Artists(
        artists=[view_of(ArtistSummary, row) for row in rows[: query.limit]],
        next=next_cursor(rows, _BY_NAME, query.limit),
    )


async def get_artist(
    query: GetArtist, _caller: Caller, connection: AsyncConnection
) -> ArtistSummary:
    """An artist. raises ArtistNotFound"""
    artist_id = await whole_id(connection, Kind.ARTIST, query.artist_id)
    rows = await rows_of(connection, _ARTISTS.where(artists.c.artist_id == artist_id))
    if not rows:
        raise ArtistNotFound(query.artist_id)
    return view_of(ArtistSummary, rows[0])


# ---------------------------------------------------------------------------------- shows

_ARTIST_OF = whole_of(Kind.ARTIST, shows.c.artist_id)
_VENUE_OF = whole_of(Kind.VENUE, shows.c.venue_id)
_SHOWS = (
    select(
        *(column for column in shows.c if column.name not in {"artist_id", "venue_id"}),
        _ARTIST_OF.label("artist_id"),
        _VENUE_OF.label("venue_id"),
        artists.c.name.label("artist"),
        venues.c.name.label("venue"),
        venues.c.city,
        venues.c.region,
        venues.c.country,
        func.coalesce(setlists.c.song_count, 0).label("song_count"),
    )
    .select_from(shows)
    .outerjoin(artists, artists.c.artist_id == _ARTIST_OF)
    .outerjoin(venues, venues.c.venue_id == _VENUE_OF)
    .outerjoin(setlists, setlists.c.show_id == shows.c.show_id)
)
_FIRST_DAY_NOT_OVER = text("(now() at time zone 'UTC' - interval '12 hours')::date")
"""The first day that has not ended everywhere: the last islands are twelve hours behind UTC."""

_WAS_PLAYED = and_(shows.c.local_time.is_(None), setlists.c.song_count > 0)
_IS_OVER = or_(
    shows.c.local_date < _FIRST_DAY_NOT_OVER,
    shows.c.phase == Phase.FINISHED,
    func.coalesce(_WAS_PLAYED, false()),
)


async def list_shows(query: ListShows, _caller: Caller, connection: AsyncConnection) -> Shows:
    """Shows of one artist or of all, by day."""
    statement, order = _SHOWS.where(stands_alone(Kind.SHOW, shows.c.show_id)), _BY_DAY_DOWN
    if query.artist_id is not None:
        statement = statement.where(is_part_of(Kind.ARTIST, shows.c.artist_id, query.artist_id))
    if query.when is When.UPCOMING:
        statement, order = statement.where(~_IS_OVER), _BY_DAY
    elif query.when is When.PAST:
        statement = statement.where(_IS_OVER)
    rows = await rows_of(connection, sorted_page(statement, order, query.limit, query.after))
    return Shows(
        shows=[_show_summary(row) for row in rows[: query.limit]],
        next=next_cursor(rows, order, query.limit),
    )


async def get_show(query: GetShow, _caller: Caller, connection: AsyncConnection) -> Show:
    """A show and, once recorded, its setlist. raises ShowNotFound"""
    own = _SHOWS.where(shows.c.show_id == query.show_id)
    rows = await rows_of(connection, own.where(stands_alone(Kind.SHOW, shows.c.show_id)))
    if not rows:
        raise ShowNotFound(query.show_id)
    return Show(show=_show_summary(rows[0]), setlist=await _setlist(query.show_id, connection))


def _show_summary(row: RowMapping) -> ShowSummary:
    is_listed = row["is_listed"] is not False
    return view_of(
        ShowSummary, row, starts_at=_starts_at(row), status=_status(row), is_listed=is_listed
    )


def _status(row: RowMapping) -> ShowStatus:
    """What sources say, unless that is nothing special: then how far the show has come."""
    told, phase = ShowStatus(row["status"]), Phase(row["phase"])
    if told is not ShowStatus.SCHEDULED or phase is Phase.AHEAD:
        return told
    return ShowStatus.LIVE if phase is Phase.LIVE else ShowStatus.FINISHED


def _starts_at(row: RowMapping) -> datetime | None:
    if row["local_time"] is None or row["time_zone"] is None:
        return None
    try:
        zone = ZoneInfo(row["time_zone"])
    except (KeyError, ValueError, OSError):
        return None  # A zone that this machine's database does not have.
    return datetime.combine(row["local_date"], row["local_time"], zone).astimezone(UTC)


# ---------------------------------------------------------------------------------- setlists


_SONG_OF = whole_of(Kind.SONG, performances.c.song_id)


async def get_setlist(query: GetSetlist, _caller: Caller, connection: AsyncConnection) -> Setlist:
    """What was played at a show. raises SetlistNotFound"""
    setlist = await _setlist(query.show_id, connection)
    if setlist is None:
        raise SetlistNotFound(query.show_id)
    return setlist


async def _setlist(show_id: str, connection: AsyncConnection) -> Setlist | None:
    recorded = select(setlists.c.external_ids).where(
        setlists.c.show_id == show_id, stands_alone(Kind.SHOW, setlists.c.show_id)
    )
    external_ids = (await connection.execute(recorded)).scalar_one_or_none()
    if external_ids is None:
        return None
    played = (
        select(
            *(column for column in performances.c if column.name != "song_id"),
            _SONG_OF.label("song_id"),
            songs.c.title,
            songs.c.original_artist,
        )
        .select_from(performances)
        .outerjoin(songs, songs.c.song_id == _SONG_OF)
        .where(performances.c.show_id == show_id)
        .order_by(performances.c.number)
    )
    rows = await rows_of(connection, played)
    return Setlist(show_id=show_id, sets=_sets(rows), external_ids=external_ids)


def _sets(rows: Iterable[RowMapping]) -> list[SetlistSet]:
    return [
        SetlistSet(name=name, songs=[view_of(SetlistSong, row) for row in played])
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
    statement = _SONGS.where(stands_alone(Kind.SONG, songs.c.song_id))
    if query.artist_id is not None:
        statement = statement.where(is_part_of(Kind.ARTIST, songs.c.artist_id, query.artist_id))
    page = _with_last_played(sorted_page(statement, order, query.limit, query.after))
    rows = await rows_of(connection, page)
    return Songs(
        songs=[view_of(SongSummary, row) for row in rows[: query.limit]],
        next=next_cursor(rows, order, query.limit),
    )


async def get_songs(query: GetSongs, _caller: Caller, connection: AsyncConnection) -> Songs:
    """The songs with these ids, in their order, as far as they are known."""
    page = _with_last_played(_SONGS.where(songs.c.song_id.in_(query.song_ids)))
    found = {row["song_id"]: row for row in await rows_of(connection, page)}
    known = [found[song_id] for song_id in query.song_ids if song_id in found]
    return Songs(songs=[view_of(SongSummary, row) for row in known], next=None)


async def get_candidates(
    query: GetCandidates, _caller: Caller, connection: AsyncConnection
) -> Candidates:
    """The songs that the artist of a show has played most. raises ShowNotFound"""
    of_show = select(_ARTIST_OF).select_from(shows).where(shows.c.show_id == query.show_id)
    artist_id = (await connection.execute(of_show)).scalar_one_or_none()
    if artist_id is None:
        raise ShowNotFound(query.show_id)
    of_artist = _SONGS.where(
        is_part_of(Kind.ARTIST, songs.c.artist_id, artist_id),
        stands_alone(Kind.SONG, songs.c.song_id),
    )
    rows = await rows_of(
        connection, _with_last_played(sorted_page(of_artist, _BY_PLAYS, query.limit))
    )
    return Candidates(
        show_id=query.show_id,
        artist_id=artist_id,
        candidates=[view_of(CandidateSong, row) for row in rows[: query.limit]],
    )


_READS = ("records",)

RECORDS: Queries = {
    ListArtists: Reading(list_artists, _READS),
    GetArtist: Reading(get_artist, _READS),
    ListShows: Reading(list_shows, _READS),
    GetShow: Reading(get_show, _READS),
    GetSetlist: Reading(get_setlist, _READS),
    ListSongs: Reading(list_songs, _READS),
    GetSongs: Reading(get_songs, _READS),
    GetCandidates: Reading(get_candidates, _READS),
}
