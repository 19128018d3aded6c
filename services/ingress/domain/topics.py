"""Topics: which events are told to partner systems, and what of them.

Each is a list of fields, written down one by one: what is not listed stays here, and so does every
event that is about somebody (votes, voters, users).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.catalog_setlists import SetlistRecorded
from contracts.catalog_shows import ShowChanged, ShowScheduled
from contracts.ingress_webhooks import Topic
from contracts.voting import BallotClosed, BallotFinalized, BallotOpened, BallotPrepared
from libs.kernel.messages import Event

_SHOW: Final = (
    "show_id",
    "artist_id",
    "venue_id",
    "local_date",
    "local_time",
    "time_zone",
    "status",
    "tour",
    "url",
)


@dataclass(frozen=True, slots=True)
class Publication:
    """What is told of one kind of event."""

    log: str
    aggregate: str
    topic: Topic
    fields: tuple[str, ...]


PUBLICATIONS: Final[Mapping[type[Event], Publication]] = {
    BallotPrepared: Publication(
        "voting",
        "ballot",
        Topic.BALLOT_PREPARED,
        ("show_id", "candidates", "opens_at", "closes_at"),
    ),
    BallotOpened: Publication("voting", "ballot", Topic.BALLOT_OPENED, ("show_id",)),
    BallotClosed: Publication("voting", "ballot", Topic.BALLOT_CLOSED, ("show_id",)),
    BallotFinalized: Publication(
        "voting", "ballot", Topic.BALLOT_FINALIZED, ("show_id", "played", "predicted", "hits")
    ),
    ShowScheduled: Publication("catalog", "show", Topic.SHOW_SCHEDULED, _SHOW),
    ShowChanged: Publication("catalog", "show", Topic.SHOW_CHANGED, _SHOW),
    SetlistRecorded: Publication("catalog", "setlist", Topic.SETLIST_RECORDED, ("show_id", "sets")),
}


def told_of(event: Event) -> tuple[Topic, dict[str, Any]] | None:
    """What partner systems are told of an event; None when they are not told of it.

    What a change did not change is None, and left out.
    """
    publication = PUBLICATIONS.get(type(event))
    if publication is None:
        return None
    values = {name: getattr(event, name) for name in publication.fields}
    return publication.topic, {name: each for name, each in values.items() if each is not None}
