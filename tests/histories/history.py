"""A service's history: commits as they stand in its log, and what each stream comes to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from libs.eventlog import CloudEvent, Commit
from libs.eventlog.codec import cloud_event, decode, encode, timestamp
from libs.eventlog.keyring import Keyring, persons_in, persons_of
from libs.eventlog.model import NEW_STREAM
from libs.kernel.claims import AGGREGATE, NameEvent
from libs.kernel.ids import CommandId
from libs.kernel.messages import Origin, Role, registry
from tests.histories.stories import DECIDERS, Story

FOLDER = Path("contracts/histories")
BEGAN_AT = datetime(2026, 11, 21, 20, 15, tzinfo=UTC)

State = dict[str, Any]
Stream = tuple[str, str]
"""(aggregate, its id)"""


@dataclass(frozen=True, slots=True)
class Line:
    """One commit. `events` are CloudEvents, as JSON values."""

    aggregate: str
    aggregate_id: str
    events: list[dict[str, Any]]

    @property
    def stream(self) -> Stream:
        return self.aggregate, self.aggregate_id

    def encoded(self) -> bytes:
        return orjson.dumps([self.aggregate, self.aggregate_id, self.events])


class FixedKeys(Keyring):
    """Keys that are the same whenever a history is read. Nobody in it is real."""

    def prepare(self, persons: Iterable[str]) -> None:
        for person in persons:
            self.put(person, sha256(person.encode()).digest())


def lines_of(service: str, folder: Path = FOLDER) -> list[Line]:
    """What is recorded of a service; nothing when it has no history yet."""
    path = folder / f"{service}.jsonl"
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [Line(*orjson.loads(line)) for line in lines]


def states_of(service: str, folder: Path = FOLDER) -> dict[str, State]:
    """The recorded states, by `aggregate/id`."""
    path = folder / f"{service}.states.json"
    states: dict[str, State] = orjson.loads(path.read_bytes()) if path.exists() else {}
    return states


def replay(service: str, lines: Iterable[Line]) -> Mapping[str, State]:
    """The states that recorded commits come to today, by `aggregate/id`.

    raises   UnknownEvent and pydantic's ValidationError for what can no longer be read
    """
    states: dict[Stream, Any] = {}
    keyring = FixedKeys()
    for position, line in enumerate(lines, 1):
        payload = orjson.dumps(line.events)
        keyring.prepare(persons_of([payload]))
        commit = decode(
            payload,
            aggregate=line.aggregate,
            aggregate_id=line.aggregate_id,
            position=position,
            headers={},
            strict=True,
            keyring=keyring,
        )
        if line.aggregate == AGGREGATE:
            states[line.stream] = commit.events[-1].data
            continue
        decider = DECIDERS[service, line.aggregate]
        state = states.pop(line.stream) if line.stream in states else decider.state()
        for event in commit.events:
            state = decider.evolve(state, event.data)
        states[line.stream] = state
    return {"/".join(stream): _plain(state) for stream, state in states.items()}


def tell(story: Story) -> list[Line]:
    """Live a story through, and write down what is recorded. raises   Rejected"""
    decider = DECIDERS.get((story.service, story.aggregate))
    if decider is None:
        raise LookupError(f"DECIDERS has none for {story.service}, {story.aggregate}")
    state = decider.state()
    held: dict[str, str | None] = dict(story.held)
    keyring = FixedKeys()
    lines = []
    for number, (who, name, arguments) in enumerate(story.steps, 1):
        command_id = f"cmd_{story.aggregate_id}_{number}"
        at = BEGAN_AT + timedelta(seconds=number)
        roles = (_role_of(who),)
        origin = Origin(CommandId(command_id), who, roles, at)
        command = registry.commands[name].validate(arguments)
        if decider.claims is not None:
            wanted = decider.claims.names(command, state)
            origin.holders = {name: held.get(name) for name in wanted}
        wrapped: dict[Stream, list[CloudEvent]] = {}
        for number_of_event, event in enumerate(decider.decide(command, state, origin)):
            stream = (story.aggregate, story.aggregate_id)
            if isinstance(event, NameEvent):
                assert decider.claims is not None
                stream = (AGGREGATE, event.name)
                held[event.name] = decider.claims.holder_after(event)
            else:
                state = decider.evolve(state, event)
            written = cloud_event(
                event,
                event_id=f"{command_id}-{number_of_event}" if number_of_event else command_id,
                subject="/".join(stream),
                time=timestamp(at),
                actor=who,
                causation_id=command_id,
                correlation_id=command_id,
            )
            wrapped.setdefault(stream, []).append(written)
        for stream, group in wrapped.items():
            keyring.prepare(persons_in([Commit(*stream, group, NEW_STREAM)]))
            lines.append(Line(*stream, orjson.loads(encode(group, keyring))))
    return lines


def _role_of(who: str) -> Role:
    if who.startswith("svc_"):
        return Role.SERVICE
    return Role.ADMIN if who == "usr_admin" else Role.MEMBER


def record(stories: Iterable[Story], folder: Path = FOLDER) -> list[str]:
    """Add the stories that are not recorded yet, and states that are missing. Returns what."""
    added = []
    folder.mkdir(parents=True, exist_ok=True)
    for story in stories:
        known = {line.stream for line in lines_of(story.service, folder)}
        if (story.aggregate, story.aggregate_id) not in known:
            with (folder / f"{story.service}.jsonl").open("ab") as file:
                file.writelines(line.encoded() + b"\n" for line in tell(story))
            added.append(f"{story.aggregate}/{story.aggregate_id}")
    for service in sorted({story.service for story in stories}):
        states = {**replay(service, lines_of(service, folder)), **states_of(service, folder)}
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        (folder / f"{service}.states.json").write_bytes(orjson.dumps(states, option=options))
    return added


def _plain(state: Any) -> State:
    """A state as JSON has it; sets in order."""
    plain: State = orjson.loads(
        orjson.dumps(state, default=sorted, option=orjson.OPT_UTC_Z | orjson.OPT_SORT_KEYS)
    )
    return plain
