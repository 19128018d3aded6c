"""Finding out which records of the catalog the things on a page are, and telling those instead.

First artists, venues and gatherings, then songs and shows, whose likeness rests on whose and where
they are. A setlist goes with its show.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import batched
from typing import Any

from contracts.catalog import Kind
from contracts.catalog_artists import RegisterArtist
from contracts.catalog_gatherings import RegisterGathering
from contracts.catalog_identity import MatchRecords, Probe
from contracts.catalog_setlists import PlayedSet, RecordSetlist
from contracts.catalog_shows import ScheduleShow
from contracts.catalog_songs import RegisterSong
from contracts.catalog_venues import RegisterVenue
from libs.bus import Bus
from services.catalog.adapters.findings import Fact, Telling
from services.catalog.adapters.telling import CALLER

PROBES_AT_ONCE = 200


class Identities:
    """Which records things are, as far as this run has found out.

    known   the id a thing would have on its own -> the record that it is
    spoken  things whose record the same source speaks of by another id: nothing more is told of it
    """

    def __init__(self, bus: Bus, known: Mapping[str, str]) -> None:
        """`known`: what somebody has said beforehand."""
        self._bus = bus
        self.known = dict(known)
        self.spoken: set[str] = set()
        self._taken: dict[tuple[str, str], str] = {}
        self._said = frozenset(known)

    async def resolve(self, facts: Sequence[Fact], after: int) -> list[Fact]:
        """The facts, about the records that they are about. Each source tells each record once.

        after   the position up to which the catalog must have read
        raises  RemoteProblem, Unavailable
        """
        first = [fact.telling for fact in facts if not isinstance(fact.telling, _REFERRING)]
        await self._find(first, after)
        referring = [fact.telling for fact in facts if isinstance(fact.telling, _REFERRING)]
        await self._find([self.renamed(telling) for telling in referring], after)
        told: dict[tuple[type, str, str], Fact] = {}
        for fact in facts:
            own = own_id(fact.telling)
            if own not in self.spoken:
                renamed = self.renamed(fact.telling)
                key = type(renamed), own_id(renamed), renamed.source
                told[key] = replace(fact, telling=renamed)
        return list(told.values())

    def renamed(self, telling: Telling) -> Telling:
        """A telling, about the records as they are known by now."""
        known = self.known.get
        match telling:
            case RegisterArtist(artist_id=of):
                return replace(telling, artist_id=known(of, of))
            case RegisterVenue(venue_id=of):
                return replace(telling, venue_id=known(of, of))
            case RegisterGathering(gathering_id=of):
                return replace(telling, gathering_id=known(of, of))
            case RegisterSong(song_id=of, artist_id=artist):
                return replace(telling, song_id=known(of, of), artist_id=known(artist, artist))
            case ScheduleShow(show_id=of, artist_id=artist, venue_id=venue):
                return replace(
                    telling,
                    show_id=known(of, of),
                    artist_id=known(artist, artist),
                    venue_id=venue and known(venue, venue),
                )
            case RecordSetlist(show_id=of, sets=sets):
                return replace(telling, show_id=known(of, of), sets=self._played(sets))

    def _played(self, sets: Sequence[PlayedSet]) -> list[PlayedSet]:
        return [
            replace(
                played,
                songs=[
                    replace(song, song_id=self.known.get(song.song_id, song.song_id))
                    for song in played.songs
                ],
            )
            for played in sets
        ]

    async def _find(self, tellings: Iterable[Telling], after: int) -> None:
        probes = {
            own_id(telling): probe
            for telling in tellings
            if own_id(telling) not in self.known and (probe := probe_of(telling)) is not None
        }
        for some in batched(probes.values(), PROBES_AT_ONCE):
            query = MatchRecords(probes=list(some))
            answer = await self._bus.ask(query, caller=CALLER, after=after)
            for probe, match in zip(some, answer.result["matches"], strict=True):
                self._take(probe, match["record_id"], is_spoken=match["is_spoken"])

    def _take(self, probe: Probe, record_id: str, *, is_spoken: bool) -> None:
        """A thing is a record. Two things of one source are two: the second stands alone, unless
        an administrator has said that they are one.
        """
        if is_spoken:
            self.spoken.add(probe.record_id)
        elif self._taken.setdefault((probe.source, record_id), probe.record_id) != probe.record_id:
            record_id = probe.record_id
        self.known[probe.record_id] = record_id


_REFERRING = (RegisterSong, ScheduleShow, RecordSetlist)


def own_id(telling: Telling) -> str:
    """The id of the record that a telling is about."""
    match telling:
        case RegisterArtist(artist_id=of) | RegisterVenue(venue_id=of):
            return of
        case RegisterSong(song_id=of) | RegisterGathering(gathering_id=of):
            return of
        case ScheduleShow(show_id=of) | RecordSetlist(show_id=of):
            return of


def probe_of(telling: Telling) -> Probe | None:
    """What is known of the thing that a telling is about; None for a setlist."""
    about: dict[str, Any] = {
        "record_id": own_id(telling),
        "source": telling.source,
        "external_ids": telling.external_ids,
    }
    match telling:
        case RegisterArtist(name=name):
            return Probe(kind=Kind.ARTIST, name=name, **about)
        case RegisterVenue():
            return Probe(
                kind=Kind.VENUE,
                name=telling.name,
                city=telling.city,
                latitude=telling.latitude,
                longitude=telling.longitude,
                **about,
            )
        case RegisterSong(title=title, artist_id=artist_id):
            return Probe(kind=Kind.SONG, name=title, artist_id=artist_id, **about)
        case ScheduleShow():
            return Probe(
                kind=Kind.SHOW,
                artist_id=telling.artist_id,
                venue_id=telling.venue_id,
                local_date=telling.local_date,
                number_that_day=telling.number_that_day,
                **about,
            )
        case RegisterGathering(name=name, starts_at=starts_at):
            return Probe(kind=Kind.GATHERING, name=name, starts_at=starts_at, **about)
        case RecordSetlist():
            return None
