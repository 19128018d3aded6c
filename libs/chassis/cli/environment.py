"""How commands find the stack that `backline up` runs on this machine, without being told."""

import os
from pathlib import Path

ENVIRONMENT_FILE = "environment"
_DATA_DEFAULT = ".data"


def adopt_running_stack() -> None:
    """Take the settings that a running `backline up` has left in its data directory.

    What is set already stays as it is; with a `BACKLINE_NATS_URL` of one's own nothing is taken.
    """
    path = Path(os.environ.get("BACKLINE_DATA") or _DATA_DEFAULT) / ENVIRONMENT_FILE
    if "BACKLINE_NATS_URL" in os.environ or not path.is_file():
        return
    for line in path.read_text().splitlines():
        name, _, value = line.partition("=")
        os.environ.setdefault(name, value)
