"""A process manager: turns events into commands across streams, without doing anything itself.

    react(recorded) -> reactions     what an event asks for; pure

What it returns is carried out by `libs.reactions`: commands are sent, now or at a time. The same
event may come more than once, and always asks for the same: the ids of its commands are derived
from it, so that they are carried out once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.kernel.messages import Command
from libs.kernel.recorded import Recorded


@dataclass(frozen=True, slots=True)
class Send:
    """Send a command now. A rejection is an answer, and the end of it."""

    command: Command[Any]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Send a command at a time; at once when it has passed.

    key   names the schedule among those of its process manager: one or more ids joined by dots. A
          later one of the same key replaces it. When it fires at the moment it is replaced or
          cancelled it may still be sent: a command that must fit its time says what time it is for
    """

    key: str
    at: datetime
    command: Command[Any]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take back the schedule of this key, if it has not fired."""

    key: str


@dataclass(frozen=True, slots=True)
class HandOut:
    """Hand work to the workers of a service (`libs.jobs`), to begin at a time; at once when it has
    passed. It cannot be taken back: whoever is to begin it asks whether they may.

    note   what they are told, as JSON values: enough to ask for the rest
    """

    service: str
    at: datetime
    note: Mapping[str, str | int]


type Reaction = Send | Schedule | Cancel | HandOut


@dataclass(frozen=True, slots=True)
class ProcessManager:
    """What one kind of news asks for.

    name       among those of its service; its subscription is `<service>--<name>`. A new name reads
               the log from its beginning
    log        the service whose log it follows
    aggregate  whose streams it follows
    events     the event classes it reacts to; others pass it by
    react      what one of them asks for, in order
    """

    name: str
    log: str
    aggregate: str
    events: tuple[type, ...]
    react: Callable[[Recorded], Sequence[Reaction]]
