"""A decider: the whole of an aggregate as three functions and a starting state.

    decide(command, state, origin) -> events     the rules; refuses by raising one of the kinds
                                                 of `libs.kernel.errors`, mostly a Rejected
    evolve(state, event) -> state                what a fact does to the state
    answer(command, events, state, origin) -> view
                                                 what the caller is told once the facts are recorded

None of them does IO, reads a clock or draws an id: what they need comes in the command and its
origin. `evolve` may update the state it is given (it belongs to the owner alone, who throws it away
and loads it again when an append fails); `decide` and `answer` never touch it. `answer` is asked
with the events the command recorded, also when a late retry comes long after: it must not depend on
who came later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from libs.kernel.claims import Claims
from libs.kernel.messages import Event, Origin


@dataclass(frozen=True, slots=True)
class Decider[C, E, S]:
    """An aggregate.

    aggregate  its name, the third token of its subjects: evt.<service>.<aggregate>.<id>
    commands   the command classes it decides
    events     the event classes it evolves by
    state      the class of its state; `state()` is the initial one
    claims     the names it holds alone in its service; None for a decider that claims none
    version    raise it when the meaning of a saved state changes: older snapshots are then ignored
    """

    aggregate: str
    commands: tuple[type, ...]
    events: tuple[type, ...]
    state: type[S]
    decide: Callable[[C, S, Origin], Sequence[Event]]
    evolve: Callable[[S, Any], S]
    answer: Callable[[C, Sequence[E], S, Origin], Any]
    claims: Claims | None = None
    version: int = 1


def members(union: Any) -> tuple[type, ...]:
    """The classes of a union type alias, for `commands=members(BallotCommand)`."""
    value = getattr(union, "__value__", union)
    return get_args(value) or (value,)
