"""What the log of ballots says, read independently of the code that is on trial.

The log is read by nats-py's own JetStream client, message by message and in order, and what it says
is counted here anew: votes by voter, and for each show the counts as they were at every position.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import orjson
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from tests.chaos.ledger import Acknowledged

STREAM = "EVT_VOTING"
FETCH_MESSAGES = 500
FETCH_SECONDS_MAX = 5.0

Counts = dict[str, int]


@dataclass(slots=True)
class Cast:
    """A vote in the log."""

    vote_id: str
    song_id: str
    position: int


@dataclass(slots=True)
class ShowHistory:
    """A show's part of the log.

    votes      by voter
    positions  of the commits with votes, rising
    counts     after each of these commits
    """

    votes: dict[str, list[Cast]] = field(default_factory=dict)
    positions: list[int] = field(default_factory=list)
    counts: list[Counts] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(len(casts) for casts in self.votes.values())

    def counts_at(self, position: int) -> Counts:
        """How often each song had been voted for; songs without votes are left out."""
        index = bisect_right(self.positions, position) - 1
        return self.counts[index] if index >= 0 else {}


@dataclass(slots=True)
class LogAudit:
    """All that has been read so far.

    client    connected as `voting`
    doubled   ids of events that were there before
    """

    client: Client
    position: int = 0
    shows: dict[str, ShowHistory] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)
    _event_ids: set[str] = field(default_factory=set)

    async def read_on(self) -> None:
        """Read what was added since. raises   TimeoutError when it cannot be read to its end"""
        stream = self.client.jetstream(timeout=FETCH_SECONDS_MAX)
        last = (await stream.stream_info(STREAM)).state.last_seq
        if last <= self.position:
            return
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=self.position + 1,
            ack_policy=AckPolicy.NONE,
            mem_storage=True,
            inactive_threshold=30,
        )
        reader = await stream.pull_subscribe("evt.voting.>", stream=STREAM, config=config)
        try:
            while self.position < last:
                count = min(FETCH_MESSAGES, last - self.position)
                for message in await reader.fetch(count, timeout=FETCH_SECONDS_MAX):
                    position = message.metadata.sequence.stream
                    assert position == self.position + 1, "a part of the log was not read"
                    self.take(position, message.data)
        finally:
            await reader.unsubscribe()

    def take(self, position: int, payload: bytes) -> None:
        """Count the events of one commit, the next of the log."""
        assert position > self.position
        self.position = position
        for event in orjson.loads(payload):
            if event["id"] in self._event_ids:
                self.doubled.append(event["id"])
            self._event_ids.add(event["id"])
            if event["type"] == "voting.vote_cast.v1":
                self._count(position, event["data"])

    def _count(self, position: int, vote: Mapping[str, str]) -> None:
        show = self.shows.setdefault(vote["show_id"], ShowHistory())
        cast = Cast(vote["vote_id"], vote["song_id"], position)
        show.votes.setdefault(vote["voter_id"], []).append(cast)
        if not show.positions or show.positions[-1] != position:
            show.positions.append(position)
            show.counts.append(dict(show.counts[-1]) if show.counts else {})
        counts = show.counts[-1]
        counts[cast.song_id] = counts.get(cast.song_id, 0) + 1

    # ------------------------------------------------------------------ what is wrong

    def violations(self, acknowledged: Iterable[Acknowledged]) -> list[str]:
        """Broken promises: votes that are missing, in there twice, or not where it was said."""
        found = [f"event {each} is in the log twice" for each in self.doubled]
        for show_id, show in self.shows.items():
            found += [
                f"{voter_id} has {len(casts)} votes in {show_id}: {casts}"
                for voter_id, casts in show.votes.items()
                if len(casts) > 1
            ]
        for vote in acknowledged:
            problem = self._problem_of(vote)
            if problem is not None:
                found.append(f"{problem}: {vote}")
        return found

    def _problem_of(self, vote: Acknowledged) -> str | None:
        show = self.shows.get(vote.show_id)
        casts = show.votes.get(vote.voter_id, []) if show is not None else []
        matching = [cast for cast in casts if cast.vote_id == vote.vote_id]
        if len(matching) != 1:
            return f"an acknowledged vote is {len(matching)} times in the log"
        if matching[0].song_id != vote.song_id:
            return f"acknowledged for another song than {matching[0].song_id}"
        if vote.position < matching[0].position:
            return f"acknowledged at a position before its own, {matching[0].position}"
        return None
