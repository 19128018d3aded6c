"""`backline up` and `backline nats-config`, as far as they go without services."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from libs.chassis.cli import up
from libs.stack.data_lock import DataLock
from libs.stack.nats_server import binary

BACKLINE = [sys.executable, "-m", "libs.chassis.cli"]
TIMEOUT_SECONDS = 30


def backline(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BACKLINE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )


def test_starts_nothing_when_the_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = backline("up", "--data", str(tmp_path / "data"), "--port", port)
    assert done.returncode == 2
    assert f"port {port} is taken" in done.stdout
    assert {each.name for each in (tmp_path / "data").iterdir()} == {"lock"}


def test_names_the_other_when_the_data_is_in_use(tmp_path: Path) -> None:
    with DataLock(tmp_path), socket.create_server(("127.0.0.1", 0)) as taken:
        # Started twice in the same way, the second finds the port taken too: the data says more.
        port = str(taken.getsockname()[1])
        done = backline("up", "--data", str(tmp_path), "--port", port)
    assert done.returncode == 3
    assert "is in use by process" in done.stdout
    assert {each.name for each in tmp_path.iterdir()} == {"lock"}


@pytest.mark.parametrize(
    ("name", "has_sandbox"),
    [
        ("SHOW_LASTS_SECONDS", True),
        ("SYNCS_AT_ONCE", True),
        ("SETLISTFM_API_KEY", False),
        ("SPOTIFY_CLIENT_ID", False),
        ("ICS_FEEDS", False),
        ("SANDBOX_URL", False),
        ("REPEATED_SYNCS", False),
    ],
)
def test_has_a_sandbox_until_the_catalog_is_told_whom_to_ask(
    name: str, has_sandbox: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"BACKLINE_CATALOG_{name}", "1")
    assert bool(up.stand_ins().processes) is has_sandbox


@pytest.mark.connected
def test_prints_a_configuration_that_nats_server_accepts(tmp_path: Path) -> None:
    done = backline("nats-config", "--secrets", str(tmp_path / "s"), "--store", str(tmp_path / "d"))
    assert done.returncode == 0
    config = tmp_path / "nats.conf"
    config.write_text(done.stdout)
    subprocess.run([binary(), "-t", "-c", config], check=True, timeout=TIMEOUT_SECONDS)
