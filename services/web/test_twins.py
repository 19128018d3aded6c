"""The law of the pages: for any answers, the server and the browser make the same page of them."""

from datetime import UTC, date, datetime, time
from typing import Any

import orjson
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from contracts.catalog_setlists import Setlist, SetlistSet, SetlistSong
from contracts.catalog_shows import Show, ShowStatus, ShowSummary
from contracts.voting import BallotStatus, Candidate
from contracts.voting_views import (
    Ballot,
    BallotSummary,
    Leaderboard,
    MyVote,
    RankedVoter,
    Score,
    Tally,
)
from services.web.conftest import CallJavaScript
from services.web.queries import wording
from services.web.queries.show_page import show_page
from services.web.queries.shows_page import shows_page

law = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

_TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
_IDS = st.text("abcdefXYZ012_-", min_size=1, max_size=8) | st.sampled_from(
    ["__proto__", "constructor"]
)
_COUNTS = st.one_of(st.integers(0, 30), st.integers(0, 5_000_000))
_ZONES = st.sampled_from(
    [None, "UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "No/Where"]
)
_MOMENTS = st.integers(0, 2**31).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
_DAYS = st.dates(date(1900, 1, 1), date(2200, 1, 1))


@st.composite
def shows(draw: st.DrawFn) -> ShowSummary:
    return ShowSummary(
        show_id=draw(_IDS),
        artist_id="art_1",
        artist=draw(st.none() | _TEXTS),
        venue_id=None,
        venue=draw(st.none() | _TEXTS),
        city=draw(st.none() | _TEXTS),
        region=draw(st.none() | st.sampled_from(["NY", "England"])),
        country=draw(st.none() | st.sampled_from(["US", "England"])),
        starts_at=None,
        local_date=draw(_DAYS),
        local_time=draw(st.none() | st.times()),
        time_zone=draw(_ZONES),
        number_that_day=None,
        status=draw(st.sampled_from(ShowStatus)),
        tour=None,
        song_count=draw(st.integers(0, 3)),
        url=None,
        external_ids={},
    )


@st.composite
def setlists(draw: st.DrawFn, song_ids: list[str]) -> Setlist:
    songs = st.builds(
        SetlistSong,
        song_id=st.sampled_from([*song_ids, "sng_other"]),
        title=st.none() | _TEXTS,
        original_artist=st.none() | _TEXTS,
        segue=st.booleans(),
        tape=st.booleans(),
        note=st.none() | _TEXTS,
    )
    sets = st.builds(SetlistSet, name=st.none() | _TEXTS, songs=st.lists(songs, max_size=4))
    return Setlist(show_id="s", sets=draw(st.lists(sets, max_size=3)), external_ids={})


@st.composite
def ballots(draw: st.DrawFn, song_ids: list[str]) -> Ballot:
    some_songs = st.lists(st.sampled_from(song_ids), unique=True) if song_ids else st.just([])
    scores = st.builds(Score, predicted=some_songs, hits=some_songs, precision=st.just(0.5))
    return Ballot(
        show_id="s",
        status=draw(st.sampled_from(BallotStatus)),
        opens_at=draw(st.none() | _MOMENTS),
        closes_at=draw(st.none() | _MOMENTS),
        votes_per_voter=draw(st.integers(1, 3)),
        changeable=draw(st.booleans()),
        candidates=[Candidate(song_id=song_id, title=draw(_TEXTS)) for song_id in song_ids],
        played=draw(st.none() | some_songs.map(lambda songs: [*songs, "sng_other"])),
        score=draw(st.none() | scores),
    )


@given(data=st.data(), me=_IDS)
@law
def test_makes_the_same_show_page_when_the_answers_are_the_same(
    data: st.DataObject, me: str, call_javascript: CallJavaScript
) -> None:
    song_ids = data.draw(st.lists(_IDS, unique=True, max_size=6))
    summary = data.draw(shows())
    found = Show(show=summary, setlist=data.draw(st.none() | setlists(song_ids)))
    ballot = data.draw(st.none() | ballots(song_ids))
    counts = {song_id: data.draw(_COUNTS) for song_id in song_ids}
    tally = Tally(
        show_id="s", status=BallotStatus.OPEN, total=sum(counts.values()), counts=counts, position=7
    )
    voters = st.builds(
        RankedVoter, rank=_COUNTS, voter_id=_IDS | st.just(me), hits=_COUNTS, votes=_COUNTS
    )
    leaderboard = data.draw(
        st.none()
        | st.builds(Leaderboard, show_id=st.just("s"), voters=st.lists(voters, max_size=3))
    )
    voted = data.draw(st.lists(st.sampled_from(song_ids), unique=True)) if song_ids else []
    votes = [MyVote(vote_id=f"v{at}", song_id=each, at=_NOON) for at, each in enumerate(voted)]

    ours = show_page(found, ballot, tally if ballot else None, leaderboard, votes, me)
    theirs = call_javascript(
        "view/show-page.js",
        "showPage",
        {
            "found": _json(found),
            "ballot": _json(ballot),
            "tally": _json(tally if ballot else None),
            "leaderboard": _json(leaderboard),
            "votes": _json(votes),
            "me": me,
        },
    )
    assert theirs == _json(ours)


@given(data=st.data())
@law
def test_makes_the_same_front_page_when_the_answers_are_the_same(
    data: st.DataObject, call_javascript: CallJavaScript
) -> None:
    known = data.draw(st.lists(shows(), unique_by=lambda show: show.show_id, max_size=6))
    ids = [show.show_id for show in known]
    some_ids = st.lists(st.sampled_from(ids), unique=True) if ids else st.just(list[str]())
    summaries = st.builds(
        BallotSummary,
        show_id=st.sampled_from([*ids, "elsewhere"]),
        status=st.sampled_from(BallotStatus),
        total=_COUNTS,
        opens_at=st.none() | _MOMENTS,
        closes_at=st.none() | _MOMENTS,
    )
    lists = st.lists(summaries, unique_by=lambda each: each.show_id, max_size=4)
    open_ballots, others = data.draw(lists), data.draw(lists)
    upcoming, past = data.draw(some_ids), data.draw(some_ids)

    ours = shows_page(known, open_ballots, upcoming, past, others)
    theirs = call_javascript(
        "view/shows-page.js",
        "showsPage",
        {
            "shows": _json(known),
            "openBallots": _json(open_ballots),
            "upcomingIds": upcoming,
            "pastIds": past,
            "ballots": _json(others),
        },
    )
    assert theirs == _json(ours)


@given(number=st.integers(0, 10**12), whole=st.integers(0, 10**12))
@law
def test_writes_the_same_numbers(number: int, whole: int, call_javascript: CallJavaScript) -> None:
    assume(number <= whole)
    assert call_javascript("view/wording.js", "numberText", number) == wording.number_text(number)
    assert call_javascript("view/wording.js", "shareText", number, whole) == wording.share_text(
        number, whole
    )


@given(at=_MOMENTS, zone=_ZONES)
@law
def test_writes_the_same_moments(
    at: datetime, zone: str | None, call_javascript: CallJavaScript
) -> None:
    written = call_javascript("view/wording.js", "momentText", at.isoformat(), zone)
    assert written == wording.moment_text(at, zone)


def test_rounds_half_up_and_never_shows_a_vote_as_nothing() -> None:
    assert [wording.share_text(part, 200) for part in (0, 1, 2, 3, 4, 199, 200)] == [
        "0%", "1%", "1%", "2%", "2%", "100%", "100%",
    ]  # fmt: skip
    assert wording.share_text(1, 1000) == "<1%"


def test_writes_a_moment_on_the_clock_of_the_venue() -> None:
    at = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)
    assert wording.moment_text(at, "America/New_York") == "Fri 20 Nov, 20:30 venue time"
    assert wording.moment_text(at, None) == "Sat 21 Nov, 01:30 UTC"
    assert wording.clock_text(time(9, 5)) == "09:05"


_NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def _json(value: Any) -> Any:
    """As it travels: through the contract's own JSON."""
    if value is None:
        return None
    if isinstance(value, list):
        return [_json(each) for each in value]
    return orjson.loads(TypeAdapter(type(value)).dump_json(value))
