"""Turning tracing on: the one place where OpenTelemetry is configured.

By its standard variables and nothing else. Without `OTEL_EXPORTER_OTLP_ENDPOINT` (or the one for
traces, or `OTEL_TRACES_EXPORTER`) there is no exporter, no provider and next to no cost.

    OTEL_TRACES_EXPORTER          otlp, console or none
    OTEL_EXPORTER_OTLP_ENDPOINT   where the collector is
    OTEL_EXPORTER_OTLP_PROTOCOL   http/protobuf (as the specification has it) or grpc
    OTEL_TRACES_SAMPLER, …_ARG    which traces are kept; all when nothing is said
    OTEL_RESOURCE_ATTRIBUTES, OTEL_BSP_*, OTEL_SDK_DISABLED and the rest as specified

A process may run several services, so each has a provider of its own, which names it; they share
one exporter and its queue.
source    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import os
import threading
from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SpanExporter,
)
from opentelemetry.trace import Tracer

from libs.kernel.ids import new_id
from libs.telemetry import use_tracers

NAMESPACE: Final = "backline"
SHUTDOWN_SECONDS: Final = 3.0


class TelemetryInvalid(Exception):
    """An `OTEL_*` variable has a value we cannot work with."""


class Telemetry:
    """Tracing, from here until `shut_down`."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._processor = BatchSpanProcessor(exporter)
        self._instance = new_id()
        self._tracers: dict[str, Tracer] = {}
        use_tracers(self.tracer)

    def tracer(self, service: str) -> Tracer:
        """The tracer of a service, or of the process itself for the empty name."""
        found = self._tracers.get(service)
        if found is None:
            found = self._tracers[service] = self._provider(service).get_tracer(NAMESPACE)
        return found

    def _provider(self, service: str) -> TracerProvider:
        attributes = {
            "service.namespace": NAMESPACE,
            "service.version": version("backline"),
            "service.instance.id": self._instance,
        }
        if service or not os.environ.get("OTEL_SERVICE_NAME"):
            attributes["service.name"] = service or NAMESPACE
        provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        return provider

    def shut_down(self, timeout_seconds: float = SHUTDOWN_SECONDS) -> None:
        """Send what is left, for so long as the timeout allows. Blocks."""
        use_tracers(None)
        # The SDK itself would wait half a minute for a collector that is away.
        sending = threading.Thread(target=self._processor.shutdown, daemon=True)
        sending.start()
        sending.join(timeout_seconds)


def configure_telemetry(environment: Mapping[str, str] | None = None) -> Telemetry | None:
    """Turn tracing on if the environment asks for it.

    environment   looked at for whether and how; the SDK reads the rest from that of the process
    raises        TelemetryInvalid
    """
    exporter = _exporter(os.environ if environment is None else environment)
    return None if exporter is None else Telemetry(exporter)


def _exporter(environment: Mapping[str, str]) -> SpanExporter | None:
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    has_endpoint = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environment.get(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
    )
    match environment.get("OTEL_TRACES_EXPORTER") or ("otlp" if has_endpoint else "none"):
        case "none":
            return None
        case "console":
            return ConsoleSpanExporter()
        case "otlp":
            return _otlp_exporter(environment)
        case other:
            raise TelemetryInvalid(f"OTEL_TRACES_EXPORTER: otlp, console or none, not {other}")


def _otlp_exporter(environment: Mapping[str, str]) -> SpanExporter:
    """The exporter for the protocol. Imported when wanted: each takes half a second."""
    protocol = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environment.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL"
    )
    match protocol or "http/protobuf":
        case "http/protobuf":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter as HttpExporter,
            )

            return HttpExporter()
        case "grpc":
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter as GrpcExporter,
            )

            return GrpcExporter()
        case other:
            raise TelemetryInvalid(
                f"OTEL_EXPORTER_OTLP_PROTOCOL: http/protobuf or grpc, not {other}"
            )
