"""What is skipped in silence elsewhere fails where CI=true."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 240

pytestmark = pytest.mark.timeout(300)  # A pytest inside of a pytest, on a machine that may be busy.

PARTLY_SKIPPED = """
import pytest

@pytest.fixture
def chromium():
    pytest.skip("there is no Chromium")

@pytest.mark.browser
def test_page(chromium): ...

@pytest.mark.connected
def test_server():
    pytest.skip("there is no server")

@pytest.mark.skipif(True, reason="not for this platform")
def test_plain(): ...

def test_passes(): ...
"""


def run(directory: Path, ci: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_parts.py").write_text(PARTLY_SKIPPED)
    config = directory / "pytest.ini"
    config.write_text("[pytest]\nmarkers =\n    connected\n    browser\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CI": ci}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, "-c", str(config), str(directory / "test_parts.py")],
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )


def test_fails_when_a_part_is_missing_in_continuous_integration(tmp_path: Path) -> None:
    done = run(tmp_path, ci="true")
    assert done.returncode == 1
    assert "should have run here, since CI=true, but: Skipped: there is no Chromium" in done.stdout
    assert "should have run here, since CI=true, but: Skipped: there is no server" in done.stdout
    assert "1 passed, 1 skipped" in done.stdout


@pytest.mark.parametrize("ci", ["", "false"])
def test_only_says_so_when_a_part_is_missing_elsewhere(tmp_path: Path, ci: str) -> None:
    done = run(tmp_path, ci=ci)
    assert done.returncode == 0
    assert "1 passed, 3 skipped" in done.stdout
