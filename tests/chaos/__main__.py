"""Run the faults: `python -m tests.chaos`, or `make chaos`."""

import logging
import random
import shlex
import sys
from pathlib import Path
from typing import Annotated

import orjson
import structlog
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from tests.bench import machine
from tests.chaos import report
from tests.chaos.campaigns import Campaign
from tests.chaos.faults import FAULTS
from tests.chaos.jobs.rounds import run_rounds as run_jobs
from tests.chaos.rounds import RATE, Round, plan_of, run
from tests.chaos.syncs.rounds import run_rounds as run_syncs
from tests.chaos.webhooks.rounds import run_rounds as run_webhooks

ROUNDS = 2 * len(FAULTS)
CAMPAIGNS = {
    each.name: each
    for each in (
        Campaign("jobs", "what runs scheduled jobs", 20, run_jobs),
        Campaign("syncs", "the catalog and its servers while it asks partners", 14, run_syncs),
        Campaign("webhooks", "ingress and its servers while webhooks come in", 21, run_webhooks),
    )
}
"""Rounds on a part of the house alone; without one of them, votes are cast under every fault."""

EXIT_BROKEN = 1

console = Console(stderr=True, highlight=False)


def _about(name: str) -> str:
    campaign = CAMPAIGNS[name]
    return f"Kill {campaign.title} instead: {campaign.rounds} rounds unless told."


def main(
    rounds: Annotated[
        int | None,
        typer.Option(min=1, help=f"How many faults, one after the other. [default: {ROUNDS}]"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Decides their order; drawn and told when not given.")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option(help=f"Only this one; may be repeated: {', '.join(FAULTS)}")
    ] = None,
    rate: Annotated[float, typer.Option(min=1, help="New voters a second.")] = RATE,
    directory: Annotated[
        Path | None, typer.Option(help="Keep data and logs here; a temporary one otherwise.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Report as JSON.")] = False,
    write: Annotated[bool, typer.Option(help="Write docs/benchmarks/chaos.md and .json.")] = False,
    jobs: Annotated[bool, typer.Option(help=_about("jobs"))] = False,
    syncs: Annotated[bool, typer.Option(help=_about("syncs"))] = False,
    webhooks: Annotated[bool, typer.Option(help=_about("webhooks"))] = False,
) -> None:
    """Kill parts under load, many times, and prove that no acknowledged vote is lost.

    Ends with 1 when a promise was broken, or votes flowed again too late.
    """
    wanted = {"jobs": jobs, "syncs": syncs, "webhooks": webhooks}
    chosen = [CAMPAIGNS[name] for name, is_wanted in wanted.items() if is_wanted]
    if len(chosen) > 1:
        raise typer.BadParameter("one kind at a time: --jobs, --syncs or --webhooks")
    for campaign in chosen:
        if not campaign.report(rounds or campaign.rounds, seed, directory, write=write):
            raise typer.Exit(EXIT_BROKEN)
        return
    rounds = rounds or ROUNDS
    unknown = set(fault or ()) - set(FAULTS)
    if unknown:
        raise typer.BadParameter(f"no such fault: {', '.join(sorted(unknown))}")
    seed = random.randrange(1_000_000) if seed is None else seed
    plan = plan_of(rounds, seed, fault or (), rate=rate)
    command = shlex.join(["make", "chaos", f"ARGS={shlex.join(sys.argv[1:])}"])
    about = machine.describe()
    console.print(f"{rounds} rounds, seed {seed}")
    done: list[Round] = []

    def tell(this: Round) -> None:
        done.append(this)
        console.print(report.line(len(done), this), markup=False)
        for violation in this.violations[:10]:
            console.print(f"      {violation}", markup=False)

    outcome = uvloop.run(run(plan, directory=directory, on_round=tell))
    failed = report.failures(outcome)
    table = Table(*report.HEADINGS)
    for row in report.rows(outcome, lambda fault: fault.name):
        table.add_row(*row)
    console.print(table)
    console.print(report.summary(outcome))
    for each in failed:
        console.print(f"✗ {each}", style="red", markup=False)
    if write:
        report.write(outcome, about, command)
    if as_json:
        document = {"seed": seed, **report.as_json(outcome, about, command)}
        sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")
    if failed:
        raise typer.Exit(EXIT_BROKEN)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    typer.run(main)
