"""Read models on PostgreSQL: projections keep them true, queries read them.

Writing   `Projection` (a value) is run by `run_projections`, the part `projections` of a service
Reading   `answering` gives the handlers of a service's queries, for its part `queries`

PostgreSQL holds nothing that the log does not: drop a table, a schema or the whole database while
the system runs, and it is built again.
"""

from libs.readmodel.database import Database
from libs.readmodel.notices import Publish
from libs.readmodel.projection import Projected, Projection, Write
from libs.readmodel.queries import Queries, Reading, answering
from libs.readmodel.runner import OpenLog, ProjectionRunner, State, run_projections

__all__ = [
    "Database",
    "OpenLog",
    "Projected",
    "Projection",
    "ProjectionRunner",
    "Publish",
    "Queries",
    "Reading",
    "State",
    "Write",
    "answering",
    "run_projections",
]
