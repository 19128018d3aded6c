"""The script `dev` on machines that are not like ours, played by stand-ins for uv and Python.

What is installed is not the point here, but with what: a stand-in writes down how it was called.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 20
SYSTEM_FOLDERS = " /usr/local/bin/ /opt/homebrew/bin/ /usr/bin/"
"""Where `dev` also looks; the Pythons of this machine are not to be found there."""

# A Python of some version that has, or lacks, what it takes to make environments. Making one leaves
# a .venv with a Python and a uv of the same kind.
PYTHON = """#!/bin/sh
printf '%s\\n' "{name} $*" >>"{log}"
case "$*" in
    *"-I -c"*venv*) {can_make_venv} || exit 1; echo "$0" ;;
    *"-I -c"*) {is_new} || exit 1; echo "$0" ;;
    "-c "*) echo {version} ;;
    "-m venv .venv")
        mkdir -p .venv/bin
        for tool in python uv; do
            printf '#!/bin/sh\\necho "venv-%s $*" >>"{log}"\\n' "$tool" >".venv/bin/$tool"
            chmod +x ".venv/bin/$tool"
        done ;;
esac
"""
UV = """#!/bin/sh
printf '%s\\n' "{name} $*" >>"{log}"
{verdict}
case "$1" in venv) mkdir -p .venv/bin; cp "$0" .venv/bin/uv; cp "$0" .venv/bin/python ;; esac
"""


class Machine:
    """A checkout, a path with nothing on it but what we put there, and a log of what was called."""

    def __init__(self, directory: Path) -> None:
        self.checkout = directory / "checkout"
        self.checkout.mkdir()
        for name in ("requirements.lock", "pyproject.toml", ".python-version"):
            shutil.copy(ROOT / name, self.checkout / name)
        script = (ROOT / "dev").read_text()
        assert SYSTEM_FOLDERS in script
        self.install(self.checkout / "dev", script.replace(SYSTEM_FOLDERS, ""))
        self.home = directory / "home"
        self.path = directory / "path"
        self.path.mkdir()
        for tool in (
            "sh",
            "cat",
            "cksum",
            "sed",
            "mktemp",
            "rm",
            "mkdir",
            "cp",
            "chmod",
            "dirname",
        ):
            found = shutil.which(tool)
            assert found is not None
            (self.path / tool).symlink_to(found)
        self._log = directory / "log"

    def install(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def give_python(
        self, version: str, *, where: Path | None = None, can_make_venv: bool = True
    ) -> None:
        is_new = "true" if tuple(map(int, version.split("."))) >= (3, 12) else "false"
        text = PYTHON.format(
            name=f"python-{version}",
            log=self._log,
            version=version,
            is_new=is_new,
            can_make_venv="true" if can_make_venv and is_new == "true" else "false",
        )
        self.install(where or self.path / "python3", text)

    def give_uv(self, *, works: bool, name: str = "uv") -> None:
        verdict = "" if works else "echo 'pyenv: uv: command not found' >&2; exit 127"
        self.install(self.path / name, UV.format(name="given-uv", log=self._log, verdict=verdict))

    def setup(self) -> subprocess.CompletedProcess[str]:
        self._log.write_text("")
        return subprocess.run(
            ["./dev", "setup"],
            cwd=self.checkout,
            env={"PATH": str(self.path), "HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_SECONDS,
        )

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().splitlines()

    def called(self, start: str) -> bool:
        return any(call.startswith(start) for call in self.calls)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_makes_its_own_uv_when_the_one_on_the_path_is_broken(machine: Machine) -> None:
    machine.give_uv(works=False)
    machine.give_python("3.13")
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert machine.called("venv-python -m pip install")
    assert machine.called("venv-uv pip sync --quiet --python .venv --require-hashes")
    assert not machine.called("given-uv venv")


def test_uses_the_uv_there_is_when_it_works(machine: Machine) -> None:
    machine.give_uv(works=True)
    machine.give_python("3.12", can_make_venv=False)
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert machine.called(f"given-uv venv --quiet --python {machine.path}/python3 .venv")
    assert not machine.called("python-3.12 -m venv")


def test_lets_uv_find_a_python_when_there_is_none(machine: Machine) -> None:
    machine.give_uv(works=True)
    machine.give_python("3.11")
    assert machine.setup().returncode == 0
    assert machine.called("given-uv venv --quiet --python 3.13 .venv")


def test_finds_a_newer_python_under_pyenv_when_the_default_is_too_old(machine: Machine) -> None:
    machine.give_python("3.11")
    hidden = machine.home / ".pyenv/versions/3.12.1/bin/python3"
    machine.give_python("3.12", where=hidden)
    assert machine.setup().returncode == 0
    assert machine.called("python-3.12 -m venv .venv")


def test_takes_the_wanted_version_when_there_are_several(machine: Machine) -> None:
    for version in ("3.12", "3.13", "3.14"):
        machine.give_python(version, where=machine.path / f"python{version}")
    assert machine.setup().returncode == 0
    assert machine.called("python-3.13 -m venv .venv")


def test_names_the_package_when_ensurepip_is_missing(machine: Machine) -> None:
    machine.give_python("3.12", can_make_venv=False)
    done = machine.setup()
    assert done.returncode == 1
    assert "apt-get install python3.12-venv" in done.stderr


def test_says_what_it_needs_when_there_is_no_python(machine: Machine) -> None:
    machine.give_python("3.11")
    done = machine.setup()
    assert done.returncode == 1
    assert "needs Python 3.12 or newer, or uv" in done.stderr


def test_does_nothing_when_nothing_has_changed(machine: Machine) -> None:
    machine.give_python("3.13")
    assert machine.setup().returncode == 0
    assert machine.setup().stderr == ""
    assert machine.calls == []


def test_installs_again_when_the_lock_has_changed(machine: Machine) -> None:
    machine.give_python("3.13")
    assert machine.setup().returncode == 0
    with (machine.checkout / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert machine.setup().returncode == 0
    assert machine.called("venv-uv pip sync")
    assert not machine.called("python-3.13 -m venv")


def test_makes_a_new_environment_when_the_checkout_has_moved(machine: Machine) -> None:
    machine.give_python("3.13")
    assert machine.setup().returncode == 0
    machine.checkout = machine.checkout.rename(machine.checkout.with_name("elsewhere"))
    assert machine.setup().returncode == 0
    assert machine.called("python-3.13 -m venv .venv")


@pytest.mark.parametrize("command", [["./dev"], ["make", "--no-print-directory"]])
def test_lists_the_targets_when_asked_for_none(command: list[str]) -> None:
    if shutil.which(command[0], path=f"{ROOT}{os.pathsep}{os.environ['PATH']}") is None:
        pytest.skip("there is no make on this machine")
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=TIMEOUT_SECONDS
    )
    for target in ("up", "test", "check", "static", "fmt", "bench", "chaos", "contracts", "docs"):
        assert f"\n  {target} " in done.stdout
