"""What voting asks of the catalog before it decides: candidates, titles, and what was played."""

from datetime import datetime, timedelta
from typing import Any

from contracts.catalog_setlists import GetSetlist
from contracts.catalog_shows import GetShow, ShowStatus
from contracts.catalog_songs import GetCandidates, GetSongs
from contracts.voting import (
    CANDIDATES_MAX,
    Candidate,
    FinalizeBallot,
    NoCandidates,
    PlanBallot,
    PrepareBallot,
    SetlistUnknown,
    SetUpBallot,
    ShowUnknown,
    SongUnknown,
)
from libs.bus import Bus
from libs.kernel.errors import RemoteProblem
from libs.kernel.messages import Origin, Query, service_caller

NOT_FOUND = 404
CANDIDATES_USUAL = 30
TITLE_LENGTH_MAX = 300

_CALLER = service_caller("voting")


class Catalog:
    """The catalog, asked over the bus. Its methods are resolvers of voting's commands."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def set_up(self, command: PrepareBallot, _origin: Origin) -> SetUpBallot:
        """Look up the candidates of a ballot.

        raises   ShowUnknown, SongUnknown, NoCandidates; Unavailable when the catalog does not
                 answer
        """
        played_most = await self._ask(
            GetCandidates(show_id=command.show_id, limit=CANDIDATES_USUAL), ShowUnknown
        )
        if command.song_ids is None:
            songs = played_most["candidates"]
        else:
            songs = await self._songs(command.song_ids)
        if not songs:
            raise NoCandidates
        return SetUpBallot(
            show_id=command.show_id,
            candidates=_candidates(songs),
            opens_at=command.opens_at,
            closes_at=command.closes_at,
            votes_per_voter=command.votes_per_voter,
            changeable=command.changeable,
        )

    async def plan(self, command: PlanBallot, origin: Origin) -> SetUpBallot:
        """Look up when a show starts, and the candidates of its ballot.

        raises   ShowUnknown; Unavailable
        """
        after = command.catalog_position
        answer = await self._ask(GetShow(show_id=command.show_id), ShowUnknown, after=after)
        played_most = await self._ask(
            GetCandidates(show_id=command.show_id, limit=CANDIDATES_USUAL), ShowUnknown, after=after
        )
        opens_at, closes_at = _hours(answer["show"], command, origin)
        return SetUpBallot(
            show_id=command.show_id,
            candidates=_candidates(played_most["candidates"]),
            opens_at=opens_at,
            closes_at=closes_at,
            planned=True,
        )

    async def _songs(self, song_ids: list[str]) -> list[dict[str, Any]]:
        """The songs with these ids, in this order, each once."""
        wanted = list(dict.fromkeys(song_ids))[:CANDIDATES_MAX]
        if not wanted:
            return []
        answer = await self._ask(GetSongs(song_ids=wanted), SongUnknown)
        by_id = {song["song_id"]: song for song in answer["songs"]}
        missing = [song_id for song_id in wanted if song_id not in by_id]
        if missing:
            raise SongUnknown(f"the catalog does not know {', '.join(missing[:3])}")
        return [by_id[song_id] for song_id in wanted]

    async def finalize(self, command: FinalizeBallot, _origin: Origin) -> FinalizeBallot:
        """Look up what was played, unless the command says so. raises SetlistUnknown"""
        if command.played is not None:
            return command
        setlist = await self._ask(GetSetlist(show_id=command.show_id), SetlistUnknown)
        played = [
            song["song_id"]
            for part in setlist["sets"]
            for song in part["songs"]
            if not song["tape"]  # From a tape, before or after the show: nobody played it.
        ]
        return FinalizeBallot(show_id=command.show_id, played=played)

    async def _ask(
        self, query: Query[Any], when_not_found: type[Exception], *, after: int | None = None
    ) -> dict[str, Any]:
        try:
            answer = await self._bus.ask(query, caller=_CALLER, after=after)
        except RemoteProblem as problem:
            if problem.document.get("status") == NOT_FOUND:
                raise when_not_found from None
            raise
        return answer.result


def _candidates(songs: list[dict[str, Any]]) -> list[Candidate]:
    return [
        Candidate(song_id=song["song_id"], title=song["title"][:TITLE_LENGTH_MAX]) for song in songs
    ]


def _hours(
    show: dict[str, Any], command: PlanBallot, origin: Origin
) -> tuple[datetime, datetime] | tuple[None, None]:
    """When the ballot of a show opens and closes; no hours unless the show's start is to come."""
    if show["starts_at"] is None or show["status"] != ShowStatus.SCHEDULED:
        return None, None
    starts_at = datetime.fromisoformat(show["starts_at"])
    if starts_at <= origin.at:
        return None, None
    return starts_at - timedelta(seconds=command.opens_before_seconds), starts_at
