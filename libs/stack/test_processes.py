"""Child processes and their end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from libs.stack.processes import Child

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True);"
    "time.sleep(60)"
)
PARENT = """
import pathlib, sys, time
from libs.stack.processes import Child
child = Child("sleeper", ["sleep", "60"], pathlib.Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""


def until(condition: object, timeout_seconds: float = 5.0) -> None:
    """Wait until a condition holds; fail when it does not within the timeout."""
    assert callable(condition)
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_is_killed_when_it_does_not_obey(tmp_path: Path) -> None:
    log = tmp_path / "stubborn.log"
    child = Child("stubborn", [sys.executable, "-c", STUBBORN], log)
    child.stop_signals = ((signal.SIGTERM, 0.1),)
    child.start()
    until(lambda: "up" in log.read_text())
    child.stop()
    assert child.exit_code == -signal.SIGKILL


def test_says_what_it_printed_when_it_fails(tmp_path: Path) -> None:
    child = Child(
        "teapot", [sys.executable, "-c", "raise SystemExit('short and stout')"], tmp_path / "a"
    )
    child.start()
    until(lambda: not child.is_running)
    failure = str(child.failure("did not get ready"))
    assert "teapot did not get ready (ended with 1)" in failure
    assert "short and stout" in failure


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's promise is Linux's")
def test_dies_when_its_parent_was_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "sleeper.log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not is_gone(pid)
        parent.kill()
        parent.wait()
        until(lambda: is_gone(pid))


def test_puts_a_large_log_aside_when_it_starts(tmp_path: Path) -> None:
    log = tmp_path / "chatty.log"
    with log.open("wb") as file:
        file.truncate(20_000_001)
    child = Child("chatty", ["true"], log)
    child.start()
    until(lambda: not child.is_running)
    assert log.stat().st_size == 0
    assert (tmp_path / "chatty.old.log").exists()
