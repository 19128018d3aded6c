"""Telemetry: off unless asked for, and real OTLP when it is."""

import threading
import time

import pytest

from libs.chassis.telemetry import TelemetryInvalid, configure_telemetry
from libs.telemetry import acting_for, edge_span, is_tracing
from libs.testkit.otlp import Collector


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
    ],
)
def test_stays_off_when_nothing_asks_for_it(environment: dict[str, str]) -> None:
    assert configure_telemetry(environment) is None
    assert not is_tracing()


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_TRACES_EXPORTER": "carrier-pigeon"},
        {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
    ],
)
def test_says_which_variable_is_wrong_when_one_is(environment: dict[str, str]) -> None:
    with pytest.raises(TelemetryInvalid, match="OTEL_"):
        configure_telemetry(environment)


def test_sends_each_span_as_its_service_when_several_share_a_process(collector: Collector) -> None:
    telemetry = configure_telemetry()
    assert telemetry is not None
    with acting_for("gateway"), edge_span("POST /v1/voting/cast-vote"):
        pass
    with acting_for("voting"), edge_span("fire OpenBallot"):
        pass
    with edge_span("start"):
        pass
    telemetry.shut_down()
    assert sorted((span.service, span.name) for span in collector.spans) == [
        ("backline", "start"),
        ("gateway", "POST /v1/voting/cast-vote"),
        ("voting", "fire OpenBallot"),
    ]
    assert {span.namespace for span in collector.spans} == {"backline"}


def test_stops_in_time_when_the_collector_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")
    before = set(threading.enumerate())
    telemetry = configure_telemetry()
    assert telemetry is not None
    with edge_span("start"):
        pass
    started = time.monotonic()
    telemetry.shut_down(timeout_seconds=0.2)
    assert time.monotonic() - started < 2
    assert not is_tracing()
    for still_sending in set(threading.enumerate()) - before:
        still_sending.join(timeout=10)
