"""A collector of traces for tests: real OTLP over gRPC, and the tree that came of it.

    def test_…(collector: Collector) -> None: …

The fixture sets the standard variables, so what the test starts sends its spans here.
"""

import threading
from collections.abc import Iterator
from concurrent import futures
from dataclasses import dataclass

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services

PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class SeenSpan:
    """A span that arrived. Ids are hexadecimal; `parent_id` is empty for a root."""

    service: str
    namespace: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    linked_trace_ids: tuple[str, ...]


class Collector(services.TraceServiceServicer):
    """What arrived, in the order in which it did."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._spans: list[SeenSpan] = []

    @property
    def spans(self) -> list[SeenSpan]:
        with self._arrived:
            return list(self._spans)

    def trace_with(self, *names: str) -> list[SeenSpan]:
        """The one trace that has spans of all these names, once it has; blocks until then.

        Every process sends its own spans when it likes, so it also waits for the parents of those
        that are there; where they do not come, the trace is returned as it is.

        raises   AssertionError when no such trace came in time
        """
        with self._arrived:
            self._arrived.wait_for(lambda: _is_whole(self._trace_with(names)), PATIENCE_SECONDS)
            found = self._trace_with(names)
            assert found, f"no trace has {names}, only {[span.name for span in self._spans]}"
            return found

    def _trace_with(self, names: tuple[str, ...]) -> list[SeenSpan]:
        traces: dict[str, list[SeenSpan]] = {}
        for span in self._spans:
            traces.setdefault(span.trace_id, []).append(span)
        for spans in traces.values():
            if {span.name for span in spans}.issuperset(names):
                return spans
        return []

    def Export(  # noqa: N802  # The name is gRPC's.
        self, request: messages.ExportTraceServiceRequest, _context: grpc.ServicerContext
    ) -> messages.ExportTraceServiceResponse:
        """Take in what an exporter sends."""
        seen = list(_read(request))
        with self._arrived:
            self._spans += seen
            self._arrived.notify_all()
        return messages.ExportTraceServiceResponse()


def _read(request: messages.ExportTraceServiceRequest) -> Iterator[SeenSpan]:
    for resource_spans in request.resource_spans:
        resource = {
            item.key: item.value.string_value for item in resource_spans.resource.attributes
        }
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield SeenSpan(
                    service=resource["service.name"],
                    namespace=resource["service.namespace"],
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    linked_trace_ids=tuple(link.trace_id.hex() for link in span.links),
                )


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that the environment points at, for the length of the test."""
    collector = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    services.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    yield collector
    server.stop(grace=None).wait(5)


def assert_one_tree(spans: list[SeenSpan]) -> SeenSpan:
    """The spans are one tree: one root, every other below one that is there. Returns the root."""
    roots = [span for span in spans if not span.parent_id]
    assert len(roots) == 1, f"roots: {[span.name for span in roots]}"
    assert not (orphans := _orphans(spans)), f"orphans: {[span.name for span in orphans]}"
    return roots[0]


def _is_whole(spans: list[SeenSpan]) -> bool:
    return bool(spans) and not _orphans(spans)


def _orphans(spans: list[SeenSpan]) -> list[SeenSpan]:
    ids = {span.span_id for span in spans}
    return [span for span in spans if span.parent_id and span.parent_id not in ids]
