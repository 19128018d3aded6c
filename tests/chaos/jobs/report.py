"""What rounds of killing under scheduled jobs came to, for people and as a file."""

import random
import shlex
import sys
import tempfile
from pathlib import Path

import orjson
import uvloop

from tests.bench import machine
from tests.chaos.jobs.rounds import JobsOutcome, run_rounds

REPORT = Path("docs/benchmarks/chaos-jobs.json")


def run_jobs(rounds: int, seed: int | None, directory: Path | None, *, write: bool) -> bool:
    """Run the rounds and report. Whether every promise was kept."""
    seed = random.randrange(1_000_000) if seed is None else seed
    about = machine.describe()
    if directory is not None:
        outcome = uvloop.run(run_rounds(directory, rounds, seed))
    else:
        with tempfile.TemporaryDirectory(prefix="backline-chaos-") as name:
            outcome = uvloop.run(run_rounds(Path(name), rounds, seed))
    document = {**as_json(outcome), "seed": seed, "machine": about, "command": _command()}
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")
    if write:
        REPORT.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    return not outcome.violations


def as_json(outcome: JobsOutcome) -> dict[str, object]:
    """The whole outcome; lateness in seconds, restarts included."""
    late = sorted(outcome.lateness_seconds)
    return {
        "rounds": outcome.rounds,
        "runs": outcome.runs,
        "attempts": outcome.attempts,
        "lost_attempts": outcome.lost_attempts,
        "late_seconds": {"p50": late[len(late) // 2], "max": late[-1]} if late else {},
        "violations": outcome.violations,
    }


def _command() -> str:
    return shlex.join(["make", "chaos", f"ARGS={shlex.join(sys.argv[1:])}"])
