"""What an import will tell the catalog: findings put together, one telling for each record.

Rows repeat what others said (every show names its venue), and complete it. Where two contradict
each other nobody can say which is right: what was read first stays, and the other one is refused.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from contracts.catalog import Kind
from contracts.catalog_setlists import RecordSetlist
from libs.kernel.messages import registry
from services.catalog.adapters.findings import (
    KIND_OF,
    Fact,
    Finding,
    Part,
    Refusal,
    Telling,
    key_of,
)

_OF_ROWS = frozenset({Kind.SHOW, Kind.SETLIST})
"""Kinds of which a source has one row for each; the others are gathered from many rows."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A field of which two facts say different things."""

    field: str
    first: object
    second: object


class Plan:
    """The tellings of an import, each with the place it was first read at.

    repeated   rows that say what another row has said already, by kind
    refusals   in the order of their reading
    """

    def __init__(self) -> None:
        self._facts: dict[tuple[Kind, str], Fact] = {}
        self.repeated: Counter[Kind] = Counter()
        self.refusals: list[Refusal] = []

    def add(self, findings: Iterable[Finding]) -> None:
        """Take more findings in."""
        for finding in findings:
            if isinstance(finding, Refusal):
                self.refusals.append(finding)
            else:
                self._add_fact(finding)

    def facts(self) -> Iterator[Fact]:
        """What to tell: artists, venues and songs before the shows that refer to them."""
        for kind in Kind:
            yield from (fact for (of, _), fact in self._facts.items() if of is kind)

    def __len__(self) -> int:
        return len(self._facts)

    def _add_fact(self, fact: Fact) -> None:
        kind = KIND_OF[type(fact.telling)]
        key = kind, id_of_telling(fact.telling)
        before = self._facts.setdefault(key, fact)
        if before is fact:
            return
        merged, contradiction = _merge(before.telling, fact.telling)
        if contradiction is not None:
            self.refusals.append(_refusal(kind, before, fact, contradiction))
            return
        self._facts[key] = replace(before, telling=merged)
        if kind in _OF_ROWS:
            self.repeated[kind] += 1


def id_of_telling(telling: Telling) -> str:
    """The id of the record that it is about."""
    key: str = getattr(telling, registry.command_of[type(telling)].key)
    return key


def performances_of(telling: Telling) -> int:
    """How many songs it says were played."""
    if not isinstance(telling, RecordSetlist):
        return 0
    return sum(len(played.songs) for played in telling.sets)


def _merge(first: Telling, second: Telling) -> tuple[Telling, Contradiction | None]:
    """What both say together; or the first field in which they contradict each other."""
    more: dict[str, Any] = {}
    for item in fields(first):
        before, after = getattr(first, item.name), getattr(second, item.name)
        if after is None or before == after:
            continue
        if before is None:
            more[item.name] = after
        elif isinstance(before, dict):
            more[item.name] = after | before
        elif not _is_same(before, after):
            return first, Contradiction(item.name, before, after)
    return replace(first, **more) if more else first, None


def _is_same(first: object, second: object) -> bool:
    """Whether two values differ in nothing but the way they are written."""
    if isinstance(first, str) and isinstance(second, str):
        return key_of(first) == key_of(second)
    return first == second


def _refusal(kind: Kind, before: Fact, fact: Fact, contradiction: Contradiction) -> Refusal:
    told = f"contradicts {before.where}: {contradiction.field}"
    if isinstance(contradiction.first, list):
        reason = f"{told} differ"
    else:
        reason = f"{told} is {contradiction.first!s} there, and {contradiction.second!s} here"
    return Refusal(Part(kind.value), fact.where, reason)
