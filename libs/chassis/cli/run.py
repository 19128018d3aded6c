"""Run some services, or parts of them, in this process."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def run(
    services: Annotated[
        list[str],
        typer.Argument(metavar="SERVICE[.PART]…", help="For example: voting, or voting.owner."),
    ],
) -> None:
    """Run some services, or parts of them, in this process.

    They connect to what BACKLINE_NATS_URL and BACKLINE_DATABASE_URL say, and stop in order at
    Ctrl-C or SIGTERM.
    """
    from libs.chassis.runner import main

    raise typer.Exit(main(services))
