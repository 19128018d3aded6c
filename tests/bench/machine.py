"""The machine a benchmark ran on."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LOOP_ITERATIONS = 1_000_000


def describe() -> dict[str, Any]:
    """Processor, cores, memory, versions and commit."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": _commit(),
        "loop_nanoseconds": loop_nanoseconds(),
    }


def loop_nanoseconds() -> float:
    """How long one turn of an empty loop takes now: 30 to 40 on an idle machine."""
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        for _number in range(LOOP_ITERATIONS):
            pass
        best = min(best, time.perf_counter() - started)
    return round(best / LOOP_ITERATIONS * 1e9, 1)


class CpuMeter:
    """Measures how much of a core some processes use from now on."""

    def __init__(self, pids: Mapping[str, Sequence[int]]) -> None:
        """`pids` are those of a name's processes."""
        self._pids = pids
        self._before = self._now()

    def seconds(self) -> dict[str, float]:
        """Seconds of a core since it was made, by name."""
        return {name: now - self._before[name] for name, now in self._now().items()}

    def _now(self) -> dict[str, float]:
        return {name: sum(map(_cpu_seconds, pids)) for name, pids in self._pids.items()}


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process, all its threads. source    proc(5)"""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that run now."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _commit() -> str:
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stdout.strip() or "unknown"
