"""What an import did, for people and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from itertools import groupby
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from contracts.catalog import Outcome
from services.catalog.adapters.findings import Part, Refusal

REFUSALS_SHOWN_MAX = 50

_ROWS = {
    Part.SHOW: "shows",
    Part.SETLIST: "setlists",
    Part.PERFORMANCE: "performances",
    Part.SONG: "songs",
    Part.VENUE: "venues",
    Part.ARTIST: "artists",
    Part.GATHERING: "gatherings",
    Part.FILE: "files",
}


@dataclass(slots=True)
class Counts:
    """What became of the things that were read."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0

    @property
    def read(self) -> int:
        return self.new + self.changed + self.unchanged + self.refused

    def add(self, outcome: Outcome, count: int = 1) -> None:
        setattr(self, outcome.value, getattr(self, outcome.value) + count)

    def __add__(self, other: "Counts") -> "Counts":
        mine, theirs = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + theirs[name] for name in mine})

    def as_json(self) -> dict[str, int]:
        return {"read": self.read, **asdict(self)}


@dataclass(slots=True)
class Report:
    """The end of an import.

    counts       by what was read; a song as it was played counts as its setlist does
    passed_over  files of no known shape, in the folders that were read
    seconds      from the first file to the last answer
    position     of the catalog's log after the last record that was new or changed; 0 for none
    """

    counts: dict[Part, Counts] = field(default_factory=lambda: {part: Counts() for part in _ROWS})
    refusals: list[Refusal] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    seconds: float = 0.0
    position: int = 0

    @property
    def total(self) -> Counts:
        return sum(self.counts.values(), Counts())

    def refuse(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)
        self.counts[refusal.part].refused += 1

    def as_json(self) -> dict[str, Any]:
        """The whole report, every refusal with its file, line and reason."""
        return {
            **self.total.as_json(),
            "by_kind": {name: self.counts[part].as_json() for part, name in _ROWS.items()},
            "refusals": [
                {
                    "what": refusal.part.value,
                    "file": refusal.where.file,
                    "line": refusal.where.line,
                    "reason": refusal.reason,
                }
                for refusal in self.refusals
            ],
            "passed_over": self.passed_over,
            "seconds": round(self.seconds, 3),
            "position": self.position,
        }

    def render(self) -> RenderableType:
        """The report as a table, and below it what was refused."""
        return Group(*self._parts())

    def _parts(self) -> Iterator[RenderableType]:
        yield self._table()
        yield Text(f"{self.total.read:,} things in {self.seconds:.1f} s.")
        grouped = [
            list(alike)
            for _, alike in groupby(
                self.refusals, lambda refusal: (refusal.part, refusal.where.file, refusal.reason)
            )
        ]
        for alike in grouped[:REFUSALS_SHOWN_MAX]:
            yield Text(_sentence(alike))
        hidden = sum(map(len, grouped[REFUSALS_SHOWN_MAX:]))
        if hidden:
            yield Text(f"… and {hidden:,} more; --json lists them all")
        for path in self.passed_over:
            yield Text(f"passed over  {path}", style="dim")

    def _table(self) -> Table:
        table = Table()
        table.add_column()
        for name in ("read", *(item.name for item in fields(Counts))):
            table.add_column(name, justify="right")
        for part, label in _ROWS.items():
            counts = self.counts[part]
            if counts.read:
                table.add_row(label, *(f"{count:,}" for count in counts.as_json().values()))
        return table


def _sentence(alike: Sequence[Refusal]) -> str:
    """What was refused for one reason, from one line of a file to another."""
    first, last = alike[0], alike[-1]
    where = str(first.where) if first is last else f"{first.where}-{last.where.line}"
    many = "" if first is last else f" ({len(alike)} of them)"
    return f"refused {first.part}  {where}  {first.reason}{many}"
