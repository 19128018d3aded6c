"""The report of a benchmark run: a table for people, JSON for machines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from tests.bench.figure import Figure, Measured

FOLDER = Path("docs/benchmarks")
ALL_DIGITS_FROM = 1000


def write(figures: Sequence[Figure], machine: dict[str, Any], command: str) -> None:
    """Write `results.json` and `results.md`; figures that did not run keep their last values."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "results.json"
    known = orjson.loads(path.read_bytes())["figures"] if path.exists() else []
    fresh = {
        figure.key: {**figure.as_json(), "machine": machine, "command": command}
        for figure in figures
    }
    merged = [fresh.pop(old["key"], old) for old in known] + list(fresh.values())
    path.write_bytes(orjson.dumps({"figures": merged}, option=orjson.OPT_INDENT_2) + b"\n")
    (FOLDER / "results.md").write_text(markdown(merged))


def awaited(key: str, title: str, target: str, notes: Sequence[str]) -> dict[str, Any]:
    """A figure that nobody has measured yet on a machine that does nothing else."""
    return {"key": key, "title": title, "target": target, "notes": list(notes)}


def markdown(figures: Sequence[dict[str, Any]]) -> str:
    """The table, one section for each figure; one that is awaited says how it is measured."""
    lines = ["# Results", "", "Written by `make bench`. What they mean: [README](README.md).", ""]
    for figure in figures:
        lines += [f"## {figure['key']}: {figure['title']}", "", f"Target: {figure['target']}.", ""]
        if "ours" not in figure:
            lines += [f"Not measured yet: `make bench ARGS={figure['key']}`.", ""]
            lines += [*(f"- {note}" for note in figure["notes"]), ""]
            continue
        lines += ["| | figure | p50 | p99 | Backline is |", "|---|---|---|---|---|"]
        lines.append(_row(figure["ours"], ""))
        is_chart = "chart" in figure  # Its lines are not peers.
        lines += [
            _row(peer, "" if is_chart else f"{peer['ratio']:.2f} x") for peer in figure["peers"]
        ]
        lines += ["", *(f"- {note}" for note in figure["notes"])]
        if "chart" in figure:
            lines += _drawn(figure["chart"])
        machine = figure["machine"]
        lines += [
            "",
            _about(machine, figure["command"]),
            "",
        ]
    return "\n".join(lines)


def _drawn(chart: dict[str, Any]) -> list[str]:
    """A line of values, as mermaid draws it."""
    names = ", ".join(f'"{name}"' for name in chart["names"])
    values = ", ".join(f"{value:.2f}" for value in chart["values"])
    top = 1.2 * max(chart["values"])
    return [
        "```mermaid",
        "xychart-beta",
        f"    x-axis [{names}]",
        f'    y-axis "{chart["axis"]}" 0 --> {top:.1f}',
        f"    line [{values}]",
        "```",
    ]


def _about(machine: dict[str, Any], command: str) -> str:
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, "
        f"Python {machine['python']}, commit {machine['commit']}, empty loop "
        f"{machine['loop_nanoseconds']} ns. `{command}`"
    )


def _row(line: dict[str, Any], ratio: str) -> str:
    p50, p99 = (_milliseconds(line.get(name)) for name in ("p50_ms", "p99_ms"))
    return f"| {line['name']} | {_number(line['value'])} {line['unit']} | {p50} | {p99} | {ratio} |"


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{_number(value)} ms"


def _number(value: float) -> str:
    """Three digits, or all of those before the point."""
    return f"{value:,.0f}" if value >= ALL_DIGITS_FROM else f"{value:.3g}"


def line(measured: Measured) -> str:
    """One line for the screen."""
    details = ", ".join(f"{name} {value:,.3g}" for name, value in measured.details.items())
    return f"{measured.value:>14,.1f} {measured.unit:<12} {measured.name}  {details}"
