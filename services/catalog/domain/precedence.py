"""Whose word counts, field by field, when several sources speak of one record: the policy.

What a person has said always counts most. Beyond that, a source counts where it is the one that
knows: who sells the tickets knows when a show begins and whether it was called off; setlist.fm
knows what was played, and where; a calendar's own interface knows more than the feed made from it.
Among sources of one rank the one that spoke last is believed.
"""

from contracts.catalog import PEOPLE, Kind
from contracts.catalog_syncs import Partner

_USUAL = (
    PEOPLE,
    Partner.SETLISTFM,
    Partner.TICKETMASTER,
    Partner.LUMA,
    Partner.ICS,
    Partner.SPOTIFY,
    "gdshowsdb",
    "pearljam.com",
)
_TICKETS = (PEOPLE, Partner.TICKETMASTER)
_RECORDS = (PEOPLE, Partner.SPOTIFY)

_OF_FIELD: dict[tuple[Kind, str], tuple[str, ...]] = {
    (Kind.SHOW, "local_time"): _TICKETS,
    (Kind.SHOW, "time_zone"): _TICKETS,
    (Kind.SHOW, "status"): _TICKETS,
    (Kind.SHOW, "is_listed"): _TICKETS,
    # setlist.fm tells the place of the city, not of the venue.
    (Kind.VENUE, "latitude"): _TICKETS,
    (Kind.VENUE, "longitude"): _TICKETS,
    (Kind.SONG, "release"): _RECORDS,
}

DIFFERING = frozenset(
    {
        *((kind, "url") for kind in Kind),  # Each has a page of its own.
        (Kind.GATHERING, "calendar"),  # A feed is called as our settings call it.
        (Kind.VENUE, "latitude"),
        (Kind.VENUE, "longitude"),
    }
)
"""Fields of which sources say different things without contradicting each other: nobody needs to
say who is right. The most trusted is believed all the same.
"""


def rank(kind: Kind, field: str, source: str) -> int:
    """How far behind a source stands for a field; 0 is the most trusted."""
    order = _OF_FIELD.get((kind, field), ())
    if source in order:
        return order.index(source)
    if source in _USUAL:
        return len(order) + _USUAL.index(source)
    return len(order) + len(_USUAL)
