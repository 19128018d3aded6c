"""Pauses between tries: ever longer up to a bound, and never in step with others."""

from dataclasses import dataclass, field
from secrets import SystemRandom

_chance = SystemRandom()


@dataclass(slots=True)
class Backoff:
    """Pauses of `first_seconds`, doubled each time up to `most_seconds`, each cut by up to half."""

    first_seconds: float
    most_seconds: float
    _tries: int = field(default=0, init=False)

    def next_seconds(self) -> float:
        """How long to wait before the next try."""
        longest = min(self.most_seconds, self.first_seconds * 2.0**self._tries)
        if longest < self.most_seconds:
            self._tries += 1
        return longest * _chance.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It worked: begin with short pauses again."""
        self._tries = 0
