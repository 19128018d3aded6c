"""List every setting there is, and what it is now."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from libs.chassis.settings import Variable

EXIT_INVALID = 78

app = typer.Typer()


@app.command()
def settings(
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="The page docs/settings.md, without values.")
    ] = False,
) -> None:
    """List every setting there is, and what it is now; secrets are masked."""
    from libs.chassis.settings import SettingsInvalid, all_settings, refuse_unknown
    from libs.chassis.settings_page import render_page

    if as_markdown:
        sys.stdout.write(render_page())
        return
    try:
        refuse_unknown()
        variables = [each for cls in all_settings() for each in cls.load().describe()]
    except SettingsInvalid as error:
        sys.stderr.write(f"backline settings: {error}\n")
        raise typer.Exit(EXIT_INVALID) from None
    _show(variables)


def _show(variables: "list[Variable]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("setting", "value", "default", "unit", box=None, pad_edge=False)
    for variable in variables:
        table.add_row(variable.name, variable.value, variable.default, variable.unit)
    Console().print(table)
