"""A commit on the wire: the CloudEvents 1.0 JSON *batch* format, an array of events.

    [{"specversion":"1.0","id":"q1…","source":"/voting","type":"voting.vote_cast.v1",
      "subject":"ballot/shw_1","time":"2026-11-20T20:15:00.000000Z","actor":"usr_7",
      "causationid":"q1…","correlationid":"q1…","data":{…}}, …]

The attributes always come in this order: what repeats from one event to the next then compresses
well. Where an administrator acted in the name of the actor, `impersonator` says who they are.
source    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, get_args, get_origin

import orjson

from libs.eventlog.keyring import Keyring, is_personal, opened, sealed
from libs.eventlog.model import COMMIT_BYTES_MAX, CloudEvent, RecordedCommit, UnknownEvent
from libs.kernel.errors import TooLarge
from libs.kernel.messages import Event, EventSpec, registry, type_hints
from libs.kernel.recorded import Recorded
from libs.kernel.upcasting import upcast, upcasters

Reader = Callable[[dict[str, Any]], Event]
"""Makes an event of its data. raises   pydantic's ValidationError"""

ATTRIBUTES = 10
"""Of an event that its actor brought about; there may be more."""

_TEXTS = {str}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def cloud_event(
    event: Event,
    *,
    event_id: str,
    subject: str,
    time: str,
    actor: str,
    causation_id: str,
    correlation_id: str,
    impersonator: str = "",
) -> CloudEvent:
    """Wrap an event in its envelope. `time` is RFC 3339 in UTC; `subject` is `<aggregate>/<id>`."""
    spec = registry.event_of[type(event)]
    wrapped = {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/{spec.service}",
        "type": spec.type,
        "subject": subject,
        "time": time,
        "actor": actor,
        "causationid": causation_id,
        "correlationid": correlation_id,
        "data": event,
    }
    return {**wrapped, "impersonator": impersonator} if impersonator else wrapped


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds: always 27 characters."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def encode(events: list[CloudEvent], keyring: Keyring | None = None) -> bytes:
    """The bytes of a commit.

    keyring   with the keys of all whom its personal fields are about
    raises    TooLarge; TypeError for a value JSON has no word for, and for a personal one without
              a keyring
    """
    if any(map(is_personal, {event["type"] for event in events})):
        events = [_sealed(event, keyring) for event in events]
    payload = orjson.dumps(events, option=orjson.OPT_UTC_Z)
    if len(payload) > COMMIT_BYTES_MAX:
        raise TooLarge(f"a commit of {len(payload)} bytes")
    return payload


def _sealed(event: CloudEvent, keyring: Keyring | None) -> CloudEvent:
    if not is_personal(event["type"]):
        return event
    spec = registry.events[event["type"]]
    if keyring is None:
        raise TypeError(f"{spec.name} is personal, and this log has no keys of persons")
    return {**event, "data": sealed(spec, event["data"], keyring)}


def is_encodable(events: list[CloudEvent]) -> bool:
    """Whether events could be a commit: JSON has a word for all in them, and they are not too
    large.
    """
    try:
        return len(orjson.dumps(events, option=orjson.OPT_UTC_Z)) <= COMMIT_BYTES_MAX
    except TypeError:
        return False


@cache
def _reader(spec: EventSpec) -> Reader:
    """How the data of an event becomes the event.

    We have checked it when we wrote it. So an event of nothing but texts, as a vote is, takes its
    data over as it is; that is several times as fast as to check it again. Data that is not exactly
    of that shape, and every other event, goes through the check.
    """
    check: Reader = spec.validate
    cls, make, give = spec.cls, object.__new__, object.__setattr__
    hints = type_hints(cls)
    names = hints.keys()
    if not all(map(_is_text, hints.values())) or hasattr(cls, "__post_init__"):
        return check

    def read(data: dict[str, Any]) -> Event:
        if data.keys() != names or set(map(type, data.values())) != _TEXTS:
            return check(data)
        event: Event = make(cls)
        give(event, "__dict__", data)
        return event

    return read


def _opening(spec: EventSpec, keyring: Keyring | None) -> Reader:
    """How the data of an event with personal fields becomes the event."""
    return lambda data: spec.validate(opened(spec, data, keyring))


def _is_text(hint: Any) -> bool:
    return (get_args(hint)[0] if get_origin(hint) is Annotated else hint) is str


def decode(
    payload: bytes,
    *,
    aggregate: str,
    aggregate_id: str,
    position: int,
    headers: Mapping[str, str],
    wanted: Collection[str] | None = None,
    strict: bool = False,
    keyring: Keyring | None = None,
) -> RecordedCommit:
    """Read a commit.

    keyring  with the keys of all whom its personal fields are about; without, they are None
    wanted   the event types to keep; None keeps every known one
    strict   raise UnknownEvent for a type this build does not know, instead of leaving it out
    """
    recorded = []
    time, at = "", _LONG_AGO
    readers: dict[str, Reader] = {}
    for raw in orjson.loads(payload):
        name, data = raw["type"], raw["data"]
        if name in upcasters:
            name, data = upcast(name, data)
        if wanted is not None and name not in wanted:
            continue
        read = readers.get(name)
        if read is None:
            spec = registry.events.get(name)
            if spec is None:
                if strict:
                    raise UnknownEvent(f"{name} at position {position}")
                continue
            read = readers[name] = _reader(spec) if not spec.personal else _opening(spec, keyring)
        if raw["time"] != time:  # Seldom: a commit is made at one moment.
            time, at = raw["time"], datetime.fromisoformat(raw["time"])
        recorded.append(
            Recorded(  # By place, which is faster than by name.
                raw["id"],
                name,
                aggregate,
                aggregate_id,
                at,
                raw["actor"],
                raw["causationid"],
                raw["correlationid"],
                read(data),
                position,
            )
        )
        if len(raw) > ATTRIBUTES:
            recorded[-1].impersonator = raw.get("impersonator", "")
    return RecordedCommit(
        aggregate=aggregate,
        aggregate_id=aggregate_id,
        position=position,
        headers=headers,
        events=recorded,
    )


def types_of(events: Collection[type] | None) -> frozenset[str] | None:
    """The wire names of event classes."""
    return None if events is None else frozenset(registry.event_of[cls].type for cls in events)
