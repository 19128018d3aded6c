"""The lock on a data directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from libs.stack.data_lock import DataInUse, DataLock

HOLDER = """
import subprocess, sys, pathlib
from libs.stack.data_lock import DataLock
lock = DataLock(pathlib.Path(sys.argv[1]))
heir = subprocess.Popen(["sleep", sys.argv[2]], pass_fds=[lock.file_descriptor])
print(heir.pid, flush=True)
sys.stdin.read()
"""


def hold(data: Path, *, heir_seconds: float) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data), str(heir_seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline().strip().isdigit()
    return holder


def test_refuses_and_names_the_holder_when_it_lives(tmp_path: Path) -> None:
    holder = hold(tmp_path, heir_seconds=0)
    with holder:
        with pytest.raises(DataInUse, match=f"process {holder.pid}") as refusal:
            DataLock(tmp_path)
        assert refusal.value.pid == holder.pid
        holder.kill()


def test_refuses_when_only_an_heir_of_the_holder_lives(tmp_path: Path) -> None:
    with hold(tmp_path, heir_seconds=3) as holder:
        holder.kill()
        holder.wait()
        with pytest.raises(DataInUse, match=f"servers that process {holder.pid} left behind"):
            DataLock(tmp_path, patience_seconds=0.2)


def test_is_taken_when_the_last_heir_goes_in_time(tmp_path: Path) -> None:
    with hold(tmp_path, heir_seconds=0.5) as holder:
        holder.kill()
        holder.wait()
        with DataLock(tmp_path):
            assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_is_free_again_when_it_was_closed(tmp_path: Path) -> None:
    DataLock(tmp_path).close()
    DataLock(tmp_path, patience_seconds=0).close()
