"""Finding something by its name: by its words (full text), and by what is written alike (trigrams).

The names that are searched are folded (`domain.names`), and so is what is searched for.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Float,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy import Text as SqlText
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalog import Kind
from contracts.catalog_search import Hit, Hits, ListTours, Search, Tour, Tours
from libs.kernel.messages import Caller
from libs.readmodel import Queries, Reading
from services.catalog.domain.names import fold
from services.catalog.queries.merged import is_part_of, stands_alone, whole_of
from services.catalog.queries.pages import Order, next_cursor, rows_of, sorted_page, view_of
from services.catalog.tables import artists, gatherings, shows, songs, venues

ALIKE_MIN: Final = 0.35
"""How much of what is searched for must be in a name that has none of its words (0 to 1)."""

_TOUR_CURSOR: Final = TypeAdapter(tuple[date, str, str])

EXACT: Final = 2.0
BEGINS: Final = 1.0


_ANYBODY: Final = true()


@dataclass(frozen=True, slots=True)
class _Where:
    """Where one kind of thing is found: its name, the name as a key, whose it is, and whether
    anybody may find it.
    """

    kind: Kind
    table: Table
    name: str
    key: str
    of: ColumnElement[Any]
    shown: ColumnElement[bool] = _ANYBODY

    def statement(self, folded: str, words: str) -> Select[Any]:
        """What fits, each with how well it does."""
        table, key = self.table, self.table.c[self.key]
        record_id = table.primary_key.columns[0]
        asked = func.to_tsquery(text("'simple'"), words)
        vector = func.to_tsvector(text("'simple'"), key)
        alike = func.public.word_similarity(folded, key)
        fits = vector.op("@@")(asked) if words else literal(False)
        score = (
            cast(alike, Float)
            + case((key == folded, EXACT), else_=0.0)
            + case((key.startswith(folded, autoescape=True), BEGINS), else_=0.0)
        )
        return select(
            literal(self.kind.value).label("kind"),
            record_id.label("id"),
            table.c[self.name].label("name"),
            self.of.label("of"),
            score.label("score"),
        ).where(
            key.is_not(None),
            or_(fits, and_(key.op("OPERATOR(public.%>)")(folded), alike >= ALIKE_MIN)),
            stands_alone(self.kind, record_id),
            self.shown,
        )


_ARTIST_OF_SONG = (
    select(artists.c.name)
    .where(artists.c.artist_id == whole_of(Kind.ARTIST, songs.c.artist_id))
    .scalar_subquery()
)
_PLACES = (
    _Where(Kind.ARTIST, artists, "name", "name_key", cast(null(), SqlText)),
    _Where(Kind.VENUE, venues, "name", "name_key", venues.c.city),
    _Where(Kind.SONG, songs, "title", "title_key", _ARTIST_OF_SONG),
    _Where(
        Kind.GATHERING,
        gatherings,
        "name",
        "name_key",
        gatherings.c.calendar,
        gatherings.c.is_published.is_not(False),
    ),
)


async def search(query: Search, _caller: Caller, connection: AsyncConnection) -> Hits:
    """Artists, venues, songs and gatherings by their names."""
    folded = fold(query.text)
    words = words_of(folded)
    parts = [
        place.statement(folded, words)
        for place in _PLACES
        if query.kinds is None or place.kind in query.kinds
    ]
    if not parts or not folded:
        return Hits(hits=[])
    found = union_all(*parts).subquery()
    statement = (
        select(found)
        .order_by(found.c.score.desc(), found.c.name, found.c.kind, found.c.id)
        .limit(query.limit)
    )
    rows = await rows_of(connection, statement)
    return Hits(
        hits=[
            view_of(Hit, row, kind=Kind(row["kind"]), score=round(row["score"], 4)) for row in rows
        ]
    )


def words_of(folded: str) -> str:
    """What is searched for, as PostgreSQL's full text search wants it: all words, the last one
    perhaps unfinished. "" when there is no word in it.
    """
    words = re.findall(r"\w+", folded)
    return " & ".join(f"'{word}'" for word in words) + (":*" if words else "")


# ---------------------------------------------------------------------------------- tours


async def list_tours(query: ListTours, _caller: Caller, connection: AsyncConnection) -> Tours:
    """The tours of an artist, or of all, the latest first."""
    artist_id = whole_of(Kind.ARTIST, shows.c.artist_id).label("artist_id")
    grouped = (
        select(
            artist_id,
            shows.c.tour.label("name"),
            func.min(shows.c.local_date).label("first_day"),
            func.max(shows.c.local_date).label("last_day"),
            func.count().label("shows"),
        )
        .where(shows.c.tour.is_not(None), stands_alone(Kind.SHOW, shows.c.show_id))
        .group_by(artist_id, shows.c.tour)
    )
    if query.artist_id is not None:
        grouped = grouped.where(is_part_of(Kind.ARTIST, shows.c.artist_id, query.artist_id))
    found = grouped.subquery()
    order = Order(
        (found.c.last_day, found.c.artist_id, found.c.name), _TOUR_CURSOR, descending=True
    )
    page = sorted_page(select(found), order, query.limit, query.after)
    rows = await rows_of(connection, page)
    return Tours(
        tours=[view_of(Tour, row) for row in rows[: query.limit]],
        next=next_cursor(rows, order, query.limit),
    )


_READS = ("records",)

SEARCH: Queries = {
    Search: Reading(search, _READS),
    ListTours: Reading(list_tours, _READS),
}
