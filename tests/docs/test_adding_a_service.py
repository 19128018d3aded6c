"""The page `docs/adding-a-service.md`, taken at its word: its files are written out and run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_DRIVE = """
import asyncio
from pathlib import Path

from contracts.applause import Clap, GetApplause
from libs.kernel.messages import NOBODY, Caller
from libs.testkit import services, stack

directory = Path("stack-of-the-toy").absolute()


async def main(nats_server, database):
    async with (
        services.running_services(["applause"], nats_server, database),
        services.bus_of("gateway", nats_server) as bus,
    ):
        clapped = await bus.send(Clap(show_id="shw_1", times=3), caller=Caller("ann"))
        question = GetApplause(show_id="shw_1")
        answer = await bus.ask(question, caller=NOBODY, after=clapped["position"])
        print("claps", answer.result["claps"])


with (
    stack.running_nats(directory) as nats_server,
    stack.running_database(directory) as database,
):
    asyncio.run(main(nats_server, database))
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts of this checkout that the page builds on, with its files added."""
    target = tmp_path_factory.mktemp("toy")
    unwanted = shutil.ignore_patterns("__pycache__", "node_modules")
    for package in ("contracts", "libs", "services"):
        shutil.copytree(ROOT / package, target / package, ignore=unwanted)
    for name, text in BLOCK.findall((ROOT / "docs/adding-a-service.md").read_text()):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_text(text)
    (target / "services/applause/__init__.py").write_text('"""Applause."""\n')
    permissions = target / "libs/stack/permissions.py"
    text = permissions.read_text()
    added = text.replace("] = {\n", '] = {\n    "applause": Access(),\n', 1)
    assert added != text
    permissions.write_text(added)
    return target


def _python(checkout: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_passes_the_toys_own_tests_when_its_files_are_written_out(checkout: Path) -> None:
    assert "2 passed" in _python(
        checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "services/applause"
    )


@pytest.mark.connected
def test_claps_when_the_toy_service_runs(checkout: Path) -> None:
    assert "claps 3" in _python(checkout, "-c", _DRIVE)
