"""Names that only one aggregate may hold: looked up before a command is decided, and written in one
atomic batch with what it records.
source    libs/kernel/claims.py, docs/adr/0011-claims.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from libs.eventlog.model import CloudEvent, EventLog, Revision
from libs.kernel.claims import AGGREGATE, Claims, NameEvent


@dataclass(frozen=True, slots=True)
class Standing:
    """Who holds a name, and the revision of its stream that says so."""

    holder: str | None
    revision: Revision


@dataclass(slots=True)
class Claim:
    """What becomes of a name in one batch.

    revision  of its stream, as it was looked up
    events    ready to be written
    holder    who holds it afterwards
    """

    revision: Revision
    events: list[CloudEvent] = field(default_factory=list)
    holder: str | None = None


async def look_up(log: EventLog, claims: Claims, name: str) -> Standing:
    """Who holds a name, by the log. raises   Unavailable; UnknownEvent"""
    history = await log.load(AGGREGATE, name)
    holder = None
    for commit in history.commits:
        for recorded in commit.events:
            if isinstance(recorded.data, NameEvent):
                holder = claims.holder_after(recorded.data)
    return Standing(holder, history.revision)


def unknown(
    claims: Claims, command: Any, state: Any, standings: Mapping[str, Standing]
) -> Sequence[str]:
    """The names a command is about that have not been looked up yet."""
    return [name for name in claims.names(command, state) if name not in standings]


def holders(
    standings: Mapping[str, Standing], drafted: Mapping[str, Claim]
) -> dict[str, str | None]:
    """Who holds the names, as it will be once what is drafted is committed."""
    return {
        name: drafted[name].holder if name in drafted else standing.holder
        for name, standing in standings.items()
    }
