"""Print the configuration of a nats-server with the users and permissions of the services."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def nats_config(
    secrets: Annotated[Path, typer.Option(help="Directory of secrets; what is missing is made.")],
    listen: Annotated[str, typer.Option(help="host:port for clients.")] = "0.0.0.0:4222",
    monitor: Annotated[str, typer.Option(help="host:port for monitoring.")] = "127.0.0.1:8222",
    store: Annotated[Path, typer.Option(help="Directory of JetStream.")] = Path("/data"),
) -> None:
    """Print the configuration of a nats-server with the users and permissions of the services."""
    from libs.stack.credentials import Credentials
    from libs.stack.nats_config import render_nats_config
    from libs.stack.permissions import SERVICES, databases, users

    credentials = Credentials(secrets)
    credentials.ensure(users(SERVICES), databases(SERVICES))
    text = render_nats_config(credentials, SERVICES, listen=listen, monitor=monitor, store=store)
    typer.echo(text, nl=False)
