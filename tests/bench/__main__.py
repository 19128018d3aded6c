"""Run the benchmarks: `python -m tests.bench [FIGURE…]`, or `make bench`."""

import asyncio
import logging
import shlex
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import orjson
import structlog
import typer
from rich.console import Console

from tests.bench import (
    figures_bus,
    figures_edge,
    figures_growth,
    figures_hooks,
    figures_identity,
    figures_jobs,
    figures_live,
    machine,
    report,
)
from tests.bench.figure import Figure

FIGURES: dict[str, Callable[..., Coroutine[Any, Any, Figure]]] = {
    "hot-show": figures_bus.hot_show,
    "single-votes": figures_bus.single_votes,
    "many-shows": figures_bus.many_shows,
    "disk": figures_bus.disk,
    "idle-vote": figures_edge.idle_vote,
    "http": figures_edge.http,
    "websocket": figures_edge.websocket,
    "vote-to-viewer": figures_edge.vote_to_viewer,
    "crowd-to-viewers": figures_live.crowd_to_viewers,
    "fan-out": figures_live.fan_out,
    "rebuild": figures_edge.rebuild,
    "webhooks": figures_hooks.acceptance,
    "token-check": figures_identity.token_check,
    "sign-in": figures_identity.sign_in_cost,
    "renewals": figures_identity.renewals,
    "revocation": figures_identity.revocation,
    "job-lateness": figures_jobs.lateness,
    "growth-shows": figures_growth.by_shows,
    "growth-voters": figures_growth.by_voters,
}

console = Console(stderr=True)


def run(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[FIGURE]…", help=f"Some of: {', '.join(FIGURES)}")
    ] = None,
    quick: Annotated[bool, typer.Option(help="Short rounds; nothing is written.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
) -> None:
    """Measure, each figure beside its peers in the same run."""
    unknown = set(names or ()) - set(FIGURES)
    if unknown:
        raise typer.BadParameter(f"no such figure: {', '.join(sorted(unknown))}")
    about = machine.describe()
    figures: list[Figure] = []
    for name in names or FIGURES:
        console.rule(name)
        figure = asyncio.run(FIGURES[name](quick=quick))
        for measured in (figure.ours, *figure.peers):
            console.print(report.line(measured), highlight=False)
        figures.append(figure)
    if not quick:
        report.write(
            figures,
            about,
            shlex.join(["make", "bench", *((names and ["ARGS=" + " ".join(names)]) or [])]),
        )
    if as_json:
        document = {"machine": about, "figures": [figure.as_json() for figure in figures]}
        sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    typer.run(run)
