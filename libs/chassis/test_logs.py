"""Logs: what a line holds, and what it never does."""

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
import structlog
from opentelemetry.sdk.trace import TracerProvider

from libs.chassis.logs import configure_logs
from libs.chassis.settings import MASK, ProcessSettings
from libs.telemetry import acting_for, edge_span, use_tracers

Lines = Callable[[], list[dict[str, Any]]]
TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
SEED = "SU" + "A" * 56


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    before = root.handlers, root.level
    stream = StringIO()
    configure_logs(ProcessSettings.load({}), stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers, root.level = before
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)


def test_holds_message_fields_and_service_when_a_library_logs(lines: Lines) -> None:
    with acting_for("voting"):
        structlog.get_logger("libs.owner").info("Slots moved.", slots=12)
    (line,) = lines()
    assert line["message"] == "Slots moved."
    assert line["slots"] == 12
    assert line["service"] == "voting"
    assert line["level"] == "info"
    assert line["logger"] == "libs.owner"
    assert line["timestamp"].endswith("Z")


def test_holds_the_extra_fields_when_standard_logging_is_used(lines: Lines) -> None:
    logging.getLogger("somebody").warning("A query failed.", extra={"query": "voting.get-tally"})
    (line,) = lines()
    assert line["message"] == "A query failed."
    assert line["query"] == "voting.get-tally"


def test_holds_the_trace_when_it_is_sampled(lines: Lines) -> None:
    use_tracers(lambda _: TracerProvider().get_tracer("backline"))
    try:
        with edge_span("POST /v1/voting/cast-vote") as span:
            structlog.get_logger().info("Voted.")
    finally:
        use_tracers(None)
    (line,) = lines()
    assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert line["span_id"] == f"{span.get_span_context().span_id:016x}"


@pytest.mark.parametrize(
    "fields",
    [
        {"token": "abc"},
        {"detail": f"refused {TOKEN} from somewhere"},
        {"detail": f"seed {SEED}"},
        {"address": "nats://me:abc@nats:4222"},
    ],
)
def test_shows_no_secret_when_a_field_holds_one(lines: Lines, fields: dict[str, str]) -> None:
    structlog.get_logger().warning("Refused.", **fields)
    (line,) = lines()
    text = json.dumps(line)
    assert MASK in text
    assert not any(secret in text for secret in ("abc", TOKEN, SEED))


def test_shows_the_whole_error_but_no_secret_when_a_bug_is_logged(lines: Lines) -> None:
    try:
        raise ValueError(f"cannot read {TOKEN}")
    except ValueError:
        structlog.get_logger().exception("A part crashed.")
    (line,) = lines()
    assert "test_logs.py" in line["exception"]
    assert f"ValueError: cannot read {MASK}" in line["exception"]


def test_says_nothing_when_the_level_is_below_the_setting(lines: Lines) -> None:
    structlog.get_logger().debug("Details.")
    logging.getLogger("uvicorn.error").info("Started server process")
    assert lines() == []
