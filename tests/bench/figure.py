"""A figure: what is measured, its target, and what was measured beside it."""

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of a report.

    name     what ran
    value    in `unit`; the median of its rounds
    details  further numbers worth stating (p50_ms, p99_ms, …)
    """

    name: str
    value: float
    unit: str
    details: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chart:
    """Values over names, to be drawn as a line. `axis` says what the values are."""

    axis: str
    names: list[str]
    values: list[float]


@dataclass(slots=True)
class Figure:
    """A figure of the report.

    key      its name on the command line
    title    for people
    target   what it is held against, in words
    ours     the first line: Backline
    peers    what ran beside it in the same rounds
    notes    what was left out and why, where a target is missed
    chart    the lines of the report as a picture, where they belong to a row
    """

    key: str
    title: str
    target: str
    ours: Measured
    peers: list[Measured] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    chart: Chart | None = None

    def ratio(self, peer: Measured) -> float:
        """Ours divided by a peer's."""
        return self.ours.value / peer.value if peer.value else float("inf")

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "title": self.title,
            "target": self.target,
            "ours": _line(self.ours),
            "peers": [{**_line(peer), "ratio": round(self.ratio(peer), 3)} for peer in self.peers],
            "notes": self.notes,
            **({} if self.chart is None else {"chart": asdict(self.chart)}),
        }


def _line(measured: Measured) -> dict[str, Any]:
    return {
        "name": measured.name,
        "value": round(measured.value, 3),
        "unit": measured.unit,
        **{name: round(value, 3) for name, value in measured.details.items()},
    }


Round = Callable[[], Awaitable[Measured]]


async def side_by_side(rounds: int, *parts: Round) -> list[Measured]:
    """Run each part once a round, in turn, and give the median of each by its value.

    What slows the machine down for a while then slows all of them.
    """
    results: list[list[Measured]] = [[] for _ in parts]
    for _ in range(rounds):
        for part, found in zip(parts, results, strict=True):
            found.append(await part())
    return [_median(found) for found in results]


def _median(found: list[Measured]) -> Measured:
    middle = statistics.median_low(measured.value for measured in found)
    return next(measured for measured in found if measured.value == middle)
