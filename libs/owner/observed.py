"""What an owner tells about itself: what it answers, how large its commits are, how long they take.

Fed once for each bundle or commit, never for each command; counters that cost more than what they
count are fed when replies are sent.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from libs.kernel.errors import BacklineError, Conflict, Problem
from libs.telemetry import metrics


class Observed:
    """The metrics of one service's owner."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._answered: Counter[str] = Counter()
        self._batch_size = metrics.COMMAND_BATCH_SIZE.labels(service)
        self._commit_seconds = metrics.COMMIT_SECONDS.labels(service)
        self._events = metrics.EVENTS_APPENDED.labels(service)
        self._waiting = metrics.COMMANDS_WAITING.labels(service)
        self._slots = metrics.SLOTS_OWNED.labels(service)

    def answered(self, outcome: str, count: int) -> None:
        """Commands were answered: ok, repeated, or with an error of this kind."""
        self._answered[outcome] += count

    def refused(self, problem: Problem, count: int = 1) -> None:
        """Commands were answered with a problem."""
        self._answered[problem["kind"]] += count

    def tell_answers(self) -> None:
        """Put what was counted since the last time into the metrics."""
        for outcome, count in self._answered.items():
            if count:
                metrics.COMMANDS.labels(self._service, outcome).inc(count)
        self._answered.clear()

    @contextmanager
    def commit(self, commands: int, waiting: int) -> Iterator[None]:
        """Times the block: a commit of so many commands, while others have to wait."""
        self._batch_size.observe(commands)
        self._waiting.set(waiting)
        with self._commit_seconds.time():
            yield

    def appended(self, events: int) -> None:
        """Events are in the log."""
        self._events.inc(events)

    def append_failed(self, error: BacklineError) -> None:
        """An append was refused, or its outcome is unknown."""
        reason = "conflict" if isinstance(error, Conflict) else "unavailable"
        metrics.COMMITS_REFUSED.labels(self._service, reason).inc()

    def owns(self, slots: int) -> None:
        """So many slots are ours."""
        self._slots.set(slots)
