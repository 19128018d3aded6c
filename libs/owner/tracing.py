"""Traces of the write path: per batch, never per vote, and only for callers whose trace is sampled.

A sampled command's commit is a span below its caller's; further sampled commands of the same commit
are linked. Nothing here runs for a batch without a sampled caller.
"""

from collections.abc import Sequence

from opentelemetry.trace import Span, SpanKind

from libs.owner.batch import Draft
from libs.telemetry import is_tracing, names, start_batch_span, traceparent_of


def start_commits(drafts: Sequence[Draft]) -> list[Span]:
    """Open a span for each draft with a sampled caller, and put its context into the commit's
    headers.
    """
    if not is_tracing():
        return []
    spans = []
    for draft in drafts:
        callers = [
            item["trace"] for bundle in draft.bundles for item in bundle.items if "trace" in item
        ]
        span = start_batch_span(
            f"commit {draft.live.decider.aggregate}",
            callers,
            kind=SpanKind.CONSUMER,
            attributes={
                names.COMMAND: draft.bundles[0].route.spec.name,
                names.AGGREGATE: draft.live.decider.aggregate,
                names.COMMANDS: draft.commands,
                names.EVENTS: len(draft.events),
            },
        )
        if span is not None:
            draft.headers[names.TRACEPARENT] = traceparent_of(span)
            spans.append(span)
    return spans


def end(spans: Sequence[Span]) -> None:
    """Close the spans of a commit."""
    for span in spans:
        span.end()
