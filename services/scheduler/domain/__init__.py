"""The rules of schedules, of runs and of who has which jobs."""

from services.scheduler.domain.rosters import ROSTER
from services.scheduler.domain.runs import RUN
from services.scheduler.domain.schedules import SCHEDULE

DECIDERS = (SCHEDULE, RUN, ROSTER)

__all__ = ["DECIDERS", "ROSTER", "RUN", "SCHEDULE"]
