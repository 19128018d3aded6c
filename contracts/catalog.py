"""What is said to and by `catalog` of all its records: ids, sources, and what they may be told.

Every record knows the ids that other systems have for it (`external_ids`, by source), and its own
id is derived from one of them: whoever tells the catalog about the same thing twice arrives at the
same stream.

    show_id = id_of(Kind.SHOW, "setlistfm", "63de4613")

Several sources may speak of one record. What each of them says is kept, field by field, with the
time it was said; what the catalog holds to be so is decided by precedence (docs/adr/0016). A field
left out of a command, or None, means that its source does not know it. It never erases what another
has told.

Each kind of record has a module of its own: `catalog_artists`, `catalog_venues`, `catalog_songs`,
`catalog_shows`, `catalog_setlists`, `catalog_gatherings`. Its commands each say something about one
record:

    source  who says it
    as_of   when the source last changed its mind, UTC. What carries it is all that the source says
            of the record: a field left out is one that it does not say any longer; and what is
            older than the last thing it said is passed over. Without it, it is said in addition.

Of each kind there is one event that adds the record, one that changes what the catalog holds to be
so, and one that notes what a source says while the catalog goes on as before. In the latter two a
field that did not change is None, `external_ids` holds those that are new or different, and
`withdrawn` names the fields that the source does not say any longer: of those a change holds what
is so instead, if anybody says anything.
"""

from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StringConstraints

from libs.kernel.errors import Rejected
from libs.kernel.ids import Id, derive_id
from libs.kernel.messages import View, view

ArtistId = Id
VenueId = Id
SongId = Id
ShowId = Id

PAGE_MAX = 200


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # No such key, not a key, not a file.
        raise ValueError("not an IANA time zone") from None
    return name


Source = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$", max_length=40)]
PEOPLE = "people"
"""The source of what somebody says who was asked for none: the word of an administrator."""

ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f\x7f]+$")
]
ExternalIds = Annotated[dict[Source, ExternalId], Field(max_length=20)]
"""The ids that other systems have for a record: source -> id."""

# No control characters: PostgreSQL cannot store some of them, and a page should not show any.
Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$"
    ),
]
Note = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=1000,
        pattern=r"^[^\x00-\x08\x0b-\x1f\x7f]+$",
    ),
]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s\x00-\x1f\x7f]+$", max_length=1000)]
TimeZone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_known_zone)]
"""A zone of the IANA time zone database: `Europe/Copenhagen`."""

Limit = Annotated[int, Field(ge=1, le=PAGE_MAX)]
PageCursor = Annotated[str, StringConstraints(max_length=1000)]
"""Where a list goes on: the `next` of the page before. Opaque."""


class Kind(StrEnum):
    """The kinds of record: the aggregates of this service. (A setlist has the id of its show.)"""

    ARTIST = "artist"
    VENUE = "venue"
    SONG = "song"
    SHOW = "show"
    SETLIST = "setlist"
    GATHERING = "gathering"


_ID_PREFIX = {
    Kind.ARTIST: "art_",
    Kind.VENUE: "ven_",
    Kind.SONG: "sng_",
    Kind.GATHERING: "gat_",
}


def id_of(kind: Kind, source: str, external_id: str) -> str:
    """The id of the record that `source` calls `external_id`: the same for the same three."""
    if kind is Kind.SETLIST:
        kind = Kind.SHOW
    return derive_id(kind, source, external_id, prefix=_ID_PREFIX.get(kind, "shw_"))


class Outcome(StrEnum):
    """What a record became by what it was told."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class When(StrEnum):
    """Which shows: those to come (earliest first), those past, or all (both latest first)."""

    UPCOMING = "upcoming"
    PAST = "past"
    ALL = "all"


Withdrawn = list[str]
"""The fields of a record that a source does not say any longer, by name."""


# ---------------------------------------------------------------------------------- rejections


class EditorSuspended(Rejected):
    code = "catalog.editor-suspended"
    title = "Who is suspended may not change the catalog."


class SpeaksForAnother(Rejected):
    code = "catalog.speaks-for-another"
    title = "Who is asked for no source speaks as `people`; only services speak for sources."


class RecordUnheardOf(Rejected):
    code = "catalog.record-unheard-of"
    title = "Nobody has told the catalog of this."


# ---------------------------------------------------------------------------------- views


@view
class RecordReceipt(View):
    """What a record became."""

    id: Id
    outcome: Outcome
    position: int = 0
