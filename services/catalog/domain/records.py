"""The catalog's records: artists, venues, songs, shows, setlists and gatherings.

Stream      evt.catalog.artist.{artist_id}, …venue…, …song…, …show…, …gathering…, and
            evt.catalog.setlist.{show_id}
Invariants  a record is added once, by the first who tells of it; from then on only what is
            different is recorded, so that to say the same again adds no event; of each field the
            catalog holds what the most trusted of its sources says (`precedence`), and remembers
            what the others say; what a source leaves out erases nothing that another has told.

All kinds are one decider, made by `record` for their messages. What holds it together are the names
of fields: a command, the event that adds, the one that changes and the one that notes have the
same ones.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, Protocol

from contracts.catalog import (
    PEOPLE,
    EditorSuspended,
    Kind,
    Outcome,
    RecordReceipt,
    RecordUnheardOf,
    SpeaksForAnother,
)
from contracts.catalog_settling import NothingSaid
from libs.kernel.decider import Decider
from libs.kernel.messages import Access, Command, Event, Origin, registry
from services.catalog.domain.precedence import rank

EXTERNAL_IDS = "external_ids"
LISTED = "is_listed"
AN_ID = f"{EXTERNAL_IDS}."
"""Begins the name of an external id among what is withdrawn."""

_ABOUT_THE_SAYING = frozenset({"source", "as_of", "withdrawn"})


@dataclass(slots=True)
class Record[A: Event, C: Event]:
    """What is known of a thing.

    known  what the catalog holds to be so: the event that would add it as it stands; None at first
    said   what each source says, as the event by which it would change everything
    """

    known: A | None = None
    said: dict[str, C] = field(default_factory=dict)


class Known(Protocol):
    """A state that has a record in it."""

    known: Any
    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """The messages of one kind of record.

    added    begins a record
    changed  holds what is different now, and None for the rest
    noted    holds what a source says while the record stays as it is
    """

    kind: Kind
    key: str
    added: type[Any]
    changed: type[Any]
    noted: type[Any]

    def tell(self, command: Command[Any], state: Known, origin: Origin) -> Sequence[Event]:
        """What follows when somebody says something of a record. raises the rejections."""
        may_speak(origin, getattr(command, "source"))  # noqa: B009  # Of any kind.
        key, told = getattr(command, self.key), said_in(command, self.key)
        source, as_of = command.source, command.as_of  # type: ignore[attr-defined]
        if state.known is None:
            return [self.added(**{self.key: key}, **told, source=source, as_of=as_of)]
        before = state.said.get(source)
        was_said = {} if before is None else said_in(before, self.key)
        if before is not None and as_of is not None and _is_older(as_of, before.as_of):
            return []
        gone = () if as_of is None else was_said.keys() - told.keys() - self.always_said
        return self.news(key, state, source, as_of, difference(told, was_said), gone)

    def miss(self, command: Command[Any], state: Known, origin: Origin) -> Sequence[Event]:
        """What follows when a source tells of a record no longer. raises RecordUnheardOf"""
        source: str = getattr(command, "source")  # noqa: B009
        may_speak(origin, source)
        before = state.said.get(source)
        if state.known is None or before is None:
            raise RecordUnheardOf
        if getattr(before, LISTED) is False:
            return []
        return self.news(getattr(command, self.key), state, source, None, {LISTED: False})

    def forget(self, command: Command[Any], state: Known) -> Sequence[Event]:
        """What follows when a source spoke of something else. raises RecordUnheardOf"""
        source: str = getattr(command, "source")  # noqa: B009
        before = state.said.get(source)
        if state.known is None:
            raise RecordUnheardOf
        if before is None:
            return []
        gone = said_in(before, self.key).keys() - {EXTERNAL_IDS}
        others = {
            each
            for other, saying in state.said.items()
            if other != source
            for each in getattr(saying, EXTERNAL_IDS)
        }
        ids = [f"{AN_ID}{each}" for each in getattr(before, EXTERNAL_IDS) if each not in others]
        return self.news(getattr(command, self.key), state, source, None, {}, gone, ids)

    def settle(self, command: Command[Any], state: Known, origin: Origin) -> Sequence[Event]:
        """What follows when a person says who is right about a field, or takes that back.
        raises EditorSuspended, RecordUnheardOf, NothingSaid
        """
        may_speak(origin, PEOPLE)
        if state.known is None:
            raise RecordUnheardOf
        key, name = getattr(command, self.key), getattr(command, "field")  # noqa: B009
        source: str | None = getattr(command, "source")  # noqa: B009
        was = self._word(name, PEOPLE, state)
        if source is None:
            return [] if was is None else self.news(key, state, PEOPLE, None, {}, [name])
        value = self._word(name, source, state)
        if value is None:
            raise NothingSaid(f"{source}: {name}")
        return [] if value == was else self.news(key, state, PEOPLE, None, {name: value})

    def _word(self, name: str, source: str, state: Known) -> Any:
        """What a source says of a field; None when that is nothing."""
        saying = state.said.get(source)
        said = {} if saying is None else said_in(saying, self.key)
        return None if name == EXTERNAL_IDS else said.get(name)

    def news(
        self,
        key: str,
        state: Known,
        source: str,
        as_of: Any,
        told: Mapping[str, Any],
        gone: Collection[str] = (),
        ids: Sequence[str] = (),
    ) -> Sequence[Event]:
        """The events for what a source says that it did not say before.

        told  fields and their values
        gone  fields that it does not say any longer
        ids   external ids that are not of this record, as `external_ids.<source>`
        """
        known = state.known
        assert known is not None
        held: dict[str, Any] = {}
        noted: dict[str, Any] = {}
        for name, value in told.items():
            if name == EXTERNAL_IDS:
                more = difference({name: value}, {name: getattr(known, name)})
                (held if more else noted)[name] = value
            elif self._counts(name, source, state) and value != getattr(known, name):
                held[name] = value
            else:
                noted[name] = value
        instead = {name: self._others_say(name, source, state) for name in sorted(gone)}
        so = {
            name: value
            for name, value in instead.items()
            if value != getattr(known, name) and not (value is None and name in self.always_known)
        }
        of_changed = {**held, **{name: value for name, value in so.items() if value is not None}}
        events: list[Event] = []
        about = {self.key: key, "source": source, "as_of": as_of}
        if of_changed or so or ids:
            events.append(self.changed(**about, **of_changed, withdrawn=[*so, *ids]))
        rest = [name for name in instead if name not in so]
        if noted or rest:
            events.append(self.noted(**about, **noted, withdrawn=rest))
        return events

    def evolve(self, state: Known, event: Event) -> Known:
        """What a fact does to a record."""
        values = said_in(event, self.key)
        source: str = getattr(event, "source")  # noqa: B009
        if isinstance(event, self.added):
            state.known = event
            withdrawn: Sequence[str] = ()
        else:
            withdrawn = [name for name in event.withdrawn if not name.startswith(AN_ID)]  # type: ignore[attr-defined]
            if isinstance(event, self.changed) and state.known is not None:
                so = {name: getattr(event, name) for name in withdrawn}
                merged = _merged({**values, **so}, state.known)
                ids = merged.get(EXTERNAL_IDS, getattr(state.known, EXTERNAL_IDS))
                merged[EXTERNAL_IDS] = _without(ids, event)
                state.known = replace(state.known, **merged)
        self._remember(state, source, event, values, withdrawn)
        return state

    def _remember(
        self,
        state: Known,
        source: str,
        event: Event,
        values: Mapping[str, Any],
        withdrawn: Sequence[str],
    ) -> None:
        before = state.said.get(source)
        if before is None:
            before = self.changed(**{self.key: getattr(event, self.key)}, source=source)
        own = {name: value for name, value in values.items() if name not in withdrawn}
        unsaid = dict.fromkeys(withdrawn)
        as_of = getattr(event, "as_of") or getattr(before, "as_of")  # noqa: B009
        merged = {**_merged(own, before), **unsaid, "as_of": as_of}
        saying = replace(before, **merged)
        saying = replace(saying, **{EXTERNAL_IDS: _without(getattr(saying, EXTERNAL_IDS), event)})
        if said_in(saying, self.key) == {EXTERNAL_IDS: {}}:
            state.said.pop(source, None)
        else:
            state.said[source] = saying

    def _counts(self, name: str, source: str, state: Known) -> bool:
        """Whether nobody who says something of a field is trusted more."""
        mine = rank(self.kind, name, source)
        return all(
            rank(self.kind, name, other) >= mine
            for other, saying in state.said.items()
            if other != source and getattr(saying, name) is not None
        )

    def _others_say(self, name: str, source: str, state: Known) -> Any:
        """What is so of a field without this source; None when nobody else says anything."""
        others = {
            other: getattr(saying, name)
            for other, saying in state.said.items()
            if other != source and getattr(saying, name) is not None
        }
        if not others:
            return None
        return others[min(others, key=lambda other: rank(self.kind, name, other))]

    @property
    def always_known(self) -> frozenset[str]:
        """Fields without which there is no record."""
        return _names(self.added, without_default=True)

    @property
    def always_said(self) -> frozenset[str]:
        """Fields that a source does not take back by leaving them out."""
        return frozenset({EXTERNAL_IDS}) | _names(self.added, without_default=False)


def record[S](
    shape: Shape,
    tell: type[Command[RecordReceipt]],
    state: type[S],
    *,
    forget: type[Command[RecordReceipt]],
    settle: type[Command[RecordReceipt]],
    miss: type[Command[RecordReceipt]] | None = None,
) -> Decider[Any, Event, S]:
    """An aggregate that is told facts and records those that are news.

    tell    tells facts; a field that is None says nothing
    state   Record[added, changed], for whoever saves and restores it
    forget  says that a source was speaking of something else
    settle  says which source is right about a field
    miss    says that a source does not tell of it any longer, for kinds that can disappear
    """

    def decide(command: Any, state: Any, origin: Origin) -> Sequence[Event]:
        if miss is not None and isinstance(command, miss):
            return shape.miss(command, state, origin)
        if isinstance(command, forget):
            return shape.forget(command, state)
        if isinstance(command, settle):
            return shape.settle(command, state, origin)
        return shape.tell(command, state, origin)

    return Decider(
        aggregate=shape.kind.value,
        commands=(tell, forget, settle) if miss is None else (tell, forget, settle, miss),
        events=(shape.added, shape.changed, shape.noted),
        state=state,
        decide=decide,
        evolve=shape.evolve,  # type: ignore[arg-type]
        answer=answering(shape),
    )


def answering(shape: Shape) -> Any:
    """What the caller is told of a record of this shape."""

    def answer(
        command: Any, events: Sequence[Event], _state: Any, _origin: Origin
    ) -> RecordReceipt:
        outcome = Outcome.UNCHANGED
        if events:
            outcome = Outcome.NEW if isinstance(events[0], shape.added) else Outcome.CHANGED
        return RecordReceipt(id=getattr(command, shape.key), outcome=outcome)

    return answer


def shape_of(
    kind: Kind,
    command: type[Command[Any]],
    added: type[Any],
    changed: type[Any],
    noted: type[Any],
) -> Shape:
    """The messages of a kind, as those of a record. The command's key is the record's."""
    return Shape(kind, registry.command_of[command].key, added, changed, noted)


def may_speak(origin: Origin, source: str) -> None:
    """Only services speak for sources. raises EditorSuspended, SpeaksForAnother"""
    if origin.is_suspended:
        raise EditorSuspended
    if source != PEOPLE and not Access.SERVICE.admits(origin.caller):
        raise SpeaksForAnother(f"{origin.actor} cannot speak as {source}")


def said_in(message: Command[Any] | Event, key: str) -> dict[str, Any]:
    """The fields of a message that say something of its record."""
    values = {name: getattr(message, name) for name in _fields(type(message))}
    return {
        name: value
        for name, value in values.items()
        if value is not None and name != key and name not in _ABOUT_THE_SAYING
    }


def _fields(cls: type[Any]) -> tuple[str, ...]:
    return tuple(item.name for item in fields(cls))


def _names(added: type[Any], *, without_default: bool) -> frozenset[str]:
    """The fields of an adding event that have no default, or one that says something."""
    if without_default:
        return frozenset(
            item.name
            for item in fields(added)
            if item.default is MISSING and item.default_factory is MISSING
        )
    return frozenset(
        item.name
        for item in fields(added)
        if item.default is not MISSING and item.default is not None
    )


def _is_older(as_of: Any, before: Any) -> bool:
    return before is not None and as_of < before


def difference(told: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What is told and was not said before; of a mapping, the entries that differ."""
    news: dict[str, Any] = {}
    for name, value in told.items():
        if isinstance(value, dict):
            known = before.get(name, {})
            entries = {item: at for item, at in value.items() if known.get(item) != at}
            if entries:
                news[name] = entries
        elif value != before.get(name):
            news[name] = value
    return news


def _merged(news: Mapping[str, Any], known: Event) -> dict[str, Any]:
    """News as whole values: the entries of a mapping are added to those that were known."""
    return {
        name: {**getattr(known, name), **value} if isinstance(value, dict) else value
        for name, value in news.items()
    }


def _without(ids: Mapping[str, str], event: Event) -> dict[str, str]:
    """External ids without those that an event withdraws."""
    gone = {name.removeprefix(AN_ID) for name in getattr(event, "withdrawn", ())}
    return {source: external_id for source, external_id in ids.items() if source not in gone}
