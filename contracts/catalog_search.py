"""What is asked of `catalog` to find something by its name, and an artist's tours."""

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.catalog import ArtistId, Kind, Limit, PageCursor
from libs.kernel.ids import Id
from libs.kernel.messages import Access, Query, View, query, view

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


@view
class Hit(View):
    """Something that was found.

    of     whose song it is, the city of a venue, the calendar of a gathering
    score  how well it fits: better hits have more
    """

    kind: Kind
    id: Id
    name: str
    of: str | None
    score: float


@view
class Hits(View):
    """What was found, best first."""

    hits: list[Hit]


@query("catalog.search", access=Access.PUBLIC, watches=("artists", "venues", "songs", "gatherings"))
class Search(Query[Hits]):
    """Artists, venues, songs and gatherings by words of their names, or by what is written alike.

    Capitals, accents and typography do not count, and the last word may be unfinished.
    """

    text: Words
    kinds: Annotated[list[Kind], Field(max_length=10)] | None = None
    limit: Annotated[int, Field(ge=1, le=50)] = 20


@view
class Tour(View):
    """The shows of an artist that sources say are of one tour."""

    artist_id: ArtistId
    name: str
    first_day: date
    last_day: date
    shows: int


@view
class Tours(View):
    """Tours, the latest first. `next` continues the list; None at its end."""

    tours: list[Tour]
    next: str | None


@query("catalog.list-tours", access=Access.PUBLIC, watches=("shows", "artists"))
class ListTours(Query[Tours]):
    """The tours of an artist, or of all."""

    artist_id: ArtistId | None = None
    limit: Limit = 50
    after: PageCursor | None = None
