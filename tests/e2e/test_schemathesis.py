"""Requests made from our own OpenAPI document, right and wrong: none is answered with a 5xx."""

import asyncio
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok

from libs.chassis.prepare import prepare
from libs.chassis.tokens import Signer
from libs.stack.ports import free_ports
from libs.testkit.stack import RunningDatabase, RunningNats

pytestmark = [pytest.mark.connected, pytest.mark.timeout(300)]

EXAMPLES = 8
READY_SECONDS = 60.0
SERVICES = ["gateway", "auth", "voting", "catalog"]
CHECKED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
]


@contextmanager
def services_elsewhere(nats_server: RunningNats, database: RunningDatabase) -> Iterator[str]:
    """The services in a process of their own, so that chance in here is hypothesis's alone."""
    port, health_port = free_ports(2)
    environment = {
        **os.environ,
        "BACKLINE_NATS_URL": nats_server.url,
        "BACKLINE_DATABASE_URL": database.url,
        "BACKLINE_SECRETS": str(nats_server.secrets),
        "BACKLINE_PORT": str(port),
        "BACKLINE_HEALTH_PORT": str(health_port),
    }
    command = [sys.executable, "-m", "libs.chassis.cli", "run", *SERVICES]
    with subprocess.Popen(command, env=environment) as running:
        try:
            wait_until_ready(running, f"http://127.0.0.1:{health_port}/health/ready")
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()


def wait_until_ready(running: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        assert running.poll() is None, "the services ended"
        assert time.monotonic() < deadline, "the services were not ready in time"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        time.sleep(0.1)


def headers_of_callers(nats_server: RunningNats) -> list[dict[str, str]]:
    """Those of nobody, of a liar, and of one user of each kind."""
    signer = Signer.from_secret((nats_server.secrets / "auth.signing").read_text())
    found: list[dict[str, str]] = [{}, {"Authorization": "Bearer nonsense"}]
    for role in ("member", "moderator", "admin"):
        text, _ = signer.sign(f"usr_{role}", [role], "guest", at=datetime.now(UTC), ttl_seconds=600)
        found.append({"Authorization": f"Bearer {text}"})
    return found


def ask_for_all(address: str, callers: list[dict[str, str]]) -> set[tuple[str, int]]:
    """Call every operation with generated requests. Returns what came back of each."""
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    checks = CHECKS.get_by_names(CHECKED)
    seen: set[tuple[str, int]] = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.path == "/v1/live":  # A stream does not end by itself.
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            requests: Any = operation.as_strategy(generation_mode=mode)

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                database=None,
            )
            @given(case=requests, headers=st.sampled_from(callers))
            def check(case: Any, headers: dict[str, str]) -> None:
                if str((case.headers or {}).get("Backline-After", "")).isdigit():
                    del case.headers["Backline-After"]  # The future takes seconds to refuse.
                response = case.call(base_url=address, headers=headers)
                case.validate_response(response, checks=checks)
                seen.add((case.operation.path, response.status_code))

            check()
    return seen


def test_answers_without_a_5xx_when_requests_come_from_the_schema(
    nats_server: RunningNats, database: RunningDatabase
) -> None:
    asyncio.run(prepare(nats_server.url, nats_server.secrets))
    with services_elsewhere(nats_server, database) as address:
        seen = ask_for_all(address, headers_of_callers(nats_server))
    statuses = {status for _, status in seen}
    assert {200, 400, 401, 403} <= statuses
    assert len({path for path, _ in seen}) > 20
