"""Given events, when a command, then events: the proof of an aggregate.

    spec = DeciderSpec(BALLOT)

    def test_rejects_a_vote_when_the_poll_is_closed() -> None:
        spec.given(OPENED, CLOSED).when(VOTE, by="ann").then_rejected(PollNotOpen)

Besides what it is asked, a spec shows of every command it decides that

- `decide` and `answer` leave the state alone;
- a retry is free: the same command, decided again on the new state, records nothing;
- every event survives the wire, and every state a snapshot.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from libs.eventlog import cloud_event, decode, encode
from libs.eventlog.codec import timestamp
from libs.eventlog.keyring import KEY_BYTES, Keyring
from libs.kernel.claims import NameEvent
from libs.kernel.decider import Decider
from libs.kernel.errors import BacklineError
from libs.kernel.ids import CommandId
from libs.kernel.messages import Event, Origin, registry
from libs.owner import states

NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)

ORIGIN = Origin(command_id=CommandId("cmd_1"), actor="usr_1", roles=("member",), at=NOW)
"""A member, now. `dataclasses.replace` makes others from it."""


@dataclass(frozen=True)
class DeciderSpec[C, E: Event, S]:
    """Proves one aggregate.

    origin   where commands come from, unless `when` says otherwise
    """

    decider: Decider[C, E, S]
    origin: Origin = field(default_factory=lambda: ORIGIN)

    def given(self, *events: E) -> "Situation[C, E, S]":
        """The aggregate after these events, oldest first."""
        return Situation(self, self.evolve(self.decider.state(), events))

    def evolve(self, state: S, events: Sequence[Event]) -> S:
        """The state after events, each of which is shown to survive the wire."""
        for event in events:
            assert survived_the_wire(event) == event
            if isinstance(event, NameEvent):
                continue
            assert type(event) in self.decider.events, f"{event!r} is not an event of this decider"
            state = self.decider.evolve(state, event)
        saved: S = states.decode(self.decider.state, states.encode(state))
        assert saved == state, "the state does not survive a snapshot"
        return state


@dataclass(frozen=True)
class Situation[C, E: Event, S]:
    """An aggregate to which something has happened."""

    spec: DeciderSpec[C, E, S]
    state: S

    def when(self, command: C, *, by: str | None = None, **origin: Any) -> "Outcome[C, E, S]":
        """Decide a command.

        by       the actor, for short
        origin   further fields of its origin: roles, at, command_id, is_suspended
        """
        if by is not None:
            origin["actor"] = by
        return Outcome(self.spec, self.state, command, replace(self.spec.origin, **origin))


class Outcome[C, E: Event, S]:
    """What a command does."""

    def __init__(self, spec: DeciderSpec[C, E, S], state: S, command: C, origin: Origin) -> None:
        self._decider = spec.decider
        self._command = command
        self._origin = origin
        self._events: Sequence[Event] = ()
        self._rejection: BacklineError | None = None
        try:
            self._events = self._decide(state)
        except BacklineError as rejection:
            self._rejection = rejection
        self._after: S = spec.evolve(deepcopy(state), self._events)
        self._assert_a_retry_is_free()

    def then(self, *events: E | NameEvent) -> Self:
        """It records exactly these events."""
        assert self._rejection is None, f"rejected: {self._rejection!r}"
        assert list(self._events) == list(events)
        return self

    def then_nothing(self) -> Self:
        """It is accepted, and records nothing: the fact is known."""
        return self.then()

    def then_rejected(self, rejection: type[BacklineError]) -> None:
        """It is refused, in exactly this way."""
        assert self._rejection is not None, f"not rejected: {self._events}"
        assert type(self._rejection) is rejection

    def and_answers(self, answer: object) -> Self:
        """The caller is told this."""
        untouched = deepcopy(self._after)
        own: Sequence[Any] = [each for each in self._events if not isinstance(each, NameEvent)]
        told = self._decider.answer(self._command, own, self._after, self._origin)
        assert told == answer
        assert self._after == untouched, "answer has changed the state"
        return self

    def _decide(self, state: S) -> Sequence[Event]:
        untouched = deepcopy(state)
        try:
            return self._decider.decide(self._command, state, self._origin)
        finally:
            assert state == untouched, "decide has changed the state"

    def _assert_a_retry_is_free(self) -> None:
        try:
            again = self._decide(self._after)
        except BacklineError:
            return  # Its first answer is remembered by its id; this shows that nothing happens.
        assert list(again) == [], "a retry would record something"


def survived_the_wire(event: Event) -> Event:
    """The event as a reader of the log finds it."""
    keyring = Keyring()
    spec = registry.event_of[type(event)]
    if spec.personal:
        keyring.put(getattr(event, str(spec.person)), bytes(KEY_BYTES))
    written = cloud_event(
        event,
        event_id="evt_1",
        subject="thing/thing_1",
        time=timestamp(NOW),
        actor="usr_1",
        causation_id="cmd_1",
        correlation_id="cmd_1",
    )
    found = decode(
        encode([written], keyring),
        aggregate="thing",
        aggregate_id="thing_1",
        position=1,
        headers={},
        strict=True,
        keyring=keyring,
    )
    return found.events[0].data
