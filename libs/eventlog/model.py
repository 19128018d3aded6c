"""The words of the log: commits, recorded events, revisions, and what every log can do."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NewType, Protocol

from libs.kernel.errors import BacklineError, Unavailable
from libs.kernel.recorded import Recorded

Revision = NewType("Revision", int)
"""Opaque token that `load` returns and `append` expects."""

NEW_STREAM = Revision(0)
"""The revision of a stream that does not exist yet."""

APPEND_STREAMS_MAX = 1000
COMMIT_BYTES_MAX = 8_000_000
"""Less than the 8 MiB that the server takes in one message, since headers count too."""

CloudEvent = dict[str, Any]
"""One event in the CloudEvents 1.0 JSON format, ready to be encoded."""


class UnknownEvent(BacklineError):
    """An event type that this build does not know: it may not decide on such a history."""

    code = "unknown-event"


class LogRecreated(Unavailable):
    """The log was made anew: positions of the old one mean nothing in it. Open it again."""

    code = "log-recreated"


@dataclass(slots=True)
class Commit:
    """The events of one aggregate in one append: one message, all or nothing.

    aggregate, aggregate_id  name the stream
    events                   one or more, oldest first
    expected                 the revision the decision was based on; NEW_STREAM for a new stream
    headers                  carried beside the message (`traceparent`)
    """

    aggregate: str
    aggregate_id: str
    events: list[CloudEvent]
    expected: Revision
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class RecordedCommit:
    """A commit as it stands in the log."""

    aggregate: str
    aggregate_id: str
    position: int
    headers: Mapping[str, str]
    events: list[Recorded]


@dataclass(slots=True)
class StreamHistory:
    """What `load` found: the commits after a revision, and the revision to expect next."""

    commits: list[RecordedCommit]
    revision: Revision


def check(commits: Sequence[Commit]) -> None:
    """What every log expects of an append. raises   ValueError"""
    streams = {(commit.aggregate, commit.aggregate_id) for commit in commits}
    if not commits or len(streams) != len(commits):
        raise ValueError("one commit for each of one or more streams")
    if not all(commit.events for commit in commits):
        raise ValueError("a commit without events")


class EventLog(Protocol):
    """One service's log.

    service  the service whose streams it holds
    epoch    changes when the log is recreated, so that a stale position is refused, not misread
    """

    service: str
    epoch: str

    async def append(self, commits: Sequence[Commit]) -> list[Revision]:
        """Add one commit to each of one or more streams, all of them or none, fsynced.

        commits  one per stream, of at most APPEND_STREAMS_MAX streams
        returns  the revision of each stream after its commit, in the order given
        raises   Conflict when a stream is not at the expected revision;
                 TooLarge when a commit is more than the log takes in one message;
                 Unavailable when the outcome could not be learned, or the log cannot be reached:
                 it may still land, so whoever tries again must expect the revision it then finds
        source   docs/adr/0004-a-commit-is-one-message.md
        """
        ...

    async def load(
        self, aggregate: str, aggregate_id: str, after: Revision = NEW_STREAM
    ) -> StreamHistory:
        """Read a stream after a revision, as its leader has it.

        raises   UnknownEvent for an event type this build does not know; Unavailable
        """
        ...

    def follow(
        self,
        *,
        after: int,
        aggregate: str | None = None,
        events: Collection[type] | None = None,
        batch_events_max: int = 5000,
    ) -> AsyncIterator[list[RecordedCommit]]:
        """Read the log after a position, oldest first, then go on as it grows. Never ends.

        aggregate  read the streams of this kind only; None for the whole log
        events     the classes wanted; others are left out (their commits still move the position)
        yields     what has arrived, up to about `batch_events_max` events at a time; an empty list
                   when there is nothing more to read: once what was there has been read, then after
                   every second without anything new
        raises   LogRecreated when it is not the log any more whose positions we know
        """
        ...

    async def last_position(self) -> int:
        """The position of the newest commit; 0 for an empty log."""
        ...
