"""The report of a run: a table for people, JSON for machines."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from tests.chaos.faults import Fault
from tests.chaos.rounds import Outcome, Round

FOLDER = Path("docs/benchmarks")
RECOVERY_TARGET_SECONDS = 5.0
HEADINGS = ("fault", "rounds", "writes again", "at most", "viewers again", "at most", "verdict")


def failures(outcome: Outcome) -> list[str]:
    """All that fails a run: broken promises, and recoveries slower than the target."""
    return [
        *outcome.violations,
        *(
            f"{each.fault.name}: votes flowed again after {each.recovery_seconds:.1f} s"
            for each in outcome.rounds
            if _is_slow(each)
        ),
    ]


def line(number: int, this: Round) -> str:
    """A round on the screen."""
    verdict = "kept" if not this.violations else f"{len(this.violations)} VIOLATIONS"
    return (
        f"{number:>4}  {this.fault.name:<17} {_seconds(this.recovery_seconds):>8} "
        f"{_seconds(this.viewers_seconds):>8} {this.acknowledged:>6} votes  {verdict}"
    )


def rows(outcome: Outcome, name: Callable[[Fault], str]) -> list[list[str]]:
    """One line for each kind of fault, as in HEADINGS, with the fault called as `name` says."""
    faults = list(dict.fromkeys(each.fault for each in outcome.rounds))
    faults.sort(key=lambda fault: fault.name)
    return [[name(fault), *_cells(_of(outcome, fault))] for fault in faults]


def as_json(outcome: Outcome, about: dict[str, Any], command: str) -> dict[str, Any]:
    """The whole outcome."""
    faults = dict.fromkeys(each.fault for each in outcome.rounds)
    return {
        "machine": about,
        "command": command,
        "rounds": len(outcome.rounds),
        "acknowledged": outcome.acknowledged,
        "repeated": outcome.repeated,
        "retried": outcome.retried,
        "reconnects": outcome.reconnects,
        "resumed": outcome.resumed,
        "seen_own": outcome.seen_own,
        "rebuilds_compared": outcome.rebuilds_compared,
        "failures": failures(outcome),
        "faults": {
            fault.name: {
                "title": fault.title,
                "rounds": len(_of(outcome, fault)),
                "recovery_seconds": _figures(
                    [each.recovery_seconds for each in _of(outcome, fault)]
                ),
                "viewers_seconds": _figures([each.viewers_seconds for each in _of(outcome, fault)]),
                "violations": sum(len(each.violations) for each in _of(outcome, fault)),
            }
            for fault in faults
        },
    }


def write(outcome: Outcome, about: dict[str, Any], command: str) -> None:
    """Write `chaos.json` and `chaos.md`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    document = orjson.dumps(as_json(outcome, about, command), option=orjson.OPT_INDENT_2)
    (FOLDER / "chaos.json").write_bytes(document + b"\n")
    (FOLDER / "chaos.md").write_text(_markdown(outcome, about, command))


def summary(outcome: Outcome) -> str:
    """What there was besides faults, in a sentence."""
    return (
        f"{outcome.acknowledged:,} votes were acknowledged and {outcome.repeated:,} of them asked "
        f"for again; {outcome.retried:,} times somebody had to ask once more. Viewers came back "
        f"{outcome.reconnects:,} times and resumed {outcome.resumed:,} live queries; "
        f"{outcome.seen_own:,} voters saw their own vote. Read models were compared with a "
        f"rebuild from nothing {outcome.rebuilds_compared:,} times."
    )


def _markdown(outcome: Outcome, about: dict[str, Any], command: str) -> str:
    failed = failures(outcome)
    verdict = "Every promise was kept." if not failed else f"{len(failed)} failures."
    table = [HEADINGS, ["---"] * len(HEADINGS), *rows(outcome, lambda fault: fault.title)]
    return "\n".join(
        [
            "# Chaos",
            "",
            "Written by `make chaos`. What the faults are: [runbook](../runbooks/faults.md).",
            "",
            *("| " + " | ".join(cells) + " |" for cells in table),
            "",
            f"{len(outcome.rounds)} rounds. {verdict} {summary(outcome)}",
            "",
            *(f"- {each}" for each in failed[:50]),
            f"{_machine(about)} `{command}`",
            "",
        ]
    )


def _machine(about: dict[str, Any]) -> str:
    return (
        f"{about['processor']}, {about['cores']} cores, {about['system']}, "
        f"Python {about['python']}, commit {about['commit']}, empty loop "
        f"{about['loop_nanoseconds']} ns."
    )


def _of(outcome: Outcome, fault: Fault) -> Sequence[Round]:
    return [each for each in outcome.rounds if each.fault == fault]


def _cells(rounds: Sequence[Round]) -> list[str]:
    recovery = _figures([each.recovery_seconds for each in rounds])
    viewers = _figures([each.viewers_seconds for each in rounds])
    violations = sum(len(each.violations) for each in rounds)
    verdict = f"{violations} violations" if violations else "kept"
    if any(_is_slow(each) for each in rounds):
        verdict += ", slow"
    return [
        str(len(rounds)),
        _seconds(recovery["median"]),
        _seconds(recovery["max"]),
        _seconds(viewers["median"]),
        _seconds(viewers["max"]),
        verdict,
    ]


def _is_slow(this: Round) -> bool:
    return (
        this.fault.is_single
        and this.recovery_seconds is not None
        and this.recovery_seconds > RECOVERY_TARGET_SECONDS
    )


def _figures(values: Sequence[float | None]) -> dict[str, float | None]:
    known = [value for value in values if value is not None]
    if not known:
        return {"median": None, "max": None}
    return {"median": round(median(known), 2), "max": round(max(known), 2)}


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} s"
