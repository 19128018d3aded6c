"""What people call records, for whoever shows their ids.

A record that was merged into another keeps its own name here: it is named where somebody asks
which of the two is meant.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Select, Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalog import Kind
from services.catalog.queries.merged import whole_of
from services.catalog.tables import artists, gatherings, shows, songs, venues

_OF_SHOW = func.concat_ws(", ", artists.c.name, cast(shows.c.local_date, Text), venues.c.name)
_SHOWS = (
    select(shows.c.show_id.label("id"), _OF_SHOW.label("name"))
    .select_from(shows)
    .outerjoin(artists, artists.c.artist_id == whole_of(Kind.ARTIST, shows.c.artist_id))
    .outerjoin(venues, venues.c.venue_id == whole_of(Kind.VENUE, shows.c.venue_id))
)
_NAMES: Final[Mapping[Kind, Select[Any]]] = {
    Kind.ARTIST: select(artists.c.artist_id.label("id"), artists.c.name.label("name")),
    Kind.VENUE: select(
        venues.c.venue_id.label("id"), func.concat_ws(", ", venues.c.name, venues.c.city)
    ),
    Kind.SONG: select(songs.c.song_id.label("id"), songs.c.title.label("name")),
    Kind.SHOW: _SHOWS,
    Kind.SETLIST: _SHOWS,
    Kind.GATHERING: select(gatherings.c.gathering_id.label("id"), gatherings.c.name.label("name")),
}


async def names_of(
    connection: AsyncConnection, asked: Mapping[Kind, Iterable[str]]
) -> dict[str, str]:
    """The names of some records, by id; those without one are left out. A show and its setlist are
    called by artist, day and venue.
    """
    found: dict[str, str] = {}
    for kind, ids in asked.items():
        wanted = sorted(set(ids))
        if wanted:
            statement = _NAMES[kind]
            rows = await connection.execute(
                statement.where(statement.selected_columns.id.in_(wanted))
            )
            found.update({of: name for of, name in rows if name})
    return found
