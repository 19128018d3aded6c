"""Play a real audience through the gateway, and prove the count."""

import asyncio
import sys
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.live import Live

from libs.chassis.settings import ProcessSettings
from libs.kernel.errors import BacklineError
from services.voting.cli.audience import Audience, CrowdFailed, Plan
from services.voting.cli.figures import Figures
from services.voting.cli.proof import Proof, prove
from services.voting.cli.screen import render, render_proof

EXIT_FAILED = 1
SCREEN_SECONDS = 0.25

app = typer.Typer(name="crowd")


@app.command()
def crowd(
    show: Annotated[str, typer.Option(help="The show whose ballot is open.")],
    voters: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many people vote.")] = 1000,
    rate: Annotated[float, typer.Option(min=0.1, help="Votes a second, all together.")] = 200.0,
    viewers: Annotated[int, typer.Option(min=0, max=20_000, help="How many only watch.")] = 50,
    repeat_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of voters who send their vote again.")
    ] = 0.2,
    http_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of votes sent by HTTP, not WebSocket.")
    ] = 0.2,
    gateway: Annotated[
        str, typer.Option(help="Its address; by default the one that runs here.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Play a real audience through the gateway's public API, and prove the count.

    Guests sign in, watch and vote, some of them twice. At the end every acknowledged vote must be
    in the log exactly once, no voter twice, and the tally must be their sum.
    """
    address = gateway or f"http://127.0.0.1:{ProcessSettings.load().port}"
    plan = Plan(address, show, voters, rate, viewers, repeat_share, http_share)
    try:
        figures, proof = asyncio.run(_play(plan, quiet=as_json))
    except (CrowdFailed, BacklineError) as error:
        sys.stderr.write(f"backline: {error}\n")
        raise typer.Exit(EXIT_FAILED) from None
    if as_json:
        document = {**figures.as_json(), "proof": proof.as_json()}
        sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        Console().print(render_proof(proof))
    if not proof.holds:
        raise typer.Exit(EXIT_FAILED)


async def _play(plan: Plan, *, quiet: bool) -> tuple[Figures, Proof]:
    figures = Figures()
    audience = Audience(plan, figures)
    console = Console(quiet=quiet)
    with Live(console=console, auto_refresh=False, transient=False) as screen:

        async def refresh() -> None:
            while True:
                screen.update(render(plan, figures), refresh=True)
                await asyncio.sleep(SCREEN_SECONDS)

        refreshing = asyncio.create_task(refresh())
        try:
            acknowledged = await audience.play()
        finally:
            refreshing.cancel()
            screen.update(render(plan, figures), refresh=True)
            console.line()  # What comes next begins a line of its own.
    return figures, await prove(plan, acknowledged)
