"""What a crowd measures while it plays."""

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

WINDOW_SECONDS = 2.0
SAMPLES_MAX = 200_000


@dataclass(slots=True)
class Latencies:
    """Durations, in seconds, the newest SAMPLES_MAX of them."""

    samples: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES_MAX))

    def add(self, seconds: float) -> None:
        self.samples.append(seconds)

    def percentile_ms(self, share: float) -> float | None:
        """The smallest duration that this share of them does not exceed, in milliseconds."""
        if not self.samples:
            return None
        ordered = sorted(self.samples)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


@dataclass(slots=True)
class Figures:
    """The state of play.

    stage         what the crowd is doing
    signed_in, watching, sent, acknowledged, repeated, refused, retried    how many
    to_answer     from sending a vote to its acknowledgement
    to_viewer     from sending a vote to a viewer's frame that includes it
    frames        received by all viewers
    """

    stage: str = "starting"
    signed_in: int = 0
    watching: int = 0
    sent: int = 0
    acknowledged: int = 0
    repeated: int = 0
    refused: int = 0
    retried: int = 0
    frames: int = 0
    tally_total: int = 0
    began_at: float = 0.0
    ended_at: float = 0.0
    to_answer: Latencies = field(default_factory=Latencies)
    to_viewer: Latencies = field(default_factory=Latencies)
    _recent: deque[float] = field(default_factory=deque)

    def on_acknowledged(self, seconds: float) -> None:
        self.acknowledged += 1
        self.to_answer.add(seconds)
        self._recent.append(time.monotonic())

    def rate(self) -> float:
        """Acknowledged votes a second: over the last two seconds, or over all once it is over."""
        if self.ended_at:
            return self.acknowledged / max(self.ended_at - self.began_at, 1e-9)
        since = time.monotonic() - WINDOW_SECONDS
        while self._recent and self._recent[0] < since:
            self._recent.popleft()
        return len(self._recent) / WINDOW_SECONDS

    def as_json(self) -> dict[str, Any]:
        return {
            "signed_in": self.signed_in,
            "watching": self.watching,
            "sent": self.sent,
            "acknowledged": self.acknowledged,
            "repeated": self.repeated,
            "refused": self.refused,
            "retried": self.retried,
            "frames": self.frames,
            "votes_per_second": self.rate(),
            "to_answer_ms": _percentiles(self.to_answer),
            "to_viewer_ms": _percentiles(self.to_viewer),
        }


def _percentiles(latencies: Latencies) -> dict[str, float | None]:
    return {"p50": latencies.percentile_ms(0.5), "p99": latencies.percentile_ms(0.99)}
