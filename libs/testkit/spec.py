"""Given events, when a command, then events: the proof of an aggregate.

    spec = DeciderSpec(BALLOT)

    def test_rejects_a_vote_when_the_poll_is_closed() -> None:
        spec.given(OPENED, CLOSED).when(VOTE).then_rejected(PollNotOpen)

Besides what it is asked, a spec shows that `decide` and `answer` leave the state alone, and that a
retry is free: the same command, decided again on the new state, records nothing.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from libs.kernel.decider import Decider
from libs.kernel.errors import Rejected
from libs.kernel.ids import CommandId
from libs.kernel.messages import Origin

NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)

ORIGIN = Origin(command_id=CommandId("cmd_1"), actor="usr_1", roles=("member",), at=NOW)
"""A member, now. `dataclasses.replace` makes others from it."""


@dataclass(frozen=True)
class DeciderSpec[C, E, S]:
    """Proves one aggregate.

    origin   where commands come from, unless `when` says otherwise
    """

    decider: Decider[C, E, S]
    origin: Origin = field(default_factory=lambda: ORIGIN)

    def given(self, *events: E) -> "Situation[C, E, S]":
        """The aggregate after these events, oldest first."""
        state = self.decider.state()
        for event in events:
            state = self.decider.evolve(state, event)
        return Situation(self, state)


@dataclass(frozen=True)
class Situation[C, E, S]:
    """An aggregate to which something has happened."""

    spec: DeciderSpec[C, E, S]
    state: S

    def when(self, command: C, **origin: Any) -> "Outcome[C, E, S]":
        """Decide a command; `origin` are fields of its origin: actor, roles, at, command_id."""
        return Outcome(self.spec, self.state, command, replace(self.spec.origin, **origin))


class Outcome[C, E, S]:
    """What a command does."""

    def __init__(self, spec: DeciderSpec[C, E, S], state: S, command: C, origin: Origin) -> None:
        self._decider = spec.decider
        self._command = command
        self._origin = origin
        self._before = state
        self._after: S = deepcopy(state)
        self._events: Sequence[E] = ()
        self._rejection: Rejected | None = None
        try:
            self._events = self._decide(state)
        except Rejected as rejection:
            self._rejection = rejection
        for event in self._events:
            self._after = self._decider.evolve(self._after, event)

    def _decide(self, state: S) -> Sequence[E]:
        untouched = deepcopy(state)
        try:
            return self._decider.decide(self._command, state, self._origin)
        finally:
            assert state == untouched, "decide has changed the state"

    def then(self, *events: E) -> Self:
        """It records exactly these events; none when none are given."""
        assert self._rejection is None, f"rejected: {self._rejection!r}"
        assert list(self._events) == list(events)
        self._assert_a_retry_is_free()
        return self

    def then_rejected(self, rejection: type[Rejected]) -> None:
        """It is refused, in exactly this way."""
        assert self._rejection is not None, f"not rejected: {self._events}"
        assert type(self._rejection) is rejection

    def and_answers(self, answer: object) -> Self:
        """The caller is told this."""
        untouched = deepcopy(self._after)
        told = self._decider.answer(self._command, self._events, self._after, self._origin)
        assert told == answer
        assert self._after == untouched, "answer has changed the state"
        return self

    def _assert_a_retry_is_free(self) -> None:
        try:
            again = self._decide(self._after)
        except Rejected:
            return  # Its first answer is remembered by its id; this shows that nothing happens.
        assert list(again) == [], "a retry would record something"
