"""Claims: names that only one aggregate of a service may hold, an e-mail address for instance,
whichever owners decide.

Each name has a stream of its own, `evt.<service>.claim.<name>`, which says who holds it. A decider
with claims is told who holds the names a command is about (`origin.holders`), and returns the
service's two claim events beside its own. They are committed together, in one atomic batch, at the
revisions that were looked at: of two who take a name at the same moment the log refuses one, who is
then decided again and finds it taken. A name changes hands only beside an event of the aggregate.

    def names(command: UserCommand, user: User) -> Sequence[str]: ...

    USER = Decider(…, claims=Claims(names, taken=NameTaken))

source    docs/adr/0011-claims.md
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from libs.kernel.messages import Event

AGGREGATE: Final = "claim"
"""The aggregate of the streams of names."""


class NameEvent(Event):
    """What becomes of a name. Its two subclasses, in the contract of a service, have these fields:

    name     made of the characters of ids
    holder   the id of the aggregate that takes it or gives it back
    """

    __slots__ = ()
    name: str
    holder: str


@dataclass(frozen=True, slots=True)
class Claims:
    """What a decider claims.

    names  (command, state) -> the names a command is about
    taken  the event by which somebody begins to hold a name; by any other they cease to
    """

    names: Callable[[Any, Any], Sequence[str]]
    taken: type[NameEvent]

    def holder_after(self, event: NameEvent) -> str | None:
        """Who holds the name of an event from then on."""
        return event.holder if isinstance(event, self.taken) else None
