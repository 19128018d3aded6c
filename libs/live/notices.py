"""Change notices: what a projection says after each of its transactions.

    chg.<service>.<projection>   {"n", "publisher", "epoch", "position", "keys": {key: position}}

They come by core NATS, which may lose them. Each publisher numbers its own, also the empty ones it
sends every second, so a gap shows itself within a second.
"""

from collections import OrderedDict
from dataclasses import dataclass

from pydantic import ConfigDict, TypeAdapter

PUBLISHERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Notice:
    """What changed, up to `position`. `keys` tells the last position that touched each key."""

    __pydantic_config__ = ConfigDict(extra="ignore")

    n: int
    publisher: str
    epoch: str
    position: int
    keys: dict[str, int]


parse_notice = TypeAdapter(Notice).validate_json


class Continuity:
    """Remembers the last number of each publisher, of those that were heard last."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str], int] = OrderedDict()

    def is_broken_by(self, subject: str, notice: Notice) -> bool:
        """Whether something may have been said that we did not hear, this notice being the next.

        So it is when a publisher is new to us: the one before it may have ended unheard.
        """
        key = (subject, notice.publisher)
        last = self._last.get(key)
        self._last[key] = notice.n if last is None else max(last, notice.n)
        self._last.move_to_end(key)
        if len(self._last) > PUBLISHERS_MAX:
            self._last.popitem(last=False)
        return last is None or notice.n > last + 1
