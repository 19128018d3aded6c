"""What a worker works on: a log, for one process manager, or the schedules that become due.

Both say of a message whom it concerns and what it asks for; neither does anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from libs.eventlog.codec import decode, types_of
from libs.eventlog.protocol import log_name
from libs.eventlog.schedules import Asked
from libs.kernel.ids import derive_id
from libs.kernel.messages import Command, registry
from libs.kernel.reactions import ProcessManager, Reaction, Send
from libs.kernel.upcasting import upcasters
from libs.reactions.message import Message

SCHEDULES: Final = "schedules"
"""The worker that sends what became due; no process manager may be called so."""

NO_KEY: Final = "-"
"""The key of a message that does not say whom it concerns."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A reaction to be carried out.

    id           the same whenever the same message asks for it: the id of its command
    correlation  the correlation id of what set it off
    asked        the event that asks for it; None for what became due
    """

    reaction: Reaction
    id: str
    correlation: str
    asked: Asked | None = None


class Source(Protocol):
    """One kind of message.

    name      of the worker, among those of its service
    stream    the JetStream stream it reads
    subjects  the part of it
    is_timer  whether it is what sets things off, and so begins a trace
    """

    name: str
    stream: str
    subjects: str
    is_timer: bool

    def key(self, message: Message) -> str | None:
        """Whom a message concerns; None when it asks for nothing."""
        ...

    def effects(self, message: Message) -> Sequence[Effect]:
        """What a message asks for, in order. raises   whatever is wrong with it"""
        ...


class LogSource:
    """The commits that one process manager reacts to."""

    is_timer = False

    def __init__(self, service: str, manager: ProcessManager) -> None:
        self.name = manager.name
        self.stream = log_name(manager.log)
        self.subjects = f"evt.{manager.log}.{manager.aggregate}.>"
        self._manager = manager
        self._namespace = f"{service}--{manager.name}"
        self._types = types_of(manager.events) or frozenset()
        self._signs = [name.encode() for name in (*self._types, *upcasters)]

    def key(self, message: Message) -> str | None:
        """The aggregate; None for a commit without an event for us.

        Most commits of a busy stream are such: that shows before they are decoded.
        """
        if any(sign in message.payload for sign in self._signs):
            return _aggregate_id(message)
        return None

    def effects(self, message: Message) -> Sequence[Effect]:
        commit = decode(
            message.payload,
            aggregate=self._manager.aggregate,
            aggregate_id=_aggregate_id(message),
            position=message.position,
            headers=message.headers,
            wanted=self._types,
        )
        return [
            Effect(
                reaction=reaction,
                id=derive_id(self._namespace, recorded.id, str(number)),
                correlation=recorded.correlation_id,
                asked=Asked(recorded.position, recorded.at),
            )
            for recorded in commit.events
            for number, reaction in enumerate(self._manager.react(recorded))
        ]


class DueSource:
    """The schedules of a service that became due."""

    name = SCHEDULES
    is_timer = True

    def __init__(self, service: str) -> None:
        self.stream = f"SCHED_{service.upper()}"
        self.subjects = f"due.{service}.>"

    def key(self, message: Message) -> str | None:
        """The aggregate that the command is about: what is due for one is sent in order."""
        try:
            effect = _read_plan(message.payload)
        except (ValueError, KeyError, TypeError):
            return NO_KEY  # What is wrong with it shows when its turn comes.
        assert isinstance(effect.reaction, Send)
        command = effect.reaction.command
        return str(registry.command_of[type(command)].aggregate_id(command, "", effect.id))

    def effects(self, message: Message) -> Sequence[Effect]:
        return [_read_plan(message.payload)]


def write_plan(command: Command[Any], effect: Effect) -> bytes:
    """The body of a schedule: the command to be sent when it is due."""
    return orjson.dumps(
        {
            "id": effect.id,
            "correlation": effect.correlation,
            "command": registry.command_of[type(command)].name,
            "args": command,
        },
        option=orjson.OPT_UTC_Z,
    )


def _read_plan(body: bytes) -> Effect:
    """What `write_plan` wrote. raises   ValueError, KeyError or TypeError when it is no such"""
    document = orjson.loads(body)
    command = registry.commands[document["command"]].validate(document["args"])
    return Effect(Send(command), id=document["id"], correlation=document["correlation"])


def _aggregate_id(message: Message) -> str:
    return message.subject.rpartition(".")[2]
