"""What a page asks of the other services, all at once, and what it keeps to go on from.

A page is rendered from answers, carries them as its state, and its browser goes on from there: the
same queries, at the position where these answers were true.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypedDict

from pydantic import TypeAdapter

from contracts.catalog import When
from contracts.catalog_shows import Show, Shows, ShowSummary
from contracts.voting import BallotStatus, BallotUnknown
from contracts.voting_views import Ballot, Ballots, BallotSummary, Leaderboard, Tally
from libs.kernel.errors import BacklineError, NotFound

LIVE_SHOWS_MAX = 12
"""Shows whose ballot is open that the front page puts on top."""

SHOWS_PER_PAGE = 20
VOTERS_SHOWN = 10


class Answer(TypedDict):
    """The answer to a query. `cursor` lets a live query go on from it; None when there is none."""

    position: int | None
    cursor: str | None
    result: dict[str, Any]


class Ask(Protocol):
    """Ask a query in nobody's name.

    raises  BacklineError: what it was refused with, Unavailable when nobody answers
    """

    async def __call__(self, query: str, args: Mapping[str, Any]) -> Answer: ...


@dataclass(slots=True)
class PageState:
    """The questions a page was made from, by what the page calls them, and their answers."""

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def ask[V](
        self, ask: Ask, name: str, query: str, args: Mapping[str, Any], view: type[V]
    ) -> V:
        """Ask, and keep the answer under a name."""
        answer = await ask(query, args)
        self.answers[name] = {"query": query, "args": dict(args), **answer}
        return TypeAdapter(view).validate_python(answer["result"])


@dataclass(frozen=True, slots=True)
class ShowAnswers:
    """What the page of a show is made from. Without a ballot there is no tally either."""

    state: PageState
    found: Show
    ballot: Ballot | None
    tally: Tally | None
    leaderboard: Leaderboard | None


async def ask_about_show(ask: Ask, show_id: str) -> ShowAnswers:
    """Everything about one show.

    raises  NotFound when the catalog does not know it; Unavailable
    """
    state = PageState()
    about = {"show_id": show_id}
    async with _together() as group:
        found = group.create_task(state.ask(ask, "found", "catalog.get-show", about, Show))
        ballot = group.create_task(
            _if_there(state.ask(ask, "ballot", "voting.get-ballot", about, Ballot))
        )
        tally = group.create_task(
            _if_there(state.ask(ask, "tally", "voting.get-tally", about, Tally))
        )
    leaderboard = None
    if (known := ballot.result()) is not None and known.status is BallotStatus.FINALIZED:
        args = {**about, "limit": VOTERS_SHOWN}
        leaderboard = await state.ask(
            ask, "leaderboard", "voting.get-leaderboard", args, Leaderboard
        )
    return ShowAnswers(state, found.result(), known, tally.result(), leaderboard)


@dataclass(frozen=True, slots=True)
class ShowsAnswers:
    """What a page with lists of shows is made from.

    shows           every show that is known here
    upcoming, past  the lists; None when a list is not on this page
    """

    state: PageState
    shows: list[ShowSummary]
    open_ballots: list[BallotSummary]
    upcoming: Shows | None
    past: Shows | None
    ballots: list[BallotSummary]


async def ask_about_shows(ask: Ask) -> ShowsAnswers:
    """The front page: what is on now, and the beginnings of both lists. raises Unavailable"""
    state = PageState()
    still_open = {"status": BallotStatus.OPEN.value, "limit": LIVE_SHOWS_MAX}
    async with _together() as group:
        opened = group.create_task(
            state.ask(ask, "open", "voting.list-ballots", still_open, Ballots)
        )
        upcoming = group.create_task(_ask_for_list(state, ask, When.UPCOMING, None))
        past = group.create_task(_ask_for_list(state, ask, When.PAST, None))
    shows = {each.show_id: each for each in (*upcoming.result().shows, *past.result().shows)}
    elsewhere = [each.show_id for each in opened.result().ballots if each.show_id not in shows]
    async with _together() as group:
        ballots = group.create_task(_ask_for_ballots(state, ask, list(shows)))
        live = [group.create_task(_if_there(_ask_for_show(ask, each))) for each in elsewhere]
    shows.update({show.show_id: show for task in live if (show := task.result()) is not None})
    return ShowsAnswers(
        state=state,
        shows=list(shows.values()),
        open_ballots=opened.result().ballots,
        upcoming=upcoming.result(),
        past=past.result(),
        ballots=ballots.result(),
    )


async def ask_for_more(ask: Ask, when: When, after: str) -> ShowsAnswers:
    """A further page of one list.

    after   where the page before ended: its `next`
    raises  Invalid when that is not a place in this list; Unavailable
    """
    state = PageState()
    found = await _ask_for_list(state, ask, when, after)
    ballots = await _ask_for_ballots(state, ask, [show.show_id for show in found.shows])
    return ShowsAnswers(
        state=state,
        shows=found.shows,
        open_ballots=[],
        upcoming=found if when is When.UPCOMING else None,
        past=found if when is When.PAST else None,
        ballots=ballots,
    )


async def _ask_for_list(state: PageState, ask: Ask, when: When, after: str | None) -> Shows:
    args = {"when": when.value, "limit": SHOWS_PER_PAGE}
    if after is not None:
        args["after"] = after
    return await state.ask(ask, when.value, "catalog.list-shows", args, Shows)


async def _ask_for_ballots(state: PageState, ask: Ask, show_ids: list[str]) -> list[BallotSummary]:
    if not show_ids:
        return []
    args = {"show_ids": show_ids, "limit": len(show_ids)}
    answer = await state.ask(ask, "ballots", "voting.list-ballots", args, Ballots)
    return answer.ballots


async def _ask_for_show(ask: Ask, show_id: str) -> ShowSummary:
    found = await PageState().ask(ask, "", "catalog.get-show", {"show_id": show_id}, Show)
    return found.show


async def _if_there[V](asking: Awaitable[V]) -> V | None:
    """What is asked for, or None when there is no such thing."""
    try:
        return await asking
    except BacklineError as error:
        problem = error.problem()
        if problem["kind"] == NotFound.kind or problem["code"] == BallotUnknown.code:
            return None
        raise


@asynccontextmanager
async def _together() -> AsyncIterator[asyncio.TaskGroup]:
    """Ask several things at once; the first refusal ends all of it, as the error that it is."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from failed
