"""How long the read model knows of runs that have ended: so that it does not grow without end.

The log keeps them for ever. What is parked waits for a person, however long that takes.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, bindparam, delete, select

from libs.readmodel import Write
from services.scheduler.domain.runs import RETRIED_WITHIN
from services.scheduler.tables import runs, steps

KEPT: Final = RETRIED_WITHIN + timedelta(days=30)
"""Longer than a run may be retried: what happens to a run must find its row."""


def _is_old() -> ColumnElement[bool]:
    before = bindparam("before", type_=runs.c.at.type)
    return and_(runs.c.stage == "ended", runs.c.at < before, runs.c.due_at < before)


_TRIM_STEPS = delete(steps).where(steps.c.run_id.in_(select(runs.c.run_id).where(_is_old())))
_TRIM_RUNS = delete(runs).where(_is_old())


def trim(now: datetime) -> list[Write]:
    """Forget the runs that ended, and were due, so long ago.

    now   the time of the newest event, not of a clock: tables that are built again come out alike
    """
    rows = [{"before": now - KEPT}]
    return [Write(_TRIM_STEPS, rows), Write(_TRIM_RUNS, rows)]
