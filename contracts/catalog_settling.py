"""What is said to `catalog` to end a dispute: whose word of one field is so, as a person says.

A settled field is one that `people` have said: their word counts most, and what sources say of it
is remembered beside it. Nothing else about the record is settled with it.
"""

from typing import Annotated

from pydantic import StringConstraints

from contracts.catalog import (
    ArtistId,
    EditorSuspended,
    RecordReceipt,
    RecordUnheardOf,
    ShowId,
    SongId,
    Source,
    VenueId,
)
from contracts.catalog_gatherings import GatheringId
from libs.kernel.errors import Rejected
from libs.kernel.messages import Access, Command, command

FieldName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$", max_length=40)]
"""A field of the kind of record, as `catalog.list-disputes` names it: `local_time`."""


class NothingSaid(Rejected):
    code = "catalog.nothing-said"
    title = "This source says nothing of that."


_REJECTIONS = (EditorSuspended, RecordUnheardOf, NothingSaid)

# Of each of them
#
# field   the one that is settled
# source  who is right; None takes a person's word back, and the most trusted source counts again


@command("catalog.settle-artist", key="artist_id", access=Access.ADMIN, rejections=_REJECTIONS)
class SettleArtist(Command[RecordReceipt]):
    """Hold what a source says of a field of an artist to be so, whoever says something else."""

    artist_id: ArtistId
    field: FieldName
    source: Source | None


@command("catalog.settle-venue", key="venue_id", access=Access.ADMIN, rejections=_REJECTIONS)
class SettleVenue(Command[RecordReceipt]):
    """Hold what a source says of a field of a venue to be so, whoever says something else."""

    venue_id: VenueId
    field: FieldName
    source: Source | None


@command("catalog.settle-song", key="song_id", access=Access.ADMIN, rejections=_REJECTIONS)
class SettleSong(Command[RecordReceipt]):
    """Hold what a source says of a field of a song to be so, whoever says something else."""

    song_id: SongId
    field: FieldName
    source: Source | None


@command("catalog.settle-show", key="show_id", access=Access.ADMIN, rejections=_REJECTIONS)
class SettleShow(Command[RecordReceipt]):
    """Hold what a source says of a field of a show to be so, whoever says something else."""

    show_id: ShowId
    field: FieldName
    source: Source | None


@command("catalog.settle-setlist", key="show_id", access=Access.ADMIN, rejections=_REJECTIONS)
class SettleSetlist(Command[RecordReceipt]):
    """Hold what a source says was played at a show to be so, whoever says something else."""

    show_id: ShowId
    field: FieldName
    source: Source | None


@command(
    "catalog.settle-gathering", key="gathering_id", access=Access.ADMIN, rejections=_REJECTIONS
)
class SettleGathering(Command[RecordReceipt]):
    """Hold what a source says of a field of a gathering to be so, whoever says something else."""

    gathering_id: GatheringId
    field: FieldName
    source: Source | None
