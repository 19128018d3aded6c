"""What the voters were told, and what was wrong with it at once."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A vote that somebody was told is recorded. Times by the monotonic clock.

    sent_at, at   when it was sent first, and when its first acknowledgement came
    """

    show_id: str
    voter_id: str
    vote_id: str
    song_id: str
    position: int
    sent_at: float
    at: float


@dataclass(slots=True)
class Ledger:
    """Every acknowledgement of a run.

    violations   broken promises, in words
    retried      times that somebody had to ask again
    """

    votes: dict[tuple[str, str], Acknowledged] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    retried: int = 0
    repeated: int = 0

    def acknowledge(
        self, show_id: str, voter_id: str, receipt: dict[str, Any], sent_at: float, at: float
    ) -> None:
        """Note a receipt, and hold it against those the same voter had for this show before."""
        vote_id, song_id = receipt["vote_id"], receipt["song_id"]
        known = self.votes.get((show_id, voter_id))
        if known is None:
            self.votes[show_id, voter_id] = Acknowledged(
                show_id, voter_id, vote_id, song_id, receipt["position"], sent_at, at
            )
            return
        self.repeated += 1
        if (known.vote_id, known.song_id) != (vote_id, song_id):
            self.violations.append(
                f"{voter_id} was told {known.vote_id} for {known.song_id} in {show_id}, and then "
                f"{vote_id} for {song_id}"
            )

    def first_after(self, moment: float) -> dict[str, Acknowledged]:
        """By show, the first acknowledgement of a vote that was sent after a moment."""
        found: dict[str, Acknowledged] = {}
        for vote in reversed(self.votes.values()):
            if vote.at < moment:
                break
            best = found.get(vote.show_id)
            if vote.sent_at >= moment and (best is None or vote.at < best.at):
                found[vote.show_id] = vote
        return found
