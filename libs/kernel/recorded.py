"""A recorded event: a fact as it stands in the log, and where it came from."""

from dataclasses import dataclass
from datetime import datetime

from libs.kernel.messages import Event


@dataclass(slots=True)
class Recorded:
    """An event as it stands in the log.

    position      that of its commit
    impersonator  who really acted, in the actor's name; empty: the actor
    """

    id: str
    type: str
    aggregate: str
    aggregate_id: str
    at: datetime
    actor: str
    causation_id: str
    correlation_id: str
    data: Event
    position: int
    impersonator: str = ""
