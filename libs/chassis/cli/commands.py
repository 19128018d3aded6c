"""Finds the commands of `backline` and runs the one that was asked for."""

import ast
import importlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from libs.chassis.cli.environment import adopt_running_stack

_ROOT = Path(__file__).parents[3]
_STARTS_A_STACK = "up"


@dataclass(frozen=True, slots=True)
class Command:
    """A command that exists and has not been imported yet.

    modules   where it is; more than one for a group that several services put commands into, each
              of them giving it its name
    """

    name: str
    help: str
    modules: tuple[str, ...]
    is_group: bool = False


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `backline` with the arguments of the process, or with others, and exit."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    wanted = next((each for each in arguments if not each.startswith("-")), None)
    if wanted != _STARTS_A_STACK:
        adopt_running_stack()
    root = typer.main.get_group(_root())
    for command in find_commands(_ROOT):
        if command.name == wanted:
            root.add_command(_load(command), command.name)
        else:
            root.add_command(_announcement(command), command.name)
    root(arguments, prog_name="backline")


def find_commands(root: Path) -> list[Command]:
    """Every command there is under a checkout, by name.

    raises   ValueError when two share one, unless both are groups
    """
    commands: dict[str, Command] = {}
    for path in _places(root):
        command = _read(path, root)
        if command is None:
            continue
        other = commands.get(command.name)
        if other is not None:
            modules = (*other.modules, *command.modules)
            if not (command.is_group and other.is_group):
                raise ValueError(f"two commands are called {command.name}: {', '.join(modules)}")
            command = replace(other, modules=modules)
        commands[command.name] = command
    return sorted(commands.values(), key=lambda command: command.name)


def _root() -> typer.Typer:
    app = typer.Typer(
        help="Backline: the backend for live events and the communities around them.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def backline() -> None:
        """Holds the commands, and makes Typer treat even one of them as a choice."""

    return app


def _load(command: Command) -> typer.core.TyperCommand | typer.core.TyperGroup:
    """Import a command. Completion is an affair of `backline` alone."""
    loaded, *others = (
        typer.main.get_command(importlib.import_module(module).app) for module in command.modules
    )
    assert isinstance(loaded, typer.core.TyperCommand | typer.core.TyperGroup)
    for other in others:
        assert isinstance(loaded, typer.core.TyperGroup)
        assert isinstance(other, typer.core.TyperGroup)
        loaded.commands.update(other.commands)
    loaded.params = [each for each in loaded.params if not str(each.name).endswith("_completion")]
    return loaded


def _announcement(command: Command) -> typer.core.TyperCommand:
    """What stands in the list of commands for one that is not run now."""
    return typer.core.TyperCommand(name=command.name, help=command.help)


def _places(root: Path) -> Iterator[Path]:
    yield from (root / "libs/chassis/cli").glob("*.py")
    for pattern in ("cli.py", "cli/*.py"):
        yield from (root / "services").glob(f"*/{pattern}")


def _read(path: Path, root: Path) -> Command | None:
    """Read what a module says of its command; None when it is none."""
    if path.name.startswith(("_", "test_")):
        return None
    tree = ast.parse(path.read_text())
    call = next((call for call in map(_typer_call, tree.body) if call is not None), None)
    if call is None:
        return None
    docstring = ast.get_docstring(tree) or ""
    service = path.parent.name if path.name == "cli.py" else path.stem
    return Command(
        name=_name_argument(call) or service.replace("_", "-"),
        help=docstring.partition("\n")[0],
        modules=(".".join(path.relative_to(root).with_suffix("").parts),),
        is_group=_name_argument(call) is not None,
    )


def _typer_call(statement: ast.stmt) -> ast.Call | None:
    """The call in a statement of the form `app = typer.Typer(...)`."""
    match statement:
        case ast.Assign(
            targets=[ast.Name(id="app")],
            value=ast.Call(func=ast.Attribute(value=ast.Name(id="typer"), attr="Typer")) as call,
        ):
            return call
        case _:
            return None


def _name_argument(call: ast.Call) -> str | None:
    for keyword in call.keywords:
        match keyword:
            case ast.keyword(arg="name", value=ast.Constant(value=str(name))):
                return name
            case _:
                continue
    return None
