"""The command `backline` and how it finds its commands."""

import subprocess
import sys
from pathlib import Path

import pytest

from libs.chassis.cli.commands import Command, find_commands, main

HELP_ALONE = """
import sys
from libs.chassis.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
print(sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[1:])))
"""


def write(root: Path, path: str, text: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def test_finds_a_command_wherever_one_may_be(tmp_path: Path) -> None:
    typer_app = "import typer\napp = typer.Typer()\n"
    write(
        tmp_path,
        "libs/chassis/cli/projections.py",
        f'"""List projections.\n\nMore."""\n{typer_app}',
    )
    write(tmp_path, "libs/chassis/cli/not_a_command.py", '"""Helps others."""\n')
    write(tmp_path, "libs/chassis/cli/test_projections.py", typer_app)
    write(tmp_path, "services/voting/cli/ballot_paper.py", f'"""Print ballots."""\n{typer_app}')
    write(
        tmp_path,
        "services/catalog/cli.py",
        '"""Bring in what others know."""\napp = typer.Typer(name="import")\n',
    )
    assert find_commands(tmp_path) == [
        Command("ballot-paper", "Print ballots.", ("services.voting.cli.ballot_paper",)),
        Command("import", "Bring in what others know.", ("services.catalog.cli",), is_group=True),
        Command("projections", "List projections.", ("libs.chassis.cli.projections",)),
    ]


def test_refuses_two_commands_of_one_name(tmp_path: Path) -> None:
    for service in ("voting", "catalog"):
        write(tmp_path, f"services/{service}/cli/seed.py", "app = typer.Typer()\n")
    with pytest.raises(ValueError, match="two commands are called seed"):
        find_commands(tmp_path)


def test_joins_groups_of_one_name(tmp_path: Path) -> None:
    for service in ("auth", "catalog"):
        group = 'import typer\napp = typer.Typer(name="import")\n'
        write(tmp_path, f"services/{service}/cli/bring_in.py", group)
    (found,) = find_commands(tmp_path)
    modules = {f"services.{service}.cli.bring_in" for service in ("auth", "catalog")}
    assert (found.name, set(found.modules)) == ("import", modules)


def test_imports_nothing_heavy_when_asked_for_help() -> None:
    heavy = ["sqlalchemy", "litestar", "faststream", "nats", "pydantic_core", "opentelemetry"]
    done = subprocess.run(
        [sys.executable, "-c", HELP_ALONE, *heavy],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert "Run everything on this machine" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_says_so_when_there_is_no_such_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["dance"])
    assert end.value.code == 2
    assert "No such command 'dance'" in capsys.readouterr().err
