"""Spans, free while nobody looks.

Only an edge may begin a trace (`edge_span`: an HTTP request, a frame, a timer, a command line).
Everything behind it continues one: `span` and `batch_span` are nothing at all unless there is a
sampled parent, so work that nobody asked to follow makes no spans and no orphans.

A trace crosses a message as its W3C `traceparent`: what `inject` returns and `parent=` takes.
source    https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
)

from libs.kernel.errors import BacklineError
from libs.telemetry import names

Attributes = Mapping[str, str | int | float | bool]
TracerOf = Callable[[str], Tracer]
"""The tracer of a service; of the process as a whole for the empty name."""

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LINKS_MAX = 128
_NOTHING: AbstractContextManager[Span] = nullcontext(INVALID_SPAN)

_tracer_of: TracerOf | None = None
_service: ContextVar[str] = ContextVar("backline_service", default="")


def use_tracers(tracer_of: TracerOf | None) -> None:
    """Turn tracing on, or off with None. For `libs/chassis` and tests."""
    global _tracer_of  # noqa: PLW0603  # One switch for the process, as telemetry has one owner.
    _tracer_of = tracer_of


def is_tracing() -> bool:
    """Whether anybody looks. Ask before work that only a span would need."""
    return _tracer_of is not None


def service_name() -> str:
    """The service on whose behalf the current task runs; empty when it belongs to none."""
    return _service.get()


@contextmanager
def acting_for(service: str) -> Iterator[None]:
    """Run the block, and the tasks begun in it, as a service: its spans, its log lines."""
    token = _service.set(service)
    try:
        yield
    finally:
        _service.reset(token)


def edge_span(
    name: str,
    *,
    parent: str | None = None,
    kind: SpanKind = SpanKind.SERVER,
    attributes: Attributes | None = None,
) -> AbstractContextManager[Span]:
    """Begin a trace, or continue the caller's. Whether it is sampled is the sampler's decision.

    parent   the `traceparent` that came with the request; one that is malformed counts as none
    """
    if _tracer_of is None:
        return _NOTHING
    caller = None if parent is None else _parse(parent)
    return _open(_tracer_of(_service.get()), name, caller, (), kind, attributes)


def span(
    name: str,
    *,
    parent: str | None = None,
    links: Sequence[str] = (),
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
) -> AbstractContextManager[Span]:
    """Continue a trace: a child of `parent`, or of the current span. Nothing without a sampled one.

    links   `traceparent`s of other traces that this work also serves; the first 128 are kept
    """
    if _tracer_of is None:
        return _NOTHING
    context = _current() if parent is None else _parse(parent)
    if context is None or not context.trace_flags.sampled:
        return _NOTHING
    others = [found for found in map(_parse, links[:_LINKS_MAX]) if found is not None]
    return _open(_tracer_of(_service.get()), name, context, others, kind, attributes)


def batch_span(
    name: str,
    callers: Sequence[str],
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
) -> AbstractContextManager[Span]:
    """One span for work done once for many: a child of the first caller, linked to the others.

    callers   the `traceparent`s of those among the many that are sampled; none makes no span
    """
    if _tracer_of is None or not callers:
        return _NOTHING
    return span(name, parent=callers[0], links=callers[1:], kind=kind, attributes=attributes)


def start_batch_span(
    name: str,
    callers: Sequence[str],
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
) -> Span | None:
    """As `batch_span`, for work that no block encloses: not current, and ended by the caller."""
    contexts = [found for found in map(_parse, callers) if found and found.trace_flags.sampled]
    if _tracer_of is None or not contexts:
        return None
    first, *others = contexts
    return _tracer_of(_service.get()).start_span(
        name,
        context=_under(first),
        kind=kind,
        attributes=attributes,
        links=[Link(other) for other in others[:_LINKS_MAX]],
    )


def traceparent_of(opened: Span) -> str:
    """The `traceparent` of a span, to be sent along."""
    context = opened.get_span_context()
    flags = int(context.trace_flags)
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"


def inject() -> str | None:
    """The `traceparent` of the current span, to be sent along; None unless it is sampled."""
    if _tracer_of is None:
        return None
    context = _current()
    if context is None or not context.trace_flags.sampled:
        return None
    return traceparent_of(trace.get_current_span())


def _current() -> SpanContext | None:
    context = trace.get_current_span().get_span_context()
    return context if context.is_valid else None


def _parse(traceparent: str) -> SpanContext | None:
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None


@contextmanager
def _open(
    tracer: Tracer,
    name: str,
    parent: SpanContext | None,
    links: Sequence[SpanContext],
    kind: SpanKind,
    attributes: Attributes | None,
) -> Iterator[Span]:
    context = Context() if parent is None else _under(parent)
    with tracer.start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=attributes,
        links=[Link(other) for other in links],
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        try:
            yield opened
        except BacklineError as error:
            opened.set_attribute(names.ERROR_CODE, error.code)
            if error.status >= 500:
                opened.set_status(Status(StatusCode.ERROR, error.code))
            raise
        except Exception as error:
            opened.record_exception(error)
            opened.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def _under(parent: SpanContext) -> Context:
    current = trace.get_current_span()
    span_of_parent = current if current.get_span_context() == parent else NonRecordingSpan(parent)
    return trace.set_span_in_context(span_of_parent)
