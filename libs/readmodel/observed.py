"""What a projection tells about itself: how far behind it is, what it does, whether it stands."""

from contextlib import AbstractContextManager
from datetime import datetime

from libs.eventlog import EventLog
from libs.kernel.clock import Clock
from libs.kernel.errors import Unavailable
from libs.telemetry import metrics


class Observed:
    """The metrics of one projection."""

    def __init__(self, service: str, projection: str, clock: Clock) -> None:
        self._clock = clock
        self._gap = metrics.SUBSCRIPTION_GAP.labels(service, projection)
        self._lag = metrics.SUBSCRIPTION_LAG_SECONDS.labels(service, projection)
        self._events = metrics.SUBSCRIPTION_EVENTS.labels(service, projection)
        self._stopped = metrics.SUBSCRIPTION_STOPPED.labels(service, projection)
        self._seconds = metrics.PROJECTION_SECONDS.labels(service, projection)
        self._position = 0
        self._at: datetime | None = None

    def reached(self, position: int, at: datetime | None) -> None:
        """The tables stand at this position; their newest event was recorded then."""
        self._position = position
        self._at = at

    def projected(self, events: int) -> None:
        """So many events more are in the tables."""
        self._events.inc(events)
        self._stopped.set(0)

    def stopped(self) -> None:
        """An event cannot be projected: a person must act."""
        self._stopped.set(1)

    def transaction(self) -> AbstractContextManager[object]:
        """Times the block."""
        return self._seconds.time()

    async def look(self, log: EventLog) -> None:
        """Compare with the end of the log; leave things as they are when it does not answer."""
        try:
            gap = max(0, await log.last_position() - self._position)
        except Unavailable:
            return
        self._gap.set(gap)
        behind_since = self._at if gap else None
        lag = (self._clock() - behind_since).total_seconds() if behind_since else 0.0
        self._lag.set(max(0.0, lag))
