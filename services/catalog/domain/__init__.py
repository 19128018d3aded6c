"""The rules of the catalog: what is held to be so of its records, and how syncs go on."""

from typing import Any

from libs.kernel.decider import Decider
from services.catalog.domain.identity import IDENTITY
from services.catalog.domain.kinds import ARTIST, GATHERING, SETLIST, SONG, VENUE
from services.catalog.domain.quotas import QUOTA
from services.catalog.domain.shows import SHOW
from services.catalog.domain.syncs import SYNC

RECORDS: tuple[Decider[Any, Any, Any], ...] = (ARTIST, VENUE, SONG, SHOW, SETLIST, GATHERING)
DECIDERS: tuple[Decider[Any, Any, Any], ...] = (*RECORDS, IDENTITY, SYNC, QUOTA)

__all__ = [
    "ARTIST",
    "DECIDERS",
    "GATHERING",
    "IDENTITY",
    "QUOTA",
    "RECORDS",
    "SETLIST",
    "SHOW",
    "SONG",
    "SYNC",
    "VENUE",
]
