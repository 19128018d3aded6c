"""Traces of the write path: per batch, never per vote, and only for callers whose trace is sampled.

A sampled command's commit is a span below its caller's; further sampled commands of the same commit
are linked. Nothing here runs for a batch without a sampled caller.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.propagators.textmap import default_getter
from opentelemetry.trace import Link, Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from libs.owner.batch import Draft

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("backline.owner")


def start_commits(drafts: Sequence["Draft"]) -> list[Span]:
    """Open a span for each draft with a sampled caller, and put its context into the commit's
    headers.
    """
    spans = []
    for draft in drafts:
        traced = draft.traced()
        if not traced:
            continue
        contexts = [
            _propagator.extract({"traceparent": pending.trace}, getter=default_getter)
            for pending in traced
        ]
        span = _tracer.start_span(
            f"commit {draft.live.decider.aggregate}",
            context=contexts[0],
            kind=SpanKind.CONSUMER,
            links=[
                Link(trace.get_current_span(other).get_span_context()) for other in contexts[1:]
            ],
            attributes={
                "backline.command": traced[0].route.spec.name,
                "backline.aggregate": draft.live.decider.aggregate,
                "backline.commands": len(draft.decided),
                "backline.events": len(draft.events),
            },
        )
        _propagator.inject(draft.headers, context=trace.set_span_in_context(span))
        spans.append(span)
    return spans


def end(spans: Sequence[Span]) -> None:
    """Close the spans of a commit."""
    for span in spans:
        span.end()
