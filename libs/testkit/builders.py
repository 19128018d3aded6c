"""Values that tests are made of, with only what matters said aloud."""

from collections.abc import Mapping
from datetime import UTC, datetime

from libs.eventlog import CloudEvent, Commit, Revision, cloud_event
from libs.eventlog.codec import timestamp
from libs.eventlog.model import NEW_STREAM
from libs.kernel.ids import new_id
from libs.kernel.messages import Caller, Event, Role

NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)


def guest(user_id: str) -> Caller:
    """Someone who is signed in."""
    return Caller(user_id=user_id, roles=(Role.MEMBER,))


MODERATOR = Caller(user_id="usr_mod", roles=(Role.MODERATOR,))


def recorded(
    event: Event,
    *,
    aggregate: str = "raffle",
    aggregate_id: str = "r1",
    actor: str = "usr_1",
    command_id: str | None = None,
    at: datetime = NOW,
) -> CloudEvent:
    """An event in its envelope."""
    command_id = command_id or new_id()
    return cloud_event(
        event,
        event_id=command_id,
        subject=f"{aggregate}/{aggregate_id}",
        time=timestamp(at),
        actor=actor,
        causation_id=command_id,
        correlation_id=command_id,
    )


def commit_of(
    aggregate_id: str,
    *events: Event,
    expected: int = NEW_STREAM,
    aggregate: str = "raffle",
    headers: Mapping[str, str] | None = None,
    actor: str = "usr_1",
    command_id: str | None = None,
) -> Commit:
    """Events of one aggregate, ready to be appended."""
    return Commit(
        aggregate,
        aggregate_id,
        [
            recorded(
                event,
                aggregate=aggregate,
                aggregate_id=aggregate_id,
                actor=actor,
                command_id=command_id,
            )
            for event in events
        ],
        Revision(expected),
        headers or {},
    )
