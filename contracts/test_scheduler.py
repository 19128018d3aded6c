"""What the scheduler lets in: arguments of a size, times that clocks can reckon with."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.scheduler import ARGUMENTS_BYTES_MAX, Backfill, PutSchedule
from libs.kernel.messages import registry


def put(**changes: Any) -> Any:
    args = {
        "schedule_id": "s",
        "job": "toy.draw",
        "arguments": {},
        "timing": {"kind": "once", "run_after_seconds": 1},
    }
    return registry.command_of[PutSchedule].validate({**args, **changes})


def test_takes_a_schedule_of_each_kind() -> None:
    kinds = [
        {"kind": "once", "run_at": "2026-11-20T21:00:00+01:00"},
        {"kind": "interval", "every_seconds": 60},
        {"kind": "cron", "expression": "0 9 * * *", "zone": "Europe/Madrid"},
    ]
    assert [put(timing=kind).timing.kind for kind in kinds] == ["once", "interval", "cron"]


@pytest.mark.parametrize(
    "changes",
    [
        {"arguments": {"text": "x" * ARGUMENTS_BYTES_MAX}},
        {"arguments": [1]},
        {"job": "draw"},
        {"job": "Toy.Draw"},
        {"timing": {"kind": "once", "run_at": "2026-11-20T21:00:00"}},
        {"timing": {"kind": "once", "run_at": "0001-01-01T00:00:00+03:00"}},
        {"timing": {"kind": "once", "run_at": "9999-12-31T23:59:59Z"}},
        {"timing": {"kind": "interval", "every_seconds": 0}},
        {"timing": {"kind": "never"}},
        {"overlap": "sometimes"},
        {"catch_up_seconds": 1},
    ],
)
def test_refuses_what_makes_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        put(**changes)


def test_refuses_a_range_that_no_clock_has() -> None:
    range_ = {"since": "0001-01-01T00:00:00+03:00", "until": "2026-11-20T21:00:00Z"}
    with pytest.raises(ValidationError):
        registry.command_of[Backfill].validate({"schedule_id": "s", **range_})
