"""Serve the partners locally, so that everything runs without credentials."""

import asyncio
from datetime import UTC
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Where to listen, on 127.0.0.1.")] = 8090,
) -> None:
    """Serve the partners locally: setlist.fm, Ticketmaster, Spotify and Luma, made of facts.

    BACKLINE_CATALOG_SANDBOX_URL=http://127.0.0.1:8090 has the catalog ask here. Faults and changes
    are asked for at /_sandbox (429, 5xx, slow, truncated, HTML, other shapes, too large).
    """
    import uvicorn

    from libs.kernel.clock import system_clock
    from services.catalog.cli.sandboxes.server import Sandbox

    today = system_clock().astimezone(UTC).date()
    config = uvicorn.Config(
        Sandbox(today), host="127.0.0.1", port=port, log_level="warning", lifespan="off"
    )
    typer.echo(f"The sandbox serves at http://127.0.0.1:{port}; Ctrl-C ends it.")
    asyncio.run(uvicorn.Server(config).serve())
