"""Write keys, passwords and server configuration for an installation with containers."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def deployment(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write; kept if there.")
    ],
) -> None:
    """Write keys, passwords and server configuration for an installation with containers.

    Each service gets a directory of its own with what it may know. Keys and passwords that are
    there already stay; the configuration is written again from them.
    """
    from libs.stack.deployment import write_deployment

    write_deployment(directory)
    typer.echo(f"The files of the installation are in {directory}.")
