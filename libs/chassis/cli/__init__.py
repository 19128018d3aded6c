"""The command `backline`.

A command is a module with `app = typer.Typer(...)`, found in one of these places:

    libs/chassis/cli/<command>.py         about the platform: up, run, projections
    services/<service>/cli.py             about a service: `backline import`, for the catalog
    services/<service>/cli/<command>.py   the same, for a service with several

The command is called as the `name` given to Typer says, else as the module; the first line of the
module's docstring is its help. Modules are read for that, but imported only when their command is
run: `backline --help` does not start the whole house.
"""

from libs.chassis.cli.commands import main

__all__ = ["main"]
