"""Requests made from our own OpenAPI document, right and wrong: none is answered with a 5xx."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok

from libs.chassis.prepare import prepare
from libs.testkit.stack import RunningDatabase, RunningNats
from tests.e2e.callers import headers_of
from tests.e2e.elsewhere import services_elsewhere

pytestmark = [pytest.mark.connected, pytest.mark.timeout(300)]

EXAMPLES = 8
SERVICES = ["gateway", "auth", "voting", "catalog", "scheduler", "ingress"]
CHECKED = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "unsupported_method",
]


def headers_of_callers(nats_server: RunningNats) -> list[dict[str, str]]:
    """Those of nobody, of a liar, and of one user of each kind."""
    users = [
        headers_of(nats_server, f"usr_{role}", role) for role in ("member", "moderator", "admin")
    ]
    return [{}, {"Authorization": "Bearer nonsense"}, *users]


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
    with services_elsewhere(SERVICES, nats_server, database) as services:
        seen = ask_for_all(services.address, headers_of_callers(nats_server))
    statuses = {status for _, status in seen}
    assert {200, 400, 401, 403} <= statuses
    assert len({path for path, _ in seen}) > 20
