"""A stage for the pages: a few real shows, ballots in memory, and faults on demand.

The pages and the client are the real ones; behind them is this instead of the gateway and its
services, so that a test can make happen what never happens when asked to: a reply that is lost, a
line that is cut. It answers the queries and commands that the pages use.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from libs.kernel.errors import BacklineError, NotFound, RemoteProblem, Unauthenticated, Unavailable
from libs.kernel.errors import Rejected as _Rejected

NEW_YEARS_EVE = "shw_new_years_eve"
BOSTON = "shw_boston"
TOUR = [
    ("shw_portland", "1976-06-03", "Paramount Theatre", "Portland", "OR"),
    ("shw_portland_2", "1976-06-04", "Paramount Theatre", "Portland", "OR"),
    (BOSTON, "1976-06-09", "Music Hall", "Boston", "MA"),
    (NEW_YEARS_EVE, "1976-12-31", "Cow Palace", "Daly City", "CA"),
]
PLAYED = {
    "Set 1": [
        ("Promised Land", False),
        ("Bertha", False),
        ("Mama Tried", False),
        ("They Love Each Other", False),
        ("Looks Like Rain", False),
        ("Deal", False),
        ("Playing In The Band", False),
    ],
    "Set 2": [
        ("Sugar Magnolia", True),
        ("Eyes Of The World", True),
        ("Wharf Rat", True),
        ("Good Lovin'", True),
        ("Samson And Delilah", False),
        ("Scarlet Begonias", False),
        ("Around And Around", True),
        ("Help On The Way", True),
        ("Slipknot!", True),
        ("Drums", True),
        ("Not Fade Away", True),
        ("Morning Dew", False),
    ],
    "Encore": [("One More Saturday Night", False), ("Uncle John's Band", True)],
}
CANDIDATES = [
    "Sugar Magnolia",
    "Scarlet Begonias",
    "Playing In The Band",
    "Bertha",
    "Dark Star",
    "Eyes Of The World",
    "Morning Dew",
    "Uncle John's Band",
    "St. Stephen",
    "Deal",
    "Not Fade Away",
    "Ripple",
]


def song_id(title: str) -> str:
    """The id a song has here: `sng_dark-star`."""
    letters = (letter if letter.isalnum() else "-" for letter in title.lower())
    return "sng_" + "".join(letters).strip("-")[:40]


class BallotNotOpen(_Rejected):
    code = "voting.ballot-not-open"
    title = "The ballot of this show is not open."


class BallotUnknown(_Rejected):
    code = "voting.ballot-unknown"
    title = "There is no ballot for this show."


@dataclass(slots=True)
class Ballot:
    """A ballot and its votes: voter -> songs, in the order they were cast."""

    status: str = "prepared"
    opens_at: str | None = None
    closes_at: str | None = None
    votes_per_voter: int = 1
    changeable: bool = False
    candidates: list[str] = field(default_factory=lambda: list(CANDIDATES))
    votes: dict[str, list[str]] = field(default_factory=dict)
    played: list[str] | None = None

    def counts(self) -> dict[str, int]:
        counts = {song_id(title): 0 for title in self.candidates}
        for song in itertools.chain.from_iterable(self.votes.values()):
            counts[song] += 1
        return counts

    def score(self) -> dict[str, Any] | None:
        if self.played is None:
            return None
        counts = self.counts()
        best = sorted(counts, key=lambda song: -counts[song])[: len(self.played)]
        predicted = [song for song in best if counts[song]]
        hits = [song for song in predicted if song in self.played]
        precision = len(hits) / len(predicted) if predicted else 0.0
        return {"predicted": predicted, "hits": hits, "precision": precision}


class Stage:
    """The house behind the pages. Every change moves `position` and tells `on_change`."""

    def __init__(self) -> None:
        self.position = 1
        self.ballots: dict[str, Ballot] = {}
        self.setlists: set[str] = set()
        self.viewers = 1
        self.is_away = False
        self.on_change: Callable[[], None] = lambda: None
        self._guests = itertools.count(1)
        self._first_answers: dict[tuple[str, str], dict[str, Any]] = {}

    def change(self) -> None:
        """Something was committed."""
        self.position += 1
        self.on_change()

    # ------------------------------------------------------------------ commands

    def start_guest_session(self) -> dict[str, Any]:
        user_id = f"usr_guest{next(self._guests):05}"
        return {"user_id": user_id, "token": f"token-of-{user_id}"}

    def user_of(self, token: str | None) -> str:
        """Who a token is for. raises Unauthenticated"""
        if token is None:
            return ""
        if not token.startswith("token-of-"):
            raise Unauthenticated("the token is not ours")
        return token.removeprefix("token-of-")

    def cast_vote(self, user_id: str, key: str, args: Mapping[str, Any]) -> dict[str, Any]:
        """As voting does it: the same key, or another vote too many, gets the first answer."""
        if not user_id:
            raise Unauthenticated
        if (user_id, key) in self._first_answers:
            return {**self._first_answers[user_id, key], "repeated": True}
        ballot = self._ballot(args["show_id"])
        if ballot.status != "open":
            raise BallotNotOpen
        votes = ballot.votes.setdefault(user_id, [])
        is_repeated = len(votes) >= ballot.votes_per_voter and not ballot.changeable
        if not is_repeated:
            if len(votes) >= ballot.votes_per_voter:
                votes.pop()
            votes.append(args["song_id"])
            self.change()
        song = votes[0] if is_repeated else args["song_id"]
        answer = {
            "vote_id": f"vot_{user_id}_{song}",
            "song_id": song,
            "repeated": is_repeated,
            "position": self.position,
        }
        self._first_answers[user_id, key] = answer
        return answer

    def crowd(self, show_id: str, votes: Mapping[str, int]) -> None:
        """Many fans vote: title -> how many more."""
        ballot = self._ballot(show_id)
        for title, more in votes.items():
            for _ in range(more):
                ballot.votes[f"usr_fan{len(ballot.votes):07}"] = [song_id(title)]
        self.change()

    # ------------------------------------------------------------------ queries

    def ask(self, query: str, args: Mapping[str, Any], user_id: str = "") -> dict[str, Any]:
        """The result of a query. raises what it is refused with"""
        if self.is_away:
            raise Unavailable(retry_after_seconds=0.05)
        match query:
            case "catalog.get-show":
                return self._show(args["show_id"])
            case "catalog.list-shows":
                return self._shows(args["when"], args.get("after"), args.get("limit", 50))
            case "voting.get-ballot":
                return self._get_ballot(args["show_id"])
            case "voting.get-tally":
                return self._tally(args["show_id"])
            case "voting.list-ballots":
                return self._list_ballots(args)
            case "voting.get-my-vote":
                return self._my_vote(args["show_id"], user_id)
            case "voting.get-leaderboard":
                return self._leaderboard(args["show_id"], args.get("limit", 20))
            case "gateway.get-viewers":
                return {"viewers": self.viewers}
            case _:
                raise NotFound(f"there is no query {query}")

    def _ballot(self, show_id: str) -> Ballot:
        if show_id not in self.ballots:
            raise BallotUnknown
        return self.ballots[show_id]

    def _show(self, show_id: str) -> dict[str, Any]:
        for row in TOUR:
            if row[0] == show_id:
                return {"show": self._summary(row), "setlist": self._setlist(show_id)}
        raise NotFound(f"there is no show {show_id}")

    def _summary(self, row: tuple[str, str, str, str, str]) -> dict[str, Any]:
        show_id, day, venue, city, region = row
        count = sum(map(len, PLAYED.values())) if show_id in self.setlists else 0
        return {
            "show_id": show_id,
            "artist_id": "art_grateful_dead",
            "artist": "Grateful Dead",
            "venue_id": None,
            "venue": venue,
            "city": city,
            "region": region,
            "country": "US",
            "starts_at": None,
            "local_date": day,
            "local_time": "20:00:00" if show_id == NEW_YEARS_EVE else None,
            "time_zone": "America/Los_Angeles" if region != "MA" else "America/New_York",
            "number_that_day": None,
            "status": "scheduled",
            "tour": None,
            "song_count": count,
            "url": None,
            "external_ids": {},
        }

    def _setlist(self, show_id: str) -> dict[str, Any] | None:
        if show_id not in self.setlists:
            return None
        sets = [
            {
                "name": name,
                "songs": [
                    {
                        "song_id": song_id(title),
                        "title": title,
                        "original_artist": "Chuck Berry" if title == "Promised Land" else None,
                        "segue": segue,
                        "tape": False,
                        "note": None,
                    }
                    for title, segue in songs
                ],
            }
            for name, songs in PLAYED.items()
        ]
        return {"show_id": show_id, "sets": sets, "external_ids": {}}

    def _shows(self, when: str, after: str | None, limit: int) -> dict[str, Any]:
        upcoming = [row for row in TOUR if row[0] not in self.setlists]
        past = [row for row in reversed(TOUR) if row[0] in self.setlists]
        rows = upcoming if when == "upcoming" else past
        start = int(after or 0)
        page = rows[start : start + limit]
        more = str(start + limit) if len(rows) > start + limit else None
        return {"shows": [self._summary(row) for row in page], "next": more}

    def _get_ballot(self, show_id: str) -> dict[str, Any]:
        ballot = self._ballot(show_id)
        return {
            "show_id": show_id,
            "status": ballot.status,
            "opens_at": ballot.opens_at,
            "closes_at": ballot.closes_at,
            "votes_per_voter": ballot.votes_per_voter,
            "changeable": ballot.changeable,
            "candidates": [
                {"song_id": song_id(title), "title": title} for title in ballot.candidates
            ],
            "played": ballot.played,
            "score": ballot.score(),
        }

    def _tally(self, show_id: str) -> dict[str, Any]:
        ballot = self._ballot(show_id)
        counts = ballot.counts()
        return {
            "show_id": show_id,
            "status": ballot.status,
            "total": sum(counts.values()),
            "counts": counts,
            "position": self.position,
        }

    def _list_ballots(self, args: Mapping[str, Any]) -> dict[str, Any]:
        wanted = args.get("show_ids")
        summaries = [
            {
                "show_id": show_id,
                "status": ballot.status,
                "total": sum(map(len, ballot.votes.values())),
                "opens_at": ballot.opens_at,
                "closes_at": ballot.closes_at,
            }
            for show_id, ballot in self.ballots.items()
            if (wanted is None or show_id in wanted) and args.get("status") in {None, ballot.status}
        ]
        return {"ballots": summaries}

    def _my_vote(self, show_id: str, user_id: str) -> dict[str, Any]:
        if not user_id:
            raise Unauthenticated
        songs = self._ballot(show_id).votes.get(user_id, [])
        at = datetime(1976, 12, 31, tzinfo=UTC).isoformat()
        votes = [{"vote_id": f"vot_{user_id}_{song}", "song_id": song, "at": at} for song in songs]
        return {"show_id": show_id, "votes": votes}

    def _leaderboard(self, show_id: str, limit: int) -> dict[str, Any]:
        ballot = self._ballot(show_id)
        if ballot.played is None:
            return {"show_id": show_id, "voters": []}
        played = set(ballot.played)
        scored = [
            (voter, sum(song in played for song in songs), len(songs))
            for voter, songs in ballot.votes.items()
        ]
        best = sorted(scored, key=lambda each: -each[1])[:limit]
        voters = [
            {"rank": rank, "voter_id": voter, "hits": hits, "votes": votes}
            for rank, (voter, hits, votes) in enumerate(best, 1)
        ]
        return {"show_id": show_id, "voters": voters}


def problem_of(error: BacklineError) -> dict[str, Any]:
    """As it travels."""
    return error.document if isinstance(error, RemoteProblem) else error.problem()
