"""Rounds on a part of the house: run from the command line, reported as JSON, and kept as a file.

Each kind has rounds of its own; what they have in common is `violations`, promises that were not
kept, and that one of those fails the run.
"""

import logging
import random
import shlex
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import orjson
import uvloop

from tests.bench import machine

FOLDER = Path("docs/benchmarks")


class Outcome(Protocol):
    """What rounds came to."""

    violations: list[str]

    def as_json(self) -> dict[str, Any]:
        """All of it, for the report."""
        ...


@dataclass(frozen=True, slots=True)
class Campaign:
    """One kind of rounds.

    name     as on the command line, and of its file: `chaos-<name>.json`
    title    what is killed, in words
    rounds   how many there are unless somebody says so
    run      runs so many in a directory, with a seed
    """

    name: str
    title: str
    rounds: int
    run: Callable[[Path, int, int], Awaitable[Outcome]]

    def report(self, rounds: int, seed: int | None, directory: Path | None, *, write: bool) -> bool:
        """Run and report. Whether every promise was kept."""
        # What it says of every server that we kill is no news.
        logging.getLogger("nats").setLevel(logging.CRITICAL)
        seed = random.randrange(1_000_000) if seed is None else seed
        about = machine.describe()
        if directory is not None:
            outcome = uvloop.run(self._run(directory, rounds, seed))
        else:
            with tempfile.TemporaryDirectory(prefix="backline-chaos-") as name:
                outcome = uvloop.run(self._run(Path(name), rounds, seed))
        document = {**outcome.as_json(), "seed": seed, "machine": about, "command": _command()}
        sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")
        if write:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path = FOLDER / f"chaos-{self.name}.json"
            path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
        return not outcome.violations

    async def _run(self, directory: Path, rounds: int, seed: int) -> Outcome:
        return await self.run(directory, rounds, seed)


def figures(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """The median and the greatest of each."""
    return {
        name: {"median": round(median(each), 2), "max": round(max(each), 2)}
        for name, each in seconds.items()
    }


def _command() -> str:
    return shlex.join(["make", "chaos", f"ARGS={shlex.join(sys.argv[1:])}"])
