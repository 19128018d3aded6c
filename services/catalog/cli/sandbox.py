"""Serve the partners locally, so that everything runs without credentials."""

import asyncio
from typing import Annotated, Any

import typer

from libs.chassis.asgi import Receive, Scope, Send, respond

app = typer.Typer()


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Where to listen, on 127.0.0.1.")] = 8090,
    health_port: Annotated[
        int | None,
        typer.Option(help="Where GET /health/ready is answered.", envvar="BACKLINE_HEALTH_PORT"),
    ] = None,
) -> None:
    """Serve the partners locally: setlist.fm, Ticketmaster, Spotify and Luma, made of facts.

    BACKLINE_CATALOG_SANDBOX_URL=http://127.0.0.1:8090 has the catalog ask here. Faults and changes
    are asked for at /_sandbox (429, 5xx, slow, truncated, HTML, other shapes, too large).
    """
    import uvicorn

    from libs.kernel.clock import system_clock
    from services.catalog.cli.sandboxes.server import Sandbox

    if health_port is None:
        typer.echo(f"The sandbox serves at http://127.0.0.1:{port}; Ctrl-C ends it.")

    def server(application: Any, port: int) -> uvicorn.Server:
        config = uvicorn.Config(
            application, host="127.0.0.1", port=port, log_level="warning", lifespan="off"
        )
        return uvicorn.Server(config)

    async def serve() -> None:
        servers = [server(Sandbox(system_clock), port)]
        if health_port is not None:
            servers.append(server(_healthy, health_port))
        await asyncio.gather(*(each.serve() for each in servers))

    asyncio.run(serve())


async def _healthy(_scope: Scope, _receive: Receive, send: Send) -> None:
    """There is nothing that it waits for."""
    await respond(send, 200, "application/json", b"{}")
