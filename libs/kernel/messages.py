"""Messages: commands, events, queries and views, and who may send them.

A message is a dataclass whose fields pydantic checks where it enters the house; inside,
it is a plain value that costs what a plain value costs. Type checkers treat every message as
frozen. The decorators give it its name on the wire and enter it into the registry, which drives the
gateway, the schemas and the documents.

    @command("voting.cast-vote", key="show_id", access=Access.SIGNED_IN)
    class CastVote(Command["VoteReceipt"]):
        \"\"\"Vote for a song of tonight's show.\"\"\"

        show_id: ShowId
        song_id: SongId
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import IntEnum, StrEnum
from functools import cached_property
from typing import Any, ClassVar, dataclass_transform, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter

from libs.kernel.errors import BacklineError
from libs.kernel.ids import CommandId, derive_id
from libs.kernel.personal import personal_fields


class Role(StrEnum):
    """What a caller has been trusted with. A role includes those before it; `service` is ours."""

    MEMBER = "member"
    MODERATOR = "moderator"
    ADMIN = "admin"
    SERVICE = "service"


class Access(IntEnum):
    """Who may send a command or ask a query. Checked at the gateway, and where it is handled."""

    PUBLIC = 0
    SIGNED_IN = 1
    MODERATOR = 2
    ADMIN = 3
    SERVICE = 4

    def admits(self, caller: "Caller") -> bool:
        """Whether this caller may pass."""
        return self <= caller.access


_ACCESS_OF_ROLE = {
    Role.MEMBER: Access.SIGNED_IN,
    Role.MODERATOR: Access.MODERATOR,
    Role.ADMIN: Access.ADMIN,
    Role.SERVICE: Access.SERVICE,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: a user, a service of ours, or nobody we know (`user_id` is empty).

    scope         the commands and queries they were narrowed to (`libs.kernel.admission`); None: to
                  nothing but what they may anyway
    impersonator  who really acts, in the user's name; empty: the user
    """

    user_id: str = ""
    roles: tuple[str, ...] = ()
    scope: tuple[str, ...] | None = None
    impersonator: str = ""
    access: Access = field(init=False, default=Access.PUBLIC)

    def __post_init__(self) -> None:
        known = [_ACCESS_OF_ROLE[Role(role)] for role in self.roles if role in Role]
        if self.user_id:
            object.__setattr__(self, "access", max(known, default=Access.SIGNED_IN))


NOBODY = Caller()


def service_caller(service: str) -> Caller:
    """One of our own services, acting for itself."""
    return Caller(user_id=f"svc_{service}", roles=(Role.SERVICE,))


@dataclass(slots=True)
class Origin:
    """Where a command comes from, handed to `decide` beside it.

    command_id    made by the caller; a retry has the same
    actor         the user id, or `svc_<service>` for one of ours; empty for a stranger
    roles         what the actor has been trusted with
    at            when the owner took it, UTC
    is_suspended  the actor may look but not act
    impersonator  who really acts, in the actor's name; empty: the actor
    holders       who holds the names the command is about (`libs.kernel.claims`); None: nobody
    """

    command_id: CommandId
    actor: str
    roles: tuple[str, ...]
    at: datetime
    is_suspended: bool = False
    impersonator: str = ""
    holders: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def caller(self) -> Caller:
        return Caller(user_id=self.actor, roles=self.roles)


class Command[A]:
    """A request, imperative; may be refused. `A` is the view it is answered with."""

    __slots__ = ()
    __pydantic_config__ = ConfigDict(extra="forbid", regex_engine="rust-regex")


class Event:
    """A fact, past tense; never refused, never edited."""

    __slots__ = ()
    __pydantic_config__ = ConfigDict(extra="ignore")


class Query[A]:
    """A question put to a read model. `A` is the view that answers it."""

    __slots__ = ()
    __pydantic_config__ = ConfigDict(extra="forbid")


class View:
    """The answer to a query or a command."""

    __slots__ = ()
    __pydantic_config__ = ConfigDict(extra="ignore")


class Key(StrEnum):
    """Where a command that names no aggregate takes its id from, in place of a field."""

    ACTOR = "@actor"
    """The caller's own aggregate."""
    NEW = "@new"
    """One that the command founds: its id comes from the command's, so a retry meets it again."""
    ACTOR_OR_NEW = "@actor-or-new"
    """The caller's own, or for a stranger one that the command founds."""


class Spec:
    """What every registered message has: its class, its name, and a validating adapter."""

    def __init__(self, name: str, cls: type) -> None:
        self.name = name
        self.cls = cls

    @property
    def service(self) -> str:
        return self.name.split(".", 1)[0]

    @property
    def summary(self) -> str:
        return (inspect.getdoc(self.cls) or self.name).split("\n", 1)[0]

    @property
    def description(self) -> str:
        return inspect.getdoc(self.cls) or self.name

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(self.cls)

    @cached_property
    def validate(self) -> Callable[[Any], Any]:
        """JSON values -> the message; raises pydantic's ValidationError. The adapter's core, for
        hot paths.
        """
        return self.adapter.validator.validate_python

    @cached_property
    def answer(self) -> type:
        """The view class in `Command[...]` or `Query[...]`."""
        for base in getattr(self.cls, "__orig_bases__", ()):
            for argument in get_args(base):
                if isinstance(argument, type):
                    return argument
        raise TypeError(f"{self.cls.__name__} does not say what it is answered with")


class CommandSpec(Spec):
    def __init__(
        self,
        name: str,
        cls: type,
        *,
        key: str,
        access: Access,
        rejections: tuple[type[BacklineError], ...],
        is_limited: bool = False,
    ) -> None:
        super().__init__(name, cls)
        self.is_limited = is_limited
        self.key = key
        self.has_key_field = key not in Key
        self.access = access
        self.rejections = rejections

    def aggregate_id(self, command: Any, actor: str, command_id: str) -> Any:
        """The id of the aggregate a command is about, which decides its slot.

        command   the command, or its arguments as they came in, not yet checked
        returns   the id; of unchecked arguments whatever they hold in its place
        """
        if self.key == Key.ACTOR or (self.key == Key.ACTOR_OR_NEW and actor):
            return actor
        if self.key in {Key.NEW, Key.ACTOR_OR_NEW}:
            return derive_id(self.name, command_id)
        return command.get(self.key) if isinstance(command, dict) else getattr(command, self.key)


class EventSpec(Spec):
    def __init__(self, name: str, cls: type, *, version: int, person: str | None) -> None:
        super().__init__(name, cls)
        self.version = version
        self.person = person
        """The field that names the person whom the personal fields are about."""
        self.type = f"{name}.v{version}"
        """The CloudEvents type: `<service>.<event_name>.v<N>`."""

    @cached_property
    def personal(self) -> tuple[str, ...]:
        """The personal fields. raises   TypeError when it is not said whom they are about"""
        found = personal_fields(self.cls)
        if found and self.person not in {item.name for item in fields(self.cls)}:
            raise TypeError(f"{self.name} holds personal fields; which field names the person?")
        return found


class QuerySpec(Spec):
    def __init__(
        self,
        name: str,
        cls: type,
        *,
        access: Access,
        watches: tuple[str, ...],
        hot: str | None,
        private: bool,
    ) -> None:
        super().__init__(name, cls)
        self.access = access
        self.watches = watches
        self.hot = hot
        self.private = private

    def keys(self, arguments: dict[str, Any], caller: Caller) -> list[str]:
        """The change keys whose notice means that this question must be asked again."""
        values = {**arguments, "caller": caller.user_id or "-"}
        return [template.format_map(values) for template in self.watches]


class Registry:
    """Every message of the house by its name and by its class."""

    def __init__(self) -> None:
        self.commands: dict[str, CommandSpec] = {}
        self.events: dict[str, EventSpec] = {}
        self.queries: dict[str, QuerySpec] = {}
        self.command_of: dict[type, CommandSpec] = {}
        self.event_of: dict[type, EventSpec] = {}
        self.query_of: dict[type, QuerySpec] = {}

    def add_command(self, spec: CommandSpec) -> None:
        _add(self.commands, spec.name, self.command_of, spec)

    def add_event(self, spec: EventSpec) -> None:
        _add(self.events, spec.type, self.event_of, spec)

    def add_query(self, spec: QuerySpec) -> None:
        _add(self.queries, spec.name, self.query_of, spec)


def _add[S: Spec](by_name: dict[str, S], name: str, by_class: dict[type, S], spec: S) -> None:
    if name in by_name:
        raise ValueError(f"two messages are called {name}")
    by_name[name] = spec
    by_class[spec.cls] = spec


registry = Registry()


@dataclass_transform(frozen_default=True, kw_only_default=True)
def message[M](cls: type[M]) -> type[M]:
    """Make a plain value that messages are built from (an item of a list, say).

    Frozen for the type checker and not at run time, and without slots: `object.__setattr__` per
    field, and reading slots instead of a `__dict__` into JSON, would each double the price of a
    vote (docs/adr/0007).
    """
    if "__pydantic_config__" not in {name for base in cls.__mro__ for name in vars(base)}:
        cls.__pydantic_config__ = ConfigDict(extra="ignore")  # type: ignore[attr-defined]
    return dataclass(kw_only=True)(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def view[M](cls: type[M]) -> type[M]:
    """Make the answer to a query or a command."""
    return message(cls)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def command[M](
    name: str,
    *,
    key: str,
    access: Access,
    rejections: tuple[type[BacklineError], ...] = (),
    is_limited: bool = False,
) -> Callable[[type[M]], type[M]]:
    """Register a command.

    name        `<service>.<kebab-case-name>`; also its HTTP path
    key         the field that holds the aggregate's id, and so decides the slot; or a `Key`
    access      the least that a caller must be
    rejections  the domain's possible answers no, for the documents
    is_limited  from one address, only a few are taken at once (`libs.kernel.attempts`)
    """

    def decorate(cls: type[M]) -> type[M]:
        made = message(cls)
        if key not in Key and key not in {item.name for item in fields(made)}:  # type: ignore[arg-type]
            raise TypeError(f"{name} has no field {key}")
        registry.add_command(
            CommandSpec(
                name, made, key=key, access=access, rejections=rejections, is_limited=is_limited
            )
        )
        return made

    return decorate


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event[M](
    name: str, *, version: int = 1, person: str | None = None
) -> Callable[[type[M]], type[M]]:
    """Register an event.

    name     `<service>.<event_name>`
    version  of its schema
    person   the field that names whom its `Personal` fields are about
    """

    def decorate(cls: type[M]) -> type[M]:
        made = message(cls)
        registry.add_event(EventSpec(name, made, version=version, person=person))
        return made

    return decorate


@dataclass_transform(frozen_default=True, kw_only_default=True)
def query[M](
    name: str,
    *,
    access: Access,
    watches: tuple[str, ...] = (),
    hot: str | None = None,
    private: bool = False,
) -> Callable[[type[M]], type[M]]:
    """Register a query.

    watches  change keys that make its answer stale, as templates over its arguments and `caller`:
             `("ballot.{show_id}",)`
    hot      the field whose value keys the results that the owner pushes after its commits; None
             for a query that is asked again instead
    private  the answer depends on who asks, so it is never shared between callers
    """

    def decorate(cls: type[M]) -> type[M]:
        made = message(cls)
        registry.add_query(
            QuerySpec(name, made, access=access, watches=watches, hot=hot, private=private)
        )
        return made

    return decorate


def type_hints(cls: type) -> dict[str, Any]:
    """The resolved annotations of a message's fields."""
    return get_type_hints(cls, include_extras=True)


class Receipt(View):
    """An answer to a command: carries the position a query can wait for (read your own writes)."""

    __slots__ = ()
    POSITION: ClassVar[str] = "position"
