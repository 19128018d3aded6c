"""The stories of the scheduler: schedules that happen, rest and end; runs; who has which jobs.

Each step of a story is a second after the one before, the first at 20:15:01.
"""

from typing import Any

from libs.kernel.ids import derive_id

ADMIN, SCHEDULER, CATALOG = "usr_admin", "svc_scheduler", "svc_catalog"
NIGHTLY, LATE = "sch_nightly", "sch_late"
EACH_SECOND = {"kind": "interval", "every_seconds": 1, "start_at": "2026-11-21T20:14:00Z"}
PARTS = {"job": "catalog.sync-source", "arguments": {"source": "setlistfm"}}
FIRST_RUN = derive_id(NIGHTLY, "2026-11-21T20:15:02+00:00")

Step = tuple[str, str, dict[str, Any]]


def _put(schedule_id: str, **more: Any) -> Step:
    args = {"schedule_id": schedule_id, **PARTS, "timing": EACH_SECOND, **more}
    return ADMIN, "scheduler.put-schedule", args


def _of(schedule_id: str, who: str, command: str, **args: Any) -> Step:
    return who, f"scheduler.{command}", {"schedule_id": schedule_id, **args}


def _fire(schedule_id: str, second: int) -> Step:
    due_at = f"2026-11-21T20:15:{second:02}Z"
    return _of(schedule_id, SCHEDULER, "fire-schedule", due_at=due_at)


SCHEDULES: dict[str, list[Step]] = {
    NIGHTLY: [
        _put(NIGHTLY, overlap="buffer-one"),
        _fire(NIGHTLY, 2),
        _fire(NIGHTLY, 3),
        _fire(NIGHTLY, 4),
        _of(NIGHTLY, SCHEDULER, "close-run", run_id=FIRST_RUN),
        _of(NIGHTLY, ADMIN, "pause-schedule", note="the partner is down"),
        _of(NIGHTLY, ADMIN, "resume-schedule"),
        _of(NIGHTLY, ADMIN, "cancel-schedule", note="over"),
    ],
    # Fired when its time is long past: the steps between change nothing.
    LATE: [*[_put(LATE, catch_up_seconds=10)] * 13, _fire(LATE, 2)],
}


def _run(run_id: str, *steps: tuple[str, str, dict[str, Any]]) -> list[Step]:
    planned = {
        **PARTS,
        "schedule_id": NIGHTLY,
        "occurrence": "2026-11-21T20:15:02Z",
        "due_at": "2026-11-21T20:15:02Z",
        "cause": "schedule",
        "asked_by": SCHEDULER,
        "is_tracked": True,
    }
    planning = (SCHEDULER, "schedule-run", planned)
    told = (planning, *steps, *([planning] if run_id == "run_cancelled" else []))
    return [(who, f"scheduler.{name}", {"run_id": run_id, **args}) for who, name, args in told]


def _begin(attempt: int) -> tuple[str, str, dict[str, Any]]:
    policy = {"attempts_max": 3, "timeout_seconds": 60}
    return CATALOG, "start-run", {"attempt": attempt, "worker": f"w_{attempt}", **policy}


def _fail(attempt: int, after: float | None) -> tuple[str, str, dict[str, Any]]:
    failure = {"code": "unavailable", "detail": "the partner does not answer"}
    args = {"attempt": attempt, "failure": failure, "retry_after_seconds": after}
    return CATALOG, "fail-run", args


RUNS: dict[str, list[Step]] = {
    "run_cancelled": _run(
        "run_cancelled",
        (SCHEDULER, "hold-run", {}),
        (SCHEDULER, "release-run", {}),
        _begin(1),
        (CATALOG, "report-progress", {"attempt": 1, "progress": {"done": 3, "total": 9}}),
        _fail(1, 1),
        _begin(2),
        (ADMIN, "cancel-run", {"note": "not today"}),
        (CATALOG, "stop-run", {"attempt": 2}),
    ),
    "run_parked": _run(
        "run_parked",
        _begin(1),
        _fail(1, None),
        (ADMIN, "retry-run", {}),
        _begin(2),
        (CATALOG, "succeed-run", {"attempt": 2}),
    ),
}

ROSTERS: dict[str, list[Step]] = {
    "catalog": [
        (
            CATALOG,
            "scheduler.register-jobs",
            {
                "service": "catalog",
                "jobs": [
                    {
                        "name": "catalog.sync-source",
                        "summary": "Fetch what has changed at a partner.",
                        "attempts_max": 5,
                        "timeout_seconds": 600,
                    }
                ],
            },
        )
    ]
}
