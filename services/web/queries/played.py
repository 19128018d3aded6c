"""What was played at a show, set by set. The twin is `static/view/played.js`."""

from dataclasses import dataclass

from contracts.catalog_setlists import Setlist, SetlistSong
from contracts.voting_views import Ballot

UNKNOWN_SONG = "A song we do not know"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedRow:
    """A song as it was played. `aside` is what there is to say about it."""

    number: str
    title: str
    aside: str
    is_hit: bool
    leads_on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedSet:
    """A part of the evening."""

    key: str
    name: str
    songs: list[PlayedRow]


def played_sets(setlist: Setlist | None, ballot: Ballot | None) -> list[PlayedSet]:
    """What was played: as the catalog tells it, or else as the ballot was scored with.

    Nothing until the ballot is final, for it may open again: whoever may still vote is not told, or
    a replayed show would give itself away.
    """
    if ballot is not None and ballot.score is None:
        return []
    hits = set(ballot.score.hits) if ballot and ballot.score else set[str]()
    if setlist is not None:
        sets: list[PlayedSet] = []
        number = 0
        for at, each in enumerate(setlist.sets):
            rows = [_played(song, number + place, hits) for place, song in enumerate(each.songs, 1)]
            number += len(rows)
            sets.append(PlayedSet(key=str(at), name=_set_name(setlist, at), songs=rows))
        return sets
    if ballot is None or not ballot.played:
        return []
    titles = {each.song_id: each.title for each in ballot.candidates}
    rows = [
        PlayedRow(
            number=str(number),
            title=titles.get(song_id, UNKNOWN_SONG),
            aside="",
            is_hit=song_id in hits,
            leads_on=False,
        )
        for number, song_id in enumerate(ballot.played, 1)
    ]
    return [PlayedSet(key="0", name="", songs=rows)]


def _set_name(setlist: Setlist, at: int) -> str:
    return setlist.sets[at].name or (f"Set {at + 1}" if len(setlist.sets) > 1 else "")


def _played(song: SetlistSong, number: int, hits: set[str]) -> PlayedRow:
    asides = [
        f"{song.original_artist} song" if song.original_artist else "",
        "from tape" if song.tape else "",
        song.note or "",
    ]
    return PlayedRow(
        number=str(number),
        title=song.title or UNKNOWN_SONG,
        aside=" · ".join(aside for aside in asides if aside),
        is_hit=song.song_id in hits,
        leads_on=song.segue,
    )
