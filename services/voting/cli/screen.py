"""What a crowd shows of itself."""

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from services.voting.cli.audience import Plan
from services.voting.cli.figures import Figures, Latencies
from services.voting.cli.proof import Proof


def render(plan: Plan, figures: Figures) -> RenderableType:
    """The screen while the crowd plays."""
    table = Table.grid(padding=(0, 3))
    table.add_row("votes/s", f"{figures.rate():,.0f}", "acknowledged", f"{figures.acknowledged:,}")
    table.add_row("to answer", _range(figures.to_answer), "sent twice", f"{figures.repeated:,}")
    table.add_row("to viewer", _range(figures.to_viewer), "retried", f"{figures.retried:,}")
    table.add_row("viewers", f"{figures.watching:,}", "refused", f"{figures.refused:,}")
    table.add_row("tally", f"{figures.tally_total:,}", "frames", f"{figures.frames:,}")
    if figures.stage == "signing in":
        done = figures.signed_in
    else:
        done = figures.acknowledged + figures.refused
    bar = ProgressBar(total=plan.voters, completed=done)
    title = f"a crowd of {plan.voters:,} at {plan.rate:,.0f} votes/s: {figures.stage}"
    return Panel(Group(table, Text(), bar), title=title, title_align="left", padding=(1, 2))


def render_proof(proof: Proof) -> RenderableType:
    """The verdict."""
    table = Table(title="the count", title_justify="left", show_header=False)
    table.add_row("acknowledged to this crowd", f"{proof.acknowledged:,}")
    table.add_row("of those missing from the log", f"{proof.missing:,}")
    table.add_row("votes in the log of the show", f"{proof.in_log:,}")
    table.add_row("sum of the tally", f"{proof.tally:,}")
    table.add_row("voters counted twice", f"{proof.voters_twice:,}")
    holds, words = proof.holds, "every vote counts exactly once"
    verdict = Text(words if holds else "the count is wrong", style="green" if holds else "bold red")
    return Group(table, verdict)


def _range(latencies: Latencies) -> str:
    median, tail = latencies.percentile_ms(0.5), latencies.percentile_ms(0.99)
    if median is None or tail is None:
        return "not yet"
    return f"p50 {median:.1f} ms, p99 {tail:.1f} ms"
