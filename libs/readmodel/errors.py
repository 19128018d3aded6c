"""What can go wrong with a read model.

Unavailable
├── ReadModelBehind      read-model-behind      it has not reached the position asked for, in time
├── ReadModelRebuilding  read-model-rebuilding  it is being built; there is nothing true to show yet
└── ReadModelAway        read-model-away        PostgreSQL does not answer

Superseded        another runner, or a switch, has moved the checkpoint: begin again from it
ReadModelLost     tables or checkpoint are gone: begin again from the log
ProjectionFailed  an event cannot be projected: stop there, a person must act
"""

from libs.kernel.errors import Unavailable


class ReadModelBehind(Unavailable):
    code = "read-model-behind"
    title = "What you ask for is recorded, but cannot be read yet; try again shortly."


class ReadModelRebuilding(Unavailable):
    code = "read-model-rebuilding"
    title = "What you ask for is being built anew from the log; try again shortly."


class ReadModelAway(Unavailable):
    code = "read-model-away"
    title = "The database does not answer right now; try again shortly."


class Superseded(Exception):
    """The checkpoint is not where we left it: someone else has written, so nothing was."""


class ReadModelLost(Exception):
    """Tables or checkpoint were dropped under our feet."""


class ProjectionFailed(Exception):
    """An event cannot be projected. Its position, and what was tried, are in the message."""
