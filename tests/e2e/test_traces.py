"""One trace follows a command from the edge to the read model, as a real collector sees it."""

import asyncio

import pytest

from libs.bus import Bus
from libs.kernel.messages import NOBODY, Caller
from libs.telemetry import acting_for, edge_span, inject
from libs.testkit.otlp import Collector, assert_one_tree
from libs.testkit.services import bus_of, running_services
from libs.testkit.stack import RunningDatabase, RunningNats
from libs.testkit.waiting import eventually

ADMIN = Caller(user_id="usr_admin", roles=("admin",))

pytestmark = pytest.mark.connected

JOB = "scheduler.canary"
REQUEST = "POST /v1/auth/start-guest-session"


async def test_is_one_tree_from_command_to_projection_when_the_caller_is_traced(
    collector: Collector, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with (
        running_services(["auth"], nats_server, database),
        bus_of("gateway", nats_server) as bus,
    ):
        with acting_for("gateway"), edge_span(REQUEST):
            await bus.send_raw("auth.start-guest-session", {}, caller=NOBODY, traceparent=inject())
        spans = await asyncio.to_thread(
            collector.trace_with, REQUEST, "commit user", "project users"
        )
    root = assert_one_tree(spans)
    assert (root.service, root.name) == ("gateway", REQUEST)
    assert {span.name: span.service for span in spans if span is not root} == {
        "commit user": "auth",
        "project users": "auth",
    }


async def test_makes_no_span_when_the_caller_is_not_traced(
    collector: Collector, nats_server: RunningNats, database: RunningDatabase
) -> None:
    async with (
        running_services(["auth"], nats_server, database),
        bus_of("gateway", nats_server) as bus,
    ):
        session = await bus.send_raw("auth.start-guest-session", {}, caller=NOBODY)
        await bus.ask_raw("auth.list-users", {}, caller=ADMIN, after=session["position"])
    assert collector.spans == []


async def test_follows_a_job_to_the_worker_when_somebody_wants_it_now(
    collector: Collector, nats_server: RunningNats, database: RunningDatabase
) -> None:
    about = {"schedule_id": "scheduler-canary"}
    request, work = "POST /v1/scheduler/run-now", f"run {JOB}"
    async with (
        running_services(["scheduler"], nats_server, database),
        bus_of("gateway", nats_server) as bus,
    ):
        await _until_known(bus, about["schedule_id"])
        with acting_for("gateway"), edge_span(request):
            await bus.send_raw("scheduler.run-now", about, caller=ADMIN, traceparent=inject())
        spans = await asyncio.to_thread(collector.trace_with, request, work)
        assert {span.service for span in spans if span.name == work} == {"scheduler"}
        (trace_id,) = {span.trace_id for span in spans}
        await _until_traced(bus, trace_id)


async def _until_known(bus: Bus, schedule_id: str) -> None:
    async def is_known() -> bool:
        found = await bus.ask_raw("scheduler.list-schedules", {"job": JOB}, caller=ADMIN)
        return any(each["schedule_id"] == schedule_id for each in found.result["schedules"])

    await eventually(is_known)


async def _until_traced(bus: Bus, trace_id: str) -> None:
    """The run itself says by which trace it can be followed."""

    async def is_traced() -> bool:
        ended = {"which": "history", "job": JOB}
        found = await bus.ask_raw("scheduler.list-runs", ended, caller=ADMIN)
        return any(trace_id in run["trace"] for run in found.result["runs"])

    await eventually(is_traced)
