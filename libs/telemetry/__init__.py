"""What the house tells about itself: spans, metrics, and the names both use.

Libraries instrument through this room, which costs next to nothing while nobody looks;
`libs/chassis` decides who looks, and is the only one to configure an exporter.
"""

from libs.telemetry.spans import (
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

__all__ = [
    "acting_for",
    "batch_span",
    "edge_span",
    "inject",
    "is_tracing",
    "service_name",
    "span",
    "start_batch_span",
    "traceparent_of",
    "use_tracers",
]
