"""Spans: who may begin a trace, who continues one, and that nothing happens while nobody looks."""

import timeit
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import StatusCode, Tracer

from libs.kernel.errors import Rejected, Unavailable
from libs.telemetry import (
    acting_for,
    batch_span,
    edge_span,
    inject,
    is_tracing,
    service_name,
    span,
    start_batch_span,
    traceparent_of,
    use_tracers,
)

REMOTE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
OTHER = "00-" + "c" * 32 + "-" + "d" * 16 + "-01"
UNSAMPLED = "00-" + "a" * 32 + "-" + "b" * 16 + "-00"


@pytest.fixture
def finished() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()

    def tracer_of(service: str) -> Tracer:
        provider = TracerProvider(resource=Resource({"service.name": service}))
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        return provider.get_tracer("backline")

    use_tracers(tracer_of)
    yield exporter
    use_tracers(None)


def only(finished: InMemorySpanExporter) -> ReadableSpan:
    (found,) = finished.get_finished_spans()
    return found


def test_makes_nothing_when_nobody_looks() -> None:
    with edge_span("POST /v1/voting/cast-vote"), span("decide CastVote", parent=REMOTE):
        assert inject() is None
    assert not is_tracing()


def test_costs_next_to_nothing_when_nobody_looks() -> None:
    def one() -> None:
        with span("decide CastVote", parent=REMOTE):
            pass

    assert min(timeit.repeat(one, number=10_000, repeat=5)) / 10_000 < 20e-6


def test_begins_a_trace_when_at_an_edge(finished: InMemorySpanExporter) -> None:
    with edge_span("POST /v1/voting/cast-vote"):
        traceparent = inject()
    root = only(finished)
    assert root.parent is None
    assert root.context is not None
    assert traceparent is not None
    version, trace_id, span_id, flags = traceparent.split("-")
    assert version == "00"
    assert (int(trace_id, 16), int(span_id, 16)) == (root.context.trace_id, root.context.span_id)
    assert int(flags, 16) & 1


def test_begins_no_trace_when_behind_the_edge(finished: InMemorySpanExporter) -> None:
    with span("project poll_tally"), batch_span("commit ballot", []):
        assert inject() is None
    assert finished.get_finished_spans() == ()


def test_continues_the_trace_when_a_parent_came_with_the_message(
    finished: InMemorySpanExporter,
) -> None:
    with span("commit ballot", parent=REMOTE):
        pass
    found = only(finished)
    assert found.parent is not None
    assert f"{found.parent.trace_id:032x}-{found.parent.span_id:016x}" == REMOTE[3:-3]


def test_nests_when_a_span_is_current(finished: InMemorySpanExporter) -> None:
    with edge_span("outer"), span("inner"):
        pass
    inner, outer = finished.get_finished_spans()
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id


@pytest.mark.parametrize(
    "parent", [UNSAMPLED, "nonsense", "00-" + "0" * 32 + "-" + "b" * 16 + "-01"]
)
def test_makes_no_span_when_the_parent_is_not_sampled(
    finished: InMemorySpanExporter, parent: str
) -> None:
    with span("commit ballot", parent=parent):
        pass
    assert finished.get_finished_spans() == ()


def test_sends_nothing_along_when_the_sampler_said_no() -> None:
    provider = TracerProvider(sampler=ParentBased(ALWAYS_OFF))
    use_tracers(lambda _: provider.get_tracer("backline"))
    try:
        with edge_span("POST /v1/voting/cast-vote"), span("send CastVote"):
            assert inject() is None
    finally:
        use_tracers(None)


def test_links_the_other_callers_when_a_batch_serves_many(finished: InMemorySpanExporter) -> None:
    with batch_span("commit ballot", [REMOTE, OTHER]):
        pass
    found = only(finished)
    assert found.parent is not None
    assert f"{found.parent.span_id:016x}" == "b" * 16
    assert [f"{link.context.span_id:016x}" for link in found.links] == ["d" * 16]


def test_is_ended_by_hand_when_no_block_encloses_the_work(finished: InMemorySpanExporter) -> None:
    opened = start_batch_span("commit ballot", [UNSAMPLED, REMOTE, OTHER])
    assert opened is not None
    assert inject() is None
    opened.end()
    found = only(finished)
    assert found.context is not None
    assert traceparent_of(opened).startswith(f"{REMOTE[:35]}-{found.context.span_id:016x}-")
    assert [f"{link.context.span_id:016x}" for link in found.links] == ["d" * 16]
    assert start_batch_span("commit ballot", [UNSAMPLED]) is None


def test_is_no_error_when_the_domain_said_no(finished: InMemorySpanExporter) -> None:
    with pytest.raises(Rejected), edge_span("decide CastVote"):
        raise Rejected("closed")
    found = only(finished)
    assert found.status.status_code is StatusCode.UNSET
    assert found.attributes == {"backline.error_code": "rejected"}


@pytest.mark.parametrize("error", [Unavailable("down"), ValueError("a bug")])
def test_is_an_error_when_we_failed(finished: InMemorySpanExporter, error: Exception) -> None:
    with pytest.raises(type(error)), edge_span("decide CastVote"):
        raise error
    assert only(finished).status.status_code is StatusCode.ERROR


def test_carries_the_service_when_acting_for_one(finished: InMemorySpanExporter) -> None:
    with acting_for("voting"), edge_span("fire OpenBallot"):
        assert service_name() == "voting"
    assert only(finished).resource.attributes["service.name"] == "voting"
    assert service_name() == ""
