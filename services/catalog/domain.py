"""The catalog's records: artists, venues, songs, shows and setlists, as various sources know them.

Stream      evt.catalog.artist.{artist_id}, …venue…, …song…, …show…, and …setlist.{show_id}
Invariants  a record is added once, by the first who tells of it; from then on only what is
            different is recorded, so that to say the same again adds no event; what a source leaves
            out stays.

The five aggregates are one decider, made by `record` for five sets of messages. What holds it
together are the names of fields: a command, the event that adds and the event that changes have the
same ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from contracts.catalog import (
    ArtistAdded,
    ArtistChanged,
    EditorSuspended,
    Kind,
    Outcome,
    RecordReceipt,
    RecordSetlist,
    RegisterArtist,
    RegisterSong,
    RegisterVenue,
    ScheduleShow,
    SetlistChanged,
    SetlistRecorded,
    ShowChanged,
    ShowScheduled,
    SongAdded,
    SongChanged,
    VenueAdded,
    VenueChanged,
)
from libs.kernel.decider import Decider
from libs.kernel.messages import Command, Event, Origin, registry


@dataclass(slots=True)
class Record[A: Event]:
    """What is known of a thing: the event that would add it as it stands; None when nothing is."""

    known: A | None = None


def record[C: Command[RecordReceipt], A: Event, E: Event](
    kind: Kind,
    command: type[C],
    *,
    added: type[A],
    changed: type[E],
    state: type[Record[A]],
) -> Decider[C, A | E, Record[A]]:
    """An aggregate that is told facts and records those that are news.

    command  tells facts; a field that is None says nothing
    added    begins a record
    changed  holds what is different now, and None for the rest
    state    Record[added], for whoever saves and restores it
    """
    key = registry.command_of[command].key

    def decide(command: C, state: Record[A], origin: Origin) -> Sequence[A | E]:
        if origin.is_suspended:
            raise EditorSuspended
        told = _said(command)
        if state.known is None:
            return [added(**told)]
        news = _news(told, state.known)
        return [changed(**{key: told[key]}, **news)] if news else []

    def evolve(state: Record[A], event: A | E) -> Record[A]:
        if isinstance(event, added):
            state.known = event
        elif state.known is not None:
            state.known = replace(state.known, **_merged(_said(event), state.known))  # type: ignore[type-var]
        return state

    def answer(
        command: C, events: Sequence[A | E], _state: Record[A], _origin: Origin
    ) -> RecordReceipt:
        outcome = Outcome.UNCHANGED
        if events:
            outcome = Outcome.NEW if isinstance(events[0], added) else Outcome.CHANGED
        return RecordReceipt(id=getattr(command, key), outcome=outcome)

    return Decider(
        aggregate=kind.value,
        commands=(command,),
        events=(added, changed),
        state=state,
        decide=decide,
        evolve=evolve,
        answer=answer,
    )


def _said(message: Command[Any] | Event) -> dict[str, Any]:
    """The fields of a message that say something."""
    values = {item.name: getattr(message, item.name) for item in fields(message)}  # type: ignore[arg-type]
    return {name: value for name, value in values.items() if value is not None}


def _news(told: dict[str, Any], known: Event) -> dict[str, Any]:
    """What is told and was not known."""
    news = {name: _difference(value, getattr(known, name)) for name, value in told.items()}
    return {name: value for name, value in news.items() if value is not None}


def _difference(value: Any, before: Any) -> Any:
    """The value when it differs (of a mapping, the entries that do); None when nothing does."""
    if isinstance(value, dict):
        return {item: at for item, at in value.items() if before.get(item) != at} or None
    return value if value != before else None


def _merged(news: dict[str, Any], known: Event) -> dict[str, Any]:
    """News as whole values: the entries of a mapping are added to those that were known."""
    return {
        name: {**getattr(known, name), **value} if isinstance(value, dict) else value
        for name, value in news.items()
    }


ARTIST = record(
    Kind.ARTIST,
    RegisterArtist,
    added=ArtistAdded,
    changed=ArtistChanged,
    state=Record[ArtistAdded],
)
VENUE = record(
    Kind.VENUE,
    RegisterVenue,
    added=VenueAdded,
    changed=VenueChanged,
    state=Record[VenueAdded],
)
SONG = record(
    Kind.SONG,
    RegisterSong,
    added=SongAdded,
    changed=SongChanged,
    state=Record[SongAdded],
)
SHOW = record(
    Kind.SHOW,
    ScheduleShow,
    added=ShowScheduled,
    changed=ShowChanged,
    state=Record[ShowScheduled],
)
SETLIST = record(
    Kind.SETLIST,
    RecordSetlist,
    added=SetlistRecorded,
    changed=SetlistChanged,
    state=Record[SetlistRecorded],
)

DECIDERS: tuple[Decider[Any, Any, Any], ...] = (ARTIST, VENUE, SONG, SHOW, SETLIST)
